"""Which machine we believe is which: host keys a person has confirmed, one file per project.

Nothing is trusted on first use.  The file has the format of OpenSSH's known_hosts because ssh
itself reads it; each key is pinned under the node's name (``HostKeyAlias``), never its address.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from toque.errors import AskedWrongly
from toque.node.record import dataclass

from .target import NAME

KIND = re.compile(r"(ssh|ecdsa|sk-ssh|sk-ecdsa)-[a-z0-9@.-]+")


@dataclass(frozen=True)
class HostKey:
    """A machine's public key: its type and its bytes in base64."""

    type: str
    blob: str

    @property
    def fingerprint(self) -> str:
        """As ``ssh-keygen -l`` prints it: ``SHA256:...``."""
        import base64
        import hashlib

        digest = hashlib.sha256(base64.b64decode(self.blob)).digest()
        return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def parse_key(text: str) -> HostKey:
    """``ssh-ed25519 AAAA... comment`` as a value.  Raises ``AskedWrongly("bad-host-key")``."""
    import base64  # ssh reads the file by itself: a converge needs none of this

    words = text.split()
    try:
        kind, blob = words[0], words[1]
        inside = base64.b64decode(blob, validate=True)
        size = int.from_bytes(inside[:4], "big")  # RFC 4253 6.6: the type comes first, again
        if not KIND.fullmatch(kind) or inside[4 : 4 + size] != kind.encode():
            raise ValueError
    except (IndexError, ValueError):
        raise AskedWrongly(
            "bad-host-key",
            "this is no public host key",
            expected="a line like: ssh-ed25519 AAAAC3Nz...",
            found=repr(text[:80]),
            hint="cat /etc/ssh/ssh_host_ed25519_key.pub   (on the node)",
        ) from None
    return HostKey(kind, blob)


class HostKeys:
    """The pinned keys of one project, in ``path`` (made on the first pin, mode 0600)."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def pinned(self, alias: str) -> tuple[HostKey, ...]:
        """The keys ``alias`` may show."""
        return tuple(key for name, key in self._read() if name == alias)

    def pin(self, alias: str, key: HostKey | str) -> HostKey:
        """From now on ``alias`` may show ``key`` too.  ``forget`` first to replace one."""
        if not NAME.fullmatch(alias):
            raise AskedWrongly(
                "bad-target", "this is no node name", expected=NAME.pattern, found=repr(alias)
            )
        value = parse_key(key) if isinstance(key, str) else key
        entries = self._read()
        if (alias, value) not in entries:
            self._write([*entries, (alias, value)])
        return value

    def forget(self, alias: str) -> bool:
        """Drop every key of ``alias``; whether there was one."""
        entries = self._read()
        rest = [entry for entry in entries if entry[0] != alias]
        if len(rest) != len(entries):
            self._write(rest)
        return len(rest) != len(entries)

    def _read(self) -> list[tuple[str, HostKey]]:
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        entries = []
        for line in text.splitlines():
            if line.strip() and not line.startswith("#"):
                alias, _, key = line.partition(" ")
                entries.append((alias, parse_key(key)))
        return entries

    def _write(self, entries: Sequence[tuple[str, HostKey]]) -> None:
        import tempfile

        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, fresh = tempfile.mkstemp(prefix=".known_hosts-", dir=self.path.parent)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:  # mkstemp made it 0600
                file.writelines(f"{alias} {key.type} {key.blob}\n" for alias, key in entries)
                file.flush()
                os.fsync(file.fileno())
            Path(fresh).replace(self.path)
        except BaseException:
            Path(fresh).unlink()
            raise
