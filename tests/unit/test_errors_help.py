"""An error that a user of a command meets says which command helps."""

from __future__ import annotations

import ast

from source_tree import SRC, called, modules

RAISED = {"AskedWrongly", "Failed", "Unreachable"}
PACKAGES = ("cli", "usecases")
WITHOUT = {
    "bad-variable": "a name that is ours to set: only another name helps",
    "node-speaks-wrongly": "no command mends a node that lies",
}


def test_errors_of_commands_have_a_hint() -> None:
    looked_at = 0
    silent: dict[str, str] = {}
    for path, tree in (one for name in PACKAGES for one in modules(SRC / name)):
        for call in (one for one in ast.walk(tree) if isinstance(one, ast.Call)):
            code = call.args[0] if call.args else None
            if called(call) not in RAISED or not isinstance(code, ast.Constant):
                continue
            looked_at += 1
            if not any(keyword.arg in ("hint", None) for keyword in call.keywords):
                silent.setdefault(code.value, f"{path}:{call.lineno}")

    assert looked_at > 100
    assert {code: place for code, place in silent.items() if code not in WITHOUT} == {}
    assert set(silent) == set(WITHOUT)  # no entry is left over
