"""What one node has built, for others of its kind: ``build_once`` in toque.toml."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from pathlib import Path

from ..errors import Unreachable
from ..node.model import Facts, Plan, Report, Status
from ..node.values import Blob
from ..ports import Transport
from .answers import events


def builders(facts: Mapping[str, Facts]) -> dict[str, str]:
    """Which node builds for each: the first of its kind, maybe itself.  Pure.

    Of a kind are those for which the same wheels are chosen, and whose libraries are the same.
    """
    first: dict[tuple[str, ...], str] = {}
    return {
        name: first.setdefault((one.os, one.release, one.architecture, one.python), name)
        for name, one in facts.items()
    }


def built(plan: Plan, report: Report) -> tuple[str, str] | None:
    """The app and the name of the environment that a run has made; None when it was there."""
    changed = {one.step for one in report.outcomes if one.status is Status.CHANGED}
    for step in plan.steps:
        if step.kind == "venv" and step.id in changed:
            return str(step.fields["app"]), str(step.fields["path"]).rpartition("/")[2]
    return None


def fetched(transport: Transport, app: str, venv: str, target: Path) -> Blob | None:
    """Have a node pack an environment, into the file ``target``; None when it has none.

    Raises ``Unreachable``, also when what arrives is too long or not what the node says.
    """
    with transport.open(["pack", app, venv]) as channel, target.open("xb") as file:
        digest, size = hashlib.sha256(), 0
        for event in events(channel):
            if event.get("type") == "part":
                part = _bytes(event.get("data"))
                file.write(part)
                digest.update(part)
                size += len(part)
            elif event.get("type") == "packed":
                if not event.get("size"):
                    return None
                if (event.get("sha256"), event.get("size")) != (digest.hexdigest(), size):
                    raise _wrong("other bytes than the node says it has sent")
                return Blob(digest.hexdigest(), size)
        raise Unreachable(
            "no-answer",
            f"{transport.name} ended without sending what it has built",
            hint="run the same command again",
            log=channel.stderr_tail,
        )


def _bytes(data: object) -> bytes:
    try:
        return base64.b64decode(str(data), validate=True)
    except (ValueError, binascii.Error):
        raise _wrong("a part that is no base64") from None


def _wrong(found: str) -> Unreachable:
    return Unreachable(
        "node-speaks-wrongly",
        "the node sent what it has built wrongly",
        expected="what toque-node pack sends",
        found=found,
    )
