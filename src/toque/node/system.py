"""A machine as everything else sees it: what can be asked of one, and in which shape it answers."""

import os
from typing import (
    TYPE_CHECKING,
    BinaryIO,
    Callable,
    FrozenSet,
    Iterable,
    Iterator,
    List,
    Mapping,
    Optional,
    Protocol,
    Sequence,
    Tuple,
    TypeVar,
    Union,
)

from .errors import StepFailed
from .finding import Finding
from .model import Facts
from .record import dataclass, field

if TYPE_CHECKING:
    from .caller import Caller
    from .fence import Fence  # only a build needs one
    from .probe import Answer, Question  # an HTTP client, which few runs need
    from .unpack import Member

T = TypeVar("T")
Data = Union[bytes, Iterable[bytes]]


@dataclass(frozen=True)
class Result:
    """How a process ended.  ``code`` is negative for a signal, as in ``subprocess``."""

    argv: Sequence[str]
    code: int
    out: bytes = b""
    err: bytes = b""

    @property
    def text(self) -> str:
        """Standard output as text, undecodable bytes replaced."""
        return self.out.decode("utf-8", "replace")

    def tail(self, count: int = 20) -> List[str]:
        """The last ``count`` lines of standard output and error, in that order."""
        both = self.out + (b"" if self.out.endswith(b"\n") or not self.out else b"\n") + self.err
        return both.decode("utf-8", "replace").splitlines()[-count:]


NO_ROOM = "No space left on device"  # ENOSPC, in the words of every C library in the C locale


def no_room(result: Result) -> Optional[StepFailed]:
    """The failure of a program that found the disk full; None when it says nothing of that."""
    lines = result.tail()
    told = [line.strip() for line in lines if NO_ROOM in line]
    if not told:
        return None
    return StepFailed(
        "disk-full",
        f"{os.path.basename(result.argv[0])} found no room on the disk",
        expected="space and inodes for what it writes",
        found=told[-1],
        hint="see: df -h; df -i",
        log=lines,
    )


def command_failed(result: Result) -> StepFailed:
    """A failure that quotes the last words of a program; ``disk-full`` when these say so."""
    full = no_room(result)
    if full is not None:
        return full
    how = f"status {result.code}" if result.code >= 0 else f"signal {-result.code}"
    return StepFailed(
        "command-failed",
        f"{os.path.basename(result.argv[0])} ended with {how}",
        expected="status 0",
        found=how,
        log=result.tail(),
    )


def check_failed(check: Sequence[str], path: str, result: Result, old: str) -> StepFailed:
    """A failure that says why a new file was refused, and how it stands with the ``old`` one."""
    return StepFailed(
        "check-failed",
        f"{check[0]} refused the new {path}; {old}",
        expected=f"{' '.join(check)} to end with status 0",
        found=f"status {result.code}",
        log=result.tail(),
    )


@dataclass(frozen=True)
class Stat:
    """What is at a path.  ``kind`` is file, directory, link or other.

    ``owner`` and ``group`` are names, or the number as text when there is no name; ``mode`` is
    permission bits only; ``target`` is a link's text; ``changed_ns`` is when its content, owner
    or mode were last changed, by the kernel's record (``st_ctime_ns``), which nobody can set.
    """

    kind: str
    owner: str
    group: str
    mode: int
    size: int
    target: str = ""
    changed_ns: int = field(default=0, compare=False)


