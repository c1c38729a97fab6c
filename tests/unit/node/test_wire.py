"""Everything that travels comes back as it was, and a plan at rest holds no secret."""

import json
import string
from dataclasses import asdict
from typing import Any, Dict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toque.node import wire
from toque.node.model import Action, Facts, Guard, Outcome, Plan, Report, Status, Step
from toque.node.values import Blob, Secret

words = st.text(max_size=20)
names = st.text(string.ascii_lowercase, min_size=1, max_size=8)
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)
secrets = st.builds(Secret, names, words)
blobs = st.builds(Blob, st.text("0123456789abcdef", min_size=64, max_size=64), st.integers(0))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | words | st.binary(max_size=40) | blobs,
    lambda inner: (
        st.lists(inner, max_size=3).map(tuple) | st.dictionaries(names, inner, max_size=3)
    ),
    max_leaves=8,
)
actions = st.builds(Action, words, names)
guards = st.builds(Guard, st.sampled_from(["exists", "missing"]), words) | st.builds(
    Guard,
    st.sampled_from(["succeeds", "fails"]),
    st.lists(words, min_size=1, max_size=3),
    user=st.none() | names,
    cwd=words,
    env=st.dictionaries(names, words, max_size=2),
    timeout_s=st.integers(1, 100).map(float),
)
steps = st.builds(
    Step,
    id=words,
    kind=names,
    fields=st.dictionaries(names, plain, max_size=3),
    place=words,
    when=st.lists(guards, max_size=2).map(tuple),
    notify=st.lists(actions, max_size=2).map(tuple),
)
plans = st.builds(Plan, words, st.lists(steps, max_size=4).map(tuple))
lines = st.lists(words, max_size=3).map(tuple)
outcomes = st.builds(
    Outcome,
    step=words,
    status=st.sampled_from(Status),
    diff=lines,
    actions=lines,
    seconds=st.integers(0, 10_000).map(lambda n: n / 100),
    place=words,
    notes=lines,
    trouble=st.none() | st.fixed_dictionaries({"code": names, "message": words}),
)
reports = st.builds(
    Report,
    run=words,
    plan=words,
    digest=words,
    mode=st.sampled_from(["check", "apply"]),
    outcomes=st.lists(outcomes, max_size=3).map(tuple),
    owed=st.lists(actions, max_size=3).map(tuple),
    seconds=st.integers(0, 10_000).map(lambda n: n / 100),
    token=st.integers(0),
)


def travelled(value: Any) -> Any:
    return json.loads(json.dumps(value))


@given(plans)
def test_plan_comes_back_as_it_was(plan: Plan) -> None:
    back = wire.plan_from(travelled(wire.plan_json(plan)))

    assert back == plan
    assert wire.digest(back) == wire.digest(plan)


@given(outcomes)
def test_outcome_comes_back_as_it_was(outcome: Outcome) -> None:
    assert wire.outcome_from(travelled(wire.outcome_json(outcome))) == outcome


@given(reports)
def test_report_comes_back_as_it_was(report: Report) -> None:
    assert wire.report_from(travelled(wire.report_json(report))) == report


@given(values)
def test_field_value_comes_back_as_it_was(value: Any) -> None:
    encoded = wire.encode_value(value, {}, {})

    assert wire.decode_value(travelled(encoded), {}) == value


@given(st.dictionaries(names, secrets, max_size=3))
def test_secret_travels_apart_from_its_plan(value: Dict[str, Secret]) -> None:
    texts: Dict[str, str] = {}
    value = {key: Secret(f"{key}/{one.name}", one.reveal()) for key, one in value.items()}

    encoded = wire.encode_value(value, texts, {})

    assert encoded == {key: {"$secret": one.name} for key, one in value.items()}
    assert wire.decode_value(travelled(encoded), texts) == value


@given(st.binary())
def test_hash_of_a_plan_ignores_where_it_was_written_and_nothing_else(data: bytes) -> None:
    encoded = wire.encode_value(data, {}, {})
    one = Plan("p", (Step("file:/a", "file", {"content": encoded}, place="a.py:1"),))
    moved = Plan("p", (Step("file:/a", "file", {"content": encoded}, place="b.py:9"),))
    other = Plan("p", (Step("file:/a", "file", {"content": encoded, "mode": 1}),))

    assert wire.digest(one) == wire.digest(moved)
    assert wire.digest(one) != wire.digest(other)


def test_facts_come_back_and_unknown_ones_of_a_newer_node_are_passed_over() -> None:
    facts = Facts(hostname="web1", addresses=("10.0.0.1",), extra={"ports": {"http": 80}})

    back = wire.facts_from(travelled({**asdict(facts), "from_the_future": 1}))

    assert back == facts


def test_plan_of_another_format_is_refused_with_both_numbers() -> None:
    with pytest.raises(ValueError, match=f"plan format 99, this Toque reads {wire.FORMAT}"):
        wire.plan_from({"format": 99, "name": "p", "steps": []})


def test_value_that_cannot_travel_is_named_by_its_type() -> None:
    with pytest.raises(TypeError, match="a value of type complex"):
        wire.encode_value({"a": [1j]}, {}, {})


def test_a_guard_as_usual_says_no_more_than_its_test() -> None:
    assert wire.guard_json(Guard("fails", ["x"])) == ["fails", ["x"]]
    assert wire.guard_json(Guard("fails", ["x"], user="app")) == ["fails", ["x"], {"user": "app"}]
