"""The doctor on a running site that is broken on purpose, one way after another."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from faults import FAULTS, PAGES, Fault, Ill
from machine_site import Site, iso

QUICK = "\n[layers.web.attributes.thena_infra]\nanswer_within_s = 3\n\n[nodes.web1]"


@pytest.fixture
def ill(site: Site) -> Ill:
    """The example app with pages that misbehave, its server impatient, all of it fine so far."""
    site.needs_systemd("most faults are of units, groups and mounts")
    site.commit({"wsgi.py": (site.space.work / "wsgi.py").read_text() + PAGES})
    site.edit("\n[nodes.web1]", QUICK)
    site.deploy()
    site.run(["apt-get", "install", "-qq", "-y", "--no-install-recommends", "nftables"])
    return Ill(site)


def looked(ill: Ill, fault: Fault) -> dict[str, Any]:
    """What the doctor says of one fault, once it is injected; it is mended again."""
    since = ill.since(new=fault.past)
    try:
        fault.inject(ill)
        done = ill.site.toque("doctor", "thena", "--json", "--since", iso(since))
        assert done.returncode in (0, 5), f"{fault.name}: {done.stdout}{done.stderr}"
        told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])["nodes"][0]
        if fault.name in NAMED:
            told["last"] = last(ill, fault, since)
        return told
    finally:
        fault.mend(ill)
        ill.well()


# Where a visitor gets a 500, 502 or 504: the eight causes that people look for in three logs.
NAMED = (
    "exception with propagation", "harakiri", "worker killed", "socket removed",
    "socket permission", "socket that nobody listens on", "header too big", "timeout chain",
)  # fmt: skip


def last(ill: Ill, fault: Fault, since: int) -> str:
    """The cause that ``toque errors --last`` gives of a visitor's failed request."""
    if not fault.past:
        assert ill.get("/") == 502
    found = ill.site.json("errors", "thena", "--last", "--since", iso(since))["errors"]
    return str(found[-1]["code"]) if found else "nothing"


def judged(fault: Fault, told: dict[str, Any]) -> tuple[bool, list[str]]:
    """Whether the first finding is the cause, and what else was said with certainty."""
    found = told["findings"]
    right = bool(found) and found[0]["code"] in fault.codes
    fair = {*fault.codes, *fault.also}
    wrong = [f["code"] for f in found if f["certain"] and f["code"] not in fair]
    return right, wrong


@pytest.mark.timeout(900)
@pytest.mark.requirement("R49", "R53", "R14")
def test_the_doctor_names_the_cause_of_each_fault(
    ill: Ill, record_property: Callable[[str, object], None]
):
    rows, right, wrong, slowest = [], 0, [], 0.0
    named: dict[str, str] = {}
    for fault in FAULTS:
        told = looked(ill, fault)
        good, certain = judged(fault, told)
        if "last" in told and told["last"] not in fault.codes:
            named[fault.name] = told["last"]
        right += good
        wrong += [f"{fault.name}: {code}" for code in certain]
        slowest = max(slowest, told["seconds"])
        first = told["findings"][0] if told["findings"] else {"code": "nothing", "message": ""}
        rows.append(
            f"{'ok ' if good else 'NO '} {fault.name:<32} {told['seconds']:.1f} s  "
            f"[{first['code']}] {first['message'][:90]}"
        )
    table = "\n".join(rows)
    record_property(
        "figure",
        f"the doctor named {right} of {len(FAULTS)} injected faults, {len(wrong)} wrong with "
        f"certainty, slowest {slowest:.1f} s\n{table}",
    )
    assert named == {}
    assert {fault.name for fault in FAULTS} >= set(NAMED)
    assert right >= len(FAULTS) - 2, table
    assert not wrong, f"{wrong}\n{table}"
