"""The record of deploys: what is one, and what is told of it."""

from __future__ import annotations

import json

import pytest

from toque.node import deploys
from toque.node.applayout import deploys_path
from toque.node.history import append_switch, left, read_history
from toque.node.memory import MemorySystem
from toque.node.model import Outcome, Report, Status

ID = "aaaaaaaaaaaa-000001"
SWITCH = Outcome("current:/srv/www/thena/current", Status.CHANGED)
RELEASE = f"/srv/www/thena/releases/{ID}/.toque/release.json"


def machine() -> MemorySystem:
    made = MemorySystem()
    made.put("/var/lib", kind="directory")
    return made


def report(*outcomes: Outcome, plan: str = f"deploy thena {ID}") -> Report:
    return Report("R1", plan, "", "apply", outcomes, seconds=1.23456)


def failed(step: str, **trouble: str) -> Outcome:
    return Outcome(step, Status.FAILED, trouble=trouble)


@pytest.mark.parametrize(
    ("told", "of"),
    [
        (report(SWITCH), ("deploy", "thena", ID)),
        (report(SWITCH, plan=f"rollback thena {ID}"), ("rollback", "thena", ID)),
        (report(failed("venv:x")), ("deploy", "thena", ID)),
        (report(Outcome("venv:x", Status.CHANGED)), None),  # the first part of many nodes
        (report(SWITCH, plan="setup web1"), None),
        (report(SWITCH, plan="deploy thena"), None),
        (report(SWITCH, plan="deploy thena ../../etc"), None),
        (report(SWITCH, plan=f"deploy thena {ID} more"), None),
    ],
)
def test_what_is_a_deploy(told: Report, of: object) -> None:
    assert deploys.deployed(told) == of


@pytest.mark.requirement("R60")
def test_who_by_what_how_long_and_how_it_went() -> None:
    system = machine()
    system.put(RELEASE, json.dumps({"commit": "a" * 40}).encode())
    trouble = {"code": "venv-failed", "message": "no such package"}

    deploys.record(system, report(SWITCH), "ada@desk")
    deploys.record(system, report(failed("venv:x", **trouble)), "bob@ci (push)")
    deploys.record(system, report(SWITCH, Outcome("releases:x", Status.NOT_RUN)), "eve (x) y")
    deploys.record(system, report(SWITCH, plan="setup web1"), "ada@desk")

    kept = deploys.told(system, "thena")
    names = ("what", "who", "trigger", "result", "code", "said", "seconds", "changed")
    assert [tuple(entry[name] for name in names) for entry in kept] == [
        ("deploy", "ada@desk", "command", "succeeded", "", "", 1.235, 1),
        ("deploy", "bob@ci", "push", "failed", "venv-failed", "no such package", 1.235, 0),
        ("deploy", "eve (x) y", "command", "stopped", "", "", 1.235, 1),
    ]
    assert {entry["commit"] for entry in kept} == {"a" * 40}
    there = system.stat(deploys_path("thena"))
    assert there is not None
    assert (there.owner, there.mode) == ("root", 0o600)


def test_what_a_watch_put_back_is_told_too() -> None:
    system = machine()
    deploys.record(system, report(SWITCH), "ada@desk")
    switch = {"at": "9999-01-01", "release": ID, "commit": "c", "from": "bbbbbbbbbbbb-000002"}
    append_switch(system, "thena", {**switch, "why": "put back: 5xx 12 % of 300"})
    append_switch(system, "thena", switch)

    last = deploys.told(system, "thena")[-1]

    assert (last["what"], last["trigger"], last["said"]) == (
        "put back", "watch", "put back: 5xx 12 % of 300",
    )  # fmt: skip
    assert len(deploys.told(system, "thena")) == 2


@pytest.mark.requirement("R63")
def test_a_rollback_marks_its_switch() -> None:
    """Only one that came to its switch."""
    system = machine()
    append_switch(system, "thena", {"release": ID})
    append_switch(system, "thena", {"release": "bbbbbbbbbbbb-000002"})
    back = f"rollback thena {ID}"

    deploys.record(system, report(failed("instance:x"), plan=back), "ada@desk")
    assert left(read_history(system, "thena")) == set()
    append_switch(system, "thena", {"release": ID})
    deploys.record(system, report(SWITCH, plan=back), "ada@desk")

    assert left(read_history(system, "thena")) == {"bbbbbbbbbbbb-000002"}


def went(*words: str) -> list[dict[str, object]]:
    """Switches: ``a`` deploys it, ``-a`` goes back to it."""
    return [{"release": word.lstrip("-"), "back": word.startswith("-")} for word in words]


@pytest.mark.requirement("R63")
@pytest.mark.parametrize(
    ("switches", "gone"),
    [
        (went(), ""),
        (went("a", "b"), ""),
        (went("a", "b", "-a"), "b"),
        (went("a", "b", "c", "-b", "-a"), "bc"),
        (went("a", "b", "c", "-a"), "bc"),  # by --to, over another
        (went("a", "b", "-a", "b"), ""),  # deployed again
        (went("a", "b", "-a", "-b"), ""),  # forth again, by --to
        (went("a", "b", "-a", "c"), "b"),
        (went("a", "b", "a"), ""),  # the old commit, deployed
        (went("a", "b", "a", "-b"), "a"),  # and undone
        (went("-b", "c", "-b"), "c"),  # the record of what was before is lost
    ],
)
def test_what_somebody_went_back_from(switches: list[dict[str, object]], gone: str) -> None:
    assert left(switches) == set(gone)


def test_a_torn_line_costs_one_entry_and_the_oldest_go() -> None:
    system = machine()
    system.put(deploys_path("thena"), b'{"torn": \n[1]\n' + b'{"at": "1"}\n' * deploys.KEPT)

    deploys.record(system, report(SWITCH), "ada@desk")

    assert len(deploys.told(system, "thena")) == deploys.KEPT
    assert deploys.told(system, "thena")[-1]["who"] == "ada@desk"


def test_a_release_that_is_gone_has_the_commit_of_its_name() -> None:
    system = machine()
    deploys.record(system, report(SWITCH), "ada@desk")
    assert deploys.told(system, "thena")[0]["commit"] == "a" * 12
