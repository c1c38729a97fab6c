"""Public keys of OpenSSH, as they stand in authorized_keys and known_hosts."""

import base64
import binascii
import hashlib

from ..record import dataclass
from . import Unquotable, one_line

LONGEST = 8000  # bytes; sshd and ssh read lines of up to 8 KiB in all supported versions
TYPES = frozenset(
    "ssh-ed25519 ssh-rsa ecdsa-sha2-nistp256 ecdsa-sha2-nistp384 ecdsa-sha2-nistp521"
    " sk-ssh-ed25519@openssh.com sk-ecdsa-sha2-nistp256@openssh.com".split()
)


@dataclass(frozen=True)
class PublicKey:
    """``type``, the key itself in base64, and a comment that may be empty."""

    type: str
    data: str
    comment: str = ""

    @property
    def fingerprint(self) -> str:
        """As ``ssh-keygen -l`` shows it."""
        digest = hashlib.sha256(base64.b64decode(self.data)).digest()
        return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")

    def line(self) -> str:
        """The key as one line of a file, without its end."""
        return " ".join(part for part in (self.type, self.data, self.comment) if part)


def parse(value: object) -> PublicKey:
    """``type base64 [comment]``, as in a ``.pub`` file; options before it are refused.

    Raises ``Unquotable``.
    """
    text = one_line(value, "public key")
    parts = text.split(" ", 2)
    if len(text.encode()) > LONGEST:
        raise Unquotable("public key", f"a line of at most {LONGEST} bytes", text)
    if len(parts) < 2 or parts[0] not in TYPES or _named(parts[1]) != parts[0]:
        raise Unquotable("public key", "a key such as: ssh-ed25519 AAAA... who@where", text)
    comment = parts[2] if len(parts) > 2 else ""
    if comment != comment.strip() or comment.startswith("#"):
        raise Unquotable("public key", "a comment without space at its ends or # before it", text)
    return PublicKey(parts[0], parts[1], comment)


def _named(data: str) -> str:
    """The type that a key in base64 says it is of; empty when it is none.

    A key is its type and then numbers, each with its length before it (RFC 4253, 6.6).
    """
    try:
        rest = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return ""
    parts = []
    while rest:
        length = int.from_bytes(rest[:4], "big")
        if len(rest) < 4 + length:
            return ""
        parts.append(rest[4 : 4 + length])
        rest = rest[4 + length :]
    return parts[0].decode("ascii", "replace") if len(parts) > 1 else ""
