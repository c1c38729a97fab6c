"""The page that says what replaces Chef's resources knows all of ours."""

import re

import toque
from source_tree import ROOT
from toque.node.resources import CLASSES

PAGE = (ROOT / "docs" / "reference" / "coming-from-chef.md").read_text()


def test_every_type_is_on_the_page() -> None:
    named = set(re.findall(r"`([A-Z]\w+)", PAGE))

    assert set(CLASSES.values()) - named == set()


def test_what_is_named_on_the_right_can_be_imported() -> None:
    cells = [row.strip("|").split("|")[1] for row in PAGE.splitlines() if row.startswith("| ")]
    named = {name for cell in cells for name in re.findall(r"`([A-Z]\w+)", cell)}

    assert named - set(toque.__all__) == set()
