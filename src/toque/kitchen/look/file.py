"""A file, a directory, a link or a socket."""

from __future__ import annotations

from dataclasses import dataclass, field

from .ask import Ask, NotSeen
from .text import decoded, short

OTHERS_READ = 0o004


class Mode(int):
    """Permission bits, shown as one writes them: ``0o644``."""

    def __repr__(self) -> str:
        return f"{int(self):#05o}"


@dataclass(frozen=True)
class File:
    """What is at a path itself; a link is not followed.

    ``kind`` is ``file``, ``directory``, ``link``, ``socket``, ``fifo`` or ``device``; ``sha256``
    is in hexadecimal, and empty for what is no file; ``size`` is in bytes.
    """

    path: str
    kind: str
    owner: str
    group: str
    mode: int
    target: str
    size: int
    sha256: str
    _content: bytes | None = field(repr=False)

    @property
    def content(self) -> bytes:
        """The bytes of a file; of 8 MiB at most, a larger one has its ``sha256``."""
        if self._content is None:
            raise NotSeen(f"{self.path} has {self.size} bytes, which is too much to be fetched")
        return self._content

    @property
    def text(self) -> str:
        """The content as UTF-8."""
        return self.content.decode()

    def __repr__(self) -> str:
        words = f"{self.kind} {self.path}: {self.owner}:{self.group} {self.mode:#05o}"
        if self.kind == "link":
            return f"<{words} to {self.target}>"
        if self.kind != "file":
            return f"<{words}>"
        words += f", {self.size} bytes"
        if not self.mode & OTHERS_READ:
            return f"<{words}, not shown as not everybody may read it>"
        return f"<{words}: {short((self._content or b'').decode('utf-8', 'replace'))}>"


def file(ask: Ask, path: str) -> File | None:
    value = ask("file", path)
    if value is None:
        return None
    content = value.pop("content")
    value["mode"] = Mode(value["mode"])
    return File(path, **value, _content=None if content is None else decoded(content))
