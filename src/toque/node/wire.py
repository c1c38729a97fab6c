"""The values of ``model.py`` as JSON and back; no I/O.

``FORMAT`` changes when an older node could misread what is sent.  Bytes travel as
``{"$bytes": base64}``, a secret as ``{"$secret": name}`` (its text goes beside the plan, so a plan
at rest holds none), bytes too large for a line as ``{"$blob": sha256, "size": n}``.
"""

import base64
import hashlib
import json
from typing import (
    Any,
    Dict,
    Iterator,
    List,
    Mapping,
    MutableMapping,
    Optional,
    Sequence,
    Tuple,
)

from .finding import REFUSE, WARN, Finding
from .model import Action, Facts, Guard, Outcome, Plan, Report, Status, Step
from .values import Blob, Secret

FORMAT = 1
MARKS = ("$bytes", "$secret", "$blob")
DEEPEST = 32  # levels of a fact: far more than one needs, far fewer than a copy of it can take


def encode_value(
    value: Any, secrets: MutableMapping[str, str], blobs: MutableMapping[str, Blob]
) -> Any:
    """A field's value as JSON; texts of secrets and blobs met on the way go into the mappings."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Secret):
        secrets[value.name] = value.reveal()
        return {"$secret": value.name}
    if isinstance(value, Blob):
        blobs[value.sha256] = value
        return {"$blob": value.sha256, "size": value.size}
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode("ascii")}
    if isinstance(value, (list, tuple, frozenset, set)):
        items = sorted(value) if isinstance(value, (frozenset, set)) else value
        return [encode_value(item, secrets, blobs) for item in items]
    if isinstance(value, Mapping):
        return {str(k): encode_value(v, secrets, blobs) for k, v in value.items()}
    raise TypeError(f"a value of type {type(value).__name__} cannot travel to a node")


def decode_value(value: Any, secrets: Mapping[str, str]) -> Any:
    """The opposite of ``encode_value``; lists come back as tuples."""
    if isinstance(value, list):
        return tuple(decode_value(item, secrets) for item in value)
    if isinstance(value, dict):
        if "$secret" in value:
            return Secret(value["$secret"], secrets[value["$secret"]])
        if "$bytes" in value:
            return base64.b64decode(value["$bytes"])
        if "$blob" in value:
            return Blob(value["$blob"], value["size"])
        return {k: decode_value(v, secrets) for k, v in value.items()}
    return value


def marked(value: Any, mark: str) -> Iterator[str]:
    """What an encoded value refers to by a mark: ``$secret`` for names, ``$blob`` for hashes."""
    if isinstance(value, Mapping):
        if mark in value:
            yield value[mark]
        for item in value.values():
            yield from marked(item, mark)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from marked(item, mark)


def canonical(value: Any) -> bytes:
    """One byte string per JSON value: sorted keys, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode("utf-8")


def action_json(action: Action) -> List[str]:
    return [action.target, action.verb]


def guard_json(guard: Guard) -> List[Any]:
    """``[test, value]``, and a mapping of what is not as usual when anything is not."""
    usual = Guard(guard.test, guard.value)
    unusual = {name: value for name, value in vars(guard).items() if value != getattr(usual, name)}
    return [guard.test, guard.value, *([unusual] if unusual else [])]


def guard_from(data: Sequence[Any]) -> Guard:
    return Guard(data[0], data[1], **(data[2] if len(data) > 2 else {}))


def step_json(step: Step) -> Dict[str, Any]:
    data: Dict[str, Any] = {
        "id": step.id,
        "kind": step.kind,
        "fields": dict(step.fields),
        "place": step.place,
        "when": [guard_json(g) for g in step.when],
        "notify": [action_json(a) for a in step.notify],
    }
    if step.retries:
        data["retries"], data["retry_wait_s"] = step.retries, step.retry_wait_s
    if step.sensitive:
        data["sensitive"] = True
    return data


def step_from(data: Mapping[str, Any]) -> Step:
    return Step(
        id=data["id"],
        kind=data["kind"],
        fields=data["fields"],
        place=data.get("place", ""),
        when=tuple(guard_from(guard) for guard in data.get("when", ())),
        notify=tuple(Action(target, verb) for target, verb in data.get("notify", ())),
        retries=int(data.get("retries", 0)),
        retry_wait_s=float(data.get("retry_wait_s", Step.retry_wait_s)),
        sensitive=bool(data.get("sensitive", False)),
    )


def plan_json(plan: Plan) -> Dict[str, Any]:
    data = {"format": FORMAT, "name": plan.name, "steps": [step_json(s) for s in plan.steps]}
    return {**data, "types": dict(plan.types)} if plan.types else data


def plan_from(data: Mapping[str, Any]) -> Plan:
    if data.get("format") != FORMAT:
        raise ValueError(f"plan format {data.get('format')!r}, this Toque reads {FORMAT}")
    steps = tuple(step_from(s) for s in data["steps"])
    return Plan(data["name"], steps, dict(data.get("types", {})))


def digest(plan: Plan) -> str:
    """The identity of a plan: what it does, not where in the cookbook it was written."""
    return identity(plan_json(plan))


