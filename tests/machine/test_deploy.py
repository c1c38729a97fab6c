"""Deploys on real machines: what is served, what is built, as whom, and where it lies."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable

import pytest

from machine_site import EXAMPLES, Site

# Connects to a socket and says what came of it.
CONNECT = "import socket,sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"

GREETING = """
import os as _os

@app.get("/greeting")
def _greeting():
    return _os.environ["GREETING"] + ", second edition"
"""


def append(site: Site, name: str, text: str) -> str:
    """Commit ``text`` at the end of a file; the commit."""
    return site.commit({name: (site.space.work / name).read_text() + text})


@pytest.mark.requirement("R1")
def test_a_deploy_runs_no_step_of_setup(site: Site):
    site.commit({"CHANGES": "one\n"})

    said = site.ok("deploy", "thena", "--ref", site.publish(), "-v")

    steps = re.findall(r"^  [ +] ([a-z_]+):(\S+)", said, re.M)
    kinds = {kind for kind, _ in steps}
    assert {"checkout", "venv", "instance", "current"} <= kinds
    assert not kinds & {"package", "user", "group", "directory", "service", "postgres_role"}
    assert not [at for _, at in steps if "nginx" in at]
    assert site.served() == site.head


@pytest.mark.requirement("R7", "R47", "R55")
def test_the_commit_that_was_pushed_is_the_commit_that_is_served(site: Site):
    commit = site.commit({"CHANGES": "pushed\n"})

    pushed = site.push()

    assert (pushed.status, pushed.exit) == (0, 0), pushed.output
    assert site.served() == commit
    kept = site.json("releases", "thena")["nodes"][0]["releases"]
    assert [r["commit"] for r in kept if r["current"]] == [commit]
    assert "instance" in pushed.output  # the steps are shown in the output of git push


@pytest.mark.requirement("R60")
def test_the_history_has_each_deploy_by_whom_and_how_it_went(site: Site):
    good = site.commit({"CHANGES": "for the history\n"})
    assert site.push().exit == 0
    bad = site.commit({"wsgi.py": "import no_such_module\n"})
    site.try_deploy()

    pushed, failed = site.json("history", "thena")["nodes"][0]["deploys"][-2:]

    assert [(one["commit"], one["trigger"], one["result"]) for one in (pushed, failed)] == [
        (good, "push", "succeeded"), (bad, "command", "failed"),
    ]  # fmt: skip
    assert failed["code"] == "module-missing"
    for one in (pushed, failed):
        assert "@" in one["who"]
        assert one["seconds"] > 0
        assert one["at"][:2] == "20"


@pytest.mark.requirement("R7")
def test_an_older_commit_can_be_asked_for(site: Site):
    older = site.commit({"CHANGES": "older\n"})
    site.commit({"CHANGES": "newer\n"})
    site.deploy()
    assert site.served() != older

    site.deploy(older)

    assert site.served() == older


@pytest.mark.requirement("R57")
def test_other_branches_tags_and_deletions_deploy_nothing(site: Site):
    site.deploy()
    before = site.release
    site.commit({"CHANGES": "elsewhere\n"})

    branch = site.push("HEAD:refs/heads/elsewhere")
    tag = site.push("HEAD:refs/tags/v1")
    deletion = site.push(":refs/heads/elsewhere", ":refs/tags/v1")

    assert [p.exit for p in (branch, tag, deletion)] == [-1, -1, -1]
    assert "thena deploys only main" in branch.output
    assert "is a tag; thena deploys only main" in tag.output
    assert "was deleted; nothing to deploy" in deletion.output
    assert site.release == before


def test_a_second_deploy_of_a_commit_changes_nothing(site: Site):
    site.deploy()
    server = site.app_processes()[0].pid

    again = site.deploy()

    assert again["changed"] == 0
    assert site.app_processes()[0].pid == server


def libraries(site: Site) -> str:
    """The system's Python packages, by size and time."""
    return site.out(
        "find", "/usr/lib/python3", "/usr/local/lib", "-type", "f",
        "-not", "-name", "*.pyc", "-printf", "%p %s %T@\n",
    )  # fmt: skip


