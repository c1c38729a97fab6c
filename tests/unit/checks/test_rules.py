"""Each rule finds what it is for, at its line, and nothing in what is right."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from check_bad import BAD
from check_cases import Case, judged, own_modules
from check_good import GOOD
from toque.checks.rules import RULES

bad = [
    pytest.param(code, case, id=f"{code}: {name}")
    for code in BAD
    for name, case in BAD[code].items()
]
good = [
    pytest.param(case, id=f"{code}: {name}") for code in GOOD for name, case in GOOD[code].items()
]


@pytest.fixture(autouse=True)
def _own_modules() -> Iterator[None]:
    with own_modules():
        yield


@pytest.mark.requirement("R27")
@pytest.mark.parametrize(("code", "case"), bad)
def test_it_is_found_at_its_line(code: str, case: Case, tmp_path: Path) -> None:
    found = judged(case, tmp_path).flaws

    assert (code, case.place) in [(f.rule.code, f"{f.seen.path}:{f.seen.line}") for f in found]
    assert all(flaw.seen.what and flaw.seen.mend for flaw in found)


@pytest.mark.parametrize("case", good)
def test_nothing_is_found_in_what_is_right(case: Case, tmp_path: Path) -> None:
    found = judged(case, tmp_path).flaws

    assert [(f.rule.code, f.seen.path, f.seen.line, f.seen.what) for f in found] == []


def test_every_rule_has_cases() -> None:
    codes = [rule.code for rule in RULES]

    assert sorted(BAD) == sorted(GOOD) == sorted(codes)
    assert all(len(cases) >= 3 for cases in (*BAD.values(), *GOOD.values()))