def identity(data: Mapping[str, Any]) -> str:
    """The same of a plan as it travels."""
    steps = [{k: v for k, v in step.items() if k != "place"} for step in data["steps"]]
    return hashlib.sha256(canonical({**data, "steps": steps})).hexdigest()


def outcome_json(outcome: Outcome) -> Dict[str, Any]:
    data: Dict[str, Any] = {"step": outcome.step, "status": outcome.status.value}
    for name in ("diff", "actions", "notes", "keys"):
        value: Tuple[str, ...] = getattr(outcome, name)
        if value:
            data[name] = list(value)
    if outcome.seconds:
        data["seconds"] = round(outcome.seconds, 4)
    if outcome.place:
        data["place"] = outcome.place
    if outcome.trouble:
        data["trouble"] = dict(outcome.trouble)
    if outcome.seen is not None:
        data["seen"] = dict(outcome.seen)
    if outcome.findings:
        data["findings"] = [finding_json(finding) for finding in outcome.findings]
    return data


def outcome_from(data: Mapping[str, Any]) -> Outcome:
    return Outcome(
        step=str(data["step"]),
        status=Status(data["status"]),
        diff=_texts(data.get("diff", ())),
        actions=_texts(data.get("actions", ())),
        seconds=_seconds(data.get("seconds", 0.0)),
        place=str(data.get("place", "")),
        notes=_texts(data.get("notes", ())),
        trouble=_trouble(data.get("trouble")),
        keys=_texts(data.get("keys", ())),
        seen=_seen(data.get("seen")),
        findings=tuple(finding_from(one) for one in data.get("findings", ())),
    )


def finding_json(finding: Finding) -> Dict[str, Any]:
    """A finding with all its members, for programs that read them."""
    return {**vars(finding), "evidence": list(finding.evidence)}


def finding_from(data: Mapping[str, Any]) -> Finding:
    texts = {name: str(data.get(name, "")) for name in ("code", "message", "place", "help")}
    if data["level"] not in (REFUSE, WARN):
        raise ValueError(f"a finding of level {data['level']!r}")
    return Finding(  # relays a code
        level=data["level"],
        evidence=_texts(data.get("evidence", ())),
        certain=bool(data.get("certain", True)),
        **texts,
    )


def report_json(report: Report) -> Dict[str, Any]:
    data: Dict[str, Any] = {
        "run": report.run,
        "plan": report.plan,
        "digest": report.digest,
        "mode": report.mode,
        "outcomes": [outcome_json(o) for o in report.outcomes],
        "owed": [action_json(a) for a in report.owed],
        "seconds": round(report.seconds, 3),
        "token": report.token,
    }
    return {**data, "made_from": dict(report.made_from)} if report.made_from else data


def report_from(data: Mapping[str, Any]) -> Report:
    return Report(
        run=str(data["run"]),
        plan=str(data["plan"]),
        digest=str(data["digest"]),
        mode=str(data["mode"]),
        outcomes=tuple(outcome_from(o) for o in data["outcomes"]),
        owed=tuple(Action(str(t), str(v)) for t, v in data["owed"]),
        seconds=_seconds(data["seconds"]),
        token=int(data["token"]),
        made_from=made_from(data),
    )


def made_from(data: Mapping[str, Any]) -> Mapping[str, str]:
    """Which cookbooks and lock a plan came from; empty where that was not told."""
    return {str(key): str(value) for key, value in dict(data.get("made_from", {})).items()}


def facts_from(data: Mapping[str, Any]) -> Facts:
    """What ``facts.look`` tells, as a value."""
    if not isinstance(data, Mapping):
        raise TypeError(f"facts are a {type(data).__name__}")
    known = {name: data[name] for name in Facts.__dataclass_fields__ if name in data}
    known["addresses"] = _texts(known.get("addresses", ()))
    facts, blank = Facts(**known), Facts()
    for name, value in known.items():
        if type(value) is not type(getattr(blank, name)):
            raise TypeError(f"the fact {name} is a {type(value).__name__}")
    _shallow(facts.extra, DEEPEST)
    return facts


def _shallow(value: Any, left: int) -> None:
    """What is nested deeper than can be copied or printed is no fact, but somebody's attack."""
    if left == 0:
        raise ValueError(f"facts are nested deeper than {DEEPEST} levels")
    if isinstance(value, (dict, list)):
        for item in value.values() if isinstance(value, dict) else value:
            _shallow(item, left - 1)


def _trouble(data: Any) -> Optional[Mapping[str, Any]]:
    """What a failed step says, as texts and a list of texts."""
    if data is None:
        return None
    return {
        str(key): list(_texts(value)) if key == "log" else str(value) for key, value in data.items()
    }


def _seen(data: Any) -> Optional[Mapping[str, str]]:
    return None if data is None else {str(key): str(value) for key, value in data.items()}


def _seconds(value: Any) -> float:
    """A duration; 1e999 is a number to JSON and infinite to Python, which no JSON can hold."""
    if not 0 <= float(value) < 1e9:
        raise ValueError(f"{value!r} seconds")
    return float(value)


def _texts(value: Any) -> Tuple[str, ...]:
    return tuple(str(item) for item in value)
