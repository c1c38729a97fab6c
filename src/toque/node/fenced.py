"""A build behind its fence: a control group of its own, with limits and less weight.

Where there is no systemd to make one, the program has a low priority and limits on itself.
"""

import json
import os
import pkgutil
import sys
from typing import Any, Callable, Dict, Mapping, Optional, Sequence

from . import programs
from .asuser import identity
from .errors import NotReady
from .fence import AFTER_S, TOLD, Fence, judged, memory, verdict, words
from .system import Result

START = (
    "import sys;sys.path[:1]=[];import json;asked=json.load(sys.stdin);"
    "told={'__name__':'warden'};exec(compile(asked.pop('program'),'warden','exec'),told);"
    "told['main'](asked)"
)


def run(
    argv: Sequence[str],
    fence: Fence,
    *,
    user: Optional[str],
    cwd: str,
    env: Mapping[str, str],
    timeout_s: float,
    tell: Optional[Callable[[str], None]],
    systemd: bool,
    note: Callable[[str], None],
) -> Result:
    """As ``programs.run``, behind the fence.

    Raises ``StepFailed``: ``build-out-of-memory``, ``disk-full``, ``command-timeout``.
    """
    ids = identity(user or "root")
    unit = f"toque-build-{fence.name}-{os.getpid()}.scope"
    try:
        with open("/proc/meminfo") as file:
            memory_mb = memory(fence.memory_mb, file.read())
    except FileNotFoundError:  # a chroot
        memory_mb = memory(fence.memory_mb, "")
    order: Dict[str, Any] = {
        "program": (pkgutil.get_data(__package__ or "", "warden.py") or b"").decode("utf-8"),
        "argv": list(argv), "cwd": cwd, "unit": unit, "parent": os.getpid(),
        "uid": ids.uid, "gid": ids.gid, "groups": ids.groups, "timeout_s": timeout_s,
        "memory_mb": memory_mb, "processes": fence.processes,
        "env": {"PATH": programs.PATH, "LANG": "C.UTF-8", "HOME": ids.home,
                "USER": ids.name, "LOGNAME": ids.name, **env},
    }  # fmt: skip

    def started(before: Sequence[str]) -> Result:
        return programs.run(
            [*before, sys.executable, "-c", START],
            user=None, cwd="/", env={}, stdin=json.dumps(order).encode(),
            timeout_s=timeout_s + AFTER_S,
            tell=lambda line: tell(line) if tell and not line.startswith(TOLD) else None,
        )  # fmt: skip

    ended = None
    if systemd:
        try:
            result = started(words(fence, unit, memory_mb, timeout_s))
            ended = verdict(result.err)
            if ended is None and result.code <= 0:  # it ran, and was killed from outside
                return Result(argv, result.code, result.out, result.err)
            why = (result.tail(1) or [""])[0]
        except NotReady as error:
            why = error.message
    else:
        why = "no systemd runs here"
    if ended is None:
        note(f"the build has no control group, but a low priority and limits of its own: {why}")
        result = started(())
        ended = verdict(result.err)
    if ended is None:  # the warden itself was killed
        return Result(argv, result.code or 1, result.out, result.err)
    err = result.err[: result.err.rfind(b"\n" + TOLD.encode())]
    found = Result(argv, ended["code"], result.out, err)
    trouble = judged(found, ended, memory_mb, timeout_s, cwd)
    if trouble is not None:
        raise trouble
    return found
