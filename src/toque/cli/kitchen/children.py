"""Several instances at once: the same command for each, in a process of its own.

A process each, because cookbooks are imported, and a machine that hangs must hold up no other.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import click

from ...errors import Failed

# util-linux; where it is not there, a kill of ours leaves theirs to end by themselves.
WITH_US = ("setpriv", "--pdeathsig", "KILL") if shutil.which("setpriv") else ()
COLOURS = ("cyan", "magenta", "yellow", "green", "blue")


@dataclass(frozen=True)
class Ended:
    """How a command for one instance ended; ``told`` is its JSON object."""

    instance: str
    status: int
    told: dict[str, Any]

    @property
    def said(self) -> dict[str, Any]:
        """What it said of its instance, or the error that it ended with."""
        whole = {"instance": self.instance, "exit": self.status}
        for one in self.told.get("instances", ()):
            whole |= one
        return {**whole, "error": self.told["error"]} if "error" in self.told else whole


def run(
    command: Sequence[str], names: Sequence[str], *, abreast: int, quiet: bool
) -> tuple[Ended, ...]:
    """Run ``toque kitchen COMMAND NAME`` for each name, ``abreast`` of them at a time.

    Each line of theirs is shown with the name of its instance; with ``quiet`` none is, and they
    are asked for JSON.
    """
    width, shown = max(map(len, names)), threading.Lock()

    def one(number: int, name: str) -> Ended:
        label = click.style(f"{name:<{width}} | ", fg=COLOURS[number % len(COLOURS)])
        argv = [*WITH_US, sys.executable, "-m", "toque", "kitchen", *command, name]
        argv += ["--json"] if quiet else []
        told: dict[str, Any] = {}
        with subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=None if quiet else subprocess.STDOUT, text=True, errors="replace",
        ) as child:  # fmt: skip
            for line in child.stdout or ():
                if quiet:
                    told = _object(line) or told
                    continue
                with shown:
                    click.echo(label + line.rstrip("\n"))
        return Ended(name, child.returncode, told)

    with ThreadPoolExecutor(abreast) as pool:
        return tuple(pool.map(one, range(len(names)), names))


def _object(line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def require(ended: Iterable[Ended]) -> None:
    """Raise ``Failed("kitchen-suites-failed")`` unless all ended well."""
    bad = [one for one in ended if one.status != 0]
    if bad:
        raise Failed(
            "kitchen-suites-failed",
            f"{len(bad)} of the suites failed: {', '.join(one.instance for one in bad)}",
            expected="status 0 of each",
            found=", ".join(f"{one.instance}: status {one.status}" for one in bad),
            hint=f"toque kitchen login {bad[0].instance}",
            log=list(_codes(bad)),
        )


def _codes(bad: Iterable[Ended]) -> Iterator[str]:
    for one in bad:
        error = one.told.get("error", {})
        if error:
            yield f"{one.instance}: [{error.get('code', '')}] {error.get('what', '')}"
