"""``toque check`` as one types it: text, JSON, SARIF and the exit status."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from check_bad import BAD
from check_cases import Case, recipe
from cookbook_repository import repository
from toque.checks.rules import RULES
from toque.cli import main

Run = Callable[..., tuple[int, str]]
KEY = BAD["private-key"]["a file"]
CLEAN = recipe('r.add(Log("x"))\n')
WARNING = BAD["command-always"]["plain"]


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Run]:
    """``run(case, "--json")`` -> exit status and output, in the folder ``site`` of a repository."""
    before = set(sys.modules)

    def typed(case: Case, *options: str) -> tuple[int, str]:
        for name, text in case.project.items():
            path = tmp_path / "site" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
        monkeypatch.chdir(tmp_path / "site")
        with pytest.raises(SystemExit) as left:
            main(["check", *options])
        return int(left.value.code or 0), capsys.readouterr().out

    yield typed
    for name in set(sys.modules) - before:
        if name.partition(".")[0] == "web":
            del sys.modules[name]


def test_a_clean_project_ends_with_0(run: Run) -> None:
    assert run(CLEAN) == (0, "nothing to mend in web\n")


@pytest.mark.requirement("R27")
def test_a_key_is_named_by_file_and_line_and_never_shown(run: Run) -> None:
    for options in ((), ("--json",), ("--format", "sarif")):
        status, said = run(KEY, *options)

        assert status == 3
        assert "keys/deploy" in said
        assert KEY.files["keys/deploy"].splitlines()[1] not in said


def test_warnings_fail_with_strict_alone(run: Run) -> None:
    assert run(WARNING)[0] == 0
    assert run(WARNING, "--strict")[0] == 3


def test_text_is_grouped_by_file_and_plain_in_a_pipe(run: Run) -> None:
    case = Case({**WARNING.files, **KEY.files})

    said = run(case)[1]

    assert "\x1b" not in said
    assert [line for line in said.splitlines() if not line.startswith(" ")] == [
        "books/web/__init__.py",
        "keys/deploy",
        "1 error, 1 warning",
    ]


def test_json_has_all_of_a_finding(run: Run) -> None:
    status, said = run(KEY, "--json")
    told = json.loads(said)

    assert (status, told["errors"], told["warnings"], told["allowed"]) == (3, 1, 0, [])
    (finding,) = told["findings"]
    assert (finding["code"], finding["severity"]) == ("private-key", "error")
    assert (finding["file"], finding["line"]) == ("keys/deploy", 1)
    assert all(finding[name] for name in ("what", "why", "mend"))
    assert finding["page"] == "docs/checks/private-key.md"


def test_sarif_has_rules_places_from_the_top_and_what_is_allowed(run: Run) -> None:
    accepted = recipe("""
        # toque: allow command-always -- it only asks
        r.add(Command(("x",), always=True))
    """)
    status, said = run(Case({**accepted.files, **KEY.files}), "--format", "sarif")
    told = json.loads(said)
    (made,) = told["runs"]

    assert (status, told["version"]) == (3, "2.1.0")
    rules = made["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == [rule.code for rule in RULES]
    assert all(rules[one["ruleIndex"]]["id"] == one["ruleId"] for one in made["results"])
    key, allowed = made["results"]
    place = key["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "site/keys/deploy"
    assert place["region"] == {"startLine": 1}
    assert "suppressions" not in key
    assert allowed["suppressions"] == [{"kind": "inSource", "justification": "it only asks"}]


@pytest.mark.parametrize("form", [("--json",), ("--format", "sarif")])
def test_what_recipes_print_is_no_part_of_it(run: Run, form: tuple[str, ...]) -> None:
    assert json.loads(run(recipe('print("from a recipe")\n'), *form)[1])


def test_two_forms_at_once_are_refused(run: Run) -> None:
    assert run(CLEAN, "--json", "--format", "sarif")[0] == 2


def test_a_folder_of_cookbooks_needs_no_settings(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(BAD["unknown-attribute"]["in a recipe"])
    (tmp_path / "site" / "toque.toml").unlink()
    monkeypatch.chdir(tmp_path / "site" / "books")

    with pytest.raises(SystemExit) as left:
        main(["check", "--json"])

    assert left.value.code == 3


def test_a_folder_without_cookbooks_is_no_clean_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as left:
        main(["check"])

    assert left.value.code == 3
    assert "[cookbook-missing]" in capsys.readouterr().err


def test_cookbooks_with_dependencies_are_checked_with_those(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environ: dict[str, str] = {}
    made = repository(tmp_path, environ)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(made.directory)
    book = made.directory / "cookbooks/web-book/src/web_book/__init__.py"
    text = book.read_text()

    told = []
    for change in (
        text,
        text.replace("tiny.VERSION", "tiny.NOTHING"),
        text.replace("tiny", "huge"),
    ):
        book.write_text(change)
        for argv in (["lock"], ["check", "--json"]):
            with pytest.raises(SystemExit):
                main(argv)
        findings = json.loads(capsys.readouterr().out.splitlines()[-1])["findings"]
        told.append([(one["code"], one["file"].rpartition("/")[2]) for one in findings])

    assert told == [[], [("recipe-broken", "__init__.py")], [("import-broken", "__init__.py")]]
