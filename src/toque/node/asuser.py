"""Programs of another user, and work on paths inside a user's own tree, done as that user.

Whatever the owner of a tree swaps in there meanwhile leads only to where that owner could have
gone anyway.  The work happens in a forked child that has given up root for good.
"""

import contextlib
import json
import os
from typing import Any, Callable, Dict, List, Tuple

from .errors import NotReady, StepFailed
from .record import dataclass


@dataclass(frozen=True)
class Identity:
    name: str
    uid: int
    gid: int
    groups: List[int]
    home: str


def identity(user: str) -> Identity:
    """Who ``user`` is on this machine.  Raises ``NotReady("user-missing")``."""
    import pwd

    try:
        entry = pwd.getpwnam(user)
    except KeyError as error:
        raise NotReady(
            "user-missing",
            f"there is no user {user}",
            expected="a step before this one that makes the user",
            hint="toque setup NODE --only-setup",
        ) from error
    groups = os.getgrouplist(user, entry.pw_gid)
    return Identity(user, entry.pw_uid, entry.pw_gid, groups, entry.pw_dir)


def becoming(user: str, cwd: str) -> Tuple[Callable[[], None], str]:
    """A function that turns a forked child into ``user`` for good, and that user's home.

    Everything is looked up before the fork.  The child cannot gain privileges again
    (PR_SET_NO_NEW_PRIVS, prctl(2) option 38), so set-user-id programs do not help app code.
    ``cwd`` is entered by ``user``: entered by root, a link in its place would lead app code past
    directories that are closed to it.
    """
    import ctypes

    who = identity(user)
    libc = ctypes.CDLL(None, use_errno=True)

    def become() -> None:
        os.setgroups(who.groups)
        os.setresgid(who.gid, who.gid, who.gid)
        os.setresuid(who.uid, who.uid, who.uid)
        os.umask(0o027)
        libc.prctl(38, 1, 0, 0, 0)
        os.chdir(cwd)

    return become, who.home


def as_user(user: str, work: Callable[[], None]) -> None:
    """Run ``work`` in a child that has become ``user``; what it raises is raised here."""
    become, _ = becoming(user, "/")
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        said: Dict[str, Any] = {"code": "step-failed", "message": f"work as {user} broke off"}
        try:
            os.close(reader)
            become()
            work()
            said = {}
        except StepFailed as error:
            said = {
                "ready": not isinstance(error, NotReady),
                "code": error.code,
                "message": f"{error.message} (as {user})",
                "expected": error.expected,
                "found": error.found,
                "hint": error.hint,
            }
        except BaseException as error:  # noqa: BLE001 - nothing may unwind into the parent's frames
            said["message"] = f"work as {user} failed: {type(error).__name__}: {error}"
        finally:
            with contextlib.suppress(OSError):
                os.write(writer, json.dumps(said).encode())
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    if not text:
        raise StepFailed("step-failed", f"work as {user} was killed")
    told = json.loads(text)
    if not told:
        return
    kind = StepFailed if told.pop("ready", True) else NotReady
    raise kind(told.pop("code"), told.pop("message"), **told)  # relays a code
