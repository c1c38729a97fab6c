"""`toque up` in projects that have never heard of Toque, three on one machine."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from fresh_machine import Fresh, fresh_machine
from little_memory import limited
from toque.kitchen import api

MACHINE = "up"


@pytest.fixture(scope="module")
def fresh(kitchen_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fresh]:
    with fresh_machine(kitchen_folder, tmp_path_factory.mktemp("up"), MACHINE) as made:
        yield made


def answer(fresh: Fresh, port: int) -> str:
    """What the machine's own visitor gets, once somebody answers."""
    url = f"http://{fresh.machine.address}:{port}/"
    for _ in range(1200):
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=20) as page:
            return str(page.read().decode())
        time.sleep(0.1)
    raise AssertionError(f"nobody answers at {url}")


def test_a_port_that_another_program_has(fresh: Fresh) -> None:
    folder = fresh.project("flask")
    serve = "systemd-run -q --unit=other python3 -m http.server 80 --directory /usr/share/doc"
    try:
        fresh.sh(serve)
        before = answer(fresh, 80)
        packages = fresh.sh("dpkg -l | md5sum")

        said = fresh.run(folder, "up", f"kitchen:{MACHINE}", status=5)
        told = fresh.run(folder, "up", f"kitchen:{MACHINE}", "--yes", status=5)

        for shown in (said, told):
            assert "[port-taken]" in shown
            for words in ("  expected  port 80 free for nginx", "python3", "  try  "):
                assert words in shown
        assert answer(fresh, 80) == before
        assert fresh.sh("dpkg -l | md5sum") == packages
    finally:
        fresh.sh("systemctl stop other")


@pytest.mark.requirement("R45")
def test_one_file_of_flask_is_online_by_one_command(fresh: Fresh) -> None:
    folder = fresh.project("flask")

    node = fresh.up(folder)

    assert node["url"] == f"http://{fresh.machine.address}/"
    assert fresh.visit("flask") > 1  # the rehearsal was here before
    ignored = subprocess.run(
        ["git", "status", "--porcelain"], cwd=folder, capture_output=True, check=True
    )
    assert ignored.stdout == b""  # nothing of ours is in the way


# In the place of python3, so that what runs on the node sees little memory and another year.
ODD = '''#!/usr/bin/python3 -IS
import os, sys
WORDS = """
import os, time
_sysconf, _time = os.sysconf, time.time
os.sysconf = lambda name: 51200 if name == "SC_PHYS_PAGES" else _sysconf(name)
time.time = lambda: _time() - 31536000
"""
words = sys.argv[1:]
if "-c" in words:
    at = words.index("-c") + 1
    words[at] = WORDS + words[at]
os.execv("/usr/bin/python3", ["/usr/bin/python3", *words])
'''


def test_little_memory_and_a_clock_a_year_off_are_told_and_it_works(fresh: Fresh) -> None:
    """All of the machine has 200 MiB; only what looks at it for us sees the other clock."""
    folder = fresh.project("flask")
    at = "/usr/local/bin/python3"
    (folder / "NEWS").write_text("another year\n")
    fresh.commit(folder, "Another year")
    api.execute(fresh.kitchen, fresh.machine.name, ["tee", at], ODD.encode())
    fresh.sh(f"chmod 755 {at}")
    try:
        with limited(fresh.kitchen, fresh.machine, 200 << 20) as memory:
            said = fresh.run(folder, "up")
    finally:
        fresh.sh(f"rm {at}")

    assert "has 200 MiB of memory; 400 is little already" in said
    assert "[clock-off]: the node's clock is 3153600" in said
    assert "timedatectl" in said
    assert memory.oom_kills == 0
    (kept,) = json.loads(fresh.run(folder, "releases", "--json"))["nodes"]
    now, before = kept["releases"][:2]
    assert now["current"]
    fresh.run(folder, "rollback")
    (kept,) = json.loads(fresh.run(folder, "releases", "--json"))["nodes"]
    assert kept["releases"][0]["id"] == before["id"]
    assert fresh.get("/", "flask.example")[0] == 200


def test_the_next_commit_keeps_what_the_app_wrote_and_can_be_undone(fresh: Fresh) -> None:
    folder = fresh.project("flask")
    before = fresh.visit("flask")
    source = (folder / "app.py").read_text()
    (folder / "app.py").write_text(source.replace("flask {count}", "second {count}"))
    uncommitted = fresh.run(folder, "up")  # to where it was the last time
    assert "not committed, so not deployed: app.py" in uncommitted
    fresh.commit(folder, "Second")

    said = fresh.run(folder, "up")

    assert fresh.visit("second") > before
    assert "toque rollback flask" in said
    fresh.run(folder, "rollback")
    assert fresh.visit("flask") > before


def test_django_gets_its_database_its_tables_and_its_variables(fresh: Fresh) -> None:
    folder = fresh.project("django")
    refused = fresh.run(folder, "up", f"kitchen:{MACHINE}", status=2)
    assert "shop/settings.py:12" in refused
    assert "toque env set GREETING" in refused

    fresh.up(folder, "--domain", "shop.example", GREETING="good day")

    assert fresh.get("/", "shop.example") == (200, "django postgresql 0 good day\n")
    assert fresh.get("/admin/login/", "shop.example")[0] == 200
    assert fresh.get("/static/admin/css/base.css", "shop.example")[0] == 200  # it was collected
    again = fresh.up(folder)  # all of it is known by now
    assert {one["status"] for one in again["setup"]["outcomes"]} <= {"ok", "skipped"}
    assert again["apps"][0]["changed"] == 0


