"""Each rule has its page, and each page its rule."""

from __future__ import annotations

import re

import pytest

from source_tree import ROOT
from toque.checks.rule import Rule
from toque.checks.rules import RULES

PAGES = ROOT / "docs" / "checks"


def test_every_page_is_of_a_rule_and_every_rule_has_one() -> None:
    written = sorted(page.stem for page in PAGES.glob("*.md") if page.stem != "index")

    assert written == sorted(rule.code for rule in RULES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_a_page_says_what_why_and_what_to_do(rule: Rule) -> None:
    text = (PAGES / f"{rule.code}.md").read_text()

    assert re.fullmatch("[a-z]+(-[a-z]+)*", rule.code)
    assert text.startswith(f"# {rule.code}\n")
    assert "\n## Why\n" in text
    assert "\n## What to do\n" in text


def test_every_code_has_a_rule_of_its_own() -> None:
    codes = [rule.code for rule in RULES]

    assert len(set(codes)) == len(codes)
    assert all(rule.title and rule.why for rule in RULES)
