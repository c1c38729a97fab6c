"""Workers and schedules on real machines: order, signals, failure, rollback, and who runs them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from machine_site import Site, until

WORKER = """
import os, signal, sys, time
name, said = sys.argv[1], os.path.expanduser("~/" + sys.argv[1] + ".log")
def tell(what):
    with open(said, "a") as file:
        file.write(what + " " + os.environ["TOQUE_RELEASE"] + "\\n")
def ended(number, frame):
    tell("end-" + signal.Signals(number).name)
    sys.exit(0)
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, ended)
tell("start")
while True:
    time.sleep(0.05)
"""
DECLARED = """
[apps.thena.workers.mail]
command = ["python", "worker.py", "mail"]
count = 2
stop_signal = "INT"

[apps.thena.workers.feed]
command = ["python", "worker.py", "feed"]
rule = "one"
"""
# Jobs that are due each second, and end when nobody holds them.
JOB = """
[apps.thena.schedules.NAME]
command = ["/bin/sh", "-c", "echo start-$TOQUE_RELEASE >> ~/NAME.log; while [ -e ~/NAME.hold ]; do touch ~/NAME.held; sleep 0.05; done; echo end-$TOQUE_RELEASE >> ~/NAME.log"]
at = "*:*:*"
while_running = "RULE"
"""  # noqa: E501
JOBS = {"tick": "skip", "tock": "wait"}
SCHEDULES = "".join(JOB.replace("NAME", name).replace("RULE", JOBS[name]) for name in JOBS)
SHARED = "/srv/www/thena/shared"


@pytest.fixture
def working(site: Site) -> Iterator[Site]:
    text = site.project.read_text()
    schedules = SCHEDULES if site.driver == "nspawn" else ""
    site.project.write_text(text + DECLARED + schedules)
    site.commit({"worker.py": WORKER})
    site.run(["sh", "-c", f"rm -f {SHARED}/*.log"])
    yield site
    site.run(
        ["sh", "-c", f"rm -rf {SHARED}/*.hold {SHARED}/*.held /run/systemd/system/thena-*.timer.d"]
    )
    site.project.write_text(text)
    site.run(["rm", "-f", "/etc/toque/apps/thena/scale.json"])
    site.deploy()
    assert not beside(site)  # removed from toque.toml: gone with the next deploy


def beside(site: Site) -> list[str]:
    """The workers that run, by what they were started with."""
    found = [" ".join(p.argv) for p in site.processes_of("thena") if "worker.py" in p.argv]
    return sorted(words.rpartition("worker.py ")[2] for words in found)


def said(site: Site, name: str) -> list[tuple[str, str]]:
    lines = site.out("cat", f"/srv/www/thena/shared/{name}.log").splitlines()
    return [(line.split()[0], line.split()[1]) for line in lines]


def test_workers_and_schedules_follow_their_release(working: Site) -> None:
    site = working
    first = site.deploy()["release"]
    assert beside(site) == ["feed", "mail", "mail"]
    web = site.app_processes()[0].environ
    for worker in (p for p in site.processes_of("thena") if "worker.py" in p.argv):
        assert worker.environ["DATABASE_URL"] == web["DATABASE_URL"]

    # More or fewer of them: the same commit as another release.
    site.ok("scale", "thena", "mail=1", "web=1")
    second = site.release
    assert second != first
    assert beside(site) == ["feed", "mail"]

    # A worker that cannot be started ends the deploy; the old ones run as before.
    site.commit({"worker.py": "import nothing_that_is_there\n"})
    _, error = site.try_deploy()
    assert error["code"] == "worker-exited", error
    assert "nothing_that_is_there" in error["found"]
    assert site.release == second
    assert beside(site) == ["feed", "mail"]

    # A rollback has the workers of its release; the numbers stay for whoever deploys next.
    site.ok("rollback", "thena", "--to", first)
    assert beside(site) == ["feed", "mail", "mail"]
    assert site.ok("scale", "thena").strip() == "web1: web=1 mail=1 feed=1"

    # One: never two, each ended before the next began, also across the failure and the rollback.
    feed = said(site, "feed")
    assert [what for what, _ in feed] == ["start", "end-SIGTERM"] * (len(feed) // 2) + ["start"]
    assert [r for what, r in feed if what == "start"] == [first, second, second, first]
    # Overlap: the new ones first, and the old ones ended by their own signal.
    mail = said(site, "mail")
    ends = [at for at, line in enumerate(mail) if line == ("end-SIGINT", first)]
    assert len(ends) == 2
    assert mail.index(("start", second)) < min(ends)

    a_command_by_hand(site)
    if site.driver == "nspawn":
        ticks_follow(site, first)


def ticks_follow(site: Site, release: str) -> None:
    """Jobs run with the current release; one that takes longer than its time never runs twice.

    What was due meanwhile is left out or follows, by the job's rule.
    """
    for job in JOBS:
        site.run(["truncate", "--size=0", f"{SHARED}/{job}.log"])
    for job in JOBS:
        until(lambda job=job: ran(site, job).count("start") >= 3)
    timers = site.out("systemctl", "list-timers", "--no-legend", "thena-*")
    assert all(release in line for line in timers.splitlines()), timers

    site.run(["sh", "-c", f"touch {SHARED}/tick.hold {SHARED}/tock.hold"])
    for job in JOBS:  # one that has said so runs until it is let go
        until(lambda job=job: site.run(["ls", f"{SHARED}/{job}.held"], check=False).returncode == 0)
    begun = {job: ran(site, job).count("start") for job in JOBS}
    # While both run, both become due once more, and never again after that.
    once = int(site.out("date", "+%s")) + 1
    for job in JOBS:
        folder = f"/run/systemd/system/thena-{release}-{job}.timer.d"
        site.run(["mkdir", "-p", folder])
        site.write(f"{folder}/once.conf", f"[Timer]\nOnCalendar=\nOnCalendar=@{once}\n")
    site.run(["systemctl", "daemon-reload"])
    until(lambda: int(site.out("date", "+%s")) > once)
    until(lambda: over(site, release, "tick") and idle(site, f"thena-{release}-tick-due.service"))
    for job in JOBS:
        assert ran(site, job).count("start") == begun[job]
        assert ran(site, job)[-1] == "start"

    site.run(["sh", "-c", f"rm {SHARED}/tick.hold {SHARED}/tock.hold"])
    until(lambda: over(site, release, "tock"))
    for job, more in {"tick": 0, "tock": 1}.items():
        until(lambda job=job: idle(site, f"thena-{release}-{job}.service"))
        assert ran(site, job).count("start") == begun[job] + more, job
        lines = site.out("cat", f"{SHARED}/{job}.log").split()
        assert {line.partition("-")[2] for line in lines} == {release}
        # Never two at once.  Of the first one, the start may have been cut off.
        told = ran(site, job)
        told = told[told.index("start") :]
        assert told == ["start", "end"] * (len(told) // 2)


def ran(site: Site, job: str) -> list[str]:
    """``start`` and ``end`` of each run of a job."""
    return [x.partition("-")[0] for x in site.out("cat", f"{SHARED}/{job}.log").split()]


def idle(site: Site, unit: str) -> bool:
    """Whether it does not run, and is not about to."""
    told = site.out("systemctl", "show", "-p", "ActiveState,Job", unit).split()
    return {"ActiveState=inactive", "Job="} >= set(told)  # no job: an empty line, or none


def over(site: Site, release: str, job: str) -> bool:
    """Whether its timer has been due for the last time, and has started what it starts."""
    timer = f"thena-{release}-{job}.timer"
    return site.out("systemctl", "show", "-P", "SubState", timer) == "elapsed"


def a_command_by_hand(site: Site) -> None:
    """It is run as the app runs, word for word, and its input, output and status are ours."""
    server = site.app_processes()[0]
    code = (
        "import os, sys, json; print(json.dumps([os.getuid(), os.getcwd(), "
        "os.environ['DATABASE_URL'], sys.prefix, sys.stdin.read(), sys.argv[1:]])); sys.exit(7)"
    )
    words = ["run", "thena", "--", "python", "-c", code, "$HOME 'a b'", "--on"]
    done = subprocess.run(
        [sys.executable, "-m", "toque", *words],
        cwd=site.space.directory, env=dict(site.environ), input="typed",
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip

    assert done.returncode == 7, done.stderr
    uid, cwd, url, prefix, typed, words = json.loads(done.stdout)
    assert (uid, cwd) == (server.uid, f"/srv/www/thena/releases/{site.release}")
    assert url == server.environ["DATABASE_URL"]
    assert "/venv" in prefix
    assert (typed, words) == ("typed", ["$HOME 'a b'", "--on"])
    assert site.run(["ls", "/run/toque/once"]).stdout == ""
