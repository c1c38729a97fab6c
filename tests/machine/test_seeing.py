"""What is seen of a site on a real machine: honest answers, logs, failures, state, the bypass."""

from __future__ import annotations

import http.client
import json
import time

import pytest

from machine_site import Site, iso

PROPAGATE = '\napp.config["PROPAGATE_EXCEPTIONS"] = {}\n'
STREAM = """

@app.get("/stream")
def _stream():
    def parts():
        yield b"the first part\\n"
        raise RuntimeError("asked for at /stream")

    return app.response_class(parts(), mimetype="text/plain")
"""

GATE = """

@app.before_request
def _gate():
    import os
    if os.path.exists("/srv/www/thena/shared/broken"):
        raise RuntimeError("broken")
"""


def serve(site: Site, more: str) -> None:
    wsgi = (site.space.work / "wsgi.py").read_text()
    site.commit({"wsgi.py": wsgi + more})
    site.deploy()


@pytest.mark.requirement("R48", "R50", "R51", "R14")
def test_an_exception_is_a_500_its_id_finds_the_trace_and_half_an_answer_is_no_answer(site: Site):
    serve(site, PROPAGATE.format(True) + STREAM)  # the story's setting
    began = time.time()

    answer = site.http("/boom")

    assert answer.status == 500
    request = answer.headers["X-Request-ID"]
    assert answer.text == f"Internal Server Error\nrequest {request}\n"
    log = site.ok("logs", "thena", "--since", iso(began), "--app").splitlines()
    mine = [line for line in log if f"[{request}]" in line]
    assert "Traceback (most recent call last):" in mine[1]
    assert mine[-1].endswith("RuntimeError: boom: asked for at /boom")
    for path in ("/late", "/stream"):  # with a length, and without
        with pytest.raises(http.client.IncompleteRead):
            site.http(path)
    failed = site.json("errors", "thena", "--since", iso(began))["errors"]
    assert [(one["uri"], one["code"]) for one in failed][-3:] == [
        ("/boom", "app-exception"), ("/late", "response-cut"), ("/stream", "response-cut"),
    ]  # fmt: skip
    assert failed[-3]["request"] == request and failed[-3]["release"] == site.release
    before, processes = site.release, {p.pid for p in site.app_processes()}

    told = site.json("doctor", "thena", "--bypass", "--since", "1s")["nodes"][0]

    # The hello app was there beside it, and is gone without a trace; the release never noticed.
    assert told["bypass"]["hello"] == "200 OK"
    assert (site.release, {p.pid for p in site.app_processes()}) == (before, processes)
    left = "ls /etc/systemd/system /etc/toque/apps/thena /run /etc/supervisor/conf.d 2>/dev/null"
    assert not [x for x in site.out("sh", "-c", left + "; true").split() if "000000" in x]
    assert "toque-hello-thena" not in site.out("ls", "/run").split()


@pytest.mark.requirement("R48", "R51", "R64")
def test_a_500_of_the_framework_is_its_own_and_its_trace_has_the_id_too(site: Site):
    serve(site, PROPAGATE.format(False))
    dead = site.release
    began = time.time()

    answer = site.http("/boom")

    assert answer.status == 500
    request = answer.headers["X-Request-ID"]
    assert request not in answer.text  # Flask's page, not ours
    serve(site, "\n")
    assert site.release != dead
    lines = [
        json.loads(line)
        for line in site.ok("logs", "thena", "--since", iso(began), "--json").splitlines()
    ]
    mine = [one for one in lines if one.get("request") == request]
    assert {one["source"] for one in mine} == {"app", "access"}
    assert any(one["text"].endswith("RuntimeError: boom: asked for at /boom") for one in mine)
    assert {one["release"] for one in mine if one["source"] == "app"} == {dead}
    times = [one["at"] for one in lines]
    assert times == sorted(times)
    after = [one["text"] for one in lines if one["source"] == "deploys" and one["at"] > began]
    assert any(text.startswith(f"serves {site.release}") for text in after)


@pytest.mark.requirement("R53")
def test_an_engine_that_asks_first_outlives_the_end_of_its_connections(site: Site):
    """The example's has ``pool_pre_ping``, as the doctor advises where it is missing."""
    site.deploy()
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'thena'"
    argv = ["psql", "-h", "/var/run/postgresql", "-XAtq", "-d", "postgres", "-c", end]
    for _ in range(3):
        assert [site.http("/").status for _ in range(6)] == [200] * 6
        assert "t" in site.out(*argv, user="postgres")
    assert [site.http("/").status for _ in range(6)] == [200] * 6


def test_the_status_of_a_site_fits_a_screen_and_is_right(site: Site):
    site.deploy()

    said = site.ok("status")
    told = site.json("status", "thena")["nodes"][0]["apps"][0]

    assert len(said.splitlines()) <= 6
    assert site.release in said
    assert told["release"] == site.release
    assert told["unit"]["running"] is True
    assert told["queue"]["listening"] is True


@pytest.mark.requirement("R14")
def test_the_bypass_tells_the_apps_fault_from_the_servers(site: Site):
    """A page that raises while its server is as well as ever."""
    serve(site, GATE)
    site.run(["touch", "/srv/www/thena/shared/broken"], "thena")
    try:
        done = site.toque("doctor", "thena", "--bypass", "--since", "5s")
    finally:
        site.run(["rm", "/srv/www/thena/shared/broken"])

    assert done.returncode == 5, done.stdout
    assert "nginx and app server fine, fault is in the app" in done.stdout
    assert "RuntimeError: broken" in done.stdout
    assert site.answers()
