"""The project's own secrets: ``.toque/secrets.json``, for its owner's eyes only."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import AskedWrongly


def make_secret() -> str:
    """256 random bits as hex: safe in URLs, files and shells."""
    return secrets.token_hex(32)


class SecretStore:
    """Names and texts in one 0600 file of a directory that only its owner may change.

    The directory is made with mode 0700; one that others may only look into is accepted, because
    the file itself is closed to them.  Nothing here prints a text.

    Writes are atomic and durable; two processes that make the same secret agree on one.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.file = directory / "secrets.json"

    def __repr__(self) -> str:
        return f"SecretStore({str(self.file)!r})"

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self._read()))

    def texts(self) -> dict[str, str]:
        """All that there is, by name: to be masked, never to be shown."""
        return self._read()

    def get(self, name: str) -> str | None:
        return self._read().get(name)

    def get_or_make(self, name: str, make: Callable[[], str] = make_secret) -> str:
        """The text under ``name``, made on first use and then kept."""
        known = self.get(name)
        if known is not None:
            return known
        with self._locked():
            texts = self._read()
            if name not in texts:
                texts[name] = make()
                self._write(texts)
            return texts[name]

    def put(self, name: str, text: str) -> None:
        with self._locked():
            texts = self._read()
            texts[name] = text
            self._write(texts)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._private(self.directory, self.directory.stat(), 0o700, forbidden=0o022)
        descriptor = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _read(self) -> dict[str, str]:
        try:
            descriptor = os.open(self.file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return {}
        with os.fdopen(descriptor, "rb") as file:
            self._private(self.file, os.fstat(file.fileno()), 0o600, forbidden=0o077)
            self._private(self.directory, self.directory.stat(), 0o700, forbidden=0o022)
            data = file.read()
        try:
            texts = json.loads(data)
        except ValueError:
            texts = None
        if not isinstance(texts, dict) or not all(isinstance(t, str) for t in texts.values()):
            # The parser's own words could quote the file, so they are dropped.
            raise AskedWrongly(
                "secrets-unreadable",
                f"{self.file} does not hold secrets",
                expected="one JSON object of texts",
                found="something else",
                hint="put back the copy from your backup",
            )
        return texts

    def _private(self, path: Path, status: os.stat_result, mode: int, *, forbidden: int) -> None:
        found = stat.S_IMODE(status.st_mode)
        if found & forbidden or status.st_uid not in (0, os.geteuid()):
            raise AskedWrongly(
                "secrets-readable",
                f"others can read or replace {path}",
                expected=f"mode {mode:04o} and your own",
                found=f"mode {found:04o}, owner {status.st_uid}",
                hint=f"chmod {mode:o} {path}",
            )

    def _write(self, texts: dict[str, str]) -> None:
        staged = self.directory / f".secrets.{os.getpid()}.{secrets.token_hex(4)}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(staged, flags, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(file.fileno(), 0o600)
                file.write(json.dumps(texts, indent=1, sort_keys=True).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
            os.rename(staged, self.file)
        except BaseException:
            staged.unlink(missing_ok=True)
            raise
        parent = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(parent)
        finally:
            os.close(parent)
