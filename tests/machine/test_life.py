"""The life of an app's processes: who starts them, with what, and what happens when they end."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from machine_site import Process, Site, until
from toque.kitchen import api

# What init systems say about one particular start.
OF_ONE_START = {
    "INVOCATION_ID", "JOURNAL_STREAM", "SYSTEMD_EXEC_PID", "MAINPID", "MANAGERPID",
    "SUPERVISOR_PROCESS_NAME", "SUPERVISOR_GROUP_NAME", "SUPERVISOR_SERVER_URL",
    "SERVER_SOFTWARE",
}  # fmt: skip
OF_ONE_RELEASE = {"TOQUE_COMMIT", "TOQUE_RELEASE"}


def environment(site: Site) -> dict[str, str]:
    """The environment that the app's first process was started with."""
    return {k: v for k, v in site.app_processes()[0].environ.items() if k not in OF_ONE_START}


def kill(site: Site, processes: list[Process]) -> None:
    # The first of them may take others along before their turn comes.
    loop = 'for one; do kill -9 "$one" || [ ! -e "/proc/$one" ]; done'
    site.run(["sh", "-ec", loop, "sh", *(str(p.pid) for p in processes)])


def back(site: Site, before: list[Process]) -> bool:
    return site.answers() and site.app_processes()[0].pid not in {p.pid for p in before}


@pytest.mark.requirement("R6", "R22", "R67")
def test_the_environment_is_the_same_whoever_starts_the_app(site: Site):
    wrong = {"DATABASE_URL": "postgresql:///wrong", "SECRET_KEY": "wrong", "GREETING": "wrong"}
    site.deploy()
    by_deploy = environment(site)
    found = {}

    before = site.app_processes()
    site.init("restart", site.unit)
    until(lambda: back(site, before))
    found["restart"] = environment(site)

    before = site.app_processes()
    kill(site, before)
    until(lambda: back(site, before))
    found["respawn"] = environment(site)

    began = time.monotonic()
    api.reboot(site.kitchen, site.machine.name)
    until(site.answers)
    took = time.monotonic() - began
    print(f"served again {took:.1f} s after the order to reboot")
    assert took < 60
    found["reboot"] = environment(site)

    commit = site.commit({"CHANGES": "by push\n"})
    pushed = site.push(environ=wrong)
    assert pushed.exit == 0, pushed.output
    assert site.served() == commit
    by_push = environment(site)

    assert {"DATABASE_URL", "SECRET_KEY", "GREETING", "TOQUE_COMMIT"} <= set(by_deploy)
    for who, seen in found.items():
        assert seen == by_deploy, who
    assert by_push["TOQUE_COMMIT"] == commit
    for name in OF_ONE_RELEASE:
        del by_push[name], by_deploy[name]
    # A release has folders of its own, and a server may be started by its name.
    assert {k: v for k, v in by_push.items() if v != by_deploy.get(k) and "run/" not in v} == {}
    assert set(by_push) == set(by_deploy)


PLACES = ("/root/.bash_profile", "/root/.profile", "/root/.bashrc", "/etc/profile.d/wrong.sh",
          "/etc/environment", "/srv/www/thena/shared/.bash_profile")  # fmt: skip


@pytest.fixture
def wrong_shells(site: Site) -> Iterator[None]:
    """Every login shell of the machine has a wrong DATABASE_URL."""
    before = {
        path: site.out("cat", path)
        for path in PLACES
        if site.run(["test", "-e", path], check=False).returncode == 0
    }
    for path in PLACES:
        export = "" if path == "/etc/environment" else "export "
        site.write(path, before.get(path, "") + f"\n{export}DATABASE_URL=postgresql:///wrong\n")
    yield
    for path in PLACES:
        if path in before:
            site.write(path, before[path] + "\n")
        else:
            site.run(["rm", path])


@pytest.mark.requirement("R23")
def test_variables_of_login_shells_do_not_matter(site: Site, wrong_shells: None):
    shell = site.out("bash", "-lc", "echo $DATABASE_URL")
    assert shell == "postgresql:///wrong"
    site.commit({"CHANGES": "under wrong shells\n"})

    site.deploy()
    by_deploy = environment(site)["DATABASE_URL"]
    before = site.app_processes()
    restart = "supervisorctl restart " if site.driver == "chroot" else "systemctl restart "
    site.run(["bash", "-lc", restart + site.unit.removesuffix(".service")])
    until(lambda: back(site, before))

    assert "wrong" not in by_deploy
    assert {p.environ["DATABASE_URL"] for p in site.app_processes()} == {by_deploy}


