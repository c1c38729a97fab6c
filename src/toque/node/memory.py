"""A machine in a dict: the same protocol as ``RealSystem``, for our tests and cookbook authors'.

Files, directories and links behave; programs are functions you pass in.
"""

import hashlib
from dataclasses import dataclass
from typing import Any, Callable, Dict, FrozenSet, List, Mapping, Optional, Sequence, Tuple, TypeVar

from .errors import NotReady, StepFailed
from .model import Facts
from .paths import Stat
from .system import Result, command_failed

T = TypeVar("T")
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


class MemorySystem:
    """``files`` maps paths to bytes (their directories are made); ``programs`` maps the name of a
    program (last part of its path) to a function of argument list, standard input and user."""

    def __init__(
        self,
        *,
        facts: Optional[Facts] = None,
        files: Optional[Mapping[str, bytes]] = None,
        programs: Optional[Mapping[str, Program]] = None,
        blobs: Optional[Mapping[str, bytes]] = None,
    ) -> None:
        self.facts = facts or Facts(os="debian", release="12", codename="bookworm")
        self.tree: Dict[str, Entry] = {"/": Entry("directory", mode=0o755)}
        self.programs: Dict[str, Program] = dict(programs or {})
        self.calls: List[Tuple[str, ...]] = []
        self.progressed: List[str] = []
        self.clock = 0.0
        self._notes: List[str] = []
        self._seen: Dict[str, Any] = {}
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
    ) -> Result:
        self.calls.append(tuple(argv))
        program = self.programs.get(argv[0].rsplit("/", 1)[-1])
        if program is None:
            raise NotReady("program-missing", f"there is no program {argv[0]}")
        result = program(argv, stdin, user)
        if check and result.code != 0:
            raise command_failed(result)
        return result

    def stat(self, path: str) -> Optional[Stat]:
        entry = self.tree.get(self._real(path))
        if entry is None:
            return None
        size = len(entry.data)
        return Stat(entry.kind, entry.owner, entry.group, entry.mode, size, entry.target)

    def read(self, path: str) -> bytes:
        entry = self.tree.get(self._real(path))
        if entry is None or entry.kind != "file":
            raise FileNotFoundError(path)
        return entry.data

    def names(self, path: str) -> List[str]:
        top = self._real(path).rstrip("/") + "/"
        below = (p[len(top) :] for p in self.tree if p.startswith(top) and p != top)
        return sorted(name for name in below if name and "/" not in name)

    def write(
        self,
        path: str,
        data: bytes,
        *,
        owner: str = "root",
        group: str = "root",
        mode: int = 0o644,
        check: Sequence[str] = (),
    ) -> None:
        path = self._parent_checked(path)
        if check and self.run(check, check=False).code != 0:
            raise StepFailed("check-failed", f"{check[0]} refused the new {path}")
        self.tree[path] = Entry("file", data, owner=owner, group=group, mode=mode)

    def mkdir(self, path: str, *, owner: str, group: str, mode: int) -> None:
        path = self._parent_checked(path)
        self.tree[path] = Entry("directory", owner=owner, group=group, mode=mode)

    def chown(self, path: str, owner: Optional[str], group: Optional[str]) -> None:
        entry = self.tree[self._real(path)]
        entry.owner = owner if owner is not None else entry.owner
        entry.group = group if group is not None else entry.group

    def chmod(self, path: str, mode: int) -> None:
        self.tree[self._real(path)].mode = mode

    def link(self, path: str, target: str) -> None:
        self.tree[self._parent_checked(path)] = Entry("link", target=target, mode=0o777)

    def rename(self, old: str, new: str) -> None:
        old, new = self._real(old), self._parent_checked(new)
        for path in [p for p in self.tree if p == old or p.startswith(old + "/")]:
            self.tree[new + path[len(old) :]] = self.tree.pop(path)

    def remove(self, path: str) -> None:
        self.tree.pop(self._real(path), None)

    def remove_tree(self, path: str) -> None:
        top = self._real(path)
        for below in [p for p in self.tree if p == top or p.startswith(top + "/")]:
            del self.tree[below]

    def blob(self, sha256: str) -> str:
        path = f"/var/lib/toque/blobs/{sha256}"
        if path not in self.tree:
            raise StepFailed("blob-missing", f"bytes {sha256[:12]} did not reach the node")
        return path

    def observe(self, name: str, look: Callable[[], T]) -> T:
        if name not in self._seen:
            self._seen[name] = look()
        seen: T = self._seen[name]
        return seen

    def forget(self, names: Optional[FrozenSet[str]] = None) -> None:
        for key in list(self._seen):
            if names is None or key.split(":", 1)[0] in names:
                del self._seen[key]

    def note(self, text: str) -> None:
        self._notes.append(text)

    def taken_notes(self) -> Tuple[str, ...]:
        notes, self._notes = tuple(self._notes), []
        return notes

    def progress(self, text: str) -> None:
        self.progressed.append(text)

    def sleep(self, seconds: float) -> None:
        self.clock += seconds

    def monotonic(self) -> float:
        return self.clock

    def _real(self, path: str) -> str:
        """``path`` with links in its parents followed, as the kernel would."""
        parts = path.strip("/").split("/")
        at = ""
        for part in parts[:-1]:
            at = f"{at}/{part}"
            entry = self.tree.get(at)
            if entry is not None and entry.kind == "link":
                target = entry.target
                at = target if target.startswith("/") else f"{at.rsplit('/', 1)[0]}/{target}"
        return f"{at}/{parts[-1]}"

    def _parent_checked(self, path: str) -> str:
        path = self._real(path)
        above = path.rsplit("/", 1)[0] or "/"
        if above not in self.tree:
            raise NotReady("directory-missing", f"there is no directory {above}")
        return path
