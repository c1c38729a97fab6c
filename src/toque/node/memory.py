"""A machine in a dict: the same protocol as ``RealSystem``, for our tests and cookbook authors'.

Files, directories and links behave; programs are functions you pass in.
"""

import hashlib
import io
from dataclasses import dataclass, field
from typing import (
    TYPE_CHECKING,
    Any,
    BinaryIO,
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    Optional,
    Sequence,
    Tuple,
)

from .errors import NotReady, StepFailed
from .model import Facts
from .notebook import Notebook
from .system import Data, Result, Stat, check_failed, command_failed

if TYPE_CHECKING:
    from .caller import Caller
    from .probe import Answer, Question
    from .unpack import Member

MOST_LINKS = 40  # as the kernel: path_resolution(7)
EPOCH = 1_800_000_000.0  # what time it is on a new machine, in seconds since 1970
Program = Callable[[Sequence[str], bytes, Optional[str]], Result]


@dataclass
class Entry:
    """One thing in the tree: ``data`` for a file, ``target`` for a link."""

    kind: str
    data: bytes = b""
    target: str = ""
    owner: str = "root"
    group: str = "root"
    mode: int = 0o644
    changed: int = field(default=0, compare=False)  # counts, where a machine has the time


class MemorySystem(Notebook):
    """``files`` maps paths to bytes (their directories are made); ``programs`` maps the name of a
    program (last part of its path) to a function of argument list, standard input and user;
    ``answers`` maps a URL, or ``host:port`` where only connecting counts, to what is answered."""

    def __init__(
        self,
        *,
        facts: Optional[Facts] = None,
        files: Optional[Mapping[str, bytes]] = None,
        programs: Optional[Mapping[str, Program]] = None,
        blobs: Optional[Mapping[str, bytes]] = None,
        answers: Optional[Mapping[str, "Answer"]] = None,
    ) -> None:
        super().__init__()
        self.facts = facts or Facts(os="debian", release="12", codename="bookworm")
        self.tree: Dict[str, Entry] = {"/": Entry("directory", mode=0o755)}
        self.programs: Dict[str, Program] = dict(programs or {})
        self.calls: List[Tuple[str, ...]] = []
        self.progressed: List[str] = []
        self.answers: Dict[str, Answer] = dict(answers or {})
        self.patient = True
        self.caller: Optional[Caller] = None
        self.answering = True  # the caller, when a new connection is tried
        self.clock = 0.0
        self.locks: Dict[str, str] = {}  # who holds the lock on a path
        self._changes = 0
        for path, data in (files or {}).items():
            self.put(path, data)
        for data in (blobs or {}).values():
            self.put(f"/var/lib/toque/blobs/{hashlib.sha256(data).hexdigest()}", data)

    def put(self, path: str, data: bytes = b"", kind: str = "file", **rest: Any) -> None:
        """Set up a file, making the directories above it."""
        parts = path.strip("/").split("/")
        for count in range(1, len(parts)):
            above = "/" + "/".join(parts[:count])
            self.tree.setdefault(above, Entry("directory", mode=0o755))
        self.tree[path] = Entry(kind, data, **rest)

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
        self.calls.append(tuple(argv))
        program = self.programs.get(argv[0].rsplit("/", 1)[-1])
        if program is None:
            raise NotReady("program-missing", f"there is no program {argv[0]}")
        result = program(argv, stdin, user)
        if tell is not None:
            for line in result.tail():
                tell(line)
        if check and result.code != 0:
            raise command_failed(result)
        return result

    def stat(self, path: str) -> Optional[Stat]:
        try:
            entry = self.tree.get(self._real(path))
        except NotADirectoryError:
            return None
        if entry is None:
            return None
        size = len(entry.target.encode() if entry.kind == "link" else entry.data)
        return Stat(
            entry.kind, entry.owner, entry.group, entry.mode, size, entry.target, entry.changed
        )

    def read(self, path: str) -> bytes:
        entry = self.tree.get(self._real(path))
        if entry is None:
            raise FileNotFoundError(path)
        if entry.kind != "file":
            raise _wrong_kind(f"{path} is not a file", entry)
        return entry.data

    def opened(self, path: str, *, ours: bool = False) -> BinaryIO:
        data = self.read(path)
        entry = self.tree[self._real(path)]
        if ours and (entry.owner != "root" or entry.mode & 0o022):
            raise StepFailed("unsafe-path", f"{path} can be changed by others while it is read")
        return io.BytesIO(data)

    def names(self, path: str) -> List[str]:
        try:
            top = self._real(path, whole=True)
        except NotADirectoryError as error:
            raise StepFailed("wrong-kind", f"{path} is not a directory") from error
        entry = self.tree.get(top)
        if entry is not None and entry.kind != "directory":
            raise _wrong_kind(f"{path} is not a directory", entry)
        top = top.rstrip("/") + "/"
        below = (p[len(top) :] for p in self.tree if p.startswith(top) and p != top)
        return sorted(name for name in below if name and "/" not in name)

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
        path = self._parent_checked(path, "write")
        staged = f"{path.rpartition('/')[0]}/.toque-{0:016}-{path.rpartition('/')[2]}"
        whole = data if isinstance(data, bytes) else b"".join(data)
        self.tree[staged] = Entry("file", whole, "", owner, group, mode, self._tick())
        try:
            if check:
                result = self.run([staged if a == "{}" else a for a in check], check=False)
                if result.code != 0:
                    raise check_failed(check, path, result, "the old one stays")
            self._replace(staged, path, "write")
        finally:
            self.tree.pop(staged, None)

    def mkdir(
        self, path: str, *, owner: str, group: str, mode: int, user: Optional[str] = None
    ) -> None:
        path = self._parent_checked(path, "make")
        if path in self.tree:
            raise _wrong_kind(f"cannot make {path}: File exists", self.tree[path])
        self.tree[path] = Entry("directory", b"", "", owner, group, mode, self._tick())

    def chown(self, path: str, owner: Optional[str], group: Optional[str]) -> None:
        entry = self._own(path, "change the owner of")
        entry.changed = self._tick()
        entry.owner = owner if owner is not None else entry.owner
        entry.group = group if group is not None else entry.group
        if entry.kind == "file":
            entry.mode &= 0o1777  # the kernel clears set-id bits: chown(2)

    def chmod(self, path: str, mode: int) -> None:
        entry = self._own(path, "change the mode of")
        entry.mode, entry.changed = mode, self._tick()

    def link(self, path: str, target: str) -> None:
        path = self._parent_checked(path, "link")
        self._not_a_directory(path, "link")
        self.tree[path] = Entry("link", b"", target, "root", "root", 0o777, self._tick())

    def rename(self, old: str, new: str) -> None:
        goal = self._parent_checked(new, f"rename {old} to")
        source = self._parent_checked(old, f"rename {old} to")
        if source not in self.tree:
            raise NotReady("file-missing", f"cannot rename {old} to {new}: it is not there")
        self._replace(source, goal, f"rename {old} to")

    def exchange(self, one: str, other: str) -> None:
        for path in (one, other):
            if self.stat(path) is None:
                raise NotReady("file-missing", f"cannot exchange {path}: it is not there")
        aside = f"{self._real(one)}.exchanged"
        self.rename(one, aside)
        self.rename(other, one)
        self.rename(aside, other)

    def fill(self, path: str, members: "Iterable[Member]", *, owner: str, group: str) -> None:
        if self.names(path):
            raise StepFailed("unsafe-path", f"{path} is not empty, or others can enter it")
        for member in members:
            at = f"{self._real(path)}/{member.name}"
            mode = 0o755 if member.kind == "directory" or member.executable else 0o644
            data = b"".join(member.data)
            self.tree[at] = Entry(
                member.kind, data, member.target, owner, group, mode, self._tick()
            )

    def fetch(self, url: str, *, timeout_s: float) -> Iterator[bytes]:
        answer = self.answers.get(url)
        if answer is None or answer.status != 200:
            raise StepFailed("download-failed", f"{url} could not be downloaded")
        yield answer.body

    def remove(self, path: str) -> None:
        try:
            path = self._real(path)
        except NotADirectoryError:
            return
        if self._below(path):
            raise StepFailed("directory-not-empty", f"cannot remove {path}: it is not empty")
        self.tree.pop(path, None)

    def remove_tree(self, path: str) -> None:
        top = self._real(path)
        for below in [top, *self._below(top)]:
            self.tree.pop(below, None)

    def lock_holder(self, path: str) -> str:
        return self.locks.get(path, "")

    def blob(self, sha256: str) -> str:
        path = f"/var/lib/toque/blobs/{sha256}"
        if path not in self.tree:
            raise StepFailed("blob-missing", f"bytes {sha256[:12]} did not reach the node")
        return path

    def progress(self, text: str) -> None:
        self.progressed.append(text)

    def visit(self, question: "Question", *, timeout_s: float) -> "Answer":
        from .probe import Answer

        return self.answers.get(question.url) or Answer(fault="nobody listens there")

    def accepts(self, address: str, port: int, *, timeout_s: float) -> str:
        return "" if f"{address}:{port}" in self.answers else "nobody listens there"

    def reachable(self) -> bool:
        return self.answering

    def sleep(self, seconds: float) -> None:
        self.clock += seconds

    def monotonic(self) -> float:
        return self.clock

    def now(self) -> float:
        return EPOCH + self.clock

    def _tick(self) -> int:
        """The next moment, for what is changed now."""
        self._changes += 1
        return self._changes

    def _real(self, path: str, *, whole: bool = False) -> str:
        """``path`` with links in its parents followed, with ``whole`` also itself, as the kernel
        would.  Raises ``NotADirectoryError`` when a parent is something else."""
        parts = [part for part in path.split("/") if part]
        at, links = "", 0
        while parts:
            part = parts.pop(0)
            if part in (".", ".."):
                at = at if part == "." else at.rpartition("/")[0]
                continue
            step = f"{at}/{part}"
            entry = self.tree.get(step)
            if entry is not None and (parts or whole) and entry.kind == "link":
                links += 1
                if links > MOST_LINKS:
                    raise StepFailed("unsafe-path", f"{path} leads through links for ever")
                at = "" if entry.target.startswith("/") else at
                parts = [*(p for p in entry.target.split("/") if p), *parts]
                continue
            if entry is not None and parts and entry.kind != "directory":
                raise NotADirectoryError(path)
            at = step
        return at or "/"

    def _parent_checked(self, path: str, verb: str) -> str:
        try:
            path = self._real(path)
        except NotADirectoryError as error:
            raise StepFailed("wrong-kind", f"cannot {verb} {path}: Not a directory") from error
        above = path.rpartition("/")[0] or "/"
        if above not in self.tree:
            raise NotReady(
                "directory-missing",
                f"cannot {verb} {path}: its directory is not there",
                expected=f"a directory {above}",
                hint=f'add Directory("{above}") before this step',
            )
        return path

    def _below(self, path: str) -> List[str]:
        top = path.rstrip("/") + "/"
        return [p for p in self.tree if p.startswith(top) and p != top]

    def _own(self, path: str, verb: str) -> Entry:
        """The file or directory whose owner and mode may be changed."""
        entry = self.tree.get(self._parent_checked(path, verb))
        if entry is None:
            raise NotReady("file-missing", f"cannot {verb} {path}: it is not there")
        if entry.kind not in ("file", "directory"):
            raise _wrong_kind(f"{path} is not a file or directory", entry)
        return entry

    def _not_a_directory(self, path: str, verb: str) -> None:
        there = self.tree.get(path)
        if there is not None and there.kind == "directory":
            raise _wrong_kind(f"cannot {verb} {path}: Is a directory", there)

    def _replace(self, source: str, goal: str, verb: str) -> None:
        """rename(2): a file never over a directory, a directory only over an empty one."""
        there = self.tree.get(goal)
        if self.tree[source].kind != "directory":
            self._not_a_directory(goal, verb)
        elif there is not None and there.kind != "directory":
            raise _wrong_kind(f"cannot {verb} {goal}: Not a directory", there)
        elif self._below(goal):
            raise StepFailed("directory-not-empty", f"cannot {verb} {goal}: it is not empty")
        for path in [source, *self._below(source)]:
            self.tree[goal + path[len(source) :]] = self.tree.pop(path)


def _wrong_kind(message: str, there: Entry) -> StepFailed:
    return StepFailed("wrong-kind", message, found=f"a {there.kind}")