@pytest.mark.requirement("R33")
def test_a_killed_app_comes_back_by_itself(site: Site):
    site.deploy()
    took = []
    # Twice at least, so that it is no single chance; a machine that is busy gets more of them.
    while len(took) < 2 or (min(took) >= 5 and len(took) < 6):
        before = site.app_processes()
        kill(site, before)
        took.append(until(lambda: back(site, before)))  # noqa: B023 (called at once)
    print(f"back after {took} s")
    assert min(took) < 5 or site.driver == "chroot"


@pytest.mark.requirement("R33")
def test_a_stopped_app_runs_again_after_the_next_deploy(site: Site):
    site.deploy()
    site.init("stop", site.unit)
    assert site.http("/").status == 502

    site.deploy()

    assert site.http("/").status == 200
    assert site.served() == site.head


@pytest.mark.requirement("R32")
def test_a_removed_unit_file_is_put_back_by_a_deploy(site: Site):
    site.deploy()
    site.run(["rm", f"/etc/systemd/system/{site.unit}"])
    if site.driver == "nspawn":
        site.run(["systemctl", "daemon-reload"])

    done = site.deploy()

    assert done["changed"] >= 1
    assert "ExecStart=" in site.out("cat", f"/etc/systemd/system/{site.unit}")
    assert site.served() == site.head
    before = site.app_processes()
    site.init("restart", site.unit)
    until(lambda: back(site, before))


@pytest.mark.requirement("R34")
def test_a_crash_loop_fails_the_deploy_with_the_last_lines(site: Site):
    site.deploy()
    before, server = site.release, site.app_processes()[0].pid
    wsgi = "import os\nfor n in range(30):\n    print('shut', n, flush=True)\nos._exit(3)\n"
    site.commit({"wsgi.py": wsgi})
    commit = site.publish()
    began = time.monotonic()

    status, error = site.try_deploy(commit)

    took = time.monotonic() - began
    print(f"failed after {took:.1f} s: {error['message']}")
    assert took < 60
    assert status == 5
    assert error["code"] == "import-exits"
    said = [line for line in error["log"] if "shut" in line]
    assert [line.split()[-1] for line in said] == [str(n) for n in range(30)][-len(said) :]
    assert len(error["log"]) >= 20, error
    assert site.release == before
    assert site.app_processes()[0].pid == server
    # It is not started again and again afterwards.
    time.sleep(2)
    running = [p for p in site.processes() if p.environ.get("TOQUE_COMMIT") == commit]
    assert running == []


@pytest.mark.requirement("R35")
def test_a_changed_environment_is_used_by_the_process_that_serves(site: Site):
    site.deploy()
    first = environment(site)
    site.edit('GREETING = "hello"', 'GREETING = "changed"')

    site.deploy()

    assert first["GREETING"] == "hello"
    assert {p.environ["GREETING"] for p in site.app_processes()} == {"changed"}
    assert site.served() == site.head


@pytest.mark.requirement("R35")
def test_a_changed_unit_is_used_by_the_process_that_serves(site: Site):
    site.needs_systemd("NeedDaemonReload, and when a unit's process began")
    site.deploy()
    template = site.space.directory / "thena-infra/thena_infra/templates/unit.service.j2"
    text = template.read_text()
    template.write_text(text.replace("UMask=0007", "UMask=0007\nEnvironment=FROM_UNIT=1\nNice=5"))
    try:
        site.deploy()
    finally:
        template.write_text(text)

    server = site.app_processes()[0]
    assert server.environ["FROM_UNIT"] == "1"
    assert site.out("ps", "-o", "ni=", "-p", str(server.pid)) == "5"
    assert site.out("systemctl", "show", "-p", "NeedDaemonReload", "--value", site.unit) == "no"
    began = site.out("systemctl", "show", "-p", "ExecMainStartTimestamp", "--value", site.unit)
    written = site.out("stat", "-c", "%Y", f"/etc/systemd/system/{site.unit}")
    assert int(site.out("date", "-d", began, "+%s")) >= int(written)
