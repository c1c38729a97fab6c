"""Package sources of apt beside the distribution's own, each bound to its own key."""

import hashlib
import re
from typing import ClassVar, FrozenSet, List, Optional, Sequence, Tuple, Union

from .. import apt, openpgp
from ..claim import Claim
from ..contents import bytes_at, text_at
from ..errors import StepFailed
from ..record import dataclass
from ..resource import Invalid, Resource, State
from ..system import System

SOURCES = "/etc/apt/sources.list.d"
KEYRINGS = "/etc/apt/keyrings"
STAGE = "/run"  # what a killed run leaves there is gone with the next boot

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}\Z")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+~/-]*\Z")
_URI = re.compile(r"[a-z][a-z0-9+-]*:[!-~]+\Z")
_LOGIN = re.compile(r"[a-z0-9+-]+://[^/]*@")


@dataclass(frozen=True)
class AptRepository(Resource):
    """A source of packages, signed by a key that the recipe brings and names.

    ``uris``, ``suites``, ``components``, ``types`` and ``architectures`` are those of
    sources.list(5).  ``signed_by`` is the public key, armored or not, as
    from ``r.file("vendor.asc")``; every key in it must be in ``fingerprints`` and the reverse, as
    40 hex digits (spaces are fine), as the vendor publishes them.  It is kept in /etc/apt/keyrings
    and trusted for this source only.  Or it is the path of a keyring that a package put on the
    node, such as /usr/share/keyrings/debian-archive-keyring.gpg.

    Only this source is fetched when it changes.  One that cannot be fetched, or whose signature
    does not verify, is never put in place, and apt's words are quoted.  A suite that ends with
    ``/`` is a directory and has no components.  An address with a login is refused, since
    everybody can read a source: apt takes logins from /etc/apt/auth.conf.d.
    """

    name: str
    uris: Tuple[str, ...] = ()
    suites: Tuple[str, ...] = ()
    components: Tuple[str, ...] = ()
    signed_by: Union[str, bytes] = ""
    fingerprints: Tuple[str, ...] = ()
    types: Tuple[str, ...] = ("deb",)
    architectures: Tuple[str, ...] = ()
    absent: bool = False
    kind: ClassVar[str] = "apt_repository"
    disturbs: ClassVar[Optional[FrozenSet[str]]] = frozenset({"files"})

    def validate(self) -> None:
        if not _NAME.match(self.name):
            raise Invalid("name", "letters, digits, - and _", self.name)
        if self.absent:
            return
        for field in ("uris", "suites", "types"):
            if not getattr(self, field):
                raise Invalid(field, "at least one", ())
        for uri in self.uris:
            if not _URI.match(uri) or _LOGIN.match(uri):
                raise Invalid("uris", "addresses without login and space", _LOGIN.sub("***@", uri))
        for field in ("suites", "components", "architectures"):
            for word in getattr(self, field):
                if not _WORD.match(word) and word != "./":
                    raise Invalid(field, "words without spaces", word)
        if not set(self.types) <= {"deb", "deb-src"}:
            raise Invalid("types", "deb and deb-src", self.types)
        if all(suite.endswith("/") for suite in self.suites) == bool(self.components):
            raise Invalid("components", "some, or none for a suite that ends with /", self.suites)
        self._validate_key()

    def _validate_key(self) -> None:
        if self._keyring_of_node():
            if not re.match(r"/[!-~]+\Z", str(self.signed_by)):
                raise Invalid("signed_by", "a key, or a path on the node", self.signed_by)
            if self.fingerprints:
                raise Invalid("fingerprints", "none with a path", self.fingerprints)
            return
        for one in self._fingerprints():
            if not openpgp.FINGERPRINT.match(one):
                raise Invalid("fingerprints", "40 hex digits each", one)
        try:
            found = self._keyring().fingerprints
        except ValueError as error:
            raise Invalid("signed_by", "OpenPGP public keys", str(error)) from error
        if set(found) != set(self._fingerprints()):
            raise Invalid(
                "fingerprints", f"those in the key, {', '.join(found)}", self.fingerprints
            )

    def claims(self) -> Sequence[Claim]:
        return (Claim(self._path()),)

    def wanted(self) -> Optional[State]:
        if self.absent:
            return None
        return {
            "source": self._text(),
            "key": None if self._keyring_of_node() else self._key_words(),
        }

    def found(self, system: System) -> Optional[State]:
        if self.absent:
            there = system.stat(self._path()) is not None or self._keys(system)
            return {} if there else None
        text = text_at(system, self._path())
        if text is None:
            return None
        return {"source": text, "key": None if self._keyring_of_node() else self._key_there(system)}

    def fix(self, system: System, keys: FrozenSet[str]) -> None:
        if self.absent:
            system.remove(self._path())
        else:
            self._put(system)
        for path in self._keys(system):
            if self.absent or self._keyring_of_node() or path != self._key_path():
                system.remove(path)

    def _put(self, system: System) -> None:
        """Fetch the source before it counts; renaming its one file is what makes it count.

        The key's file is named by its content, so it replaces nothing that the old source trusts.
        """
        stage = f"{STAGE}/toque-apt-{self.name}"
        source = f"{stage}/{self.name}.sources"
        if system.stat(stage) is not None:
            system.remove_tree(stage)
        system.mkdir(stage, owner="root", group="root", mode=0o755)
        try:
            if not self._keyring_of_node():
                if system.stat(KEYRINGS) is None:  # Debian 11 has none
                    system.mkdir(KEYRINGS, owner="root", group="root", mode=0o755)
                system.write(self._key_path(), self._keyring().data)
            for other in system.names(SOURCES):
                if other.endswith((".list", ".sources")):
                    system.write(f"{stage}/{other}", system.read(f"{SOURCES}/{other}"))
            system.write(source, self._text().encode())
            self._check(system, stage, source)
        except StepFailed:
            self._drop_key(system)
            raise
        finally:
            system.remove_tree(stage)
        system.write(self._path(), self._text().encode())

    def _drop_key(self, system: System) -> None:
        """The key of a source that was refused, unless the source there is uses it."""
        there = system.stat(self._path())
        if not self._keyring_of_node() and not (
            there and self._key_path().encode() in system.read(self._path())
        ):
            system.remove(self._key_path())

    def _check(self, system: System, stage: str, source: str) -> None:
        """Raise ``StepFailed`` unless apt takes this source beside the others, and its index."""
        listed = apt.apt_get(system, ["-o", f"Dir::Etc::sourceparts={stage}", "indextargets"])
        if listed.code != 0:
            raise self._refused(apt.complaints(listed), listed.tail())
        only = ["-o", f"Dir::Etc::sourcelist={source}", "-o", "Dir::Etc::sourceparts=-"]
        fetched = apt.update(system, [*only, "-o", "APT::Get::List-Cleanup=0"])
        wrong = apt.complaints(fetched)
        if wrong:
            raise self._refused(wrong, fetched.tail())

    def _refused(self, wrong: Sequence[str], log: Sequence[str]) -> StepFailed:
        return StepFailed(
            "package-source-refused",
            f"apt does not take the package source {self.name}; it was not put in place",
            expected="an index that is there and signed by the key",
            found=wrong[0],
            hint="compare the address and the fingerprint with what the vendor publishes",
            log=[*wrong, *(line for line in log if line not in wrong)][:25],
        )

    def _text(self) -> str:
        """deb822 of sources.list(5).  Each value is words without spaces: see ``validate``."""
        stanza: List[Tuple[str, Sequence[str]]] = [
            ("Types", self.types),
            ("URIs", self.uris),
            ("Suites", self.suites),
            ("Components", self.components),
            ("Architectures", self.architectures),
            ("Signed-By", (self._signed_by(),)),
        ]
        return "".join(f"{name}: {' '.join(words)}\n" for name, words in stanza if words)

    def _signed_by(self) -> str:
        return self._keyring_of_node() or self._key_path()

    def _keyring_of_node(self) -> str:
        path = self.signed_by
        return path if isinstance(path, str) and path.startswith("/") else ""

    def _path(self) -> str:
        return f"{SOURCES}/{self.name}.sources"

    def _keyring(self) -> openpgp.Keyring:
        key = self.signed_by
        return openpgp.read(key.encode() if isinstance(key, str) else key)

    def _key_path(self) -> str:
        digest = hashlib.sha256(self._keyring().data).hexdigest()
        return f"{KEYRINGS}/{self.name}-{digest[:12]}.gpg"

    def _key_words(self) -> str:
        return ", ".join(sorted(self._keyring().fingerprints))

    def _key_there(self, system: System) -> str:
        data = bytes_at(system, self._key_path())
        if data is None:
            return "absent"
        return self._key_words() if data == self._keyring().data else "another"

    def _keys(self, system: System) -> List[str]:
        """The paths of all keys that were ever put here for this source."""
        ours = re.compile(re.escape(self.name) + r"-[0-9a-f]{12}\.gpg\Z")
        return [f"{KEYRINGS}/{name}" for name in system.names(KEYRINGS) if ours.match(name)]

    def _fingerprints(self) -> Tuple[str, ...]:
        return tuple(one.replace(" ", "").upper() for one in self.fingerprints)
