"""A directory that is what an archive holds."""

import json
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Dict,
    FrozenSet,
    Iterable,
    Iterator,
    List,
    Optional,
    Sequence,
    Union,
)

from .. import digest
from ..claim import Claim
from ..errors import NotReady, StepFailed
from ..record import dataclass
from ..resource import Invalid, Resource, State
from ..system import System
from ..values import Blob
from .directory import SYSTEM_DIRECTORIES, octal, valid_mode, valid_owners, valid_path
from .file import wrong_kind

if TYPE_CHECKING:
    from ..unpack import Member

MARKER = ".toque-archive.json"
STAGED = ".toque-archive-"  # before the directory's name, beside it, until it is complete
SHOWN = 5  # names of what has drifted


@dataclass(frozen=True)
class Archive(Resource):
    """A directory with what is in a tar (plain, .gz, .bz2, .xz) or a zip, and nothing older.

    ``source`` is a path on the node, such as a ``Download``'s, or a blob; ``sha256`` its digest
    (a blob has its own), so that a plan says what it installs.  ``strip`` leaves out that many
    directories at the front of each name.

    The archive is unpacked beside the directory and takes its place at once when it is complete;
    the old directory stays when anything goes wrong.  It is replaced as a whole, so what a program
    writes belongs elsewhere.  A directory that holds something and was not made by an ``Archive``
    is never replaced.  ``absent=True`` removes one that was.

    Files get mode 0644, or 0755 when their owner may execute them, directories 0755; ``mode`` is
    the one of the directory itself, 0750 closes all of it.  Only files, directories and relative
    links that stay inside are taken from an archive; one with anything else is refused whole.  So
    is one with more than ``most_bytes`` or ``most_entries``, or 200 times its own size.

    It counts as unpacked when its marker (``.toque-archive.json``) names this digest and each
    file, link and directory is there, untouched since: by the time that the kernel keeps of the
    last change of its content, owner or mode.  What programs add is not looked at.
    """

    path: str
    source: Union[str, Blob] = ""
    sha256: str = ""
    owner: str = "root"
    group: str = "root"
    mode: int = 0o755
    strip: int = 0
    most_bytes: int = 1 << 30
    most_entries: int = 100_000
    absent: bool = False
    kind: ClassVar[str] = "archive"
    disturbs: ClassVar[Optional[FrozenSet[str]]] = frozenset({"files"})

    def validate(self) -> None:
        valid_path("path", self.path)
        valid_mode(self.mode)
        valid_owners(self.owner, self.group)
        if self.path in SYSTEM_DIRECTORIES:
            raise Invalid("path", "a directory that is all the archive's", self.path)
        if self.absent:
            if self.source or self.sha256:
                raise Invalid("source", "none for what is to be absent", self.source)
            return
        if isinstance(self.source, str):
            valid_path("source", self.source)
            digest.valid_digest(self.sha256)
            if self.source.startswith(self.path + "/"):
                raise Invalid("source", "a path outside of the directory", self.source)
        elif self.sha256:
            raise Invalid("sha256", "nothing: a blob is named by its own digest", self.sha256)
        for field, least in (("strip", 0), ("most_bytes", 1), ("most_entries", 1)):
            if getattr(self, field) < least:
                raise Invalid(field, f"at least {least}", getattr(self, field))

    def claims(self) -> Sequence[Claim]:
        return (Claim(self.path, below=True),)

    def wanted(self) -> Optional[State]:
        if self.absent:
            return None
        return {
            "sha256": self._digest,
            "strip": self.strip,
            "owner": self.owner,
            "group": self.group,
            "mode": octal(self.mode),
            "drifted": (),
            "tidy": True,
        }

    def found(self, system: System) -> Optional[State]:
        there = system.stat(self.path)
        tidy = system.stat(self._staged) is None
        if there is None:
            return {} if self.absent and not tidy else None
        if there.kind != "directory":
            raise wrong_kind(self.path, "a directory", there)
        marker = _marker(system, self.path)
        if marker is None:
            if not system.names(self.path) and not self.absent:
                return None  # empty, as a Directory before this step or a person made it
            raise StepFailed(
                "directory-not-ours",
                f"{self.path} holds something that no archive put there",
                expected="a directory that is not there, is empty, or was made by an Archive",
                found=f"no {MARKER} in it",
                hint=f"look at it with: ls -la {self.path}",
            )
        return {
            "sha256": marker["sha256"],
            "strip": marker["strip"],
            "owner": there.owner,
            "group": there.group,
            "mode": octal(there.mode),
            "drifted": _drifted(system, self.path, marker["entries"]),
            "tidy": tidy,
        }

    def fix(self, system: System, keys: FrozenSet[str]) -> None:
        staged = self._staged
        system.remove_tree(staged)  # of a run that was killed
        if self.absent:
            if system.stat(self.path) is not None:
                # Under the other name first: half of it is never there under this one.
                system.rename(self.path, staged)
                system.remove_tree(staged)
        elif keys <= {"mode", "tidy"}:
            system.chmod(self.path, self.mode)
        else:
            self._unpack(system, staged)
            if system.stat(self.path) is None:
                system.rename(staged, self.path)
            else:
                system.exchange(staged, self.path)
                system.remove_tree(staged)

    def _unpack(self, system: System, staged: str) -> None:
        """Make the whole directory under another name; what fails leaves nothing behind."""
        from .. import unpack  # decompressors, which few runs need

        source = self.source if isinstance(self.source, str) else system.blob(self.source.sha256)
        try:
            file = system.opened(source, ours=True)
        except FileNotFoundError as error:
            raise NotReady(
                "file-missing",
                f"there is no archive {source}",
                expected="a file that an earlier step makes, such as a Download",
                hint=f"see: ls -l {source}",
            ) from error
        with file:
            system.progress(f"unpacking {source}")
            found = digest.of_file(file)
            if found != self._digest:
                raise digest.differs(source, self._digest, found)
            limits = unpack.Limits(self.most_bytes, self.most_entries)
            system.mkdir(staged, owner="root", group="root", mode=0o700)
            try:
                names: List[str] = []
                members = _named(unpack.read(file, limits, strip=self.strip), names)
                system.fill(staged, members, owner=self.owner, group=self.group)
                system.write(f"{staged}/{MARKER}", self._described(system, names))
                system.chown(staged, self.owner, self.group)
                system.chmod(staged, self.mode)
                system.run(["sync", "-f", staged])  # all of it, before a rename makes it count
            except StepFailed:
                system.remove_tree(staged)
                raise

    def _described(self, system: System, names: Sequence[str]) -> bytes:
        """The text of the marker: what was unpacked, and each entry as it is now."""
        entries = {name: _state(system, f"{self._staged}/{name}") for name in names}
        said = {"sha256": self._digest, "strip": self.strip, "entries": entries}
        return json.dumps(said).encode()

    @property
    def _digest(self) -> str:
        return self.source.sha256 if isinstance(self.source, Blob) else self.sha256

    @property
    def _staged(self) -> str:
        above, _, name = self.path.rpartition("/")
        return f"{above}/{STAGED}{name}"


