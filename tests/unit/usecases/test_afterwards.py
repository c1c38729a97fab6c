"""The watches that nodes keep after a deploy, followed together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from toque.errors import Failed
from toque.fleet.app import App
from toque.fleet.node import Node
from toque.usecases import afterwards
from toque.usecases.place import Place

APP = replace(App("shop", "/repo", "web"), watch_for=60)
NEW = "1" * 12 + "-111111"
GOOD = {"release": NEW, "verdict": "good", "reasons": []}
OPEN = {"release": NEW}
BACK = {"release": NEW, "previous": "OLD", "verdict": "put-back", "reasons": ["5xx 12 %"]}
THERE: Any = [(Place(Node(name, "local", "web"), None), NEW) for name in ("web1", "web2")]  # type: ignore[arg-type]


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.at = 0.0

    def now(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds


def follow(
    monkeypatch: pytest.MonkeyPatch, says: Mapping[str, Sequence[Mapping[str, Any]]]
) -> tuple[Any, float]:
    """What ``follow`` returns or raises when nodes answer so, the last for ever; and when."""
    left = {name: list(answers) for name, answers in says.items()}

    def order_of(place: Place, app: App) -> Mapping[str, Any]:
        answers = left[place.node.name]
        return answers.pop(0) if len(answers) > 1 else answers[0]

    monkeypatch.setattr(afterwards, "order_of", order_of)
    clock = Clock()
    try:
        return afterwards.follow(THERE, APP, now=clock.now, sleep=clock.sleep), clock.at
    except Failed as error:
        return error, clock.at


def test_all_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    found, at = follow(monkeypatch, {"web1": [GOOD], "web2": [OPEN, OPEN, GOOD]})

    assert [(one.node, one.verdict) for one in found] == [("web1", "good"), ("web2", "good")]
    assert at == 2 * afterwards.ASK_S


def test_the_first_that_goes_back_ends_it_while_others_still_watch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    error, at = follow(monkeypatch, {"web1": [OPEN], "web2": [OPEN, BACK]})

    assert (error.code, at) == ("put-back", afterwards.ASK_S)
    assert error.trouble.message == "shop on web2 went back to OLD"
    assert error.trouble.found == "5xx 12 %"


def test_a_node_that_was_never_watched_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    found, at = follow(monkeypatch, {"web1": [{}], "web2": [GOOD]})

    assert ([one.verdict for one in found], at) == (["", "good"], 0.0)


def test_a_watch_without_an_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    error, at = follow(monkeypatch, {"web1": [GOOD], "web2": [OPEN]})

    assert error.code == "watch-lost"
    assert 120.0 < at < 130.0
