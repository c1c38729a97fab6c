"""Answers of a process that compiles hostile cookbooks: refused unless they are exactly a plan."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from toque.cookbooks.answer import read_explained, read_plan
from toque.cookbooks.compile import Compiled
from toque.cookbooks.job import Markers
from toque.errors import BadCookbook
from toque.node.values import Blob
from toque.testing import DEBIAN

TOKEN = "0123456789abcdef" * 2
TEXT = "p%40ss\"w'o$r`d\\ \u00e9"
KNOWN = Blob("1" * 64, 7)


ANSWERS = {
    "nothing": "",
    "no JSON": "{",
    "a bare value": "[]",
    "not a number": '{"plan": NaN}',
    "deep JSON": "[" * 100_000,
    "other members": '{"plan": {}, "secrets": {}, "blobs": {}, "more": 1}',
    "an error without a code": '{"error": {}}',
    "an error of another family": '{"error": {"code": "x", "family": "Exception"}}',
    "an error with a path for a code": '{"error": {"code": "../x", "family": "asked"}}',
    "another format": "PLAN format=2",
    "steps that are no list": "PLAN steps={}",
    "a step without fields": 'PLAN steps=[{"id":"log:x","kind":"log"}]',
    "a step of no type": "STEP kind='none' id='none:x'",
    "a step under another name": "STEP id='log:other'",
    "two steps of one name": "TWICE",
    "a member too many": "STEP more=1",
    "a number for a text": "STEP place=1",
    "a field that there is not": "STEP fields={'message':'x','more':1}",
    "a field of another type": "STEP fields={'message':['x']}",
    "a relative path": "STEP kind='file' id='file:x' fields={'path':'x'}",
    "a secret that nobody handed out": "STEP fields={'message':{'$secret':'none'}}",
    "bytes that were not offered": "BLOB",
    "a notification backwards": "STEP notify=[['log:x','run']]",
    "retries without end": "STEP retries=1000000000 retry_wait_s=1.0",
    "a guard of no kind": "STEP when=[['never','x']]",
    "a built-in type of its own": "PLAN types={'file':'x=1'}",
    "a marker of another secret": "MARKER",
    "a rogue resource type": "PLAN types={'rogue':'x=1'}",
    "an own type nobody uses the name of": "STEP kind='own.x'",
    "a size that is not the size": "SIZE",
}


def whole() -> dict[str, Any]:
    step = {"id": "log:x", "kind": "log", "fields": {"message": "x"}, "place": "", "when": [],
            "notify": []}  # fmt: skip
    plan = {"format": 1, "name": "p", "steps": [step]}
    return {"plan": plan, "secrets": {}, "blobs": {}}


def written(answer: str) -> bytes:
    """An answer that is right but for what the words say."""
    data = whole()
    plan, step = data["plan"], data["plan"]["steps"][0]
    changes = {name: eval(value, {}) for name, value in re.findall(r"(\w+)=(\S+)", answer)}
    if answer.startswith("STEP"):
        step.update(changes)
    elif answer.startswith("PLAN"):
        plan.update(changes)
    elif answer == "TWICE":
        plan["steps"].append(step)
    elif answer == "BLOB":
        data["blobs"] = {"0" * 64: 5}
    elif answer == "SIZE":
        data["blobs"] = {KNOWN.sha256: 8}
    elif answer == "MARKER":
        data["secrets"] = {"x": f"@{TOKEN}$7@"}
    else:
        return answer.encode()
    return json.dumps(data).encode()


def read(data: bytes) -> Compiled:
    markers = Markers({"thena/KEY": TEXT}, TOKEN)
    return read_plan(data, markers, {KNOWN.sha256: KNOWN}, DEBIAN)


def test_right_answer_is_taken() -> None:
    """So that what is refused below is refused for what is wrong in it."""
    assert read(written("STEP")).ids == ("log:x",)


def test_every_wrong_answer_is_refused() -> None:
    refused = []
    for name, answer in ANSWERS.items():
        try:
            print(f"{name}: {read(written(answer)).plan}")
        except BadCookbook as error:
            assert error.code in ("cookbook-answer-wrong", "bad-guard"), name
            refused.append(name)

    print(f"\nwrong answers that were refused: {len(refused)}/{len(ANSWERS)}")
    assert refused == list(ANSWERS)


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        (f"@{TOKEN}$0@", TEXT),
        (f"a @{TOKEN}$0@ b", f"a {TEXT} b"),
        (f'K="@{TOKEN}\\$0@"\n', 'K="p%40ss\\"w\'o\\$r\\`d\\\\ \u00e9"\n'),
    ],
)
def test_secrets_are_filled_in_as_their_place_wants_them(text: str, filled: str) -> None:
    data = whole()
    data["secrets"] = {"x": text}

    assert read(json.dumps(data).encode()).secrets == {"x": filled}


@pytest.mark.parametrize("data", ["", "{", "[]", "{}", '{"explained": [1]}', "[" * 100_000])
def test_wrong_explanation_is_refused(data: str) -> None:
    with pytest.raises(BadCookbook) as caught:
        read_explained(data.encode())

    assert caught.value.code == "cookbook-answer-wrong"