def test_fastapi_is_served_by_the_uvicorn_of_its_uv_lock(fresh: Fresh) -> None:
    folder = fresh.project("fastapi")

    fresh.up(folder, "--domain", "greeter.example")

    assert fresh.get("/", "greeter.example") == (200, '{"from":"fastapi"}')
    assert fresh.get("/", "shop.example")[1].startswith("django")  # each name has its own
    assert fresh.visit("flask")


# Serves by itself, as somebody set it up before there was Toque.
BY_HAND = """
apt-get install -qq -y --no-install-recommends uwsgi-core uwsgi-plugin-python3 >/dev/null
mkdir -p /srv/by-hand
cat > /srv/by-hand/app.py <<'END'
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"by hand"]
END
systemd-run -q --unit=by-hand uwsgi-core --plugin python3 --http-socket 127.0.0.1:8081 \\
    --master --wsgi-file /srv/by-hand/app.py
echo 'server { listen 8080; location / { proxy_pass http://127.0.0.1:8081; } }' \\
    > /etc/nginx/sites-enabled/by-hand
nginx -s reload
"""
GO = "systemctl stop by-hand; rm -r /etc/nginx/sites-enabled/by-hand /srv/by-hand; nginx -s reload"


@pytest.mark.requirement("R66")
def test_what_somebody_made_by_hand_is_told_and_changed_with_consent_only(fresh: Fresh) -> None:
    folder = fresh.project("flask")
    look = "ls -lR --full-time /etc /srv | grep -v '^total' | md5sum"
    fresh.sh(BY_HAND)
    server = "systemctl show -P MainPID by-hand"
    try:
        assert answer(fresh, 8080) == "by hand"
        before, pid = fresh.sh(look), fresh.sh(server)
        words = ("up", "--domain", "flask.example", "--verbose")

        said = fresh.run(folder, *words, status=5)
        planned = fresh.run(folder, "plan", "--verbose")

        assert "[machine-in-use]" in said
        assert "by-hand" in said and "--yes" in said
        for shown in (said, planned):
            assert "+    server_name flask.example;" in shown
        now = (fresh.sh(look), fresh.sh(server), answer(fresh, 8080))
        assert now == (before, pid, "by hand")

        fresh.run(folder, "up", "--yes")

        assert fresh.get("/", "flask.example")[0] == 200
        assert (fresh.sh(server), answer(fresh, 8080)) == (pid, "by hand")
    finally:
        fresh.sh(GO)


FLASK = "from flask import Flask\napp = Flask(__name__)\n"


@pytest.mark.parametrize(
    ("files", "code", "word"),
    [
        ({"app.py": None, "shop.py": FLASK, "blog.py": FLASK}, "two-entry-points", "--entry"),
        (
            {"Procfile": "web: gunicorn app:app\nworker celery\n"},
            "procfile-unreadable",
            "Procfile:2",
        ),
        ({"app.py": None, "index.html": "<h1>Hello</h1>"}, "no-python-app", "cd into"),
    ],
)
def test_a_commit_whose_app_cannot_be_known_is_explained_and_the_site_serves_on(
    fresh: Fresh, files: dict[str, str | None], code: str, word: str
) -> None:
    folder = fresh.project("flask")
    for name, text in files.items():
        if text is None:
            (folder / name).unlink()
        else:
            (folder / name).write_text(text)
    fresh.commit(folder, "Unclear")
    try:
        said = fresh.run(folder, "up", status=2)
    finally:
        fresh.git(folder, "reset", "-q", "--hard", "HEAD~1")

    assert f"[{code}]" in said
    assert word in said
    for words in ("  expected  ", "  found  ", "  try  "):
        assert words in said
    assert fresh.get("/", "flask.example")[0] == 200


def test_a_machine_of_another_system_is_refused(fresh: Fresh) -> None:
    folder = fresh.project("flask")
    look = "ls -lR --full-time /etc /srv | grep -v '^total' | md5sum"
    fresh.sh("mv /etc/os-release /root/; printf 'ID=fedora\\nVERSION_ID=41\\n' > /etc/os-release")
    before = fresh.sh(look)
    try:
        said = fresh.run(folder, "up", status=5)
        after = fresh.sh(look)
    finally:
        fresh.sh("mv /root/os-release /etc/os-release")

    assert "[system-unsupported]" in said
    assert "  expected  Debian or Ubuntu" in said
    assert "  found     fedora 41" in said
    assert "  try  " in said
    assert after == before
    assert fresh.get("/", "flask.example")[0] == 200


def test_a_machine_that_nobody_has_confirmed_gets_nothing(fresh: Fresh) -> None:
    folder = fresh.project("flask")
    target = f"root@{fresh.machine.address}"

    said = fresh.run(folder, "up", target, status=4)
    other = fresh.run(folder, "up", target, "--fingerprint", "SHA256:another", status=2)

    assert "[host-key-unknown]" in said
    assert f"toque up {target} --fingerprint SHA256:" in said
    assert "[fingerprint-differs]" in other
