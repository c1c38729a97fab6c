"""Every error code in the source has its page, and every page a code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from source_tree import ROOT, called, modules, text_of

PAGES = ROOT / "docs" / "errors"
ROOTS = {
    "ToqueError",
    "AskedWrongly",
    "BadCookbook",
    "Unreachable",
    "Failed",
    "StepFailed",
    "NotReady",
    "Cause",  # of a failed request, as the logs prove it
    "Finding",  # no error, but its code leads to a page like theirs
}
KEBAB = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
RELAYED = "# relays a code"  # on the line of a raise that passes on what a node or a file said


def families() -> dict[str, bool]:
    """Every error class by name, and whether it fixes its own code in ``__init__``."""
    classes = [
        node for _, tree in modules() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)
    ]
    found = dict.fromkeys(ROOTS, False)
    while True:
        more = {
            c.name: any(isinstance(n, ast.FunctionDef) and n.name == "__init__" for n in c.body)
            for c in classes
            if c.name not in found
            and any(isinstance(b, ast.Name) and b.id in found for b in c.bases)
        }
        if not more:
            return found
        found.update(more)


def raised(tree: ast.Module, known: dict[str, bool]) -> Iterator[tuple[int, ast.expr | None]]:
    """Line and first argument of each place that gives an error its code."""
    for outer in ast.walk(tree):
        if isinstance(outer, ast.ClassDef) and known.get(outer.name) and outer.name not in ROOTS:
            for node in ast.walk(outer):
                if (
                    isinstance(node, ast.Call)
                    and called(node) == "__init__"
                    and isinstance(node.func, ast.Attribute)
                    and isinstance(node.func.value, ast.Call)
                ):
                    yield node.lineno, node.args[0] if node.args else None
        elif isinstance(outer, ast.Call) and (
            known.get(called(outer)) is False
            # the one error that is no exception of ours, made where the program ends
            or (called(outer) == "Trouble" and outer.args and text_of(outer.args[0]))
        ):
            yield outer.lineno, outer.args[0] if outer.args else None


def codes() -> tuple[dict[str, list[str]], list[str]]:
    """Code to the places that use it; and the places whose code is not a kebab-case literal."""
    known = families()
    found: dict[str, list[str]] = {}
    unclear: list[str] = []
    for path, tree in modules():
        lines = (ROOT / path).read_text().splitlines()
        for line, first in raised(tree, known):
            code = text_of(first)
            if code is not None and KEBAB.fullmatch(code):
                found.setdefault(code, []).append(f"{path}:{line}")
            elif RELAYED not in lines[line - 1]:
                unclear.append(f"{path}:{line}")
    return found, unclear


def pages() -> list[Path]:
    return [path for path in sorted(PAGES.glob("*.md")) if path.stem != "index"]


def test_every_code_is_a_literal_so_that_it_can_be_found() -> None:
    assert codes()[1] == []


def test_every_code_has_a_page() -> None:
    written = {path.stem for path in pages()}
    missing = {code: places for code, places in codes()[0].items() if code not in written}

    assert missing == {}


def test_every_page_is_of_a_code_that_exists() -> None:
    known = codes()[0]

    assert [path.name for path in pages() if path.stem not in known] == []


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.stem)
def test_a_page_says_what_why_and_what_to_do(page: Path) -> None:
    text = page.read_text()

    assert text.startswith(f"# {page.stem}\n")
    assert "\n## Why\n" in text
    assert "\n## What to do\n" in text
