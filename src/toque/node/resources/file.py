"""Files: content, owner and mode."""

import hashlib
from typing import Any, ClassVar, Dict, FrozenSet, Optional, Sequence, Tuple, Union

from .. import backups, checked
from ..claim import Claim
from ..errors import NotReady, StepFailed
from ..record import dataclass
from ..resource import EXISTS, Invalid, Resource, State, show_states
from ..system import Stat, System
from ..values import Blob, Secret
from .directory import octal, valid_mode, valid_owners, valid_path

LONGEST_TEXT = 256 * 1024  # bytes; longer texts are compared by digest and not shown


@dataclass(frozen=True)
class File(Resource):
    """A regular file.

    ``content``: text, bytes, a secret, or a blob; None leaves the content alone and manages owner
    and mode of a file that has to be there.  ``owner``, ``group``, ``mode``: None leaves that one
    alone.  ``absent=True`` removes the file (or a link of that name).

    ``check`` is a program that has to accept the new text.  With ``{}`` in it, that stands for a
    staged copy and the old file stays until the copy is accepted.  Without, as in
    ``("nginx", "-t")``, the program looks at the whole configuration: the new file is put in place
    first and the old one is put back when it is refused.

    ``create_only=True`` writes the content only when there is no file yet, for what a program or a
    person changes later; owner and mode are managed all the same.

    ``backups`` is how many earlier versions are kept under ``/var/lib/toque/backups``, for root
    alone; 0 keeps none.  Five are what Chef keeps: what a person wrote on the machine survives the
    first converge and some repairs after it.  What is secret or larger than 1 MiB is never kept,
    so that a secret that was rotated is gone.

    ``sensitive_content=True`` keeps the content out of diffs, as a ``Secret`` does by itself.
    """

    path: str
    content: Union[str, bytes, Secret, Blob, None] = None
    owner: Optional[str] = "root"
    group: Optional[str] = "root"
    mode: Optional[int] = 0o644
    absent: bool = False
    check: Tuple[str, ...] = ()
    sensitive_content: bool = False
    create_only: bool = False
    backups: int = 5
    kind: ClassVar[str] = "file"
    disturbs: ClassVar[Optional[FrozenSet[str]]] = frozenset({"files"})

    def validate(self) -> None:
        valid_path("path", self.path)
        valid_mode(self.mode)
        valid_owners(self.owner, self.group)
        if self.absent and self.content is not None:
            raise Invalid("content", "none for a file that is to be absent", "some content")
        if self.check and self.content is None:
            raise Invalid("check", "content to check", self.check)
        if self.create_only and self.content is None:
            raise Invalid("create_only", "content for a file that is not there", self.create_only)
        if self.backups < 0:
            raise Invalid("backups", "0 or the number of versions to keep", self.backups)
        if self.sensitive() and self.mode is not None and self.mode & 0o007:
            raise Invalid(
                "mode", "no access for others to secret content, as in 0o600", octal(self.mode)
            )

    def claims(self) -> Sequence[Claim]:
        part = not self.absent and (self.content is None or self.create_only)
        return (Claim(self.path, part=part),)

    def wanted(self) -> Optional[State]:
        if self.absent:
            return None
        state: Dict[str, Any] = {
            "owner": self.owner,
            "group": self.group,
            "mode": None if self.mode is None else octal(self.mode),
        }
        if isinstance(self.content, Blob):
            state["sha256"] = self.content.sha256
        elif self.content is not None:
            text = self._text()
            if text is None:
                state["sha256"] = hashlib.sha256(self._data()).hexdigest()
            else:
                state["content"] = text
        if checked.in_place(self.check):
            state["checked"] = True
        return state

    def found(self, system: System) -> Optional[State]:
        there = system.stat(self.path)
        if there is None:
            if self.content is None and not self.absent:
                raise NotReady(
                    "file-missing",
                    f"there is no file {self.path} whose owner and mode could be managed",
                    expected="a file that an earlier step makes",
                    hint="give the file a content, or move this step behind the one that makes it",
                )
            return None
        if there.kind != "file" and not (self.absent and there.kind == "link"):
            raise wrong_kind(self.path, "a file", there)
        if self.absent:
            return {}
        state: Dict[str, Any] = {
            "owner": there.owner,
            "group": there.group,
            "mode": octal(there.mode),
        }
        wanted = self.wanted() or {}
        if self.create_only:  # whatever it holds is as wanted
            state.update({k: wanted[k] for k in ("content", "sha256") if k in wanted})
        elif "content" in wanted:
            state["content"] = as_text(system.read(self.path))
        elif "sha256" in wanted:
            state["sha256"] = self._digest(system, there)
        if checked.in_place(self.check):
            state["checked"] = not checked.pending(system, self.path)
        return state

    def fix(self, system: System, keys: FrozenSet[str]) -> None:
        if self.absent:
            self._keep(system)
            system.remove(self.path)
        elif self.content is not None and keys & {EXISTS, "content", "sha256", "checked"}:
            self._write(system)
        else:
            if keys & {"owner", "group"}:
                system.chown(
                    self.path,
                    self.owner if "owner" in keys else None,
                    self.group if "group" in keys else None,
                )
            if self.mode is not None:  # also after chown, which clears set-id bits
                system.chmod(self.path, self.mode)

    def sensitive(self) -> bool:
        return self.sensitive_content or isinstance(self.content, Secret)

    def show(self, found: Optional[State], keys: FrozenSet[str]) -> Sequence[str]:
        secret = self.sensitive() and keys & {"content", "sha256"}
        shown = show_states(found, self.wanted(), keys - {"content", "sha256"} if secret else keys)
        return [*shown, "~ content: changed (a secret, not shown)"] if secret else shown

    def _text(self) -> Optional[str]:
        """The content as it can be shown; None when it cannot."""
        if isinstance(self.content, str) and len(self.content) * 4 <= LONGEST_TEXT:
            return None if "\0" in self.content else self.content  # spares encoding, and back
        return as_text(self._data())

    def _data(self, system: Optional[System] = None) -> bytes:
        if isinstance(self.content, Secret):
            return self.content.reveal().encode()
        if isinstance(self.content, str):
            return self.content.encode()
        if isinstance(self.content, Blob) and system is not None:
            return system.read(system.blob(self.content.sha256))
        return self.content if isinstance(self.content, bytes) else b""

    def _digest(self, system: System, there: Stat) -> str:
        if isinstance(self.content, Blob):
            size = self.content.size
        else:
            size = len(self._data())
        if size and there.size != size:
            return f"another ({there.size} bytes)"
        return hashlib.sha256(system.read(self.path)).hexdigest()

    def _write(self, system: System) -> None:
        data = self._data(system)
        there = system.stat(self.path)
        born = 0o600 if self.sensitive() else 0o644
        owner = self.owner or (there.owner if there else "root")
        group = self.group or (there.group if there else "root")
        mode = self.mode if self.mode is not None else (there.mode if there else born)
        self._keep(system)
        checked.replace(
            system, self.path, data, owner=owner, group=group, mode=mode, check=self.check
        )

    def _keep(self, system: System) -> None:
        """Keep what is there now, unless it is secret, or was never accepted by its check."""
        if self.backups and not self.sensitive() and not checked.pending(system, self.path):
            backups.keep(system, self.path, self.backups)


def wrong_kind(path: str, expected: str, there: Stat) -> StepFailed:
    """Something else stands where a thing should be; nobody asked to remove it."""
    types = {"file": "File", "directory": "Directory", "link": "Link"}
    hint = f"look at it with: ls -ld {path}"
    if there.kind in types:
        hint += f'; if it may go, converge once with {types[there.kind]}("{path}", absent=True)'
    return StepFailed(
        "wrong-kind",
        f"{path} is not {expected}",
        expected=expected,
        found=f"a link to {there.target}" if there.kind == "link" else f"a {there.kind}",
        hint=hint,
    )


def as_text(data: bytes) -> Optional[str]:
    """The text of ``data``; None for what is no text or too long to show."""
    if len(data) > LONGEST_TEXT or b"\0" in data:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None
