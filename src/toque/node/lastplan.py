"""The last plan of each name that was applied here, so that drift can be told from it.

    STATE/plans/NAME-DIGEST.json    the plan as it travelled, so without the texts of its secrets

``NAME`` is a hash of the plan's name.  A plan that is there already is not written again: a run
that finds nothing to do writes nothing.
"""

import contextlib
import hashlib
import json
import os
from typing import Mapping, Optional

from .journal import durable
from .model import Plan
from .record import replace
from .resources import types_of
from .wire import decode_value, digest, plan_from, plan_json


def remember(state: str, plan: Plan, identity: str) -> None:
    """Keep ``plan`` as the last one of its name.  ``identity`` is its digest."""
    directory = os.path.join(state, "plans")
    os.makedirs(directory, mode=0o700, exist_ok=True)
    kept = f"{_key(plan.name)}-{identity}.json"
    names = [name for name in os.listdir(directory) if name.startswith(_key(plan.name))]
    if kept not in names:
        durable(os.path.join(directory, kept), json.dumps(plan_json(plan)))
    for name in names:
        if name != kept:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(directory, name))


def recall(state: str, name: str) -> Optional[Plan]:
    """The last plan called ``name``; None when there was none or what is kept was altered."""
    directory = os.path.join(state, "plans")
    with contextlib.suppress(FileNotFoundError):
        for kept in sorted(os.listdir(directory)):
            if kept.startswith(_key(name)) and kept.endswith(".json"):
                with open(os.path.join(directory, kept), encoding="utf-8") as file:
                    plan = plan_from(json.load(file))
                if plan.name == name and kept == f"{_key(name)}-{digest(plan)}.json":
                    return plan
    return None


def standing(plan: Plan, secrets: Mapping[str, str]) -> Plan:
    """The steps that declare a state, without those that only do something, such as a reboot."""
    types = types_of(plan)
    steps = tuple(
        step
        for step in plan.steps
        if types[step.kind](**decode_value(dict(step.fields), secrets)).reads_back()
    )
    return replace(plan, steps=steps)


def _key(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8")).hexdigest()[:16]
