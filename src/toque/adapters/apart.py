"""Runs a job in a process that may do nothing but answer it: see ``confine.py``."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, cast

from ..errors import AskedWrongly, BadCookbook
from .apart_main import TOO_SLOW, UNAVAILABLE

MODULE = "toque.adapters.apart_main"
PATIENCE_S = 10  # beyond the recipes' own limit: starting Python, and saying what was slow


def run(
    job: bytes,
    readable: Sequence[Path],
    packages: Path | None = None,
    *,
    limit_s: float,
    longest: int,
) -> bytes:
    """The answer to ``job``, at most ``longest`` bytes of it; the process sees ``readable`` alone.

    With ``packages`` it imports those, and of Toque's own environment what compiling takes.

    It has no network, no environment, another user and limits.  Never falls back to less: raises
    ``AskedWrongly("isolation-unavailable")`` where that cannot be had, and
    ``BadCookbook("cookbook-broke-limits")`` for a process that does not end by itself in time.
    """
    with tempfile.TemporaryDirectory(prefix="toque-apart-") as scratch:
        orders = {
            "scratch": scratch,
            "readable": [str(path) for path in (*readable, *([packages] if packages else ()))],
            "packages": str(packages or ""),
            "limit_s": int(limit_s) + PATIENCE_S,
        }
        process = subprocess.Popen(
            [sys.executable, "-I", "-B", "-m", MODULE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd="/",
            env={},
            start_new_session=True,
        )
        pipes = (process.stdin, process.stdout, process.stderr)
        order, told, words = (cast("IO[bytes]", pipe) for pipe in pipes)
        with process:
            try:
                order.write(json.dumps(orders).encode() + b"\n" + job)
                order.close()
            except BrokenPipeError:
                pass  # its exit status says why
            answer = told.read(longest + 1)
            if len(answer) > longest:
                process.terminate()  # which kills its child
            said = words.read(4096).decode("utf-8", "replace").strip()
            status = process.wait()
    if len(answer) > longest:
        raise _broke(f"more than {longest} bytes of answer")
    if status == UNAVAILABLE:
        raise AskedWrongly(
            "isolation-unavailable",
            "this machine does not let other people's cookbooks be compiled apart",
            expected="root, or user namespaces for ordinary users",
            found=said,
            hint="run toque as root, or: sysctl -w kernel.unprivileged_userns_clone=1",
        )
    if status == TOO_SLOW:
        raise _broke(f"it was still running after {orders['limit_s']} s")
    if status != 0:
        raise _broke(f"it ended with status {status} {said}".strip())
    return answer


def _broke(found: str) -> BadCookbook:
    return BadCookbook(
        "cookbook-broke-limits",
        "the process that compiles other people's cookbooks was ended",
        expected="recipes that only declare, in little time and memory",
        found=found,
    )
