"""What a process that compiles other people's cookbooks answers: hostile until it is parsed.

Nothing of it is believed.  Data has to be exactly what our own writer makes of it, every resource
is built and validated again, every reference has to be to something that was offered.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any, NoReturn

from ..errors import AskedWrongly, BadCookbook, ToqueError
from ..node.formats.environment import encode_env
from ..node.model import Facts, Guard, Plan, Step
from ..node.resource import Invalid
from ..node.resources import CLASSES, TYPES
from ..node.values import Blob
from ..node.wire import canonical, decode_value, marked, plan_from, plan_json
from .compile import Compiled
from .explain import Explained, Level
from .guards import check_guards
from .job import FAMILIES, Markers

LONGEST = 64 * 2**20  # bytes of an answer; a plan of 10,000 steps with files has less
MOST_RETRIES = 1000
CODE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
WORDS = ("message", "expected", "found", "hint", "place")


class Wrong(Exception):
    """The answer is not one; its text says how."""


def read_plan(data: bytes, markers: Markers, offered: Mapping[str, Blob], facts: Facts) -> Compiled:
    """The compiled plan of an answer, with the texts of secrets filled in.

    Raises what the cookbook's own mistake was, and ``BadCookbook("cookbook-answer-wrong")``.
    """
    try:
        answer = _parsed(data)
        if set(answer) != {"plan", "secrets", "blobs"}:
            raise Wrong(f"an answer with {', '.join(sorted(answer))[:100]}")
        if markers.token.encode() in canonical(answer["plan"]):
            raise Wrong("a plan that holds a secret outside of the fields for secrets")
        plan = plan_from(answer["plan"])
        if canonical(plan_json(plan)) != canonical(answer["plan"]):
            raise Wrong("a plan with more or other members than plans have")
        secrets = _filled(answer["secrets"], markers)
        blobs = _offered(answer["blobs"], offered)
        resources = _Check(plan, secrets, blobs, facts).resources()
    except (BadCookbook, AskedWrongly):
        raise
    except RecursionError:
        raise _refused("JSON that is nested too deep") from None
    except (Wrong, Invalid, ValueError, TypeError, KeyError, AttributeError) as error:
        raise _refused(f"{error}" if isinstance(error, Wrong) else f"{error!r}") from error
    return Compiled(plan, secrets, blobs, resources)


def read_explained(data: bytes) -> tuple[Explained, ...]:
    """The attributes of an answer.  Raises as ``read_plan`` does."""
    try:
        answer = _parsed(data)
        return tuple(
            Explained(
                _text(one["key"]),
                tuple(
                    Level(_text(at["name"]), at["value"], _text(at["place"]), at["wins"] is True)
                    for at in one["levels"]
                ),
            )
            for one in answer["explained"]
        )
    except RecursionError:
        raise _refused("JSON that is nested too deep") from None
    except (Wrong, ValueError, TypeError, KeyError) as error:
        raise _refused(f"{error}" if isinstance(error, Wrong) else f"{error!r}") from error


def _parsed(data: bytes) -> dict[str, Any]:
    def no_number(text: str) -> NoReturn:
        raise Wrong(f"the number {text}")

    answer = json.loads(data, parse_constant=no_number)
    if not isinstance(answer, dict):
        raise Wrong(f"a bare {type(answer).__name__}")
    if "error" in answer:
        raise _told(answer["error"])
    return answer


def _told(error: Any) -> ToqueError:
    """The mistake that the other process found."""
    code, family = _text(error["code"]), _text(error["family"])
    log = [_text(line)[:500] for line in error.get("log", ())][-20:]
    if not CODE.fullmatch(code) or family not in FAMILIES:
        raise Wrong(f"an error {code[:50]!r}")
    words: dict[str, Any] = {name: _text(error.get(name, ""))[:2000] for name in WORDS}
    message = words.pop("message")
    return FAMILIES[family](code, message, **words, log=log)  # relays a code


def _refused(found: str) -> BadCookbook:
    return BadCookbook(
        "cookbook-answer-wrong",
        "the process that compiles other people's cookbooks did not answer with a plan",
        expected="a plan as Toque writes it",
        found=found[:500],
    )


def _filled(texts: Any, markers: Markers) -> dict[str, str]:
    """Texts of secrets with their own in the place of markers, written as their place wants it."""
    mark = re.compile(rf"@{markers.token}(\\?)\$([0-9]+)@")

    def text_of(found: re.Match[str]) -> str:
        at = int(found[2])
        if at >= len(markers.texts):
            raise Wrong("a marker of no secret")
        text = markers.texts[at]
        return encode_env({"V": text})[3:-2] if found[1] else text  # V="..." and a line end

    filled = {}
    for name, text in texts.items():
        whole = mark.sub(text_of, _text(text))
        if markers.token in whole:
            raise Wrong(f"a secret {name[:100]!r} with a part of another one that was changed")
        filled[_text(name)] = whole
    return filled


def _offered(named: Any, offered: Mapping[str, Blob]) -> dict[str, Blob]:
    for sha256, size in named.items():
        if sha256 not in offered or offered[sha256].size != size:
            raise Wrong("bytes that were not offered")
    return {sha256: offered[sha256] for sha256 in named}


class _Check:
    """The steps of a plan, each built and validated again."""

    def __init__(
        self, plan: Plan, secrets: Mapping[str, str], blobs: Mapping[str, Blob], facts: Facts
    ) -> None:
        self.plan = plan
        self.secrets = secrets
        self.blobs = blobs
        self.facts = facts
        self.index = {step.id: number for number, step in enumerate(plan.steps)}

    def resources(self) -> dict[str, Any]:
        _text(self.plan.name)
        if len(self.index) != len(self.plan.steps):
            raise Wrong("two steps of one name")
        for kind, text in self.plan.types.items():
            if kind in CLASSES or "." not in _text(kind) or not _text(text):
                raise Wrong(f"a resource type {kind[:100]!r}")
        return {
            step.id: resource
            for number, step in enumerate(self.plan.steps)
            if (resource := self._step(number, step)) is not None
        }

    def _step(self, number: int, step: Step) -> Any:
        kind = _text(step.kind)
        _text(step.place)
        for mark, known in (("$secret", self.secrets), ("$blob", self.blobs)):
            if not set(marked(step.fields, mark)) <= set(known):
                raise Wrong(f"a step {step.id[:100]!r} with a {mark[1:]} that is not there")
        if not 0 <= step.retries <= MOST_RETRIES or not math.isfinite(step.retry_wait_s):
            raise Wrong(f"retries of {step.id[:100]!r}")
        check_guards(step.id, [self._guard(guard) for guard in step.when], step.place, self.facts)
        for action in step.notify:
            self._action(number, _text(action.target), _text(action.verb))
        if kind in self.plan.types:  # its class is the cookbook's, and is not run here
            return None if step.id.startswith(f"{kind}:") else _mismatch(step.id)
        if kind not in CLASSES:
            raise Wrong(f"a resource type {kind[:100]!r} that nobody brings")
        resource = TYPES[kind](**decode_value(dict(step.fields), self.secrets))
        resource.validate()
        resource.wanted()
        return resource if resource.id == step.id else _mismatch(step.id)

    def _guard(self, guard: Guard) -> Guard:
        decode_value(dict(guard.env), self.secrets)
        return guard

    def _action(self, number: int, target: str, verb: str) -> None:
        kind = target.partition(":")[0]
        known = TYPES[kind].verbs if kind in CLASSES else (verb,)
        if self.index.get(target, -1) <= number or verb not in known:
            raise Wrong(f"a notification {verb[:50]} of {target[:100]!r}")


def _mismatch(id: str) -> NoReturn:
    raise Wrong(f"a step {id[:100]!r} that is called otherwise than its resource")


def _text(value: Any) -> str:
    if type(value) is not str:
        raise Wrong(f"a {type(value).__name__} where a text belongs")
    return value
