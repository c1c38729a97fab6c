"""Small programs of every Debian, on the machine in memory, as far as recipes use them."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ..node.errors import StepFailed
from ..node.memory import Program
from ..node.system import Result

if TYPE_CHECKING:
    from .machine import Machine

KINDS = {"-e": ("file", "directory", "link", "other"), "-f": ("file",), "-d": ("directory",)}


def programs(machine: Machine) -> dict[str, Program]:
    """Each takes a plain list of names; options are accepted and mean nothing here."""
    work: dict[str, Callable[[Machine, Sequence[str]], object]] = {
        "true": lambda machine, words: True,
        "false": lambda machine, words: False,
        "sync": lambda machine, words: True,
        "touch": _touch,
        "mkdir": _mkdir,
        "rm": _rm,
        "cp": lambda machine, words: machine.write(words[-1], machine.followed(words[0])),
        "mv": lambda machine, words: machine.rename(words[0], words[-1]),
        "ln": lambda machine, words: machine.link(words[-1], words[0]),
    }
    made = {name: _program(machine, one) for name, one in work.items()}
    made["test"] = _program(machine, _test, options=True)
    made["echo"] = lambda argv, stdin, user: Result(argv, 0, (" ".join(argv[1:]) + "\n").encode())
    return made


def _test(machine: Machine, words: Sequence[str]) -> bool:
    if words[0] in ("-L", "-h"):
        there = machine.stat(words[1])
        return there is not None and there.kind == "link"
    there = machine.stat(machine.resolved(words[1]))
    return there is not None and there.kind in KINDS.get(words[0], ())


def _touch(machine: Machine, words: Sequence[str]) -> None:
    for path in words:
        if machine.stat(path) is None:
            machine.write(path, b"")


def _mkdir(machine: Machine, words: Sequence[str]) -> None:
    for path in words:
        machine.mkdir(path, owner="root", group="root", mode=0o755)


def _rm(machine: Machine, words: Sequence[str]) -> None:
    for path in words:
        machine.remove_tree(path)


def _program(
    machine: Machine, work: Callable[[Machine, Sequence[str]], object], *, options: bool = False
) -> Program:
    """``work`` fails by raising what the machine raises, or by answering False."""

    def run(argv: Sequence[str], stdin: bytes, user: str | None) -> Result:
        words = [word for word in argv[1:] if options or not word.startswith("-")]
        try:
            return Result(argv, 1 if work(machine, words) is False else 0)
        except (StepFailed, OSError) as error:
            name = posixpath.basename(argv[0])
            return Result(argv, 1, b"", f"{name}: {error}\n".encode())

    return run
