"""Whether a project and a machine fit, and what a person has to know before the first converge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..detect.found import Detected
from ..detect.pythons import suits
from ..errors import Failed
from ..node.model import Facts

SYSTEMS = ("debian", "ubuntu")
LEAST_MB = 400  # nginx, PostgreSQL and two processes of a small Django app; below it is tight


def fit(found: Detected, facts: Facts, node: str) -> list[str]:
    """What is unusual, in words.

    Raises ``Failed``: ``system-unsupported``, ``python-unsuited``.
    """
    if facts.os not in SYSTEMS:
        raise Failed(
            "system-unsupported",
            f"{node} runs a system that the built-in cookbooks do not know",
            expected="Debian or Ubuntu",
            found=f"{facts.os or 'no name in /etc/os-release'} {facts.release}".strip(),
            hint="a cookbook of your own can: docs/guides/cookbook",
        )
    if found.python is not None and not suits(facts.python, found.python):
        raise Failed(
            "python-unsuited",
            f"the project does not run with the Python of {node}",
            expected=found.python.range,
            found=f"Python {facts.python} on {facts.os} {facts.release}",
            hint=f"a node with such a Python, or another range ({found.python.why})",
            place=f"{found.python.why.path}:{found.python.why.line}",
        )
    unusual = []
    if found.python and found.python.wanted and not facts.python.startswith(found.python.wanted):
        why = found.python.why
        unusual.append(f"Python {facts.python} of {node} is used; {why.path} {why.words}")
    if 0 < facts.memory_mb < LEAST_MB:
        unusual.append(f"{node} has {facts.memory_mb} MiB of memory; {LEAST_MB} is little already")
    return unusual


def in_use(survey: Mapping[str, Any], found: Detected) -> list[str]:
    """What somebody else runs on a machine and a set-up would touch, in words.

    ``survey`` is the node's word, so it is taken for nothing but text.
    """
    told = [f"a site of nginx that is not ours: {name}" for name in _texts(survey.get("sites"))]
    if found.database is not None:
        told += [
            f"PostgreSQL {name}, which would listen on its socket only"
            for name in _texts(survey.get("clusters"))
        ]
    listening = survey.get("listening")
    program = str(listening.get("80", "nginx")) if isinstance(listening, Mapping) else "nginx"
    if program != "nginx":
        told.append(f"port 80 is taken by {program or 'another program'}")
    return told


def _texts(value: object) -> Sequence[str]:
    return [str(item)[:100] for item in value[:20]] if isinstance(value, list) else []
