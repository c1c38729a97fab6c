"""Texts that only the holders of certain keys can open: age files (https://age-encryption.org/v1).

A file is encrypted to *recipients*, public keys of age or of SSH, and opened by any one of the
*identities* that belong to them.  Debian's ``age`` reads and writes the same files.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import AskedWrongly
from ..node.record import dataclass

NAMED = "TOQUE_AGE_IDENTITY"  # the variable that names a file with an identity
USUAL = ("~/.config/toque/identity.txt", "~/.ssh/id_ed25519")
SSH = ("ssh-ed25519", "ssh-rsa")


@dataclass(frozen=True)
class IdentityFile:
    """A file with private keys.  ``named`` when somebody said which, so that it has to be right."""

    path: Path
    named: bool = False


def identity_files(state: Path, outer: Mapping[str, str]) -> tuple[IdentityFile, ...]:
    """Where identities are: the one file that ``TOQUE_AGE_IDENTITY`` names, else those that are
    there of ``identity.txt`` in the project's ``.toque`` (``state``) and the user's own."""
    if outer.get(NAMED):
        return (IdentityFile(Path(outer[NAMED]).expanduser(), named=True),)
    usual = (own_identity(state), *(Path(path).expanduser() for path in USUAL))
    return tuple(IdentityFile(path) for path in usual if path.is_file())


def own_identity(state: Path) -> Path:
    """The identity that Toque makes for a project by itself."""
    return state / "identity.txt"


def make_identity() -> tuple[str, str]:
    """The text of a new identity file, as age-keygen writes it, and its recipient."""
    from pyrage import x25519

    identity = x25519.Identity.generate()
    public = str(identity.to_public())
    return f"# public key: {public}\n{identity}\n", public


def recipient_of(file: IdentityFile) -> str:
    """The recipient of a file's first identity; of an SSH key it is the ``.pub`` beside it.

    Raises ``AskedWrongly("identity-wrong")``.
    """
    text = _private_text(file)
    if "PRIVATE KEY-----" in text:
        beside = file.path.with_name(f"{file.path.name}.pub")
        try:
            return recipient(beside.read_text(encoding="utf-8"), str(beside))
        except OSError as error:
            raise _wrong(file, f"its public key in {beside}", "no such file") from error
    keys = _x25519(file, text)
    if not keys:
        raise _wrong(file, "a line AGE-SECRET-KEY-1...", "none")
    return str(keys[0].to_public())


def pairs_of(path: Path) -> list[tuple[str, str]]:
    """Identities of a file of ours, each with its recipient.

    Raises ``AskedWrongly("identity-missing")``.
    """
    if not path.is_file():
        raise AskedWrongly(
            "identity-missing",
            f"there is no {path}",
            expected="the identity that Toque made for this project",
            found="none; you use one of your own",
            hint="toque env recipients add NEW-KEY, then: toque env recipients remove OLD-KEY",
        )
    file = IdentityFile(path)
    return [(str(key), str(key.to_public())) for key in _x25519(file, _private_text(file))]


def recipient(text: str, place: str = "") -> str:
    """``age1...`` or ``ssh-ed25519 AAAA...``, without the comment of an SSH key.

    Raises ``AskedWrongly("bad-recipient")``.
    """
    import pyrage
    from pyrage import ssh, x25519

    words = text.split()
    plain = " ".join(words[:2]) if words and words[0] in SSH else text.strip()
    try:
        (ssh if plain.startswith(SSH) else x25519).Recipient.from_str(plain)
    except pyrage.RecipientError:
        private = plain.startswith("AGE-SECRET-KEY-") or "PRIVATE KEY" in plain
        raise AskedWrongly(
            "bad-recipient",
            "this is not a recipient",
            expected="a public key: age1..., or ssh-ed25519 AAAA...",
            found="a private key (not shown)" if private else repr(plain[:80]),
            hint="age-keygen -y IDENTITY-FILE prints the recipient of an identity",
            place=place,
        ) from None
    return plain


def encrypt(data: bytes, recipients: Iterable[str]) -> bytes:
    """``data`` as an armored age file, for checked ``recipients``."""
    import pyrage
    from pyrage import ssh, x25519

    keys = [(ssh if r.startswith(SSH) else x25519).Recipient.from_str(r) for r in recipients]
    sealed: bytes = pyrage.encrypt(data, keys, armored=True)
    return sealed


def decrypt(sealed: bytes, files: Sequence[IdentityFile], place: str) -> bytes:
    """What an age file holds.

    Raises ``AskedWrongly``: ``identity-missing`` (no file has an identity), ``identity-wrong``
    (none fits), ``secrets-readable``, ``secrets-unreadable`` (the file is damaged).
    """
    import pyrage

    keys, left_out = [], []
    for file in files:
        try:
            keys += _keys(file)
        except AskedWrongly as error:
            # Of the usual places, one that cannot be used matters only if no other fits.
            if file.named or error.code == "secrets-readable":
                raise
            left_out.append(f"{file.path} ({error.trouble.found})")
    if not keys:
        raise AskedWrongly(
            "identity-missing",
            f"there is no identity to open {place} with",
            expected=f"one of a recipient, in a file that {NAMED} names or in a usual place",
            found="; ".join(left_out) or "none",
            hint="toque env recipients mine, and have the key that it prints added",
        )
    try:
        opened: bytes = pyrage.decrypt(sealed, keys)
    except pyrage.DecryptError as error:
        if "No matching keys" not in str(error):
            raise damaged(place, f"age says: {error}") from None
        raise AskedWrongly(
            "identity-wrong",
            f"no identity of yours opens {place}",
            expected="the identity of one of its recipients: toque env recipients",
            found="; ".join(
                [
                    *(
                        f"{file.path}, of another"
                        for file in files
                        if str(file.path) not in " ".join(left_out)
                    ),
                    *left_out,
                ]
            ),
            hint="toque env recipients mine, and have the key that it prints added",
        ) from None
    return opened


def damaged(place: str, found: str) -> AskedWrongly:
    """A file of secrets that cannot be what Toque wrote; its content is never quoted."""
    return AskedWrongly(
        "secrets-unreadable",
        f"{place} does not hold secrets as Toque writes them",
        expected="an age file, unchanged since it was written",
        found=found,
        hint=f"put back one that was good: git log -- {place}",
    )


def check_private(path: Path, status: os.stat_result, mode: int, *, forbidden: int) -> None:
    """Raise ``AskedWrongly("secrets-readable")`` for what others can read or replace."""
    found = stat.S_IMODE(status.st_mode)
    if found & forbidden or status.st_uid not in (0, os.geteuid()):
        raise AskedWrongly(
            "secrets-readable",
            f"others can read or replace {path}",
            expected=f"mode {mode:04o} and your own",
            found=f"mode {found:04o}, owner {status.st_uid}",
            hint=f"chmod {mode:o} {path}",
        )


def _keys(file: IdentityFile) -> list[Any]:
    import pyrage
    from pyrage import ssh

    text = _private_text(file)
    if "PRIVATE KEY-----" not in text:
        return _x25519(file, text)
    try:
        return [ssh.Identity.from_buffer(text.encode())]
    except pyrage.IdentityError as error:
        raise _wrong(
            file, "an SSH key of type ed25519 or RSA, without a passphrase", str(error)
        ) from None


def _x25519(file: IdentityFile, text: str) -> list[Any]:
    import pyrage
    from pyrage import x25519

    lines = [line.strip() for line in text.splitlines()]
    try:
        keys = [x25519.Identity.from_str(line) for line in lines if line and line[0] != "#"]
    except pyrage.IdentityError:
        keys = []
    if not keys:
        raise _wrong(file, "a line AGE-SECRET-KEY-1...", "something else (not shown)")
    return keys


def _private_text(file: IdentityFile) -> str:
    try:
        with file.path.open("rb") as opened:
            check_private(file.path, os.fstat(opened.fileno()), 0o600, forbidden=0o077)
            return opened.read(1 << 16).decode("utf-8")
    except OSError as error:
        raise _wrong(file, "a file that you can read", error.strerror or str(error)) from None
    except UnicodeDecodeError:
        raise _wrong(file, "an identity of age or an SSH key", "bytes that are no text") from None


def _wrong(file: IdentityFile, expected: str, found: str) -> AskedWrongly:
    named = f"{NAMED} names" if file.named else "there is"
    return AskedWrongly(
        "identity-wrong",
        f"{named} {file.path}, which is no identity",
        expected=expected,
        found=found,
        hint="age-keygen writes one; toque env recipients mine tells yours",
    )
