"""Every rule of the threat model that this code keeps has a test that fails when it is broken."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from mutation import Mutant, rules, survivors
from source_tree import ROOT

RULES = rules()
MUTANTS = [mutant for rule in RULES for mutant in rule.mutants]

pytestmark = pytest.mark.timeout(900)  # all of them, on a busy machine


def judged(mutants: Sequence[Mutant]) -> dict[Mutant, str]:
    # Tests make sockets below it, and the name of one has to be short.
    with tempfile.TemporaryDirectory(prefix="toque-m-") as directory:
        return survivors(mutants, Path(directory))


@pytest.fixture(scope="module")
def reasons(request: pytest.FixtureRequest) -> dict[Mutant, str]:
    """The faults that no test caught, with the reason; of those only that are asked for."""
    asked = {
        item.callspec.params["mutant"]
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.originalname == "test_fault_is_caught"
    }
    return judged([mutant for mutant in MUTANTS if mutant in asked])


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.id)
def test_fault_is_caught(mutant: Mutant, reasons: dict[Mutant, str]) -> None:
    assert mutant not in reasons, reasons[mutant]


def test_all_are_caught(reasons: dict[Mutant, str], record_property) -> None:
    record_property("figure", f"caught {len(MUTANTS) - len(reasons)}/{len(MUTANTS)}")
    assert MUTANTS


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_rule_has_tests_and_faults(rule) -> None:
    assert rule.mutants
    assert rule.tests
    assert [name for name in rule.tests if not (ROOT / name).is_file()] == []
    inside = {test.split("::")[0] for mutant in rule.mutants for test in mutant.red}
    assert inside <= set(rule.tests)


def test_a_fault_is_planted_once() -> None:
    assert len({mutant.id for mutant in MUTANTS}) == len(MUTANTS)
    assert len({rule.id for rule in RULES}) == len(RULES)


SHOWN = "tests/unit/node/test_values.py::test_no_way_of_printing_shows_the_text"
LEAK = Mutant(
    "X",
    "a secret shows its text",
    "src/toque/node/values.py",
    'return f"Secret({self.name!r}, ***)"',
    'return f"Secret({self.name!r}, {self.__text})"',
    (SHOWN,),
)


def test_harness_tells_what_is_caught_from_what_is_not() -> None:
    """A fault that no test can see, one that nothing survives, and data that is out of date."""
    harmless = replace(LEAK, new=f"{LEAK.old}  # the same")
    no_code = replace(LEAK, new="return (")
    stale = replace(LEAK, old="a text that is not there")
    twice = replace(LEAK, old="self")
    no_test = replace(LEAK, red=(f"{SHOWN}_at_all",))
    blind = replace(LEAK, red=(SHOWN, SHOWN.replace("test_no_way", "test_reveal_gives")))

    found = judged([LEAK, harmless, no_code, stale, twice, no_test, blind])

    assert LEAK not in found
    assert found[harmless] == f"with the fault {SHOWN} passed"
    assert found[no_code] == f"with the fault {SHOWN} did not end"
    assert found[stale] == "stale: its text is 0 times in src/toque/node/values.py, not once"
    assert found[twice].startswith("stale")
    assert found[no_test] == f"without the fault {SHOWN}_at_all is not there"
    assert blind in found
