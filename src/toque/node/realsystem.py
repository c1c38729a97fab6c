"""The machine this process runs on.

Paths are worked on in ``reading.py``, ``paths.py`` and ``removal.py`` and programs started in
``programs.py``, which resources reach only through here.
"""

import os
import time
from typing import (
    TYPE_CHECKING,
    BinaryIO,
    Callable,
    Iterable,
    Iterator,
    List,
    Mapping,
    Optional,
    Sequence,
)

from . import paths, programs, reading, removal
from .asuser import as_user
from .errors import StepFailed
from .look import Look
from .model import Facts
from .notebook import Notebook
from .system import Data, Result, Stat, check_failed, command_failed

if TYPE_CHECKING:
    from .caller import Caller
    from .fence import Fence  # only a build needs one
    from .probe import Answer, Question  # an HTTP client, which few runs need
    from .unpack import Member


class RealSystem(Notebook):
    """The machine this process runs on."""

    def __init__(
        self,
        facts: Facts,
        *,
        blobs: str = "/var/lib/toque/blobs",
        progress: Callable[[str], None] = lambda text: None,
        pausing: Callable[[], None] = lambda: None,
        patient: bool = True,
        caller: Optional["Caller"] = None,
        calling: Callable[[], bool] = lambda: True,
    ) -> None:
        """``pausing`` is called before anything that may take long; ``calling`` asks the caller."""
        super().__init__()
        self.caller = caller
        self._calling = calling
        self.patient = patient
        self.facts = facts
        self.blobs = blobs
        self._progress = progress
        self._pausing = pausing
        self._look = Look()

    def run(
        self,
        argv: Sequence[str],
        *,
        user: Optional[str] = None,
        cwd: str = "/",
        env: Optional[Mapping[str, str]] = None,
        stdin: bytes = b"",
        timeout_s: float = 600.0,
        check: bool = True,
        tell: Optional[Callable[[str], None]] = None,
        fence: Optional["Fence"] = None,
    ) -> Result:
        self._look.forget()
        self._pausing()
        if fence is not None:
            from .fenced import run as run_behind

            result = run_behind(
                argv, fence, user=user, cwd=cwd, env=env or {}, timeout_s=timeout_s, tell=tell,
                systemd=os.path.isdir("/run/systemd/system"), note=self.note,
            )  # fmt: skip
        else:
            result = programs.run(
                argv, user=user, cwd=cwd, env=env or {}, stdin=stdin, timeout_s=timeout_s, tell=tell
            )
        if check and result.code != 0:
            raise command_failed(result)
        return result

    def stat(self, path: str) -> Optional[Stat]:
        return self._look.stat(path)

    def read(self, path: str) -> bytes:
        return self._look.read(path)

    def opened(self, path: str, *, ours: bool = False) -> BinaryIO:
        return reading.opened(path, ours=ours)

    def names(self, path: str) -> List[str]:
        return reading.names(path)

    def write(
        self,
        path: str,
        data: Data,
        *,
        owner: str = "root",
        group: str = "root",
        mode: int = 0o644,
        check: Sequence[str] = (),
        user: Optional[str] = None,
    ) -> None:
        def accept(staged: str) -> None:
            result = self.run([staged if a == "{}" else a for a in check], check=False)
            if result.code != 0:
                raise check_failed(check, path, result, "the old one stays")

        def write() -> None:
            paths.write(
                path, data, owner=owner, group=group, mode=mode, accept=accept if check else None
            )

        self._as(user, write)

    def mkdir(
        self, path: str, *, owner: str, group: str, mode: int, user: Optional[str] = None
    ) -> None:
        self._as(user, lambda: paths.mkdir(path, owner=owner, group=group, mode=mode))

    def chown(self, path: str, owner: Optional[str], group: Optional[str]) -> None:
        self._look.forget()
        paths.chown(path, owner, group)

    def chmod(self, path: str, mode: int) -> None:
        self._look.forget()
        paths.chmod(path, mode)

    def link(self, path: str, target: str) -> None:
        self._look.forget()
        paths.link(path, target)

    def rename(self, old: str, new: str) -> None:
        self._look.forget()
        paths.rename(old, new)

    def exchange(self, one: str, other: str) -> None:
        self._look.forget()
        paths.exchange(one, other)

    def fill(self, path: str, members: "Iterable[Member]", *, owner: str, group: str) -> None:
        from .unpack.fill import fill  # only an archive pays for it

        self._look.forget()
        self._pausing()
        fill(path, members, owner=owner, group=group)

    def fetch(self, url: str, *, timeout_s: float) -> Iterator[bytes]:
        from .fetch import fetch  # only a download pays for it

        self._pausing()
        return fetch(url, timeout_s=timeout_s)

    def remove(self, path: str) -> None:
        self._look.forget()
        removal.remove(path)

    def remove_tree(self, path: str) -> None:
        self._look.forget()
        removal.remove_tree(path)

    def lock_holder(self, path: str) -> str:
        from .locks import lock_holder  # only who cannot get a lock pays for it

        return lock_holder(path)

    def blob(self, sha256: str) -> str:
        path = os.path.join(self.blobs, sha256)
        if not os.path.exists(path):
            raise StepFailed("blob-missing", f"bytes {sha256[:12]} did not reach the node")
        return path

    def progress(self, text: str) -> None:
        self._progress(text)

    def visit(self, question: "Question", *, timeout_s: float) -> "Answer":
        from .probe import visit

        self._pausing()
        return visit(question, timeout_s=timeout_s)

    def accepts(self, address: str, port: int, *, timeout_s: float) -> str:
        from .probe import accepts

        self._pausing()
        return accepts(address, port, timeout_s=timeout_s)

    def reachable(self) -> bool:
        self._pausing()
        return self._calling()

    def sleep(self, seconds: float) -> None:
        self._pausing()
        time.sleep(seconds)

    def monotonic(self) -> float:
        return time.monotonic()

    def now(self) -> float:
        return time.time()

    def _as(self, user: Optional[str], work: Callable[[], None]) -> None:
        self._look.forget()
        if user is None or user == "root":
            work()
        else:
            as_user(user, work)
