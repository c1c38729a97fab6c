"""A machine in a dict: the same protocol as ``RealSystem``, for our tests and cookbook authors'.

Files, directories and links behave; programs are functions you pass in.
"""

import hashlib
import io
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
from .memorytree import Entry, Tree, wrong_kind
from .model import Facts
from .notebook import Notebook
from .system import Data, Result, Stat, check_failed, command_failed

if TYPE_CHECKING:
    from .caller import Caller
    from .fence import Fence  # only a build needs one
    from .probe import Answer, Question
    from .unpack import Member

EPOCH = 1_800_000_000.0  # what time it is on a new machine, in seconds since 1970
Program = Callable[[Sequence[str], bytes, Optional[str]], Result]


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
        self.tree = Tree()
        self.programs: Dict[str, Program] = dict(programs or {})
        self.calls: List[Tuple[str, ...]] = []
        self.progressed: List[str] = []
        self.answers: Dict[str, Answer] = dict(answers or {})
        self.patient = True
        self.caller: Optional[Caller] = None
        self.answering = True  # the caller, when a new connection is tried
        self.clock = 0.0
        self.locks: Dict[str, str] = {}  # who holds the lock on a path
        for path, data in (files or {}).items():
            self.put(path, data)
        for data in (blobs or {}).values():
            self.put(f"/var/lib/toque/blobs/{hashlib.sha256(data).hexdigest()}", data)

    def put(self, path: str, data: bytes = b"", kind: str = "file", **rest: Any) -> None:
        """Set up a file, making the directories above it."""
        self.tree.put(path, data, kind, **rest)

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
            entry = self.tree.get(self.tree.real(path))
        except NotADirectoryError:
            return None
        if entry is None:
            return None
        size = len(entry.target.encode() if entry.kind == "link" else entry.data)
        return Stat(
            entry.kind, entry.owner, entry.group, entry.mode, size, entry.target, entry.changed
        )

    def read(self, path: str) -> bytes:
        entry = self.tree.get(self.tree.real(path))
        if entry is None:
            raise FileNotFoundError(path)
        if entry.kind != "file":
            raise wrong_kind(f"{path} is not a file", entry)
        return entry.data

    def opened(self, path: str, *, ours: bool = False) -> BinaryIO:
        data = self.read(path)
        entry = self.tree[self.tree.real(path)]
        if ours and (entry.owner != "root" or entry.mode & 0o022):
            raise StepFailed("unsafe-path", f"{path} can be changed by others while it is read")
        return io.BytesIO(data)

    def names(self, path: str) -> List[str]:
        try:
            top = self.tree.real(path, whole=True)
        except NotADirectoryError as error:
            raise StepFailed("wrong-kind", f"{path} is not a directory") from error
        entry = self.tree.get(top)
        if entry is not None and entry.kind != "directory":
            raise wrong_kind(f"{path} is not a directory", entry)
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
        path = self.tree.writable(path, "write")
        staged = f"{path.rpartition('/')[0]}/.toque-{0:016}-{path.rpartition('/')[2]}"
        whole = data if isinstance(data, bytes) else b"".join(data)
        self.tree[staged] = Entry("file", whole, "", owner, group, mode, self.tree.tick())
        try:
            if check:
                result = self.run([staged if a == "{}" else a for a in check], check=False)
                if result.code != 0:
                    raise check_failed(check, path, result, "the old one stays")
            self.tree.move(staged, path, "write")
        finally:
            self.tree.pop(staged, None)

    def mkdir(
        self, path: str, *, owner: str, group: str, mode: int, user: Optional[str] = None
    ) -> None:
        path = self.tree.writable(path, "make")
        if path in self.tree:
            raise wrong_kind(f"cannot make {path}: File exists", self.tree[path])
        self.tree[path] = Entry("directory", b"", "", owner, group, mode, self.tree.tick())

    def chown(self, path: str, owner: Optional[str], group: Optional[str]) -> None:
        entry = self.tree.own(path, "change the owner of")
        entry.changed = self.tree.tick()
        entry.owner = owner if owner is not None else entry.owner
        entry.group = group if group is not None else entry.group
        if entry.kind == "file":
            entry.mode &= 0o1777  # the kernel clears set-id bits: chown(2)

    def chmod(self, path: str, mode: int) -> None:
        entry = self.tree.own(path, "change the mode of")
        entry.mode, entry.changed = mode, self.tree.tick()

    def link(self, path: str, target: str) -> None:
        path = self.tree.writable(path, "link")
        self.tree.not_a_directory(path, "link")
        self.tree[path] = Entry("link", b"", target, "root", "root", 0o777, self.tree.tick())

    def rename(self, old: str, new: str) -> None:
        goal = self.tree.writable(new, f"rename {old} to")
        source = self.tree.writable(old, f"rename {old} to")
        if source not in self.tree:
            raise NotReady("file-missing", f"cannot rename {old} to {new}: it is not there")
        self.tree.move(source, goal, f"rename {old} to")

    def exchange(self, one: str, other: str) -> None:
        for path in (one, other):
            if self.stat(path) is None:
                raise NotReady("file-missing", f"cannot exchange {path}: it is not there")
        aside = f"{self.tree.real(one)}.exchanged"
        self.rename(one, aside)
        self.rename(other, one)
        self.rename(aside, other)

    def fill(self, path: str, members: "Iterable[Member]", *, owner: str, group: str) -> None:
        if self.names(path):
            raise StepFailed("unsafe-path", f"{path} is not empty, or others can enter it")
        for member in members:
            at = f"{self.tree.real(path)}/{member.name}"
            mode = 0o755 if member.kind == "directory" or member.executable else 0o644
            data = b"".join(member.data)
            self.tree[at] = Entry(
                member.kind, data, member.target, owner, group, mode, self.tree.tick()
            )

    def fetch(self, url: str, *, timeout_s: float) -> Iterator[bytes]:
        answer = self.answers.get(url)
        if answer is None or answer.status != 200:
            raise StepFailed("download-failed", f"{url} could not be downloaded")
        yield answer.body

    def remove(self, path: str) -> None:
        try:
            path = self.tree.real(path)
        except NotADirectoryError:
            return
        if self.tree.below(path):
            raise StepFailed("directory-not-empty", f"cannot remove {path}: it is not empty")
        self.tree.pop(path, None)

    def remove_tree(self, path: str) -> None:
        top = self.tree.real(path)
        for below in [top, *self.tree.below(top)]:
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
