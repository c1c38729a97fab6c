"""The pages made from the code say what a reader would type."""

from __future__ import annotations

import sys
from collections.abc import Mapping

import pytest

from source_tree import ROOT

sys.path.insert(0, str(ROOT / "docs/_ext"))

import reference


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (str, "str"),
        (bool | None, "bool | None"),
        (tuple[str, ...], "tuple[str, ...]"),
        (Mapping[str, int | str], "Mapping[str, int | str]"),
    ],
)
def test_types_are_written_as_today(annotation: object, words: str) -> None:
    assert reference.type_words(annotation) == words


def test_modes_are_octal() -> None:
    assert "| `mode` | `int` | `0o644` |" in reference.resources_page()


def test_fields_of_fields_have_a_table_of_their_own() -> None:
    page = reference.resources_page()

    assert page.index("## Firewall\n") < page.index("### FirewallRule\n") < page.index("## Git\n")
    assert "takes:\n\n    Firewall(" in page
    assert "| `action` | `str` | required |" in page


def test_no_module_shows_in_a_type() -> None:
    assert "toque.node." not in "".join(
        line for line in reference.resources_page().splitlines() if line.startswith("| `")
    )


def test_help_is_as_the_command_line_prints_it() -> None:
    assert "-h, --help" in reference.cli_page()
