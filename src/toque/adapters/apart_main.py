"""The process that compiles other people's cookbooks: ``python -I -m toque.adapters.apart_main``.

It reads one line about the confinement and a job on standard input, and writes the answer to
standard output.  This process stays outside and only watches; its child is confined, compiles and
ends.  Exit status 97 means that nothing could be confined, and nothing was run.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import sysconfig
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import FrameType, ModuleType

from . import confine

UNAVAILABLE = 97
TOO_SLOW = 98
OURS = ("toque", "jinja2", "markupsafe")


def main() -> int:
    orders = json.loads(sys.stdin.buffer.readline())
    data = sys.stdin.buffer.read()
    root = os.geteuid() == 0
    confine.prctl(confine.PR_SET_PDEATHSIG, signal.SIGTERM)
    readable = [*confine.python_paths(), *orders["readable"]]
    try:
        confine.separate()
    except confine.Unavailable as error:
        return _unavailable(error)
    child = os.fork()
    if child == 0:
        os._exit(_confined(orders, readable, data, root))
    return _watched(child, orders["limit_s"])


def _confined(orders: dict[str, object], readable: list[str], data: bytes, root: bool) -> int:
    if packages := str(orders["packages"]):
        _only(packages)
    from toque.cookbooks import job  # ours, read before the file system is gone

    limit_s = int(str(orders["limit_s"]))
    try:
        confine.confine(str(orders["scratch"]), readable, cpu_s=limit_s, root=root)
    except confine.Unavailable as error:
        return _unavailable(error)
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(0, 1)  # what recipes print goes nowhere
    answer.write(job.work(data))
    answer.flush()
    return 0


def _only(packages: str) -> None:
    """Import from the folder ``packages``, and from Toque's environment what compiling takes.

    A cookbook that uses a package which Toque happens to have would fail with the next Toque.
    """
    standard = sysconfig.get_path("stdlib")
    python = [p for p in sys.path if p in (standard, f"{standard}/lib-dynload") or p[-4:] == ".zip"]
    sys.meta_path.append(_Ours([path for path in sys.path if path not in python]))
    sys.path[:] = [packages, *python]


class _Ours(MetaPathFinder):
    """Finds Toque and its templates where this process had them before."""

    def __init__(self, paths: list[str]) -> None:
        self.paths = paths

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return PathFinder.find_spec(name, self.paths) if name in OURS and not path else None


def _watched(child: int, limit_s: int) -> int:
    """How the child ended; it is killed after ``limit_s``, or when whoever asked is gone."""
    late = False

    def end(number: int, frame: FrameType | None) -> None:
        nonlocal late
        late = True
        os.kill(child, signal.SIGKILL)

    os.close(1)  # the answer's end is the child's
    signal.signal(signal.SIGALRM, end)
    signal.signal(signal.SIGTERM, end)
    signal.setitimer(signal.ITIMER_REAL, limit_s)
    _, status = os.waitpid(child, 0)
    if late:
        return TOO_SLOW
    return os.waitstatus_to_exitcode(status) & 0x7F if os.WIFEXITED(status) else 128 + status


def _unavailable(error: confine.Unavailable) -> int:
    os.write(2, f"{error}\n".encode())
    return UNAVAILABLE


if __name__ == "__main__":
    sys.exit(main())
