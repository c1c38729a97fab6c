"""A self-signed certificate and its key, for tests and for the time before there is a better one.

What we have made is on record: so it is told from what somebody else has put there, and looking
needs no program.  The record is written first, the certificate last; whatever a killed run leaves
is recognised as ours and made again.
"""

import hashlib
import json
import re
from typing import Any, ClassVar, Dict, FrozenSet, List, Mapping, Optional, Tuple

from ..claim import Claim
from ..contents import bytes_at
from ..errors import StepFailed
from ..record import dataclass
from ..resource import Invalid, Resource, State
from ..system import System

RECORDS = "/var/lib/toque/certificates"
REMEMBERED = 2  # pairs on record: the one being made, and the one it replaces
DAY_S = 86400
LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
NAME = re.compile(rf"(\*\.)?{LABEL}(\.{LABEL})*\Z")
PEM = re.compile(rb"-----BEGIN ([A-Z ]+)-----\n.*?\n-----END \1-----\n", re.DOTALL)
SOMEBODY = "made by somebody else"


@dataclass(frozen=True)
class Certificate(Resource):
    """``path`` is a self-signed certificate for ``names`` and ``addresses``, ``key_path`` its key.

    It is made by the program ``openssl`` (P-256, SHA-256) and made again when its names differ, or
    when it is over in less than ``renew_days``.  The key is born with ``key_mode`` and belongs to
    ``owner`` and ``group``; the certificate can be read by everybody.  Browsers refuse
    certificates of more than 398 days (CA/Browser Forum, ballot SC-31).

    What this did not make is never replaced, unless with ``replace=True``; so a certificate that
    an authority has signed may be put in its place by hand.
    """

    path: str
    key_path: str
    names: Tuple[str, ...] = ()
    addresses: Tuple[str, ...] = ()
    days: int = 397
    renew_days: int = 30
    owner: str = "root"
    group: str = "root"
    key_mode: int = 0o600
    replace: bool = False
    absent: bool = False

    kind: ClassVar[str] = "certificate"
    disturbs: ClassVar[Optional[FrozenSet[str]]] = frozenset({"files"})

    def validate(self) -> None:
        import ipaddress

        for field in ("path", "key_path"):
            path = getattr(self, field)
            if not path.startswith("/") or path.endswith("/") or "\0" in path:
                raise Invalid(field, "the absolute path of a file", path)
        if self.path == self.key_path:
            raise Invalid("key_path", "another path than that of the certificate", self.key_path)
        if not (self.names or self.addresses or self.absent):
            raise Invalid("names", "at least one name or address", self.names)
        for name in self.names:
            if not NAME.match(name) or len(name) > 253:
                raise Invalid("names", "names of DNS in lower case, such as thena.example", name)
        for address in self.addresses:
            try:
                ipaddress.ip_address(address)
            except ValueError as error:
                raise Invalid("addresses", "IP addresses", address) from error
        if not 1 <= self.days <= 36500:
            raise Invalid("days", "1 to 36500 days", self.days)
        if not 0 <= self.renew_days < self.days:
            raise Invalid("renew_days", "fewer days than it is valid for", self.renew_days)
        if self.key_mode & ~0o640 or not self.key_mode & 0o400:
            raise Invalid("key_mode", "0o600, or less, or 0o640 for a group", oct(self.key_mode))

    def claims(self) -> Tuple[Claim, ...]:
        return (Claim(self.path), Claim(self.key_path))

    def wanted(self) -> Optional[State]:
        if self.absent:
            return None
        return {
            "names": self._subjects,
            "valid": True,
            "pair": True,
            "key": f"{self.owner}:{self.group} {self.key_mode:04o}",
        }

    def found(self, system: System) -> Optional[State]:
        certificate, key = bytes_at(system, self.path), bytes_at(system, self.key_path)
        if certificate is None and key is None:
            return None
        made = self._recorded(system)
        mine = next((one for one in made if one["certificate"] == _digest(certificate)), None)
        keys = {one["key"] for one in made}
        if not (certificate is None or mine) or not (key is None or mine or _digest(key) in keys):
            if not self.replace:
                raise self._not_ours(certificate is not None)
            return {"names": SOMEBODY, "valid": False, "pair": False, "key": SOMEBODY}
        status = system.stat(self.key_path)
        now, mine = system.now(), mine or {}
        return {
            "names": mine.get("names"),
            # One made when the clock was ahead is not valid yet.
            "valid": mine.get("from", now) <= now < mine.get("until", 0) - self.renew_days * DAY_S,
            "pair": mine.get("key") == _digest(key),
            "key": status and f"{status.owner}:{status.group} {status.mode:04o}",
        }

    def fix(self, system: System, keys: FrozenSet[str]) -> None:
        if self.absent:
            system.remove(self.path)
            system.remove(self.key_path)
            system.remove(self._record)
            return
        if keys == {"key"}:
            system.chmod(self.key_path, self.key_mode & 0o600)  # never open to a wrong group
            system.chown(self.key_path, self.owner, self.group)
            system.chmod(self.key_path, self.key_mode)
            return
        key, certificate = self._made(system)
        now = system.now()
        newest = {
            "certificate": _digest(certificate),
            "key": _digest(key),
            "names": self._subjects,
            "from": now,
            "until": now + self.days * DAY_S,
        }
        self._remember(system, [newest, *self._recorded(system)][:REMEMBERED])
        system.write(
            self.key_path, key, owner=self.owner, group=self.group, mode=self.key_mode
        )  # fmt: skip
        system.write(self.path, certificate, mode=0o644)

    @property
    def _subjects(self) -> List[str]:
        return sorted({*self.names, *self.addresses})

    @property
    def _record(self) -> str:
        return f"{RECORDS}/{hashlib.sha256(self.path.encode()).hexdigest()[:32]}.json"

    def _recorded(self, system: System) -> List[Mapping[str, Any]]:
        try:
            made: List[Mapping[str, Any]] = json.loads(system.read(self._record))["made"]
            return made
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return []

    def _remember(self, system: System, made: List[Mapping[str, Any]]) -> None:
        for directory in ("/var/lib/toque", RECORDS):
            if system.stat(directory) is None:
                mode = 0o755 if directory != RECORDS else 0o700
                system.mkdir(directory, owner="root", group="root", mode=mode)
        record: Dict[str, Any] = {"path": self.path, "made": made}
        system.write(self._record, json.dumps(record, indent=1).encode(), mode=0o600)

    def _made(self, system: System) -> Tuple[bytes, bytes]:
        """A new key and its certificate; the key is in no file yet."""
        result = system.run(
            ["openssl", "req", "-x509", "-sha256", "-nodes", "-days", str(self.days),
             "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-config", "/dev/stdin", "-keyout", "-", "-out", "-"],
            stdin=self._settings.encode(), check=False,
        )  # fmt: skip
        parts = {match[1]: match[0] for match in PEM.finditer(result.out)}
        key = parts.get(b"PRIVATE KEY")
        certificate = parts.get(b"CERTIFICATE")
        if result.code != 0 or key is None or certificate is None:
            raise StepFailed(
                "certificate-failed",
                f"openssl made no certificate for {self.path}; what was there stays",
                expected="a key and a certificate",
                found=f"status {result.code}",
                log=result.err.decode("utf-8", "replace").splitlines()[-20:],
            )
        return key, certificate

    @property
    def _settings(self) -> str:
        """The text that ``openssl req`` reads, config(5); ``validate`` lets nothing special in."""
        others = [f"DNS:{name}" for name in self.names] + [f"IP:{ip}" for ip in self.addresses]
        return "\n".join(
            [
                "[req]",
                "distinguished_name = subject",
                "x509_extensions = extensions",
                "prompt = no",
                "[subject]",
                f"CN = {(self.names + self.addresses)[0][:64]}",  # ub-common-name, RFC 5280
                "[extensions]",
                f"subjectAltName = {','.join(others)}",
                "basicConstraints = critical,CA:FALSE",
                "keyUsage = critical,digitalSignature",
                "extendedKeyUsage = serverAuth",
                "subjectKeyIdentifier = hash",
                "",
            ]
        )

    def _not_ours(self, whole: bool) -> StepFailed:
        return StepFailed(
            "certificate-not-ours",
            f"{self.path if whole else self.key_path} was not made by us and stays",
            expected="no certificate and no key, or those that an earlier run has made",
            found=SOMEBODY,
            hint="take this step out, or give it replace=True if the old ones may go",
        )


def _digest(data: Optional[bytes]) -> str:
    return "" if data is None else hashlib.sha256(data).hexdigest()