class System(Protocol):
    """A machine.  ``RealSystem`` is this one, ``MemorySystem`` is one in a dict."""

    @property
    def facts(self) -> Facts: ...

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
        """Run a program to its end; ``env`` is added to a minimal environment.

        With ``user`` the process has that user's ids, groups and home and gains no privileges.
        With ``tell`` it is given lines of the output as they come, and only the output's end is
        in the result.  With ``fence`` it is a build, which gets what serves has left over.
        Raises ``NotReady("program-missing")`` / ``NotReady("user-missing")``; with ``check`` also
        ``StepFailed("command-failed")``; always ``StepFailed("command-timeout")``.
        """
        ...

    def stat(self, path: str) -> Optional[Stat]:
        """What is at ``path`` itself (a link is not followed), or None."""
        ...

    def read(self, path: str) -> bytes:
        """The bytes of a regular file.  Raises ``FileNotFoundError``."""
        ...

    def opened(self, path: str, *, ours: bool = False) -> BinaryIO:
        """A regular file to read in parts, whatever its size.  Raises ``FileNotFoundError``.

        With ``ours``, ``StepFailed("unsafe-path")`` when others can change it meanwhile.
        """
        ...

    def names(self, path: str) -> List[str]:
        """Sorted names in a directory; empty when there is none."""
        ...

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
        """Replace a file atomically and durably; it is born with its final owner and mode.

        ``data`` is bytes, or parts of them as they come: what raises there replaces nothing.
        ``check`` is an argument list in which ``{}`` stands for the staged copy; when it fails
        nothing is replaced and ``StepFailed("check-failed")`` is raised.  With ``user`` the work
        is done as that user, as it has to be inside that user's own tree.
        """
        ...

    def mkdir(
        self, path: str, *, owner: str, group: str, mode: int, user: Optional[str] = None
    ) -> None:
        """Make one directory with its final owner and mode.  Its parent must be there.

        ``user`` as for ``write``.
        """
        ...

    def chown(self, path: str, owner: Optional[str], group: Optional[str]) -> None: ...

    def chmod(self, path: str, mode: int) -> None: ...

    def link(self, path: str, target: str) -> None:
        """Make ``path`` a symbolic link to ``target`` by renaming a new one over it."""
        ...

    def rename(self, old: str, new: str) -> None: ...

    def exchange(self, one: str, other: str) -> None:
        """Swap two files or directories at once."""
        ...

    def fill(self, path: str, members: "Iterable[Member]", *, owner: str, group: str) -> None:
        """Make what comes out of an archive in an empty directory that only root can enter."""
        ...

    def fetch(self, url: str, *, timeout_s: float) -> Iterator[bytes]:
        """What is at an http or https address, in parts.  Raises ``StepFailed``."""
        ...

    def remove(self, path: str) -> None:
        """Remove a file, link or empty directory; nothing happens when it is not there."""
        ...

    def remove_tree(self, path: str) -> None:
        """Remove a directory and all below it, without following links."""
        ...

    def lock_holder(self, path: str) -> str:
        """Who holds a lock (fcntl(2), as dpkg's) on a file, as ``name (process 12)``, or ""."""
        ...

    def blob(self, sha256: str) -> str:
        """The path on this machine of bytes that travelled beside the plan."""
        ...

    def observe(self, name: str, look: Callable[[], T]) -> T:
        """``look()``, remembered under ``name`` until a change disturbs it."""
        ...

    def forget(self, names: Optional[FrozenSet[str]] = None) -> None:
        """Drop what was observed under ``names`` (by prefix before ``:``); all when None."""
        ...

    def note(self, text: str) -> None:
        """Add a note to the outcome of the step that runs."""
        ...

    def taken_notes(self) -> Tuple[str, ...]:
        """The notes since the last call, for the engine."""
        ...

    def tell(self, findings: Sequence[Finding]) -> None:
        """Add findings to the outcome of the step that runs.

        Raises ``StepFailed`` with the code of the first that refuses, after all have been added.
        """
        ...

    def taken_findings(self) -> Tuple[Finding, ...]:
        """The findings since the last call, for the engine."""
        ...

    def progress(self, text: str) -> None:
        """Tell whoever watches what this step is doing now."""
        ...

    @property
    def caller(self) -> Optional["Caller"]:
        """The SSH session that asked for this run; None when it was asked for on this machine."""
        ...

    def reachable(self) -> bool:
        """Whether whoever asked for this run gets here by a new connection, tried now."""
        ...

    @property
    def patient(self) -> bool:
        """Whether waiting can help: not in check mode, where nothing comes true by itself."""
        ...

    def visit(self, question: "Question", *, timeout_s: float) -> "Answer":
        """Ask over HTTP; whatever goes wrong is in the answer."""
        ...

    def accepts(self, address: str, port: int, *, timeout_s: float) -> str:
        """Why nobody accepts a TCP connection there; nothing when somebody does."""
        ...

    def sleep(self, seconds: float) -> None: ...

    def monotonic(self) -> float: ...

    def now(self) -> float:
        """Seconds since 1970 by this machine's clock, which may be wrong."""
        ...
