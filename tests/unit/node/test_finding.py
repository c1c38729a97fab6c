"""How a finding travels from a step to whoever reads of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from toque.cli.show import Shown
from toque.cli.trouble import words as error_words
from toque.node.engine import walk
from toque.node.errors import StepFailed
from toque.node.finding import Finding, first_refusal, refusal, words
from toque.node.journal import MemoryJournal
from toque.node.memory import MemorySystem
from toque.node.model import Outcome, Plan, Report, Status, Step
from toque.node.notebook import Notebook
from toque.node.record import dataclass
from toque.node.resource import Resource
from toque.node.wire import finding_from, finding_json, outcome_from, outcome_json
from toque.usecases.converge import StepError, succeeded

SLOW = Finding("slow-page", "warn", "the page takes 9 s", ("GET / 9.1 s",), help="make it quick")
GONE = Finding(
    "file-gone", "refuse", "the file is gone", ("no such file",), "app/a.py:3", "git add app/a.py"
)
LIKELY = Finding("host-refused", "refuse", "the host is not known", certain=False)


@dataclass(frozen=True)
class Looks(Resource):
    """Tells ``findings`` by name, once it is fixed."""

    kind = "looks"
    name: str
    tells: tuple[str, ...]

    def wanted(self) -> Mapping[str, Any]:
        return {"looked": True}

    def found(self, system: Any) -> None:
        return None

    def fix(self, system: Any, keys: frozenset[str]) -> None:
        system.tell([{"slow": SLOW, "gone": GONE}[name] for name in self.tells])

    def reads_back(self) -> bool:
        return False


def walked(*tells: str, **more: Any) -> Outcome:
    step = Step("looks:a", "looks", {"name": "a", "tells": list(tells)}, **more)
    journal = MemoryJournal(())
    plan = Plan("look", (step,))
    return walk(plan, MemorySystem(), {"looks": Looks}, journal=journal, secrets={})[0]


def test_what_refuses_ends_the_step_with_its_code_after_all_has_been_told() -> None:
    book = Notebook()

    with pytest.raises(StepFailed) as raised:
        book.tell([SLOW, GONE, LIKELY])

    assert raised.value.code == "file-gone"
    assert book.taken_findings() == (SLOW, GONE, LIKELY)
    assert book.taken_findings() == ()


def test_a_warning_ends_nothing() -> None:
    outcome = walked("slow")

    assert (outcome.status, outcome.findings) == (Status.CHANGED, (SLOW,))


def test_a_step_that_refuses_carries_its_evidence_and_what_helps() -> None:
    outcome = walked("slow", "gone")

    assert outcome.status is Status.FAILED
    assert outcome.findings == (SLOW, GONE)
    assert outcome.trouble == {
        "code": "file-gone",
        "message": "the file is gone",
        "found": "at app/a.py:3",
        "hint": "git add app/a.py",
        "log": ["no such file"],
    }


def test_a_step_that_is_tried_again_tells_each_finding_once() -> None:
    assert walked("slow", "gone", retries=2, retry_wait_s=0.0).findings == (SLOW, GONE)


def test_a_sensitive_step_tells_none() -> None:
    assert walked("slow", sensitive=True).findings == ()


def test_certain_refusals_come_before_likely_ones() -> None:
    assert first_refusal([SLOW, LIKELY, GONE]) == GONE
    assert first_refusal([SLOW, LIKELY]) == LIKELY
    assert first_refusal([SLOW]) is None
    assert refusal(LIKELY).message == "perhaps: the host is not known"


def test_findings_travel_whole() -> None:
    for finding in (SLOW, GONE, LIKELY):
        assert finding_from(json.loads(json.dumps(finding_json(finding)))) == finding
    outcome = walked("slow", "gone")
    assert outcome_from(json.loads(json.dumps(outcome_json(outcome)))) == outcome


def test_a_level_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="loud"):
        finding_from({"code": "a", "level": "loud"})


def test_the_command_line_shows_warnings_at_their_step_and_refusals_as_the_error() -> None:
    said: list[str] = []
    Shown(say=said.append).outcome(walked("slow", "gone"))

    text = "\n".join(said)
    assert "warning [slow-page] the page takes 9 s" in text
    assert "| GET / 9.1 s" in text
    assert "try       make it quick" in text
    assert "file-gone" not in text


def test_nothing_of_a_finding_drives_the_terminal() -> None:
    said: list[str] = []
    evil = Finding("slow-page", "warn", "slow", ("\x1b[2Jgone",))
    Shown(say=said.append).outcome(Outcome("a:b", Status.OK, findings=(evil,)))

    assert "\x1b[2J" not in "\n".join(said)


def test_an_error_lists_every_other_refusal_and_json_has_all() -> None:
    outcome = walked("gone")
    other = Finding("port-taken", "refuse", "port 80 is taken", ("nginx",))
    outcome = Outcome(
        outcome.step, Status.FAILED, trouble=outcome.trouble, findings=(SLOW, GONE, other)
    )
    with pytest.raises(StepError) as raised:
        succeeded(Report("r", "p", "d", "apply", (outcome,)), "web1")

    trouble = raised.value.trouble
    text = "\n".join(error_words(trouble))
    assert text.count("the file is gone") == 1
    assert "refused [port-taken] port 80 is taken" in text
    codes = [finding["code"] for finding in trouble.as_json()["findings"]]  # type: ignore[attr-defined]
    assert codes == ["slow-page", "file-gone", "port-taken"]


def test_words_say_when_we_are_not_sure() -> None:
    assert words(LIKELY) == ["refused [host-refused] perhaps: the host is not known"]
