"""Which keys a file of OpenPGP public keys holds, by full fingerprint; RFC 4880 and RFC 9580.

Read with nothing but the standard library: a bare Debian has gpgv, which cannot tell, and no gpg;
and the controller checks what it is about to send before any machine has seen it.  The bytes that
were read are the bytes that are kept, so no second reader of armor can find another key in them.
"""

import base64
import binascii
import hashlib
import re
from typing import Iterator, List, Tuple

from .record import dataclass

BEGIN, END = "-----BEGIN PGP PUBLIC KEY BLOCK-----", "-----END PGP PUBLIC KEY BLOCK-----"
FINGERPRINT = re.compile(r"[0-9A-F]{40}\Z")  # of a version 4 key; shorter ids can be forged
PRIMARY = 6
# Of RFC 4880 section 4.3: signature, trust, name, subkey, attribute.  No secret keys (5, 7).
BESIDE = {2, 12, 13, 14, 17}


@dataclass(frozen=True)
class Keyring:
    """``data`` without armor; ``fingerprints`` of its primary keys, 40 upper-case hex digits."""

    data: bytes
    fingerprints: Tuple[str, ...]


def read(data: bytes) -> Keyring:
    """Raises ``ValueError``, whose words say what the bytes are instead.  Pure."""
    if data.lstrip().startswith(b"-----"):
        data = _without_armor(data)
    found: List[str] = []
    for tag, body in _packets(data):
        if tag in (5, 7):
            raise ValueError("a private key")
        if tag != PRIMARY and (tag not in BESIDE or not found):
            raise ValueError(f"no public key (OpenPGP packet {tag})")
        if tag == PRIMARY:
            if body[:1] != b"\4":
                raise ValueError(f"a key of version {body[0] if body else 'none'}, not 4")
            head = b"\x99" + len(body).to_bytes(2, "big")
            found.append(hashlib.sha1(head + body).hexdigest().upper())  # noqa: S324 - RFC 4880
    if not found:
        raise ValueError("nothing")
    return Keyring(data, tuple(found))


def _without_armor(data: bytes) -> bytes:
    parts: List[bytes] = []
    lines = iter(data.decode("ascii", "replace").splitlines())
    for line in lines:
        if line.strip() == BEGIN:
            parts.append(_block(lines))
        elif line.startswith("-----"):
            raise ValueError(f"{line.strip('- ').lower()[:40]}")
    return b"".join(parts)


def _block(lines: Iterator[str]) -> bytes:
    """One armored block, whose first line was read: headers, an empty line, base64, its end."""
    text: List[str] = []
    inside = False
    for line in lines:
        if line.strip() == END:
            try:
                return base64.b64decode("".join(text), validate=True)
            except binascii.Error as error:
                raise ValueError("armor that is damaged") from error
        if inside and not line.startswith("="):  # that would be the checksum
            text.append(line.strip())
        inside = inside or not line.strip()
    raise ValueError("armor without its end")


def _packets(data: bytes) -> Iterator[Tuple[int, bytes]]:
    """Tag and body of each packet (RFC 4880, section 4.2)."""
    at = 0
    while at < len(data):
        first = data[at]
        if not first & 0x80:
            raise ValueError("no OpenPGP key")
        if first & 0x40:
            tag, (size, wide) = first & 0x3F, _new_length(data[at + 1 : at + 6])
        else:
            tag, wide = (first >> 2) & 0x0F, 1 << (first & 3)
            size = int.from_bytes(data[at + 1 : at + 1 + wide], "big")
            if wide == 8:
                raise ValueError("a packet without a length")
        at += 1 + wide
        if at + size > len(data):
            raise ValueError("a key that is cut off")
        yield tag, data[at : at + size]
        at += size


def _new_length(octets: bytes) -> Tuple[int, int]:
    """A length of the new format, and how many octets say it."""
    if not octets:
        raise ValueError("a key that is cut off")
    if octets[0] < 192:
        return octets[0], 1
    if octets[0] < 224:
        return ((octets[0] - 192) << 8) + int.from_bytes(octets[1:2], "big") + 192, 2
    if octets[0] < 255:
        raise ValueError("a packet in parts")
    return int.from_bytes(octets[1:5], "big"), 5
