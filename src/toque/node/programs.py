"""Starting programs, and waiting for their end.

They start from argument lists, without a shell, with nothing of our own environment and, for
another user, without root's privileges.
"""

import os
import signal
import subprocess
from typing import Callable, Mapping, Optional, Sequence, Tuple

from .asuser import becoming
from .errors import NotReady, StepFailed
from .system import Result

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def run(
    argv: Sequence[str],
    *,
    user: Optional[str],
    cwd: str,
    env: Mapping[str, str],
    stdin: bytes,
    timeout_s: float,
    tell: Optional[Callable[[str], None]],
) -> Result:
    """As ``System.run`` without ``check``: whatever the program ended with is in the result."""
    process = _started(argv, user, cwd, env)
    try:
        if tell is None:
            out, err = process.communicate(stdin, timeout=timeout_s)
        else:
            from .streams import follow

            out, err = follow(process, stdin, timeout_s, tell)
    except subprocess.TimeoutExpired as error:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = _last_words(process, error)
        raise StepFailed(
            "command-timeout",
            f"{argv[0]} did not end in time",
            expected=f"an end within {timeout_s:g} s",
            found="it was still running and was killed",
            log=Result(argv, -9, out, err).tail(),
        ) from error
    return Result(argv, process.returncode, out, err)


def _started(
    argv: Sequence[str], user: Optional[str], cwd: str, env: Mapping[str, str]
) -> "subprocess.Popen[bytes]":
    environment = {"PATH": PATH, "LANG": "C.UTF-8", "HOME": "/root"}
    become = None
    if user is not None and user != "root":
        become, home = becoming(user, cwd)
        environment.update(HOME=home, USER=user, LOGNAME=user)
    environment.update(env)
    try:
        return subprocess.Popen(
            list(argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=None if become else cwd,
            env=environment,
            preexec_fn=become,
            start_new_session=True,
        )
    except FileNotFoundError as error:
        if not os.path.isdir(cwd):
            raise _no_directory(cwd) from error
        raise NotReady(
            "program-missing",
            f"there is no program {argv[0]}",
            expected=f"{argv[0]} to be installed before this step",
        ) from error
    except PermissionError as error:
        raise StepFailed(
            "command-failed", f"{argv[0]} may not be run by {user or 'root'}: {error}"
        ) from error
    except subprocess.SubprocessError as error:  # ``become`` could not
        if not os.path.isdir(cwd):
            raise _no_directory(cwd) from error
        raise StepFailed(
            "command-failed",
            f"{argv[0]} cannot be run by {user} in {cwd}",
            expected=f"a directory that {user} may enter",
            hint=f"see: namei -l {cwd}",
        ) from error


def _no_directory(cwd: str) -> NotReady:
    return NotReady("directory-missing", f"there is no directory {cwd}")


def _last_words(
    process: "subprocess.Popen[bytes]", error: subprocess.TimeoutExpired
) -> Tuple[bytes, bytes]:
    """What a killed program said; what it has left running elsewhere is not waited for."""
    if process.stdout is not None and not process.stdout.closed:
        try:
            return process.communicate(timeout=1.0)
        except subprocess.TimeoutExpired as late:
            error = late
    process.wait()
    return error.output or b"", error.stderr or b""
