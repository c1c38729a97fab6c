"""Root changes paths in one place, which never follows a link (PR-1).

The exceptions work below /var/lib/toque only, where nobody but root can put anything, and say so.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from source_tree import SRC, called, modules

# By descriptors.  unpack/fill fills a directory that paths.py has just made; inside/ownname is run
# by the Python of an environment as the user who builds it, never by root.
THROUGH = {
    "node/paths.py", "node/removal.py", "node/walk.py", "node/unpack/fill.py",
    "node/inside/ownname.py",
}  # fmt: skip
STATE_ONLY = {
    "node/blobs.py": "bytes that travelled beside plans",
    "node/calling.py": "that a run's caller has come again",
    "node/detach.py": "the record of a run",
    "node/follow.py": "the file that asks a run to stop",
    "node/journal.py": "the lock, the token, debts and runs",
    "node/lastplan.py": "the last plan of each name",
    "node/run.py": "the state directory itself",
    "node/seal.py": "the key of the seals",
    "node/warden.py": "files of the kernel: a limit and how a process is chosen for want of memory",
}
CHANGES = {
    "chmod", "chown", "copy", "copy2", "copyfile", "copymode", "copystat", "copytree", "fchmod",
    "fchown", "ftruncate", "hardlink_to", "lchown", "link", "link_to", "makedirs", "mkdir",
    "mkdtemp", "mkfifo", "mknod", "mkstemp", "move", "remove", "removedirs", "removexattr",
    "rename", "renames", "replace", "rmdir", "rmtree", "setxattr", "symlink", "symlink_to",
    "touch", "truncate", "unlink", "utime", "write_bytes", "write_text", "NamedTemporaryFile",
    "TemporaryDirectory", "TemporaryFile", "SpooledTemporaryFile",
}  # fmt: skip
WRITES = {"O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND"}
MODULES = {"os", "shutil", "tempfile", "pathlib", "Path"}
# Names that other things have too; these count on a module only.
COMMON = {
    "chmod", "chown", "copy", "link", "mkdir", "move", "remove", "rename", "replace", "truncate",
}  # fmt: skip


def faults(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and text of each call that changes a path by its name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names = {alias.name for alias in node.names}
            if node.module in MODULES and names & CHANGES:
                yield node.lineno, ast.unparse(node)
        elif isinstance(node, ast.Call) and changes(node):
            yield node.lineno, ast.unparse(node)


def changes(call: ast.Call) -> bool:
    text, name = ast.unparse(call.func), called(call)
    if text in ("open", "io.open", "os.open", "os.fdopen"):
        return writes(call)
    on_module = text.split(".")[0].split("(")[0] in MODULES
    return name in CHANGES and "." in text and (on_module or name not in COMMON)


def writes(call: ast.Call) -> bool:
    """Whether a file is opened for more than reading, as far as its arguments tell."""
    words = {n.attr for a in [*call.args, *call.keywords] for n in ast.walk(a)
             if isinstance(n, ast.Attribute)}  # fmt: skip
    if ast.unparse(call.func) == "os.open":
        # Flags in a variable may be any.
        return bool(words & WRITES) or any(isinstance(a, ast.Name) for a in call.args[1:2])
    modes = [*call.args[1:2], *[k.value for k in call.keywords if k.arg == "mode"]]
    return any(
        not isinstance(mode, ast.Constant) or set("wax+") & set(str(mode.value)) for mode in modes
    )


def found() -> dict[str, list[str]]:
    seen: dict[str, list[str]] = {}
    for path, tree in modules(SRC / "node"):
        name = path.removeprefix("src/toque/")
        if name not in THROUGH:
            for line, text in faults(tree):
                seen.setdefault(name, []).append(f"{path}:{line}: {text}")
    return seen


def test_root_changes_paths_in_one_place() -> None:
    elsewhere = {name: lines for name, lines in found().items() if name not in STATE_ONLY}

    assert elsewhere == {}


def test_every_exception_is_one() -> None:
    assert set(STATE_ONLY) == set(found()) & set(STATE_ONLY)


@pytest.mark.parametrize(
    "planted",
    [
        "os.chown(path, 0, 0)",
        "os.rename(a, b)",
        "open(path, 'w')",
        "open(path, mode='ab')",
        "open(path, how)",
        "os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)",
        "os.open(path, flags)",
        "shutil.rmtree(path)",
        "shutil.copy(a, b)",
        "tempfile.mkstemp()",
        "from shutil import rmtree",
        "Path(x).write_text('')",
        "thing.path.symlink_to(x)",
        "pathlib.Path(x).rename(y)",
    ],
)
def test_the_rule_sees_a_planted_fault(planted: str) -> None:
    assert list(faults(ast.parse(planted)))


@pytest.mark.parametrize(
    "fine",
    [
        "open(path)",
        "open(path, 'rb')",
        "open(path, encoding='utf-8')",
        "os.open(path, os.O_RDONLY)",
        "text.replace('a', 'b')",
        "system.rename(a, b)",
        "system.chmod(path, 0o600)",
        "paths.remove(path)",
    ],
)
def test_the_rule_lets_reading_and_the_module_pass(fine: str) -> None:
    assert not list(faults(ast.parse(fine)))


STARTING = re.compile(
    r"subprocess\.(Popen|run|call|check_\w+|getoutput|getstatusoutput)|pty\.spawn"
    r"|os\.(exec\w*|spawn\w*|posix_spawn\w*|popen|system)"
)


def test_only_one_file_of_the_node_starts_programs() -> None:
    """So one place decides their arguments, environment and directory (IN-1, PR-5)."""
    starters = {
        path
        for path, tree in modules(SRC / "node")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and STARTING.fullmatch(ast.unparse(node.func))
    }

    # launch.py is text that becomes a program of its own, on machines without systemd; what is in
    # inside/ is run by the app's own Python, as the app's user.
    starters = {path for path in starters if not path.startswith("src/toque/node/inside/")}
    # oneoff.py becomes the command that a person runs, as nothing else goes on in that process.
    known = {"src/toque/node/inits/launch.py", "src/toque/node/oneoff.py"}
    # warden.py is a program of its own, too: programs.py starts it, it starts the build's user's.
    known.add("src/toque/node/warden.py")
    assert starters - known == {"src/toque/node/programs.py"}
