"""A directory with all its files, as it stands in a cookbook."""

import hashlib
import os
from typing import (
    Any,
    ClassVar,
    Dict,
    FrozenSet,
    List,
    Mapping,
    Optional,
    Sequence,
    Set,
    Tuple,
    Union,
)

from ..claim import Claim
from ..errors import StepFailed
from ..record import dataclass, field
from ..resource import Invalid, Resource, State, text_diff
from ..system import Stat, System
from ..values import Blob
from .directory import SYSTEM_DIRECTORIES, octal, valid_mode, valid_owners, valid_path
from .file import LONGEST_TEXT, as_text

SURPLUS = "surplus"  # the key of what purge removes; all others are two words
TOP = "."  # the name of ``path`` itself

Content = Union[str, bytes, Blob]
Shown = Union[str, Tuple[str, str]]  # a text, or what stands for other bytes


@dataclass(frozen=True)
class Tree(Resource):
    """A directory, the directories in it and their files: ``Tree("/srv/pages", *r.tree("pages"))``
    with a directory of the cookbook's ``files/``.

    ``files`` maps paths relative to ``path`` to text, bytes or a blob.  All belong to ``owner`` and
    ``group``; files have ``mode``, those named in ``executable`` may also be executed by whoever
    may read them; directories have ``directory_mode``.  ``path`` itself is made, not those above.

    ``purge=True`` removes what is there and not in ``files``; a link is removed, never followed.
    Without it what others put there stays.  Directories that a system needs are never purged.
    Something of another kind where a file or directory should be is refused, not replaced.
    For a file with a secret use ``File``.
    """

    path: str
    files: Mapping[str, Content] = field(default_factory=dict)
    executable: Sequence[str] = ()
    owner: str = "root"
    group: str = "root"
    mode: int = 0o644
    directory_mode: int = 0o755
    purge: bool = False
    kind: ClassVar[str] = "tree"
    disturbs: ClassVar[Optional[FrozenSet[str]]] = frozenset({"files"})

    def validate(self) -> None:
        valid_path("path", self.path)
        valid_mode(self.mode)
        valid_mode(self.directory_mode)
        valid_owners(self.owner, self.group)
        for name, content in self.files.items():
            if name != os.path.normpath(name) or name.startswith(("/", "..")) or name == TOP:
                raise Invalid("files", "relative paths without .. or //", name)
            if any(ord(c) < 32 for c in name):
                raise Invalid("files", "paths without control characters", name)
            if not isinstance(content, (str, bytes, Blob)):
                raise Invalid("files", "text, bytes or a blob as content", type(content).__name__)
        both = sorted(set(self.files) & set(self._directories()))
        if both:
            raise Invalid("files", "each path once, as a file or as a directory", both[0])
        unknown = sorted(set(self.executable) - set(self.files))
        if unknown:
            raise Invalid("executable", "paths that are among the files", unknown[0])
        if self.purge and self.path in SYSTEM_DIRECTORIES:
            raise Invalid("purge", "a directory that is all ours", self.path)

    def claims(self) -> Sequence[Claim]:
        if self.purge:
            return (Claim(self.path, below=True),)
        names = [*self._directories(), *self.files]
        return tuple(Claim(self._at(name)) for name in names)

    def wanted(self) -> State:
        """``access NAME`` for each directory and file, ``content NAME`` for each file."""
        state: Dict[str, Any] = {
            f"access {name}": self._access(self.directory_mode) for name in self._directories()
        }
        for name, content in self.files.items():
            state[f"access {name}"] = self._access(self._mode(name))
            state[f"content {name}"] = _wanted(content)
        if self.purge:
            state[SURPLUS] = ()
        return state

    def found(self, system: System) -> Optional[State]:
        if self._look(system, TOP, "directory") is None:
            return None
        state: Dict[str, Any] = {}
        for name in self._directories():
            there = self._look(system, name, "directory")
            if there is not None:
                state[f"access {name}"] = _access(there)
        for name, content in self.files.items():
            there = self._look(system, name, "file")
            if there is not None:
                state[f"access {name}"] = _access(there)
                state[f"content {name}"] = _found(system, self._at(name), content, there)
        if self.purge:
            state[SURPLUS] = tuple(self._surplus(system))
        return state

    def fix(self, system: System, keys: FrozenSet[str]) -> None:
        for name in self._directories():
            if f"access {name}" in keys and system.stat(self._at(name)) is None:
                system.mkdir(
                    self._at(name), owner=self.owner, group=self.group, mode=self.directory_mode
                )
            elif f"access {name}" in keys:
                self._put_right(system, name, self.directory_mode)
        for name, content in self.files.items():
            mode = self._mode(name)
            if f"content {name}" in keys:
                data = _data(content, system)
                system.write(self._at(name), data, owner=self.owner, group=self.group, mode=mode)
            elif f"access {name}" in keys:
                self._put_right(system, name, mode)
        if SURPLUS in keys:
            for name in self._surplus(system):
                system.remove_tree(self._at(name))

    def show(self, found: Optional[State], keys: FrozenSet[str]) -> Sequence[str]:
        old, new = found or {}, self.wanted()
        lines = [f"- {name}" for name in old.get(SURPLUS, ())]
        for name in [*self._directories(), *self.files]:
            access, content = f"access {name}", f"content {name}"
            if access in keys and access not in old:
                lines.append(f"+ {name}: {new[access]}")
            elif access in keys:
                lines.append(f"~ {name}: {old[access]} -> {new[access]}")
            if content in keys and content in old:
                lines.append(f"~ {name}: content")
                if isinstance(old[content], str) and isinstance(new[content], str):
                    lines += text_diff(old[content], new[content])
        return lines

    def _directories(self) -> List[str]:
        """The directories of the tree, those above first; ``.`` is ``path`` itself."""
        names: Set[str] = set()
        for name in self.files:
            parts = name.split("/")
            names.update("/".join(parts[:count]) for count in range(1, len(parts)))
        return [TOP, *sorted(names)]

    def _at(self, name: str) -> str:
        return self.path if name == TOP else f"{self.path}/{name}"

    def _mode(self, name: str) -> int:
        """``mode``, for an executable file with x wherever there is r."""
        return self.mode | (self.mode & 0o444) >> 2 if name in self.executable else self.mode

    def _access(self, mode: int) -> str:
        return f"{self.owner}:{self.group} {octal(mode)}"

    def _look(self, system: System, name: str, kind: str) -> Optional[Stat]:
        """What is at a path of the tree; something of another kind is refused."""
        there = system.stat(self._at(name))
        if there is not None and there.kind != kind:
            raise StepFailed(
                "wrong-kind",
                f"{self._at(name)} is not a {kind}",
                expected=f"a {kind}",
                found=f"a link to {there.target}" if there.kind == "link" else f"a {there.kind}",
                hint=f"look at it with: ls -ld {self._at(name)}",
            )
        return there

    def _surplus(self, system: System) -> List[str]:
        """What is in the directories of the tree and not in the tree."""
        known: Dict[str, Set[str]] = {name: set() for name in self._directories()}
        for name in [*self.files, *self._directories()[1:]]:
            known[os.path.dirname(name) or TOP].add(os.path.basename(name))
        return [
            os.path.normpath(f"{directory}/{name}")
            for directory, names in known.items()
            if system.stat(self._at(directory)) is not None
            for name in system.names(self._at(directory))
            if name not in names
        ]

    def _put_right(self, system: System, name: str, mode: int) -> None:
        system.chown(self._at(name), self.owner, self.group)
        system.chmod(self._at(name), mode)  # after chown, which clears set-id bits


def _access(there: Stat) -> str:
    return f"{there.owner}:{there.group} {octal(there.mode)}"


def _data(content: Content, system: System) -> bytes:
    if isinstance(content, Blob):
        return system.read(system.blob(content.sha256))
    return content.encode() if isinstance(content, str) else content


def _wanted(content: Content) -> Shown:
    if isinstance(content, Blob):
        return "sha256", content.sha256
    data = content.encode() if isinstance(content, str) else content
    text = as_text(data)
    return ("sha256", hashlib.sha256(data).hexdigest()) if text is None else text


def _found(system: System, path: str, content: Content, there: Stat) -> Optional[Shown]:
    """What a file holds, as ``_wanted`` gives it; bytes of another size are not read."""
    wanted = _wanted(content)
    if isinstance(wanted, str):
        return as_text(system.read(path)) if there.size <= LONGEST_TEXT else None
    size = content.size if isinstance(content, Blob) else len(content)
    if size and there.size != size:
        return "size", str(there.size)
    return "sha256", hashlib.sha256(system.read(path)).hexdigest()
