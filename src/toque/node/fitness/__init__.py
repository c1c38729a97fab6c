"""What the import of an app told, judged: findings in the order in which they are mended.  Pure.

``told`` is what ``inside/importing.py`` answers.  Findings whose codes the app ``accepts`` are told
as warnings.
"""

from typing import Any, List, Mapping

from ..finding import WARN, Finding
from ..record import replace
from .databases import database_findings
from .forks import fork_findings
from .imports import import_findings
from .served import Served
from .settings import setting_findings
from .sizes import memory_findings

__all__ = ["Served", "judged"]


def judged(told: Mapping[str, Any], served: Served) -> List[Finding]:
    """All that is to be said of an app that was imported, or could not be."""
    report = told["app"]["told"]
    found = [
        *variable_findings(told["requires"], served),
        *database_findings(told["databases"], served),
        *import_findings(told["app"], served),
    ]
    if report is not None and "broken" in report:
        found.append(unclear(report["broken"]))
    elif report is not None and report["error"] is None and report["original"]:
        found += fork_findings(report, served)
        found += setting_findings(report, served)
        found += memory_findings(report["memory"], served)
    return [
        replace(finding, level=WARN) if finding.code in served.accepts else finding
        for finding in found
    ]


def unclear(lines: List[str]) -> Finding:
    """Our own look has failed; the start that follows is the proof all the same."""
    return Finding(
        "inspection-unclear",
        "warn",
        "the app was imported to look at what that does, and the look came to nothing",
        tuple(lines[-12:]),
    )


def variable_findings(missing: List[str], served: Served) -> List[Finding]:
    """Variables that the app declares and that its process does not have."""
    return [
        Finding(
            "variable-missing",
            "refuse",
            f"{name} is required and not set, or empty",
            help=served.set_variable(name),
        )
        for name in missing
    ]