def venv_of(site: Site) -> str:
    return site.out("readlink", "-f", "/srv/www/thena/current/.toque/venv")


@pytest.mark.requirement("R8")
def test_an_unchanged_lock_installs_nothing(site: Site):
    site.deploy()
    venv, system = venv_of(site), libraries(site)
    listing = site.out("find", venv, "-printf", "%p %T@ %C@\n")
    site.commit({"CHANGES": "only code\n"})

    said = site.ok("deploy", "thena", "--ref", site.publish(), "-v")

    assert re.search(r"^    venv:", said, re.M), said  # looked at, and as it should be
    assert venv_of(site) == venv
    assert site.out("find", venv, "-printf", "%p %T@ %C@\n") == listing
    assert libraries(site) == system


@pytest.mark.requirement("R8", "R63")
def test_a_changed_lock_gets_an_environment_of_its_own(
    site: Site, record_property: Callable[[str, object], None]
):
    site.deploy()
    before, venv, system = site.release, venv_of(site), libraries(site)
    listing = site.out("find", venv, "-printf", "%p %T@ %C@\n")
    lock = (site.space.work / "requirements.txt").read_text()
    if site.server == "uwsgi":  # which does not need it
        lock = re.sub(r"(?m)^gunicorn==.*\n(    .*\n)+", "", lock)
    site.commit({"requirements.txt": lock + "# changed\n"})

    site.deploy()

    now = venv_of(site)
    assert now != venv
    there = [site.run(["test", "-e", f"{v}/bin/gunicorn"], check=False).returncode == 0
             for v in (venv, now)]  # fmt: skip
    assert there == ([True, False] if site.server == "uwsgi" else [True, True])
    assert site.out("find", venv, "-printf", "%p %T@ %C@\n") == listing
    assert libraries(site) == system
    assert site.answers()

    took: list[float] = []

    def rolled_back() -> subprocess.CompletedProcess[str]:
        began = time.monotonic()
        done = site.toque("rollback", "thena", "--json")
        took.append(time.monotonic() - began)
        return done

    assert rolled_back().returncode == 0
    assert (site.release, venv_of(site)) == (before, venv)
    seen = {before}
    while (status := (done := rolled_back()).returncode) == 0:
        assert site.release not in seen  # further back each time
        seen.add(before := site.release)
    error = json.loads(done.stdout.splitlines()[-1])["error"]
    assert (status, error["code"]) == (5, "nothing-to-roll-back")
    seconds = [round(one, 1) for one in took[:-1]]  # the last one had nothing to do
    record_property("figure", f"{site.driver}: rollbacks to kept releases in {seconds} s")
    assert min(seconds) < 5
    assert (site.release, site.answers()) == (before, True)


@pytest.mark.requirement("R9")
def test_new_code_and_new_configuration_are_there_on_the_first_request(site: Site):
    append(site, "wsgi.py", GREETING)
    site.edit('GREETING = "hello"', 'GREETING = "bonjour"')

    site.deploy()

    assert site.http("/greeting").text == "bonjour, second edition"


def test_a_changed_variable_alone_is_another_release_and_rollback_brings_both_back(site: Site):
    append(site, "wsgi.py", GREETING)
    site.deploy()
    before = site.release
    site.edit('GREETING = "hello"', 'GREETING = "bonjour"')
    site.deploy()
    assert site.release != before
    assert site.http("/greeting").text.startswith("bonjour")

    site.ok("rollback", "thena")

    assert site.release == before
    assert site.http("/greeting").text.startswith("hello")


@pytest.mark.requirement("R28")
def test_a_variable_that_is_removed_is_gone(site: Site):
    site.edit('GREETING = "hello"', 'GREETING = "hello"\nPASSING = "soon gone"')
    site.deploy()
    assert site.app_processes()[0].environ["PASSING"] == "soon gone"
    site.edit('\nPASSING = "soon gone"', "")

    site.deploy()

    assert "PASSING" not in site.app_processes()[0].environ


