"""What follows a switch: a window in which the release before is ready to come back."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

import pytest

from machine_site import Site, iso, until
from toque.node.applayout import unit_name


def watched(site: Site, seconds: int) -> None:
    """Have the next releases watched, whatever the tests' own settings are."""
    site.edit("watch_for = 0", f"watch_for = {seconds}")


def broken(site: Site, every: int) -> None:
    """A commit whose pages fail for one visitor in ``every``, but not for a rehearsal."""
    wsgi = (site.space.work / "wsgi.py").read_text()
    text = f"""
import itertools as _itertools
_asked = _itertools.count(1)
_whole = app.wsgi_app
def _failing(environ, start_response):
    number = next(_asked)
    if number > 10 and number % {every} == 0:
        raise RuntimeError("planted")
    return _whole(environ, start_response)
app.wsgi_app = _failing
"""
    site.commit({"wsgi.py": wsgi + text})


def entry_of(site: Site, release: str) -> dict[str, object]:
    kept = site.json("releases", "thena")["nodes"][0]["releases"]
    found: dict[str, object] = next(r for r in kept if r["id"] == release)
    return found


def test_a_release_that_fails_visitors_is_put_back(
    site: Site, record_property: Callable[[str, object], None]
):
    site.commit({"CHANGES": "good\n"})
    site.deploy()
    good, commit = site.release, site.head
    watched(site, 60)
    broken(site, 5)

    with site.load(rate_per_s=50) as result:
        began = time.monotonic()
        bad = site.deploy()["release"]
        switched = time.monotonic()
        until(lambda: site.release == good)
        back = time.monotonic()
        time.sleep(2)

    account = result[0]
    record_property(
        "figure",
        f"{site.driver}: deployed in {switched - began:.1f} s, put back {back - switched:.1f} s "
        f"later; {account.failed} of {account.requests} requests failed",
    )
    assert site.served() == commit
    # Whatever failed, the bad release had raised it: none was lost by going back.
    assert set(account.statuses) <= {200, 500}
    assert (account.truncated, account.wrong_body) == (0, 0)
    entry = entry_of(site, bad)
    assert entry["verdict"] == "put-back"
    assert "5xx" in str(entry["why"])
    assert str(entry_of(site, good)["why"]).startswith("put back: 5xx")
    until(lambda: entry_of(site, bad)["running"] is False)
    assert "put-back: 5xx" in site.ok("releases", "thena")


@pytest.mark.requirement("R54")
def test_failures_that_come_now_and_then_are_counted(site: Site):
    """Three of three hundred, in a window that is followed."""
    site.needs_systemd("one machine is enough to count on")
    site.commit({"CHANGES": "without a fault\n"})
    site.deploy()
    # Else what other tests had fail is what was usual before.
    log = "/var/log/nginx/thena.access.log"
    site.run(["sh", "-c", f"rm -f {log}.1; : > {log}"])
    began = time.time()
    for _ in range(300):
        site.http("/")
    # As many again fit into the window, also where a page takes its time.
    watched(site, max(20, round(4 * (time.time() - began))))
    site.edit("keep = 3", "keep = 3\nprocesses = 1")  # one that counts
    broken(site, 100)
    bad = site.deploy()["release"]
    time.sleep(1.1)  # a line of the log tells its second only: those of the switch's do not count

    statuses = Counter(site.http("/").status for _ in range(300))
    until(lambda: entry_of(site, bad)["verdict"] != "")

    assert (statuses[500], sum(statuses.values())) == (3, 300)
    entry = entry_of(site, bad)
    assert entry["verdict"] == "degraded", entry
    assert "5xx" in str(entry["why"])
    assert "degraded: 5xx" in site.ok("releases", "thena")
    failed = site.json("errors", "thena", "--since", iso(began))["errors"]
    assert [one["code"] for one in failed if one["release"] == bad] == ["app-exception"] * 3


def test_a_good_release_is_kept_and_the_one_before_retired(site: Site):
    site.commit({"CHANGES": "before\n"})
    site.deploy()
    before = site.release
    watched(site, 3)
    site.commit({"CHANGES": "after\n"})
    site.publish()

    done = site.json("deploy", "thena", "--ref", site.head, "--watch")

    assert done["watched"][0]["verdict"] == "good"
    assert entry_of(site, done["nodes"][0]["release"])["verdict"] == "good"
    until(lambda: entry_of(site, before)["running"] is False)


@pytest.mark.requirement("R63")
def test_a_rollback_in_the_window_finds_the_release_warm(
    site: Site, record_property: Callable[[str, object], None]
):
    site.commit({"CHANGES": "warm\n"})
    site.deploy()
    commit, release = site.head, site.release
    pid = {p.pid for p in site.app_processes()}
    watched(site, 60)
    site.commit({"CHANGES": "to go back from\n"})
    left = site.deploy()["release"]
    assert pid <= {p.pid for p in site.app_processes()}  # kept running beside the new one

    began = time.monotonic()
    site.ok("rollback", "thena")
    took = time.monotonic() - began

    record_property("figure", f"{site.driver}: rollback to the warm release took {took:.2f} s")
    assert site.served() == commit
    assert {p.pid for p in site.app_processes()} == pid  # not started again
    assert entry_of(site, left)["running"] is False
    assert site.release == release


def test_a_watcher_that_is_killed_goes_on(site: Site):
    site.needs_systemd("Restart= of the watcher's unit")
    site.commit({"CHANGES": "to be watched\n"})
    site.deploy()
    before = site.release
    watched(site, 8)
    site.commit({"CHANGES": "watched in two parts\n"})
    release = site.deploy()["release"]

    site.run(["systemctl", "kill", "-s", "KILL", "toque-watch-thena.service"])

    until(lambda: entry_of(site, release)["verdict"] == "good")
    until(lambda: not entry_of(site, before)["running"])


def test_a_deploy_within_the_window_ends_the_watch(site: Site):
    site.deploy()
    watched(site, 60)
    releases = []
    for name in ("one", "two"):
        site.commit({"CHANGES": f"{name}\n"})
        releases.append(site.deploy()["release"])

    running = {p.argv for p in site.app_processes()}
    assert running
    kept = site.json("releases", "thena")["nodes"][0]["releases"]
    assert sorted(r["id"] for r in kept if r["running"]) == sorted(releases)
    site.ok("rollback", "thena")
    assert site.release == releases[0]
    assert unit_name("thena", releases[0]) == site.unit
