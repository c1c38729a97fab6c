"""A private key as somebody hands it over: repaired where that is safe, else refused by name. Pure.

ssh itself says "error in libcrypto" or a bare "Permission denied" to each of these; so they are
looked at when the key comes in.  Formats: OpenSSH's own (PROTOCOL.key in its source) and PEM.
"""

import base64
import binascii
import re
import struct
from typing import List, Tuple

from .record import dataclass

LONGEST = 20_000  # characters; an RSA key of 16,384 bits has 12,700
_KIND = r"(OPENSSH|RSA|EC|DSA|ENCRYPTED)?\s*PRIVATE KEY"
_WHOLE = re.compile(rf"-----BEGIN {_KIND}-----(.*?)-----END {_KIND}-----", re.S)


class BadKey(ValueError):
    """``why`` names the fault in a few words; ``hint`` is the command that helps."""

    def __init__(self, why: str, hint: str = "") -> None:
        super().__init__(why)
        self.why = why
        self.hint = hint


@dataclass(frozen=True)
class Cleaned:
    """``text`` is the key as ssh reads it; ``repairs`` say what was wrong with the one given."""

    text: str
    repairs: Tuple[str, ...] = ()


def cleaned(given: str) -> Cleaned:
    """The key in ``given``.  Raises ``BadKey``, which never quotes it."""
    text, repairs = _unwrapped(given)
    found = _WHOLE.search(text)
    if found is None:
        raise _no_key(text)
    if len(given) > LONGEST:
        raise BadKey("it is longer than any key")
    kind, body = found.group(1) or "", found.group(2)
    if kind == "ENCRYPTED" or re.search("Proc-Type:.*ENCRYPTED", body):
        raise _passphrase()
    if kind == "DSA":
        raise BadKey("it is a DSA key, which no forge takes any more", "toque deploykey create APP")
    if "\n" not in body.strip():
        repairs.append("all on one line")
    packed = re.sub(r"\s", "", "".join(part for part in body.splitlines() if ":" not in part))
    data = _decoded(packed)
    if kind == "OPENSSH":
        _look_into(data)
    lines = [packed[at : at + 70] for at in range(0, len(packed), 70)]
    name = f"{kind} PRIVATE KEY".strip()
    whole = [f"-----BEGIN {name}-----", *lines, f"-----END {name}-----"]
    return Cleaned("\n".join(whole) + "\n", tuple(repairs))


def _unwrapped(given: str) -> Tuple[str, List[str]]:
    """The text with plain line ends, and what was wrong with it."""
    faults = (
        (given.startswith("\ufeff"), "a byte order mark before it"),
        ("\r" in given, "line ends of Windows (CRLF)"),
        ("\\n" in given, "line ends written as \\n"),
        (not given.endswith("\n"), "no line end after its last line"),
    )
    text = given.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n").replace("\\n", "\n")
    return text, [said for there, said in faults if there]


def _decoded(packed: str) -> bytes:
    if len(packed) % 4:
        raise BadKey("a part of it is missing", "copy the whole file again")
    try:
        return base64.b64decode(packed, validate=True)
    except (binascii.Error, ValueError):
        raise BadKey("its text is damaged: it is no base64", "copy the file again") from None


def _look_into(data: bytes) -> None:
    """Raise ``BadKey`` for a passphrase, or for less than a whole key."""
    magic = b"openssh-key-v1\0"
    if not data.startswith(magic):
        raise BadKey("its text is damaged: it is no key of OpenSSH", "copy the file again")
    try:
        cipher, rest = _text(data[len(magic) :])
        if cipher != b"none":
            raise _passphrase()
        _kdf, rest = _text(rest)
        _options, rest = _text(rest)
        _public, rest = _text(rest[4:])
        _private, rest = _text(rest)
    except struct.error:
        raise BadKey("a part of it is missing", "copy the whole file again") from None


def _text(data: bytes) -> Tuple[bytes, bytes]:
    """A length and that many bytes (RFC 4251, 5), and what follows."""
    (size,) = struct.unpack(">I", data[:4])
    if len(data) < 4 + size:
        raise struct.error
    return data[4 : 4 + size], data[4 + size :]


def _passphrase() -> BadKey:
    return BadKey(
        "it has a passphrase, which nobody is there to type",
        "make one without for this app: toque deploykey create APP",
    )


def _no_key(text: str) -> BadKey:
    if re.match(r"\s*(ssh-|ecdsa-|sk-)\S+ AAAA", text):
        return BadKey("it is the public half", "give the file of that name without .pub")
    if "PuTTY-User-Key-File" in text:
        return BadKey("it is a key of PuTTY", "puttygen KEY.ppk -O private-openssh -o KEY")
    if "BEGIN CERTIFICATE" in text:
        return BadKey("it is a certificate")
    if "BEGIN" in text:
        return BadKey("its last line is missing", "copy the whole file again")
    return BadKey("it is no private key", "toque deploykey create APP makes one")