@pytest.mark.requirement("R25")
def test_any_value_arrives_byte_for_byte(site: Site):
    value = "%40 %% $x ${HOME} `id` \"q\" 'q' # ; \\ \\n é\ttab\nsecond line "
    site.edit('GREETING = "hello"', f"GREETING = {json.dumps(value, ensure_ascii=False)}")

    site.deploy()

    assert {p.environ["GREETING"] for p in site.app_processes()} == {value}


@pytest.mark.requirement("R24")
def test_a_declared_variable_that_is_missing_stops_the_deploy(site: Site):
    site.deploy()
    before = site.release
    site.edit('[apps.thena.database]\nname = "thena"\n', "")
    site.commit({"CHANGES": "not to be served\n"})

    status, error = site.try_deploy()

    assert (status, error["code"]) == (2, "variable-missing")
    assert "DATABASE_URL" in error["message"]
    assert error["hint"].startswith("toque env set thena DATABASE_URL")
    assert (site.release, site.answers()) == (before, True)


FALLBACK = """
import os as _os

TOKEN_SECRET = _os.environ.get("TOKEN_SECRET", "not-so-secret")
"""


@pytest.mark.requirement("R29")
def test_a_secret_that_falls_back_is_refused_unless_the_app_accepts_it(site: Site):
    site.needs_systemd("both are looked at in the same way")
    site.deploy()
    before = site.release
    append(site, "wsgi.py", FALLBACK)

    status, error = site.try_deploy()

    assert (status, error["code"]) == (5, "secret-fallback")
    assert "TOKEN_SECRET" in error["message"]
    assert "not-so-secret" not in json.dumps(error)
    assert (site.release, site.answers()) == (before, True)
    site.edit("keep = 3", 'keep = 3\naccepts = ["secret-fallback"]')
    told = site.deploy()["findings"]
    assert [(one["code"], one["level"]) for one in told] == [("secret-fallback", "warn")]
    assert site.served() == site.head


@pytest.mark.requirement("R20")
def test_every_action_runs_as_its_user(site: Site):
    site.deploy()
    app = site.app_processes()
    home = "/srv/www/thena"
    built = [f"{home}/repo.git", f"{home}/venvs/.", f"{home}/releases/."]

    uids = {site.out("id", "-u", name) for name in ("root", "thena", "thena-deploy", "www-data")}
    serving = [p for p in site.processes() if p.environ.get("TOQUE_RELEASE") == site.release]
    assert len(uids) == 4
    assert len(app) >= 2
    assert {p.pid for p in serving} == {p.pid for p in app}  # none as root, none as another
    masters = [p for p in site.processes() if p.parent == site.nginx()]
    assert masters
    assert {p.uid for p in masters} == {int(site.out("id", "-u", "www-data"))}
    # Fetched and built by the deploy user, all of it; the marks in .toque are Toque's own.
    argv = ["find", *built, "-mindepth", "1", "!", "-user", "thena-deploy"]
    argv += ["!", "-path", "*/.toque/*", "!", "-name", ".toque-complete"]
    assert site.out(*argv) == ""
    assert site.out("find", *built, "-user", "thena") == ""
    assert set(site.out("id", "-Gn", "thena").split()) == {"thena"}
    assert "thena" not in site.out("sh", "-c", "cat /etc/sudoers /etc/sudoers.d/* 2>/dev/null; :")


@pytest.mark.requirement("R21")
def test_an_app_cannot_write_its_code_nor_read_what_is_not_its_own(site: Site):
    site.deploy()
    release = f"/srv/www/thena/releases/{site.release}"
    site.write("/etc/toque/apps/thena/other.env", 'KEY="of another"\n')
    site.run(["chmod", "600", "/etc/toque/apps/thena/other.env"])
    refused = [
        ["sh", "-c", f"echo x >> {release}/wsgi.py"],
        ["touch", f"{release}/new.py"],
        ["touch", f"{release}/.toque/new"],
        ["rm", "-f", f"{release}/wsgi.py"],
        ["touch", f"{venv_of(site)}/new"],
        ["ln", "-sfn", "releases/none", "/srv/www/thena/current"],
        ["ls", "/srv/www/thena/repo.git"],
        ["cat", f"/etc/toque/apps/thena/{site.release}.env"],
        ["cat", "/etc/toque/apps/thena/other.env"],
        ["touch", "/etc/toque/apps/thena/new.env"],
    ]

    allowed = [argv for argv in refused if site.run(argv, "thena", check=False).returncode == 0]

    assert allowed == []
    site.run(["touch", "/srv/www/thena/shared/upload"], "thena")
    assert site.run(["cat", f"{release}/wsgi.py"], "nobody", check=False).returncode != 0
    for user in ("thena-deploy", "www-data", "nobody"):
        argv = ["cat", f"/etc/toque/apps/thena/{site.release}.env"]
        assert site.run(argv, user, check=False).returncode != 0, user
    site.run(["rm", "/etc/toque/apps/thena/other.env"])
    assert site.answers()


