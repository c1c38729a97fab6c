"""Work on paths inside a user's own tree, done as that user.

Whatever the owner of a tree swaps in there meanwhile leads only to where that owner could have
gone anyway.  The work happens in a forked child that has given up root for good.
"""

import contextlib
import json
import os
from typing import Any, Callable, Dict

from .errors import NotReady, StepFailed


def as_user(become: Callable[[], None], user: str, work: Callable[[], None]) -> None:
    """Run ``work`` in a child that calls ``become`` first; what it raises is raised here."""
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
