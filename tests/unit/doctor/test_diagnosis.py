"""What the doctor makes of facts: those of each injected fault, as a machine has told them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from toque.doctor.diagnosis import BROKEN, FINE, LINKS, UNSEEN, diagnose
from toque.node.finding import Finding

CORPUS = sorted((Path(__file__).parents[2] / "corpus" / "faults").glob("*.json"))
WELL: dict[str, Any] = {
    "app": "thena",
    "asked": {"app": "thena", "host": "localhost", "page": "/", "domains": []},
    "at": 1795413609.0,
    "link": {
        "there": True, "target": "releases/R", "release": "R", "release_there": True,
        "venv": "V", "venv_there": True, "environment": True,
    },
    "unit": {
        "name": "thena-R.service", "load": "loaded", "active": "active", "sub": "running",
        "file": "enabled", "pid": 1, "result": "success", "exit_status": 0, "restarts": 0,
        "enabled": True, "running": True, "log": [],
    },
    "socket": {
        "path": "/run/thena-R/app.sock", "link": "/run/thena-R/app.sock", "there": True,
        "kind": "other", "owner": "thena", "group": "thena", "mode": "660", "listening": True,
        "queued": 0, "backlog": 100, "connected": 0,
        "folder": {"owner": "thena", "group": "thena", "mode": "750"},
    },
    "site": {
        "file": "/etc/nginx/sites-enabled/thena", "port": 80, "names": ["_"],
        "upstreams": ["/srv/www/thena/current/.toque/app.sock"],
    },
    "nginx": {
        "load": "loaded", "running": True, "active": "active", "test": 0, "said": [],
        "groups": ["thena"], "declared_groups": ["thena"],
    },
    "port": {"port": 80, "holders": [{"name": "nginx", "pid": 2}], "open": True},
    "direct": {"status": 200, "fault": "", "reason": "OK", "seconds": 0.01},
    "through": {"status": 200, "fault": "", "reason": "OK", "seconds": 0.01},
    "client": {"status": 200, "fault": "", "reason": "OK", "seconds": 0.01},
    "processes": [],
    "disk": [{"path": "/", "free": 9 << 30, "size": 20 << 30, "files_free": 9, "files": 10}],
    "memory": {"total": 1 << 30, "available": 1 << 29, "swap": 1 << 30, "swap_free": 1 << 30},
    "database": [],
    "engines": [],
    "log": [],
}  # fmt: skip


def changed(**parts: Any) -> dict[str, Any]:
    """The facts of a site that is well, with parts of some of them changed."""
    facts = json.loads(json.dumps(WELL))
    for name, part in parts.items():
        if isinstance(part, dict) and isinstance(facts.get(name), dict):
            facts[name].update(part)
        else:
            facts[name] = part
    return facts


def only(facts: dict[str, Any]) -> Finding:
    found = diagnose(facts).findings
    assert len(found) == 1, found
    return found[0]


def test_the_corpus_is_there():
    assert len(CORPUS) >= 40


@pytest.mark.requirement("R49")
@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_each_recorded_fault_gets_its_name_and_nothing_wrong_is_certain(path: Path):
    case = json.loads(path.read_text())

    found = diagnose(case["facts"])

    cause = found.cause
    assert cause is not None
    assert cause.code in case["codes"], found.findings
    fair = {*case["codes"], *case["also"]}
    assert [f for f in found.findings if f.certain and f.code not in fair] == []
    assert [link.name for link in found.links] == list(LINKS)
    assert cause.help or not cause.certain


def test_a_site_that_is_well_has_no_finding_and_no_broken_link():
    found = diagnose(WELL)

    assert found.findings == () and found.cause is None
    states = {link.name: link.state for link in found.links}
    assert states == {**dict.fromkeys(LINKS, FINE), "dns": UNSEEN, "database": UNSEEN}


def test_a_request_that_took_too_long_is_no_certain_cause_beside_a_shortage():
    """As a slow machine told it: the app answered, had no descriptors left, and had been slow."""
    about = {"method": "GET", "uri": "/"}
    late = "upstream prematurely closed connection while reading response header from upstream"
    log = [
        {"at": 9.0, "source": "app", "text": "*** HARAKIRI ON WORKER 1 (pid: 9, try: 1) ***"},
        {"at": 9.0, "source": "nginx", "text": late, "data": about},
        {"at": 9.0, "source": "access", "text": "502 GET /", "data": {**about, "status": 502}},
    ]
    full = [{"name": "uwsgi", "pid": 9, "state": "S", "descriptors": 12, "descriptors_max": 12}]

    alone = only(changed(log=log))
    assert (alone.code, alone.certain) == ("worker-timeout", True)
    both = diagnose(changed(log=log, processes=full)).findings
    assert [(f.code, f.certain) for f in both] == [
        ("descriptors-exhausted", True), ("worker-timeout", False),
    ]  # fmt: skip


# Faults of a machine that no test can have: its clock, its memory, its kernel.
OOM = "thena-R.service: A process of this unit has been killed by the OOM killer."


@pytest.mark.parametrize(
    ("code", "refuses", "parts"),
    [
        ("clock-off", False, {"clock": {"skew_s": -31_536_000.0}}),
        (
            "out-of-memory",
            True,
            {
                "unit": {
                    "running": False, "active": "failed", "sub": "failed", "result": "oom-kill",
                    "memory_max": 1 << 28,
                },
                "direct": {"status": 0, "fault": "no socket"},
                "through": {"status": 502},
                "log": [{"at": 1.0, "source": "app", "text": OOM}],
            },
        ),
        ("out-of-memory", False, {"memory": {"killed_in_unit": 2}}),
        (
            "memory-short",
            True,
            {
                "memory": {"available": 9 << 20, "swap_free": 1 << 20, "stalled_percent": 71.0},
                "direct": {"status": 0, "fault": "no answer within 2 s"},
                "through": {"status": 504},
                "socket": {"queued": 3},
            },
        ),
        (
            "disk-full",
            True,
            {"disk": [{"path": "/var", "free": 1 << 30, "size": 1 << 33, "files": 9,
                       "files_free": 0}]},
        ),
        ("disk-nearly-full", False, {"disk": [{"path": "/", "free": 9 << 20, "size": 1 << 30}]}),
        ("unit-masked", True, {"unit": {"load": "masked", "running": False, "active": "inactive"}}),
        ("app-not-here", True, {"link": {"there": False, "app": False}, "unit": {}}),
        ("nginx-missing", True, {"nginx": {"load": "not-found", "installed": False}}),
        (
            "database-connection-shared",
            False,
            {"log": [{"at": 1.0, "source": "app", "text": "SSL error: decryption failed or bad "
                      "record mac"}]},
        ),
        ("host-not-allowed", True, {"direct": {"status": 400, "reason": "Bad Request"}}),
        (
            "database-host-unknown",
            True,
            {"database": [{"variable": "DATABASE_URL", "host": "db.example", "port": 5432,
                           "user": "u", "name": "n", "local": False, "code": 2, "said": [
                               'psql: could not translate host name "db.example" to address']}]},
        ),
        (
            "database-connections-exhausted",
            False,
            {"database": [{"variable": "D", "host": "", "port": 5432, "user": "u", "name": "n",
                           "local": True, "code": 0, "said": ["1"],
                           "server": {"running": True, "most": 20, "used": 19}}]},
        ),
    ],
)  # fmt: skip
def test_faults_of_the_machine_itself(code: str, refuses: bool, parts: dict[str, Any]):
    cause = diagnose(changed(**parts)).cause

    assert cause is not None
    assert (cause.code, cause.refuses) == (code, refuses)


@pytest.mark.requirement("R53")
def test_an_engine_that_does_not_ask_is_warned_of_before_it_costs_a_request():
    finding = only(changed(engines=[{"place": "shop/db.py:7", "asks": False}]))

    assert (finding.code, finding.level, finding.certain) == (
        "database-connection-stale", "warn", False,
    )  # fmt: skip
    assert finding.place == "shop/db.py:7" and "pool_pre_ping" in finding.help


def test_facts_that_could_not_be_had_prove_nothing():
    blind = {name: {"unknown": "no time"} for name in WELL if name not in ("app", "asked", "at")}

    found = diagnose({"app": "thena", "asked": {}, "at": 0.0, **blind})

    assert found.findings == ()
    assert {link.state for link in found.links} == {UNSEEN}


@pytest.mark.parametrize("missing", sorted(set(WELL) - {"app", "asked", "at"}))
def test_any_fact_may_be_missing_and_nothing_is_called_broken_for_it(missing: str):
    facts = changed()
    del facts[missing]

    assert [f for f in diagnose(facts).findings if f.certain] == []


def test_an_app_that_does_not_answer_for_no_known_reason_is_not_certain():
    cause = diagnose(
        changed(
            direct={"status": 0, "fault": "no answer within 2 s"},
            through={"status": 504, "reason": "Gateway Time-out"},
        )
    ).cause

    assert cause is not None
    assert (cause.code, cause.certain) == ("app-not-answering", False)


def test_the_deepest_broken_link_comes_first():
    found = diagnose(
        changed(
            disk=[{"path": "/srv", "free": 0, "size": 1 << 30}],
            unit={"running": False, "active": "failed", "result": "exit-code"},
            direct={"status": 0, "fault": "no socket"},
            through={"status": 502},
        )
    )

    assert found.cause is not None and found.cause.code == "disk-full"
    assert {link.name for link in found.links if link.state == BROKEN} == {"machine"}


def test_what_it_takes(record_property: Callable[[str, object], None]):
    record_property("figure", f"{len(CORPUS)} recorded faults in the corpus of the doctor")
    assert CORPUS
