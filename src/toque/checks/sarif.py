"""Findings as SARIF 2.1.0, which forges and editors show at the lines that they are about.

JUnit, the other format that many read, has no place for a line of a file.
Source: OASIS, Static Analysis Results Interchange Format 2.1.0.
"""

from __future__ import annotations

import posixpath
from typing import Any
from urllib.parse import quote

from .judge import Judged
from .rule import Flaw, Rule
from .rules import RULES

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def sarif(judged: Judged, *, version: str, prefix: str = "") -> dict[str, Any]:
    """``version`` is Toque's; ``prefix`` the project's folder, from the top of its repository."""
    results = [_result(flaw, prefix) for flaw in judged.flaws]
    for flaw, reason in judged.allowed:
        accepted = [{"kind": "inSource", "justification": reason}]
        results.append({**_result(flaw, prefix), "suppressions": accepted})
    driver = {"name": "toque check", "semanticVersion": version, "rules": [_rule(r) for r in RULES]}
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.code,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.why},
        "help": {"text": f"{rule.why} See docs/checks/{rule.code}.md of Toque."},
        "defaultConfiguration": {"level": rule.severity},
    }


def _result(flaw: Flaw, prefix: str) -> dict[str, Any]:
    path = posixpath.normpath(posixpath.join(prefix, flaw.seen.path))
    region = {"startLine": flaw.seen.line}
    if flaw.seen.until > flaw.seen.line:
        region["endLine"] = flaw.seen.until
    return {
        "ruleId": flaw.rule.code,
        "ruleIndex": [rule.code for rule in RULES].index(flaw.rule.code),
        "level": flaw.rule.severity,
        "message": {"text": f"{flaw.seen.what}. To mend it: {flaw.seen.mend}"},
        "locations": [
            {"physicalLocation": {"artifactLocation": {"uri": quote(path)}, "region": region}}
        ],
    }
