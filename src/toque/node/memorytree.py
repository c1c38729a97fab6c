"""The files of a machine in a dict, and what the kernel says of them."""

from dataclasses import dataclass, field
from typing import Any, Dict, List

from .errors import NotReady, StepFailed

MOST_LINKS = 40  # as the kernel: path_resolution(7)


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


class Tree(Dict[str, Entry]):
    """What is at each path.  Verbs are those of messages: "cannot write /etc/x: ..."."""

    def __init__(self) -> None:
        super().__init__({"/": Entry("directory", mode=0o755)})
        self._changes = 0

    def put(self, path: str, data: bytes, kind: str, **rest: Any) -> None:
        """Set up an entry, making the directories above it."""
        parts = path.strip("/").split("/")
        for count in range(1, len(parts)):
            above = "/" + "/".join(parts[:count])
            self.setdefault(above, Entry("directory", mode=0o755))
        self[path] = Entry(kind, data, **rest)

    def tick(self) -> int:
        """The next moment, for what is changed now."""
        self._changes += 1
        return self._changes

    def real(self, path: str, *, whole: bool = False) -> str:
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
            entry = self.get(step)
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

    def writable(self, path: str, verb: str) -> str:
        """As ``real``, for what is to be made or changed: its directory has to be there."""
        try:
            path = self.real(path)
        except NotADirectoryError as error:
            raise StepFailed("wrong-kind", f"cannot {verb} {path}: Not a directory") from error
        above = path.rpartition("/")[0] or "/"
        if above not in self:
            raise NotReady(
                "directory-missing",
                f"cannot {verb} {path}: its directory is not there",
                expected=f"a directory {above}",
                hint=f'add Directory("{above}") before this step',
            )
        return path

    def below(self, path: str) -> List[str]:
        top = path.rstrip("/") + "/"
        return [p for p in self if p.startswith(top) and p != top]

    def own(self, path: str, verb: str) -> Entry:
        """The file or directory whose owner and mode may be changed."""
        entry = self.get(self.writable(path, verb))
        if entry is None:
            raise NotReady("file-missing", f"cannot {verb} {path}: it is not there")
        if entry.kind not in ("file", "directory"):
            raise wrong_kind(f"{path} is not a file or directory", entry)
        return entry

    def not_a_directory(self, path: str, verb: str) -> None:
        there = self.get(path)
        if there is not None and there.kind == "directory":
            raise wrong_kind(f"cannot {verb} {path}: Is a directory", there)

    def move(self, source: str, goal: str, verb: str) -> None:
        """rename(2): a file never over a directory, a directory only over an empty one."""
        there = self.get(goal)
        if self[source].kind != "directory":
            self.not_a_directory(goal, verb)
        elif there is not None and there.kind != "directory":
            raise wrong_kind(f"cannot {verb} {goal}: Not a directory", there)
        elif self.below(goal):
            raise StepFailed("directory-not-empty", f"cannot {verb} {goal}: it is not empty")
        for path in [source, *self.below(source)]:
            self[goal + path[len(source) :]] = self.pop(path)


def wrong_kind(message: str, there: Entry) -> StepFailed:
    return StepFailed("wrong-kind", message, found=f"a {there.kind}")
