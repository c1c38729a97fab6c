"""A file from the web, known by its digest."""

from typing import Any, ClassVar, Dict, FrozenSet, Iterable, Iterator, Optional, Sequence

from .. import digest
from ..claim import Claim
from ..errors import StepFailed
from ..record import dataclass
from ..resource import EXISTS, Invalid, Resource, State
from ..system import System
from .directory import octal, valid_mode, valid_owners, valid_path
from .file import wrong_kind


@dataclass(frozen=True)
class Download(Resource):
    """A file with exactly the bytes of ``sha256`` (64 hex digits), fetched from ``url`` when the
    file there has others or none.

    The bytes are verified before they are put in place, all at once; when they are not the right
    ones, come too late (``timeout_s`` for all of them) or are more than ``most_bytes``, the old
    file stays.  A certificate is always verified, and a redirect never leads from https to
    http; plain http is good enough for what is public, since the digest decides.  A ``file:``
    address is none: what is on the node is there already.

    The digest is required, so that a plan says which bytes it installs and a second converge
    finds out on the node alone.  ``File(path, absent=True)`` removes one.
    """

    path: str
    url: str
    sha256: str
    owner: str = "root"
    group: str = "root"
    mode: int = 0o644
    most_bytes: int = 1 << 30
    timeout_s: float = 600.0
    kind: ClassVar[str] = "download"
    disturbs: ClassVar[Optional[FrozenSet[str]]] = frozenset({"files"})

    def validate(self) -> None:
        from ..probe import parts

        valid_path("path", self.path)
        valid_mode(self.mode)
        valid_owners(self.owner, self.group)
        digest.valid_digest(self.sha256)
        try:
            parts(self.url)
        except ValueError as error:
            raise Invalid("url", str(error), self.url) from error
        if self.most_bytes < 1:
            raise Invalid("most_bytes", "at least 1", self.most_bytes)
        if self.timeout_s <= 0:
            raise Invalid("timeout_s", "more than 0", self.timeout_s)

    def claims(self) -> Sequence[Claim]:
        return (Claim(self.path),)

    def wanted(self) -> State:
        return {
            "sha256": self.sha256,
            "owner": self.owner,
            "group": self.group,
            "mode": octal(self.mode),
        }

    def found(self, system: System) -> Optional[State]:
        there = system.stat(self.path)
        if there is None:
            return None
        if there.kind != "file":
            raise wrong_kind(self.path, "a file", there)
        state: Dict[str, Any] = {
            "owner": there.owner,
            "group": there.group,
            "mode": octal(there.mode),
        }
        if there.size > self.most_bytes:
            return {**state, "sha256": f"another ({there.size} bytes)"}
        with system.opened(self.path) as file:
            return {**state, "sha256": digest.of_file(file)}

    def fix(self, system: System, keys: FrozenSet[str]) -> None:
        if not keys & {EXISTS, "sha256"}:
            system.chown(self.path, self.owner, self.group)
            system.chmod(self.path, self.mode)  # after chown, which clears set-id bits
            return
        system.progress(f"downloading {self.url}")
        came = self._limited(system.fetch(self.url, timeout_s=self.timeout_s))
        system.write(
            self.path,
            digest.verified(came, self.sha256, self.url),
            owner=self.owner,
            group=self.group,
            mode=self.mode,
        )

    def _limited(self, parts: Iterable[bytes]) -> Iterator[bytes]:
        seen = 0
        for part in parts:
            seen += len(part)
            if seen > self.most_bytes:
                raise StepFailed(
                    "download-too-large",
                    f"{self.url} has more bytes than agreed on; nothing was put in place",
                    expected=f"at most {self.most_bytes} bytes",
                    found="more of them",
                    hint="if it is meant to be so large, raise most_bytes",
                )
            yield part
