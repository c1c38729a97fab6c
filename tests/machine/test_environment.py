"""Variables that ``toque env`` keeps, on a real machine: pending, applied, removed, put back."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from machine_site import Site
from toque import bootstrap
from toque.errors import AskedWrongly
from toque.fleet.kept import Variable
from toque.usecases.environment import check_value, set_variables

CORPUS = json.loads((Path(__file__).parents[1] / "corpus/values.json").read_text())
LARGE = {f"LARGE_{n}": "x" * 120_000 for n in range(14)}  # 1.7 MB


def carried() -> dict[str, str]:
    """Every value of the corpus that a process can be given, by a variable's name."""
    found = dict(LARGE)
    for number, entry in enumerate(CORPUS):
        try:
            check_value(f"V{number}", entry["text"])
        except AskedWrongly:
            continue
        found[f"V{number}"] = entry["text"]
    return found


def pending(site: Site, *words: str) -> dict[str, list[str]]:
    """What waits, as the only node says by ``toque env list`` or the words given."""
    (node,) = site.json(*(words or ("env", "list")))["nodes"]
    found = node.get("environment", node)
    assert found["pending"] is bool(found["added"] or found["changed"] or found["removed"])
    return {key: found[key] for key in ("added", "changed", "removed")}


def environ(site: Site) -> dict[str, str]:
    (found,) = {json.dumps(dict(p.environ), sort_keys=True) for p in site.app_processes()}
    return dict(json.loads(found))


NONE = {"added": [], "changed": [], "removed": []}


@pytest.mark.requirement("R5", "R25", "R28", "R63")
def test_a_change_waits_is_applied_and_goes_back(site: Site) -> None:
    site.deploy()
    before, values = site.release, carried()
    assert pending(site) == NONE
    project = bootstrap.open_project(site.space.directory)
    here = bootstrap.open_site(project)
    given = {name: Variable(text, secret=len(name) % 2 == 0) for name, text in values.items()}
    set_variables(here, project.apps["thena"], given)
    site.ok("env", "set", "ON_STDIN", "--secret", stdin="a secret\n with lines \n\n")

    waits = pending(site)
    assert waits == {**NONE, "added": sorted([*values, "ON_STDIN"])}
    assert pending(site, "releases", "thena") == waits
    assert "pending, needs a deploy: +LARGE_0" in site.ok("releases")
    assert site.release == before
    assert "LARGE_0" not in environ(site)

    done = site.json("env", "set", "LATER=plain", "--apply")["nodes"][0]

    assert (done["release"], done["commit"]) == (site.release, site.served())
    assert site.release.partition("-")[0] == before.partition("-")[0]  # the same commit
    assert site.release != before
    seen = environ(site)
    wrong = [n for n, text in values.items() if seen.get(n) != os.fsdecode(text.encode())]
    assert wrong == []
    assert (seen["ON_STDIN"], seen["LATER"]) == ("a secret\n with lines \n", "plain")
    assert pending(site) == NONE

    site.ok("env", "unset", "--apply", *values, "ON_STDIN", "LATER")

    assert not {*values, "ON_STDIN", "LATER"} & set(environ(site))
    assert pending(site) == NONE

    site.ok("rollback")

    assert environ(site)["LATER"] == "plain"
    assert pending(site)["removed"] == sorted([*values, "ON_STDIN", "LATER"])
