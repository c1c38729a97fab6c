"""A program that is run in the machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .ask import Ask, NotSeen
from .text import decoded, encoded, short


@dataclass(frozen=True)
class Ended:
    """How a program ended: its exit status ``code``, and what it printed as ``out`` and ``err``."""

    code: int
    out: str
    err: str

    def __repr__(self) -> str:
        return f"<ended with {self.code}, out {short(self.out)}, err {short(self.err)}>"


def run(
    ask: Ask, argv: Sequence[str], stdin: bytes | str, *, user: str, timeout: float, check: bool
) -> Ended:
    """Raises ``NotSeen`` when it does not end in time, and with ``check`` when it fails."""
    value = ask("run", list(argv), encoded(stdin), user, timeout)
    out = decoded(value["out"]).decode("utf-8", "replace")
    err = decoded(value["err"]).decode("utf-8", "replace")
    if value["late"]:
        raise NotSeen(f"{' '.join(argv)} was ended after {timeout:g} s\n{out}{err}")
    if check and value["status"] != 0:
        raise NotSeen(f"{' '.join(argv)} ended with {value['status']}\n{out}{err}")
    return Ended(value["status"], out, err)


def output(ask: Ask, *argv: str, stdin: bytes | str = b"", user: str = "") -> str:
    """What a program prints that looks at something; it has to end well."""
    return run(ask, argv, stdin, user=user, timeout=60, check=True).out


def ended(ask: Ask, *argv: str, stdin: bytes | str = b"", user: str = "") -> Ended:
    """The same for a program whose failure says something."""
    return run(ask, argv, stdin, user=user, timeout=60, check=False)
