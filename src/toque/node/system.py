"""The only file that touches a machine, and the protocol that everything else sees.

Work on paths goes through ``paths.py`` (directory descriptors, no link following), which only this
file calls.  Processes start from argument lists; no shell string carries a value.
"""

import os
import signal
import subprocess
import time
from typing import (
    TYPE_CHECKING,
    Any,
    BinaryIO,
    Callable,
    Dict,
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
)

from . import paths
from .asuser import as_user
from .errors import NotReady, StepFailed
from .look import Look
from .model import Facts
from .paths import Data, Stat
from .record import dataclass

if TYPE_CHECKING:
    from .caller import Caller
    from .probe import Answer, Question  # an HTTP client, which few runs need
    from .unpack import Member

T = TypeVar("T")

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


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
    ) -> Result:
        """Run a program to its end; ``env`` is added to a minimal environment.

        With ``user`` the process has that user's ids, groups and home and gains no privileges.
        With ``tell`` it is given lines of the output as they come, and only the output's end is
        in the result.
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


class RealSystem:
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
        self.caller = caller
        self._calling = calling
        self.patient = patient
        self.facts = facts
        self.blobs = blobs
        self._progress = progress
        self._pausing = pausing
        self._look = Look()
        self._seen: Dict[str, Any] = {}
        self._notes: List[str] = []

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
    ) -> Result:
        self._look.forget()
        self._pausing()
        environment = {"PATH": PATH, "LANG": "C.UTF-8", "HOME": "/root"}
        become = None
        if user is not None and user != "root":
            become, home = _become(user, cwd)
            environment.update(HOME=home, USER=user, LOGNAME=user)
        environment.update(env or {})
        try:
            process = subprocess.Popen(
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
                raise NotReady("directory-missing", f"there is no directory {cwd}") from error
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
                raise NotReady("directory-missing", f"there is no directory {cwd}") from error
            raise StepFailed(
                "command-failed",
                f"{argv[0]} cannot be run by {user} in {cwd}",
                expected=f"a directory that {user} may enter",
                hint=f"see: namei -l {cwd}",
            ) from error
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
        result = Result(argv, process.returncode, out, err)
        if check and result.code != 0:
            raise command_failed(result)
        return result

    def stat(self, path: str) -> Optional[Stat]:
        return self._look.stat(path)

    def read(self, path: str) -> bytes:
        return self._look.read(path)

    def opened(self, path: str, *, ours: bool = False) -> BinaryIO:
        return paths.opened(path, ours=ours)

    def names(self, path: str) -> List[str]:
        return paths.names(path)

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
                raise StepFailed(
                    "check-failed",
                    f"{check[0]} refused the new {path}; the old one stays",
                    expected=f"{' '.join(check)} to end with status 0",
                    found=f"status {result.code}",
                    log=result.tail(),
                )

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
        paths.remove(path)

    def remove_tree(self, path: str) -> None:
        self._look.forget()
        paths.remove_tree(path)

    def lock_holder(self, path: str) -> str:
        return paths.lock_holder(path)

    def blob(self, sha256: str) -> str:
        path = os.path.join(self.blobs, sha256)
        if not os.path.exists(path):
            raise StepFailed("blob-missing", f"bytes {sha256[:12]} did not reach the node")
        return path

    def observe(self, name: str, look: Callable[[], T]) -> T:
        if name not in self._seen:
            self._seen[name] = look()
        seen: T = self._seen[name]
        return seen

    def forget(self, names: Optional[FrozenSet[str]] = None) -> None:
        if names is None:
            self._seen.clear()
        else:
            for key in [k for k in self._seen if k.split(":", 1)[0] in names]:
                del self._seen[key]

    def note(self, text: str) -> None:
        self._notes.append(text)

    def taken_notes(self) -> Tuple[str, ...]:
        notes, self._notes = tuple(self._notes), []
        return notes

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
            as_user(_become(user, "/")[0], user, work)


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


def command_failed(result: Result) -> StepFailed:
    """A failure that quotes the last words of a program."""
    how = f"status {result.code}" if result.code >= 0 else f"signal {-result.code}"
    return StepFailed(
        "command-failed",
        f"{os.path.basename(result.argv[0])} ended with {how}",
        expected="status 0",
        found=how,
        log=result.tail(),
    )


def _become(user: str, cwd: str) -> Any:
    """A function that turns a forked child into ``user`` for good, and that user's home.

    Everything is looked up before the fork.  The child cannot gain privileges again
    (PR_SET_NO_NEW_PRIVS, prctl(2) option 38), so set-user-id programs do not help app code.
    ``cwd`` is entered by ``user``: entered by root, a link in its place would lead app code past
    directories that are closed to it.
    """
    import ctypes
    import pwd

    try:
        entry = pwd.getpwnam(user)
    except KeyError as error:
        raise NotReady(
            "user-missing",
            f"there is no user {user}",
            expected="a step before this one that makes the user",
        ) from error
    groups = os.getgrouplist(user, entry.pw_gid)
    libc = ctypes.CDLL(None, use_errno=True)

    def become() -> None:
        os.setgroups(groups)
        os.setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid)
        os.setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid)
        os.umask(0o027)
        libc.prctl(38, 1, 0, 0, 0)
        os.chdir(cwd)

    return become, entry.pw_dir
