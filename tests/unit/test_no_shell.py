"""No shell string carries a value: processes start from argument lists."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from source_tree import called, modules, text_of

SHELLS = {"sh", "bash", "dash", "/bin/sh", "/bin/bash", "/usr/bin/bash", "/usr/bin/sh"}
FORBIDDEN = {
    "os.system",
    "os.popen",
    "subprocess.getoutput",
    "subprocess.getstatusoutput",
    "asyncio.create_subprocess_shell",
}


def constants(tree: ast.Module) -> set[str]:
    """Names that a module binds to one string literal."""
    return {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign) and text_of(node.value) is not None
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def is_false(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


def faults(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and reason of each place where a shell could be handed a value."""
    fixed = constants(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            account = called(node) == "User"  # our type: the shell of somebody who logs in
            if any(
                k.arg == "shell" and not account and not is_false(k.value) for k in node.keywords
            ):
                yield node.lineno, "shell="
            if ast.unparse(node.func) in FORBIDDEN or called(node) == "create_subprocess_shell":
                yield node.lineno, ast.unparse(node.func)
        if isinstance(node, ast.List | ast.Tuple) and not isinstance(node.ctx, ast.Store):
            yield from in_arguments(node, fixed)


def in_arguments(node: ast.List | ast.Tuple, fixed: set[str]) -> Iterator[tuple[int, str]]:
    """``[..., "sh", "-c", TEXT]`` whose TEXT is neither a literal nor a module's constant."""
    for at, item in enumerate(node.elts[:-1]):
        option = text_of(node.elts[at + 1]) or ""
        if text_of(item) in SHELLS and option.startswith("-") and option.endswith("c"):
            script = node.elts[at + 2] if len(node.elts) > at + 2 else None
            constant = isinstance(script, ast.Name) and script.id in fixed
            if text_of(script) is None and not constant:
                yield node.lineno, "a shell with a text that is not a literal"


def test_no_shell_is_handed_a_value() -> None:
    found = [f"{path}:{line}: {why}" for path, tree in modules() for line, why in faults(tree)]

    assert found == []


@pytest.mark.parametrize(
    "planted",
    [
        "subprocess.run(x, shell=True)",
        "subprocess.run(x, shell=flag)",
        "os.system('true')",
        "os.popen(x)",
        "asyncio.create_subprocess_shell(x)",
        "run(['sh', '-c', f'echo {x}'])",
        "run(['sudo', 'bash', '-lc', x])",
        "run(['/bin/sh', '-ec', 'echo ' + x])",
        "run(('sh', '-c', *rest))",
        "run(['sh', '-c'] + rest)",
    ],
)
def test_the_rule_sees_a_planted_fault(planted: str) -> None:
    assert list(faults(ast.parse(planted)))


@pytest.mark.parametrize(
    "fine",
    [
        "run(['sh', '-c', 'echo \"$1\"', 'sh', x])",
        "SCRIPT = 'exec \"$@\"'\nrun(['sh', '-c', SCRIPT, 'sh', x])",
        "subprocess.run(argv, shell=False)",
    ],
)
def test_the_rule_lets_constant_scripts_pass(fine: str) -> None:
    assert not list(faults(ast.parse(fine)))
