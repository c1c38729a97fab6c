"""What is shipped to nodes is standard library only, imports relatively, and is Python 3.9."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator

from source_tree import ROOT, SRC, modules

NODE = SRC / "node"
LATER_THAN_3_9 = {"tomllib"}  # modules of this Python's standard library that 3.9 lacks


def strangers(path: str, tree: ast.Module) -> Iterator[str]:
    """Imports that the zip on a node could not answer."""
    depth = len((ROOT / path).relative_to(NODE).parts)
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or ""]
        elif isinstance(node, ast.ImportFrom) and node.level > depth:
            yield f"{path}:{node.lineno}: reaches out of the package"
        for name in names:
            first = name.split(".")[0]
            if first not in sys.stdlib_module_names or first in LATER_THAN_3_9:
                yield f"{path}:{node.lineno}: {name}"


def test_node_imports_only_the_standard_library_and_itself() -> None:
    assert [fault for path, tree in modules(NODE) for fault in strangers(path, tree)] == []


def test_node_parses_as_python_3_9() -> None:
    for path in sorted(NODE.rglob("*.py")):
        ast.parse(path.read_text(), str(path), feature_version=(3, 9))


def test_the_rule_sees_planted_strangers() -> None:
    planted = ast.parse(
        "import click\nfrom toque import errors\nfrom .. import errors\nimport tomllib"
    )

    assert len(list(strangers("src/toque/node/planted.py", planted))) == 4


def test_a_usual_run_imports_nothing_that_it_has_no_use_for() -> None:
    """Every module here costs each run on each node milliseconds of CPU."""
    usual = (
        "import json, sys; sys.path.insert(0, sys.argv[1])\n"
        "import toque.node.__main__, toque.node.run as run\n"
        "kinds = [run.TYPES[kind] for kind in run.USUAL]\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", usual, str(SRC.parent)], capture_output=True, check=True
    )
    imported = set(json.loads(done.stdout))
    assert "toque.node.resources.file" in imported
    # Since 3.13 the standard library's own dataclasses cannot do without inspect.
    heavy = {"argparse", "ast", "asyncio", "difflib", "http", "inspect", "logging", "shutil", "ssl"}
    assert imported & heavy <= ({"ast", "inspect"} if sys.version_info >= (3, 13) else set())
