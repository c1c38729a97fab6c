"""Starting the program at the other end of a channel.

Imported before anything else of ours (see ``redial.py``), so it imports next to nothing itself.
"""

from __future__ import annotations

import os
import subprocess

MYPY = False
if MYPY:
    from collections.abc import Mapping, Sequence


def started(
    command: Sequence[str], env: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """A program with pipes at all three ends.  Raises ``OSError``.

    It has a session of its own: Ctrl-C reaches us, and we decide what becomes of the run.
    """
    return subprocess.Popen(
        list(command),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=env,
        bufsize=0,
        start_new_session=True,
    )


def ssh_environment(env: Mapping[str, str] | None = None) -> dict[str, str]:
    """Our environment (agent, home), but no translations and no password windows."""
    ours = dict(os.environ if env is None else env)
    ours.update(LC_ALL="C", SSH_ASKPASS_REQUIRE="never")
    return ours
