"""Bytes out of compressed files, no more than agreed on."""

import bz2
import gzip
import lzma
import zlib
from typing import Any, BinaryIO, Callable, Protocol

from ..errors import StepFailed

PART = 1 << 16  # bytes read at once
RATIO = 200  # times the archive's own size; texts pack 20 times, what packs 1000 times is a bomb
FREE = 16 << 20  # bytes that any archive may have, however small it is
XZ_MEMORY = 128 << 20  # bytes; xz -9 needs 65 MiB
BROKEN = (OSError, EOFError, zlib.error, lzma.LZMAError)  # what decompressors raise


class Readable(Protocol):
    """What bytes come out of."""

    def read(self, count: int) -> bytes: ...


class Budget:
    """Counts what comes out of an archive of ``packed`` bytes, at most ``most``."""

    def __init__(self, most: int, packed: int) -> None:
        self.most = min(most, max(FREE, RATIO * packed))
        self.taken = 0

    def take(self, count: int) -> None:
        """Raise ``StepFailed("archive-too-large")`` once more than agreed on has come out."""
        self.taken += count
        if self.taken > self.most:
            raise too_large(f"more than {self.most} bytes come out of it", f"{self.most} bytes")


class Stream:
    """What a decompressor gives, counted; ``read`` returns exactly what is asked for or raises."""

    def __init__(self, inner: Readable, budget: Budget) -> None:
        self._inner = inner
        self._budget = budget

    def read(self, count: int) -> bytes:
        """``count`` bytes.  Raises ``StepFailed("archive-damaged")`` when there are fewer."""
        part = b""
        while len(part) < count:
            more = self.some(count - len(part))
            if not more:
                raise damaged("it ends in the middle")
            part += more
        return part

    def some(self, count: int) -> bytes:
        """Up to ``count`` bytes; none at the end."""
        try:
            part = self._inner.read(count)
        except BROKEN as error:
            raise damaged(str(error) or type(error).__name__) from error
        self._budget.take(len(part))
        return part


class _Packed:
    """bzip2 or xz: streams one behind the other, and nothing behind the last."""

    def __init__(self, file: BinaryIO, fresh: Callable[[], Any]) -> None:
        self._file = file
        self._fresh = fresh
        self._inner = fresh()

    def read(self, count: int) -> bytes:
        """Up to ``count`` bytes; none at the end."""
        while True:
            packed = b""
            if self._inner.eof:
                packed = self._inner.unused_data or self._file.read(PART)
                if not packed:
                    return b""
                self._inner = self._fresh()
            elif self._inner.needs_input:
                packed = self._file.read(PART)
                if not packed:
                    raise EOFError("it ends in the middle")
            part: bytes = self._inner.decompress(packed, count)
            if part:
                return part


def opened(file: BinaryIO, budget: Budget) -> Stream:
    """The stream in ``file``, by how it begins."""
    magic = file.read(6)
    file.seek(0)
    inner: Readable = file
    if magic.startswith(b"\x1f\x8b"):
        inner = gzip.GzipFile(fileobj=file, mode="rb")
    elif magic.startswith(b"BZh"):
        inner = _Packed(file, bz2.BZ2Decompressor)
    elif magic == b"\xfd7zXZ\0":
        inner = _Packed(file, lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, XZ_MEMORY))
    return Stream(inner, budget)


def damaged(found: str) -> StepFailed:
    return StepFailed(
        "archive-damaged",
        "the archive cannot be read",
        expected="a whole tar, tar.gz, tar.bz2, tar.xz or zip",
        found=found,
    )


def unsafe(message: str, found: str) -> StepFailed:
    """``found`` comes from the archive and is shown as Python would write it."""
    return StepFailed(
        "archive-unsafe",
        f"the archive is refused: {message}",
        expected="files, directories and links that stay inside",
        found=ascii(found)[:300],
    )


def too_large(found: str, most: str) -> StepFailed:
    return StepFailed(
        "archive-too-large",
        "the archive is larger than agreed on",
        expected=f"at most {most}",
        found=found,
        hint="if it has to be so large, raise most_bytes or most_entries",
    )
