"""SHA-256 of bytes that come in parts, with memory for one part."""

import hashlib
import re
from typing import BinaryIO, Iterable, Iterator

from .errors import StepFailed
from .resource import Invalid

PART = 1 << 20  # bytes


def of_file(file: BinaryIO) -> str:
    """The digest of an open file, from where it stands to its end; it is left open."""
    seen = hashlib.sha256()
    while part := file.read(PART):
        seen.update(part)
    return seen.hexdigest()


def verified(parts: Iterable[bytes], sha256: str, what: str) -> Iterator[bytes]:
    """The same parts; raises ``StepFailed("digest-differs")`` at their end when they are others."""
    seen = hashlib.sha256()
    for part in parts:
        seen.update(part)
        yield part
    if seen.hexdigest() != sha256:
        raise differs(what, sha256, seen.hexdigest())


def differs(what: str, sha256: str, found: str) -> StepFailed:
    return StepFailed(
        "digest-differs",
        f"{what} is not the file that the cookbook names; nothing was put in place",
        expected=f"SHA-256 {sha256}",
        found=found,
        hint="compare both with what the publisher names before you change the cookbook",
    )


def valid_digest(sha256: str) -> None:
    """Raise ``Invalid`` unless this is a SHA-256 as ``sha256sum`` prints it."""
    if not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise Invalid("sha256", "the file's SHA-256, 64 hex digits", sha256)