@pytest.mark.requirement("R30")
def test_the_socket_is_open_to_the_app_and_nginx_only(site: Site):
    site.deploy()
    folder = site.socket.rpartition("/")[0]

    assert site.stat(site.socket) == ("thena", "thena", "660")
    assert site.stat(folder) == ("thena", "thena", "750")
    assert folder.startswith("/run/")
    argv = ["python3", "-c", CONNECT, site.socket]
    for user in ("thena", "www-data"):
        site.run(argv, user)
    for user in ("nobody", "thena-deploy"):
        done = site.run(argv, user, check=False)
        if user == "nobody":
            assert done.returncode != 0
            assert "PermissionError" in done.stderr


SECOND_APP = """
[apps.arcs]
repository = "arcs.git"
layer = "web"
root = "thena"
server = "{server}"
domains = ["arcs.example"]
migrate = ["alembic", "upgrade", "head"]
requires = ["DATABASE_URL", "SECRET_KEY"]
[apps.arcs.secrets]
SECRET_KEY = "generate"
[apps.arcs.database]
name = "arcs"
"""


@pytest.mark.requirement("R44", "R21", "R45")
def test_an_app_in_a_folder_of_its_repository_and_two_apps_apart(site: Site):
    """The story's layout: the repository ``arcs`` holds the app in ``thena/``."""
    import shutil
    import subprocess

    work = site.space.directory / "arcs"
    shutil.copytree(EXAMPLES / "thena", work / "thena", ignore=shutil.ignore_patterns("*.pyc"))
    who = ["-c", "user.name=Arcs", "-c", "user.email=arcs@example.invalid"]
    for argv in (["init", "-q", "--initial-branch=main"], ["add", "--all"],
                 [*who, "commit", "-q", "-m", "in a folder"],
                 ["clone", "-q", "--bare", ".", "../arcs.git"]):  # fmt: skip
        subprocess.run(["git", "-C", str(work), *argv], check=True, env=dict(site.environ))
    site.project.write_text(site.project.read_text() + SECOND_APP.format(server=site.server))
    site.deploy()

    site.setup()
    deployed = site.json("deploy", "arcs")["nodes"][0]

    home = "/srv/www/arcs"
    assert site.out("readlink", f"{home}/current") == f"releases/{deployed['release']}"
    assert site.run(["test", "-d", f"{home}/current/thena"]).returncode == 0
    assert site.stat(f"{home}/shared") == ("arcs", "arcs", "750")
    url = f"http://127.0.0.1:{site.port}/version"
    ask = "import sys,urllib.request as u; print(u.urlopen(u.Request(sys.argv[1],headers="
    ask += "{'Host':'arcs.example'})).read().decode())"
    said = json.loads(site.out("python3", "-c", ask, url))
    assert said == {"commit": deployed["commit"]}
    # Neither of the two reaches into the other.
    others = [
        f"/etc/toque/apps/arcs/{deployed['release']}.env",
        f"{home}/current/thena/wsgi.py",
        f"{home}/repo.git/config",
    ]
    for user in ("thena", "thena-deploy"):
        for path in others:
            assert site.run(["cat", path], user, check=False).returncode != 0, (user, path)
        argv = ["python3", "-c", CONNECT, f"/run/arcs-{deployed['release']}/app.sock"]
        assert site.run(argv, user, check=False).returncode != 0, user
    arcs = {p.pid for p in site.processes_of("arcs")}
    assert arcs
    assert not arcs & {p.pid for p in site.app_processes()}