def _named(members: "Iterable[Member]", names: List[str]) -> "Iterator[Member]":
    """The members, their names noted down; none may be the marker's."""
    for member in members:
        if member.name == MARKER:
            raise StepFailed(
                "archive-unsafe",
                "the archive is refused: it holds a marker of its own",
                expected=f"no {MARKER} at its top",
            )
        names.append(member.name)
        yield member


def _marker(system: System, path: str) -> Optional[Dict[str, Any]]:
    """What the marker says; None when there is none that was written by this type."""
    there = system.stat(f"{path}/{MARKER}")
    if there is None or there.kind != "file" or there.owner != "root":
        return None
    try:
        said = json.loads(system.read(f"{path}/{MARKER}"))
        return {"sha256": said["sha256"], "strip": said["strip"], "entries": dict(said["entries"])}
    except (ValueError, KeyError, TypeError):
        return None


def _drifted(system: System, path: str, entries: Dict[str, Any]) -> Sequence[str]:
    """The first few names that are not as they were unpacked, and how many there are."""
    drifted = [name for name, was in entries.items() if _state(system, f"{path}/{name}") != was]
    if len(drifted) <= SHOWN:
        return tuple(drifted)
    return (*drifted[:SHOWN], f"and {len(drifted) - SHOWN} more")


def _state(system: System, path: str) -> Optional[List[Any]]:
    """What is compared: a directory's time changes with every name in it, so that is left out."""
    there = system.stat(path)
    if there is None:
        return None
    changed = 0 if there.kind == "directory" else there.changed_ns
    return [there.kind, there.owner, there.group, there.mode, changed]
