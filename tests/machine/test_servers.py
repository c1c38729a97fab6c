"""uvicorn and granian under load, and files that nginx serves by itself, on the shared site."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address

import pytest

from machine_site import Site, until
from toque.kitchen.load import WebSocket

# An ASGI app without a framework, which answers as Thena does, and echoes what a websocket says.
ASGI = """
import json, os

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            said = await receive()
            await send({"type": said["type"] + ".complete"})
            if said["type"] == "lifespan.shutdown":
                return
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (said := await receive())["type"] == "websocket.receive":
            text = os.environ["TOQUE_COMMIT"] + " " + said["text"]
            await send({"type": "websocket.send", "text": text})
        return
    body = {
        "/": "Hello Thena\\narcs: 1\\n",
        "/version": '{"commit":"%s"}\\n' % os.environ["TOQUE_COMMIT"],
        "/scheme": json.dumps([scope["scheme"], scope["client"]]),
    }.get(scope["path"], "no")
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body.encode()})

def make():
    return app
"""
ENTRIES = {"uvicorn": "asgi:app", "granian": "asgi:make()"}


def served_by(site: Site, server: str) -> None:
    """Have the site's app served by ``server`` from the next deploy on, by the library's recipe."""
    site.edit(f'server = "{site.server}"', f'server = "{server}"')
    text = re.sub(r"(?m)^deploy = .*$", 'deploy = ["python_app"]', site.project.read_text())
    text = text.replace('entry = "wsgi:app"', f'entry = "{ENTRIES[server]}"')
    site.project.write_text(text.replace('migrate = ["alembic", "upgrade", "head"]\n', ""))


@pytest.mark.requirement("R10", "R30", "R37")
@pytest.mark.parametrize("server", ["uvicorn", "granian"])
def test_asgi_servers_lose_nothing_under_load(site: Site, server: str):
    site.needs_systemd("both inits are told the same; one of them under load is enough")
    served_by(site, server)
    site.commit({"asgi.py": ASGI})
    site.deploy()
    address = (site.machine.address, site.port)

    with site.load(rate_per_s=50) as result, ThreadPoolExecutor() as pool:
        for number in range(2):
            old = site.head
            line = None
            if server == "granian":  # it speaks websockets without a library of the app's
                line = WebSocket.connect(*address, "/echo", host="localhost")
                assert line.ask("before") == f"{old} before"
            site.commit({"CHANGES": f"{server} {number}\n"})
            deployed = pool.submit(site.deploy)
            until(lambda: site.served() == site.head)
            if line is not None:  # it goes on where it began, for as long as the old release drains
                assert line.ask("after") == f"{old} after"
                assert line.close() == 1000
            deployed.result()

    account = result[0]
    assert account.failures == ()
    assert (account.failed, account.truncated, account.wrong_body) == (0, 0, 0)
    assert account.requests > 50
    assert site.stat(site.socket) == ("thena", "thena", "660")
    scheme, (visitor, _) = json.loads(site.http("/scheme").text)
    assert scheme == "http"
    assert ip_address(visitor)  # what nginx says, not the socket that it came by


def test_files_are_served_by_nginx_across_the_switch_and_links_lead_nowhere(site: Site):
    text = site.project.read_text().replace(
        "keep = 3\n",
        'keep = 3\ndomains = ["thena.example", "localhost"]\n'
        'static = { "/static/" = "assets", "/media/" = "up" }\nshared = ["up/"]\n',
    )
    site.project.write_text(re.sub(r"(?m)^deploy = .*$", 'deploy = ["python_app"]', text))
    nginx = site.nginx()
    site.commit({"assets/style.0011aabb.css": "old", "assets/plain.css": "old"})
    (site.space.work / "assets/passwd").symlink_to("/etc/passwd")
    (site.space.work / "assets/same.css").symlink_to("plain.css")
    site.commit({})
    try:
        site.setup()
        site.deploy()
        site.commit({"assets/style.0011aabb.css": None, "assets/plain.css": "new"})
        site.deploy()

        def get(path: str) -> tuple[int, str]:
            answer = site.http(path)
            return answer.status, answer.text

        assert get("/static/plain.css") == (200, "new")
        assert get("/static/same.css") == (200, "new")
        assert get("/static/style.0011aabb.css") == (200, "old")  # of the release before
        assert "immutable" in site.http("/static/style.0011aabb.css").headers["Cache-Control"]
        assert site.http("/static/plain.css").headers["Cache-Control"] == "no-cache"
        assert get("/static/passwd")[0] in (403, 404)
        assert get("/static/none.css")[0] == 404
        site.run(["sh", "-c", "umask 007; echo mine >/srv/www/thena/shared/up/a.txt"], "thena")
        site.run(["ln", "-s", "/etc/passwd", "/srv/www/thena/shared/up/c"], "thena")
        assert get("/media/a.txt") == (200, "mine\n")
        assert get("/media/c")[0] in (403, 404)
        assert get("/media/..%2f..%2fcurrent/wsgi.py")[0] in (400, 403, 404)

        assert site.http("/").status == 200
        assert site.http("/", host="elsewhere.example").status == 421
        assert site.nginx() == nginx  # reloaded for the new site, not for a deploy
    finally:
        site.edit('domains = ["thena.example", "localhost"]\n', "")
        site.setup()
