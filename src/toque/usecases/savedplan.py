"""A plan in a file: what was shown, to be agreed to by somebody and applied later.

One JSON object: ``{"plans": [{"node", "target", "event", "only", "attributes", "made_from",
"digest", "plan", "report"}]}``.
Texts of secrets are not in it, and what was found on the node only as seals.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import AskedWrongly
from ..fleet.node import Node
from ..node.wire import digest, plan_from, plan_json, report_from, report_json
from .setup import Planned


def as_json(node: Node, target: str, planned: Planned) -> dict[str, Any]:
    """One plan of the file; ``target`` is what names the node on the command line."""
    return {
        "node": node.name,
        "target": target,
        "event": planned.event,
        "only": list(planned.only),
        "attributes": planned.attributes,
        "made_from": planned.made_from,
        "digest": planned.digest,
        "plan": plan_json(planned.plan),
        "report": report_json(planned.report),
    }


def save(path: Path, plans: Sequence[Mapping[str, Any]]) -> None:
    """Write the file, readable by its owner only: it shows files of the node as they would be.

    Raises ``AskedWrongly("file-unwritable")``.
    """
    text = json.dumps({"plans": plans}, indent=1) + "\n"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise AskedWrongly(
            "file-unwritable",
            "the plan cannot be saved there",
            expected="a path in a folder that is there and may be written to",
            found=f"{path}: {error.strerror}",
            hint=f"ls -ld {path.parent}",
        ) from error


def load(path: Path) -> dict[str, Planned]:
    """The plans of a file, by target.  Raises ``AskedWrongly("bad-plan-file")``."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        plans = {str(one["target"]): _planned(one) for one in data["plans"]}
    except OSError as error:
        raise _bad(path, str(error.strerror)) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _bad(path, f"{type(error).__name__}: {error}"[:200]) from error
    if not plans:
        raise _bad(path, "no plan")
    return plans


def _planned(data: Mapping[str, Any]) -> Planned:
    plan, report = plan_from(data["plan"]), report_from(data["report"])
    if digest(plan) != data["digest"]:
        raise ValueError("the plan is not the one that its digest is of: it was edited")
    if [o.step for o in report.outcomes] != [s.id for s in plan.steps]:
        raise ValueError("the report is of another plan")
    only = tuple(str(name) for name in data["only"])
    attributes = {str(name): dict(table) for name, table in data["attributes"].items()}
    made_from = {str(key): str(value) for key, value in data.get("made_from", {}).items()}
    return Planned(
        plan, str(data["digest"]), report, str(data["event"]), only, attributes, made_from
    )


def _bad(path: Path, found: str) -> AskedWrongly:
    return AskedWrongly(
        "bad-plan-file",
        f"{path} holds no plan that can be applied",
        expected="a file that this version's toque plan --out has written, unchanged",
        found=found,
        hint="toque plan TARGET --out FILE",
    )
