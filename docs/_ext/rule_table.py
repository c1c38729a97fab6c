"""Which tests show which rule of the threat model: from ``tests/mutants/*.toml``."""

from __future__ import annotations

import tomllib
from pathlib import Path

# What nothing here shows: said, so that nobody takes it for kept.
OPEN = {
    "DU-1, in part": "What a server answered with success survives a power cut: there is no "
    "server that answers; a run that tells its report keeps this.",
    "DU-2, in part": "A job of a controller ends in one way, once: there is no controller that "
    "keeps jobs; each command is one run, and a run keeps this.",
    "NO-8, in part": "Of the states of a node that can go wrong these are tried on machines: a "
    "full and a read-only disk, a state directory that takes nothing, a held and a broken dpkg, an "
    "index that cannot be reached, an immutable file, no Python, one too old. No name service, no "
    "memory and a directory of 100,000 files are not.",
    "DU-3, in part": "A lost notice of a push is repaired by asking from time to time: nothing "
    "runs from time to time; push again, or `toque deploy`.",
    "DU-6, in part": "A jump of a clock while something runs: found in the source only; a node "
    "whose clock is wrong is warned of.",
    "NE-3, in part": "A walk that alone hangs, on a node that otherwise goes on, is followed until "
    "somebody ends it: only its steps have limits of time, and it is the walk that keeps them.",
}
RULES = Path(__file__).parent.parent.parent / "tests" / "mutants"


def page() -> str:
    lines = [
        "<!-- made by docs/_ext/rule_table.py from tests/mutants/*.toml -->",
        "",
        "# Security rules and their tests",
        "",
        "Each rule has tests, and twins of the code in which the rule is broken.",
        "The tests have to fail on those.",
        "`scripts/test mutants` plants them one by one and prints how many were caught.",
    ]
    for path in sorted(RULES.glob("*.toml")):
        for name, rule in tomllib.loads(path.read_text()).items():
            lines += ["", f"## {name}", "", rule["says"], ""]
            lines += ["Shown by " + ", ".join(f"`{test}`" for test in rule["tests"]) + "."]
            lines += ["Broken on purpose:", ""]
            lines += [f"* {mutant['breaks']}" for mutant in rule["mutants"]]
    lines += ["", "## Not kept yet", "", *(f"* {name}: {why}" for name, why in OPEN.items())]
    return "\n".join(lines) + "\n"
