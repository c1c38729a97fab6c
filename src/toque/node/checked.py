"""Replacing a file that a program has to accept, for every type that writes one.

With ``{}`` among the arguments of the check it stands for a staged copy, and the old file stays
until the copy is accepted.  Without, as in ``nginx -t``, the program looks at the whole
configuration in place: the new file is put there first, and what was there comes back when it is
refused.  What to go back to is kept in a marker beside the file, so that a run killed in between
is seen (``pending``) and taken up by the next.
"""

import os
from typing import Sequence

from .errors import StepFailed
from .system import System, check_failed

UNCHECKED = ".toque-unchecked-"  # beside a file whose check has not been passed yet


def in_place(check: Sequence[str]) -> bool:
    """Whether the check looks at the file where it stays."""
    return bool(check) and "{}" not in check


def pending(system: System, path: str) -> bool:
    """Whether what is at ``path`` was never accepted: its run was killed before the check."""
    return system.stat(_marker(path)) is not None


def replace(
    system: System,
    path: str,
    data: bytes,
    *,
    owner: str,
    group: str,
    mode: int,
    check: Sequence[str] = (),
) -> None:
    """Write ``data`` to ``path`` if ``check`` accepts it.  Raises ``check-failed``."""
    if not in_place(check):
        system.write(path, data, owner=owner, group=group, mode=mode, check=check)
        return
    # A marker that is already there is from a killed run and holds the last text that was good.
    marker = _marker(path)
    if not pending(system, path):
        there = system.stat(path)
        if there is None:
            system.link(marker, "nothing")
        else:
            old = system.read(path)
            system.write(marker, old, owner=there.owner, group=there.group, mode=there.mode)
    system.write(path, data, owner=owner, group=group, mode=mode)
    try:
        result = system.run(check, check=False)
    except StepFailed:  # the program is not there, or never ended: nobody accepted it
        _put_back(system, path)
        raise
    if result.code == 0:
        system.remove(marker)
        return
    _put_back(system, path)
    raise check_failed(check, path, result, "what was there before is back")


def _put_back(system: System, path: str) -> None:
    marker = _marker(path)
    before = system.stat(marker)
    if before is not None and before.kind == "file":
        system.rename(marker, path)
    else:
        system.remove(path)
        system.remove(marker)


def _marker(path: str) -> str:
    return os.path.join(os.path.dirname(path), UNCHECKED + os.path.basename(path))
