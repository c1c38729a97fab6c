"""The project's own secrets: ``secrets/APP.age``, which only the recipients' identities open."""

from __future__ import annotations

import fcntl
import os
import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ..errors import AskedWrongly
from . import age
from .kept import Kept, decode
from .recipients import Recipient, parse_recipients, written

FOLDER = "secrets"  # beside toque.toml, to be committed
SALT = "release-salt"  # keys digests, so that they tell nothing about a weak secret
RECIPIENTS = "recipients.txt"
_APP = re.compile(r"[a-z][a-z0-9-]*")


def make_secret() -> str:
    """256 random bits as hex: safe in URLs, files and shells."""
    return secrets.token_hex(32)


class SecretStore:
    """What is kept of each app, encrypted in ``secrets/APP.age``.

    ``directory`` is the project's ``.toque``, which only its owner may change: the lock is there,
    and the identity that is made with a project's first secret.  ``folder`` holds the files, by
    default ``secrets`` beside it; ``tell`` is given a line when an identity was made.
    Nothing here prints a text.

    Writes are atomic and durable; two processes that make the same secret agree on one.
    """

    def __init__(
        self,
        directory: Path,
        folder: Path | None = None,
        *,
        outer: Mapping[str, str] | None = None,
        tell: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.directory = directory
        self.folder = folder or directory.parent / FOLDER
        self._outer = os.environ if outer is None else outer
        self._tell = tell

    def __repr__(self) -> str:
        return f"SecretStore({str(self.folder)!r})"

    def file(self, app: str) -> Path:
        return self.folder / f"{app}.age"

    def apps(self) -> tuple[str, ...]:
        """The apps of which something is kept."""
        names = self.folder.glob("*.age")
        return tuple(sorted(path.stem for path in names if _APP.fullmatch(path.stem)))

    def kept(self, app: str) -> Kept:
        """All of one app; empty when there is none.  Raises what ``age.decrypt`` does."""
        try:
            sealed = self.file(app).read_bytes()
        except FileNotFoundError:
            return Kept(app)
        place = str(self.file(app))
        data = age.decrypt(sealed, age.identity_files(self.directory, self._outer), place)
        try:
            found = decode(data)
        except ValueError as error:
            raise age.damaged(place, str(error)) from None
        if found.app != app:
            raise age.damaged(place, f"the secrets of app {found.app}")
        return found

    def change(self, app: str, change: Callable[[Kept], Kept]) -> Kept:
        """Keep what ``change`` makes of what is kept; nothing is written when that is the same."""
        with self._locked():
            before = self.kept(app)
            after = change(before)
            if after is not before:
                self._write(after, [one.key for one in self._agreed(before)])
            return after

    def texts(self) -> dict[str, str]:
        """All secrets of all apps as ``APP/NAME``: to be masked, never to be shown."""
        found = {}
        for app in self.apps():
            kept = self.kept(app)
            found.update({f"{app}/{n}": v.value for n, v in kept.variables.items() if v.secret})
            found.update({f"{app}/{n}": text for n, text in kept.made.items()})
        return found

    def get(self, name: str) -> str | None:
        """What was made under ``APP/NAME``."""
        app, _, key = name.partition("/")
        return self.kept(app).made.get(key)

    def get_or_make(self, name: str, make: Callable[[], str] = make_secret) -> str:
        """The text under ``APP/NAME``, made on first use and then kept."""
        known = self.get(name)
        if known is not None:
            return known
        app, _, key = name.partition("/")
        after = self.change(app, lambda k: k if key in k.made else k.with_made(key, make()))
        return after.made[key]

    def put(self, name: str, text: str) -> None:
        """Keep ``text`` as if it had been made."""
        app, _, key = name.partition("/")
        self.change(app, lambda kept: kept.with_made(key, text))

    def forget(self, name: str) -> bool:
        """Drop what was kept under ``APP/NAME``; whether there was something."""
        app, _, key = name.partition("/")
        there = key in self.kept(app).made

        def without(kept: Kept) -> Kept:
            return replace(kept, made={n: text for n, text in kept.made.items() if n != key})

        if there:
            self.change(app, without)
        return there

    def recipients(self) -> tuple[Recipient, ...]:
        """Who can open the files, as ``recipients.txt`` says."""
        path = self.folder / RECIPIENTS
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return ()
        return parse_recipients(text, str(path))

    def mine(self) -> Recipient:
        """The recipient whose identity is here; one is made when there is none."""
        with self._locked():
            return self._own()

    def set_recipients(
        self, change: Callable[[Sequence[Recipient]], Sequence[Recipient]]
    ) -> tuple[Recipient, ...]:
        """Encrypt everything for others.  A run that was killed is finished by the same call."""
        with self._locked():
            return self._encrypt_for(change)

    def rotate(self) -> tuple[Recipient, ...]:
        """Put a new identity in the place of the one in ``.toque``, and encrypt everything for it.

        While that goes on the file holds both, so that a run that was killed can be finished.
        Raises ``AskedWrongly("identity-missing")``.
        """
        path = age.own_identity(self.directory)
        with self._locked():
            known = age.pairs_of(path)
            if len(known) < 2:
                text, public = age.make_identity()
                both = text + "".join(f"{identity}\n" for identity, _ in known)
                _write_file(path, both.encode(), 0o600)
                known = age.pairs_of(path)
            (identity, public), *old = known
            keys = {key for _, key in old}

            def change(now: Sequence[Recipient]) -> Sequence[Recipient]:
                return [replace(r, key=public) if r.key in keys else r for r in now]

            after = self._encrypt_for(change)
            _write_file(path, f"# public key: {public}\n{identity}\n".encode(), 0o600)
            return after

    def _encrypt_for(
        self, change: Callable[[Sequence[Recipient]], Sequence[Recipient]]
    ) -> tuple[Recipient, ...]:
        before = self.recipients() or (self._own(),)
        after = tuple(change(before))
        keys = [one.key for one in after]
        every = [self.kept(app) for app in self.apps()]
        for kept in every:
            if set(kept.recipients) not in ({r.key for r in before}, set(keys)):
                raise self._changed(kept)
        for kept in every:
            self._write(kept, keys)
        _write_file(self.folder / RECIPIENTS, written(after).encode(), 0o644)
        return after

    def _agreed(self, kept: Kept) -> tuple[Recipient, ...]:
        """For whom to encrypt.

        Whoever can change ``recipients.txt`` could add himself and wait for the next write, so
        each encrypted file says for whom it was made, and only ``set_recipients`` changes that.
        """
        known = self.recipients()
        others = [self.kept(app) for app in self.apps()]
        if not known and not others:
            known = (self._own(),)
            _write_file(self.folder / RECIPIENTS, written(known).encode(), 0o644)
        for one in others:
            if set(one.recipients) != {r.key for r in known}:
                raise self._changed(one)
        return known

    def _own(self) -> Recipient:
        """An SSH key opens what was encrypted for it, but is not chosen unless it is named."""
        for file in age.identity_files(self.directory, self._outer):
            if file.named or ".ssh" not in file.path.parts:
                return Recipient(age.recipient_of(file))
        text, public = age.make_identity()
        path = age.own_identity(self.directory)
        _write_file(path, text.encode(), 0o600)
        self._tell(f"made {path}, which opens {FOLDER}/*.age: keep a copy elsewhere")
        return Recipient(public)

    def _changed(self, kept: Kept) -> AskedWrongly:
        said = {one.key for one in self.recipients()}
        more, less = said - set(kept.recipients), set(kept.recipients) - said
        found = [f"more: {key}" for key in sorted(more)] + [f"less: {key}" for key in sorted(less)]
        return AskedWrongly(
            "recipients-changed",
            f"{self.folder / RECIPIENTS} is not what {kept.app}.age was encrypted for",
            expected="a list that only toque env recipients changes",
            found=", ".join(found),
            hint="git log -p -- "
            f"{self.folder / RECIPIENTS}; put it back, then: toque env recipients add KEY",
        )

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        age.check_private(self.directory, self.directory.stat(), 0o700, forbidden=0o022)
        descriptor = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            ignore = self.directory / ".gitignore"
            if not ignore.exists():
                ignore.write_text("*\n", encoding="ascii")  # nothing here is ever committed
            yield
        finally:
            os.close(descriptor)

    def _write(self, kept: Kept, recipients: Sequence[str]) -> None:
        data = replace(kept, recipients=tuple(recipients)).encode()
        sealed = age.encrypt(data, recipients)
        files = age.identity_files(self.directory, self._outer)
        # What we could not open again is not written over what we can.
        age.decrypt(sealed, files, str(self.file(kept.app)))
        _write_file(self.file(kept.app), sealed, 0o644)


def _write_file(path: Path, data: bytes, mode: int) -> None:
    """Atomic and durable.  A private file is closed to others before it has content.

    Raises ``AskedWrongly("file-unwritable")``; what was there is still there then.
    """
    try:
        _replace(path, data, mode)
    except OSError as error:
        raise AskedWrongly(
            "file-unwritable",
            f"{path} cannot be written",
            expected=f"room in {path.parent}, and the right to write there",
            found=error.strerror or str(error),
            hint=f"df -h {path.parent}; ls -ld {path.parent}",
        ) from error


def _replace(path: Path, data: bytes, mode: int) -> None:
    path.parent.mkdir(exist_ok=True)
    staged = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(staged, flags, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.rename(staged, path)
    except BaseException:
        staged.unlink(missing_ok=True)
        raise
    parent = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)
