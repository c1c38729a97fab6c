"""Pages keep together: links lead somewhere, examples run, commands in them exist."""

from __future__ import annotations

import re
import shlex
import sys
import tomllib
import types
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from source_tree import ROOT

# By docs/_ext/reference.py:
MADE = {
    "resources.md",
    "cli.md",
    "machine-fixture.md",
    "requirements.md",
    "security-rules.md",
}
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *(p for p in sorted((ROOT / "docs").rglob("*.md")) if p.name not in MADE),
    *sorted((ROOT / "examples").glob("*/README.md")),
]
FENCE = re.compile(r"^(`{3,})([^\n`]*)\n(.*?)^\1\s*$", re.M | re.S)
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)[^)]*\)")

named = pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())


def blocks(page: Path, language: str) -> Iterator[tuple[int, str]]:
    """Line number and text of each fenced block of a language."""
    text = page.read_text()
    for match in FENCE.finditer(text):
        if match[2].strip() == language:
            yield text.count("\n", 0, match.start()) + 2, match[3]


@named
def test_links_lead_somewhere(page: Path) -> None:
    targets = LINK.findall(FENCE.sub("", page.read_text()))
    makeable = MADE if page.is_relative_to(ROOT / "docs") else {f"reference/{m}" for m in MADE}

    broken = [
        t
        for t in targets
        if not (page.parent / t).exists() and not any(t.endswith(name) for name in makeable)
    ]

    assert broken == []


@named
def test_python_examples_run(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All blocks of a page as one module, in their order, as a reader would type them."""
    module = types.ModuleType(f"page_{page.stem.replace('-', '_')}")
    monkeypatch.setitem(sys.modules, module.__name__, module)  # classes are looked up there

    for line, code in blocks(page, "python"):
        padded = "\n" * (line - 1) + code  # tracebacks then name the page's own line
        exec(compile(padded, str(page), "exec"), module.__dict__)


@named
def test_toml_examples_parse(page: Path) -> None:
    for _, text in blocks(page, "toml"):
        tomllib.loads(text)


def check_command(words: list[str]) -> None:
    """Fail unless the command tree has this command with these options."""
    from toque.cli import cli

    command: click.Command = cli
    context = click.Context(cli, info_name="toque")
    rest = words
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        below = command.get_command(context, rest[0])
        assert below is not None, f"there is no command {rest[0]}"
        context = click.Context(below, info_name=rest[0], parent=context)
        command, rest = below, rest[1:]
    known = {option for p in command.params for option in (*p.opts, *p.secondary_opts)}
    known |= {"--help"}
    for word in rest:
        if word == "--":
            break
        if word.startswith("--"):
            assert word.split("=")[0] in known, f"{command.name} has no option {word}"


@named
def test_commands_in_examples_exist(page: Path) -> None:
    for line, text in blocks(page, "console"):
        for command in re.findall(r"^[$#] (toque .*)$", text, re.M):
            try:
                check_command(shlex.split(command, comments=True)[1:])
            except AssertionError as error:
                pytest.fail(f"{page.name}:{line}: {command}: {error}")


@named
def test_scripts_in_examples_exist(page: Path) -> None:
    names = re.findall(r"^\$ (scripts/\w+)", page.read_text(), re.M)

    assert [name for name in names if not (ROOT / name).exists()] == []
