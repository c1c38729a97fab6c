"""Certificates, in a file or as a server shows them; read by the machine's own openssl."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime

from .ask import Ask, NotSeen
from .program import ended, output

PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n?", re.S)
NAME = re.compile(r"(?:DNS|IP Address):([^,\s]+)")


@dataclass(frozen=True)
class Certificate:
    """The first certificate of ``chain``, all of which is in PEM.

    ``subject`` and ``issuer`` are written as in RFC 2253; ``names`` are what it is for.
    """

    subject: str
    issuer: str
    names: tuple[str, ...]
    begins: datetime
    ends: datetime
    chain: tuple[str, ...] = field(repr=False)
    _verify: tuple[str, ...] = field(repr=False, compare=False)
    _ask: Ask = field(repr=False, compare=False)

    @property
    def days_left(self) -> float:
        return (self.ends - datetime.now(UTC)).total_seconds() / 86400

    @property
    def self_signed(self) -> bool:
        return self.subject == self.issuer

    def belongs_to(self, key: str) -> bool:
        """Whether the private key in the file ``key`` is the certificate's."""
        mine = output(self._ask, "openssl", "x509", "-noout", "-pubkey", stdin=self.chain[0])
        return mine == output(self._ask, "openssl", "pkey", "-pubout", "-in", key)

    def trusted(self, authority: str = "") -> bool:
        """Whether its chain ends at an authority of the machine, or at one of that file."""
        more = ("-CAfile", authority) if authority else ()
        return ended(self._ask, *self._verify[:2], *more, *self._verify[2:]).code == 0


def in_file(ask: Ask, path: str) -> Certificate | None:
    value = ask("file", path)
    if value is None:
        return None
    verify = ("openssl", "verify", "-untrusted", path, path)
    return _certificate(ask, output(ask, "cat", "--", path), path, verify)


def served(ask: Ask, port: int, name: str) -> Certificate:
    """What the server at a port of loopback shows to who asks for ``name``."""
    where = f"127.0.0.1:{port}"
    asked = ("-servername", name) if name else ("-noservername",)
    words = ("openssl", "s_client", "-connect", where, "-showcerts", *asked)
    return _certificate(ask, ended(ask, *words).out, where, (*words, "-verify_return_error"))


def _certificate(ask: Ask, text: str, where: str, verify: tuple[str, ...]) -> Certificate:
    chain = tuple(PEM.findall(text))
    if not chain:
        raise NotSeen(f"{where} has no certificate")
    words = ["openssl", "x509", "-noout", "-nameopt", "RFC2253", "-subject", "-issuer"]
    words += ["-startdate", "-enddate", "-ext", "subjectAltName"]
    shown = ended(ask, *words, stdin=chain[0]).out
    rows = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
    return Certificate(
        rows["subject"].strip(),
        rows["issuer"].strip(),
        tuple(NAME.findall(shown)),
        _moment(rows["notBefore"]),
        _moment(rows["notAfter"]),
        chain,
        verify,
        ask,
    )


def _moment(text: str) -> datetime:
    """``Nov 24 01:00:00 2026 GMT``, as openssl writes times."""
    return datetime.strptime(text.strip(), "%b %d %H:%M:%S %Y GMT").replace(tzinfo=UTC)
