"""Commands of the user at the moments of a suite's life, on this host or in its machines."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping

from ..errors import Failed
from . import api
from .api import Kitchen
from .instance import Instance
from .kitchenfile import Hook, Moment

COMMAND = 'exec 2>&1; eval "$1"'  # the user's own text, which is one for a shell
TAIL = 20  # lines of what a failed command printed


def run(
    kitchen: Kitchen,
    instance: Instance,
    moment: Moment,
    environ: Mapping[str, str],
    say: Callable[[str], None],
) -> None:
    """Run the hooks of a moment in their order.  Raises ``Failed("kitchen-hook-failed")``.

    A local one has TOQUE_SUITE, TOQUE_PLATFORM, TOQUE_INSTANCE and TOQUE_MACHINES (names with
    blanks between) in its environment.
    """
    for hook in instance.hooks_at(moment):
        if hook.local:
            say(f"{moment}: {hook.local}")
            done = subprocess.run(
                ["/bin/sh", "-c", COMMAND, "sh", hook.local],
                cwd=instance.folder,
                env={**environ, **_told(instance)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
            )
            _succeeded(moment, hook, "this host", done, say)
            continue
        for member in instance.members:
            if hook.machine in ("", member.name):
                say(f"{moment} in {member.machine}: {hook.remote}")
                argv = ["/bin/sh", "-c", COMMAND, "sh", hook.remote]
                done = api.execute(kitchen, member.machine, argv)
                _succeeded(moment, hook, member.machine, done, say)


def _told(instance: Instance) -> Mapping[str, str]:
    return {
        "TOQUE_SUITE": instance.suite,
        "TOQUE_PLATFORM": instance.platform,
        "TOQUE_INSTANCE": instance.name,
        "TOQUE_MACHINES": " ".join(member.machine for member in instance.members),
    }


def _succeeded(
    moment: Moment,
    hook: Hook,
    where: str,
    done: subprocess.CompletedProcess[bytes],
    say: Callable[[str], None],
) -> None:
    lines = os.fsdecode(done.stdout).splitlines()
    if done.returncode == 0:
        for line in lines:
            say(f"  {line}")
        return
    raise Failed(
        "kitchen-hook-failed",
        f"the hook {moment} failed on {where}",
        expected=f"`{hook.local or hook.remote}` to end with status 0",
        found=f"status {done.returncode}",
        log=lines[-TAIL:],
    )
