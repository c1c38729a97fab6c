"""Which test shows which requirement: read from ``@pytest.mark.requirement("R6")`` markers.

The tests are parsed, not imported, so this costs nothing and needs no machine.
"""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
TABLE = ROOT / "docs" / "requirements.toml"


def sentences(table: str) -> dict[str, str]:
    """Number to sentence: those ``requirements`` that hold, or those for ``later``."""
    found: dict[str, str] = tomllib.loads(TABLE.read_text())[table]
    return found


def marks(decorators: list[ast.expr]) -> Iterator[str]:
    """The numbers in ``requirement(...)`` marks among expressions."""
    for decorator in decorators:
        for node in ast.walk(decorator):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "requirement"
            ):
                yield from (str(a.value) for a in node.args if isinstance(a, ast.Constant))


def in_file(path: Path) -> Iterator[tuple[str, str]]:
    """Pairs of number and test id in a file; marks on a class or module hold for all in it."""
    tree = ast.parse(path.read_text(), str(path))
    where = path.relative_to(ROOT).as_posix()

    def walk(body: list[ast.stmt], prefix: str, inherited: list[str]) -> Iterator[tuple[str, str]]:
        for node in body:
            if isinstance(node, ast.ClassDef):
                yield from walk(
                    node.body,
                    f"{prefix}{node.name}::",
                    [*inherited, *marks(node.decorator_list)],
                )
            elif isinstance(node, ast.FunctionDef) and node.name.startswith("test"):
                for number in [*inherited, *marks(node.decorator_list)]:
                    yield number, f"{where}::{prefix}{node.name}"

    module_marks = [
        number
        for node in tree.body
        if isinstance(node, ast.Assign)
        and any(isinstance(t, ast.Name) and t.id == "pytestmark" for t in node.targets)
        for number in marks([node.value])
    ]
    yield from walk(tree.body, "", module_marks)


def shown() -> dict[str, list[str]]:
    """Requirement number to the ids of the tests that show it."""
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for number, test in in_file(path):
            found.setdefault(number, []).append(test)
    return found


def page() -> str:
    tests = shown()
    lines = [
        "<!-- made by docs/_ext/requirement_table.py from docs/requirements.toml and the tests -->",
        "",
        "# Requirements and their tests",
        "",
        "Each is shown by tests that carry its number, on real machines where the claim needs one.",
        "To run those of one: `scripts/test -k NAME`, or give the id as it stands here.",
        "",
        "| number | what holds | shown by |",
        "|---|---|---|",
    ]
    later = {n: sentence for n, sentence in sentences("later").items() if n in tests}
    listed = {**sentences("requirements"), **later}
    for number, sentence in sorted(listed.items(), key=lambda pair: int(pair[0][1:])):
        ids = "<br>".join(f"`{test}`" for test in tests.get(number, [])) or "no test yet"
        lines.append(f"| {number} | {sentence} | {ids} |")
    return "\n".join(lines) + "\n"
