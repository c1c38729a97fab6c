"""Which tests show which rule of the threat model: from ``tests/mutants/*.toml``."""

from __future__ import annotations

import tomllib
from pathlib import Path

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
        "",
        "| rule | what holds | tests | broken on purpose |",
        "|---|---|---|---|",
    ]
    for path in sorted(RULES.glob("*.toml")):
        for name, rule in tomllib.loads(path.read_text()).items():
            tests = "<br>".join(f"`{test}`" for test in rule["tests"])
            faults = "<br>".join(mutant["breaks"] for mutant in rule["mutants"])
            lines.append(f"| {name} | {rule['says']} | {tests} | {faults} |")
    return "\n".join(lines) + "\n"
