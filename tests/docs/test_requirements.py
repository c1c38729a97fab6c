"""The table of requirements and the tests' markers say the same."""

from __future__ import annotations

import requirement_table


def test_every_requirement_is_shown_by_a_test() -> None:
    shown = requirement_table.shown()

    assert [n for n in requirement_table.sentences("requirements") if n not in shown] == []


def test_no_requirement_both_holds_and_is_for_later() -> None:
    holds, later = (requirement_table.sentences(table) for table in ("requirements", "later"))

    assert holds.keys() & later.keys() == set()


def test_every_marker_names_a_requirement() -> None:
    known = {**requirement_table.sentences("requirements"), **requirement_table.sentences("later")}

    assert {n: tests for n, tests in requirement_table.shown().items() if n not in known} == {}


def test_markers_of_functions_classes_and_modules_are_found(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(requirement_table, "ROOT", tmp_path)
    path = tmp_path / "test_it.py"
    path.write_text(
        "import pytest\n"
        "pytestmark = [pytest.mark.requirement('R1')]\n"
        "class TestIt:\n"
        "    @pytest.mark.requirement('R2', 'R3')\n"
        "    def test_a(self): ...\n"
        "def helper(): ...\n"
    )

    found = list(requirement_table.in_file(path))

    assert found == [(n, "test_it.py::TestIt::test_a") for n in ("R1", "R2", "R3")]
