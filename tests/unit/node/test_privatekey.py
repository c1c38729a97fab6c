"""Private keys as people hand them over (R41): each variant is repaired or refused by its name."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from toque.node.privatekey import BadKey, cleaned

pytestmark = pytest.mark.requirement("R41")


def keygen(path: Path, *options: str, passphrase: str = "") -> str:
    argv = ["ssh-keygen", "-q", "-N", passphrase, "-f", str(path), *options]
    subprocess.run(argv, check=True)
    return path.read_text()


@pytest.fixture(scope="module")
def top(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys")


@pytest.fixture(scope="module")
def key(top: Path) -> str:
    return keygen(top / "good", "-t", "ed25519")


@pytest.fixture(scope="module")
def pem(top: Path) -> str:
    return keygen(top / "pem", "-t", "rsa", "-b", "2048", "-m", "PEM")


def usable(text: str, top: Path) -> bool:
    """Whether OpenSSH itself reads it."""
    path = top / "tried"
    path.write_text(text)
    path.chmod(0o600)
    argv = ["ssh-keygen", "-y", "-P", "", "-f", str(path)]
    return subprocess.run(argv, capture_output=True).returncode == 0


def test_a_good_key_stays_as_it_is(key: str, pem: str, top: Path) -> None:
    assert cleaned(key) == cleaned(cleaned(key).text)
    assert cleaned(key).text == key
    assert cleaned(key).repairs == ()
    for text in (key, pem):
        assert usable(cleaned(text).text, top)


REPAIRS = {
    "windows": (lambda text: text.replace("\n", "\r\n"), "CRLF"),
    "old mac": (lambda text: text.replace("\n", "\r"), "CRLF"),
    "no last line end": (lambda text: text.rstrip("\n"), "no line end"),
    "one line, blanks": (lambda text: text.replace("\n", " "), "all on one line"),
    "one line, nothing": (
        lambda text: re.sub(r"(?<=[A-Za-z0-9+/=])\n(?!-)", "", text), "all on one line",
    ),
    "one line, backslash n": (lambda text: text.replace("\n", "\\n"), "written as \\n"),
    "byte order mark": (lambda text: "\ufeff" + text, "byte order mark"),
    "around it": (lambda text: f"here it is:\n\n  {text}\n\nbye\n", ""),
    "indented": (lambda text: text.replace("\n", "\n    "), ""),
}  # fmt: skip


@pytest.mark.parametrize("name", REPAIRS)
@pytest.mark.parametrize("kind", ["openssh", "pem"])
def test_what_can_be_repaired_is(name: str, kind: str, key: str, pem: str, top: Path) -> None:
    spoil, word = REPAIRS[name]
    text = key if kind == "openssh" else pem

    found = cleaned(spoil(text))

    assert usable(found.text, top)
    assert any(word in repair for repair in found.repairs) or not word


def test_what_cannot_be_repaired_is_named(key: str, pem: str, top: Path) -> None:
    locked = keygen(top / "locked", "-t", "ed25519", passphrase="secret words")
    locked_pem = keygen(
        top / "p", "-t", "rsa", "-b", "2048", "-m", "PEM", passphrase="secret words"
    )
    locked_8 = keygen(top / "p8", "-t", "rsa", "-b", "2048", "-m", "PKCS8", passphrase="secret")
    public = (top / "good.pub").read_text()
    lines = key.splitlines(keepends=True)
    cases = {
        "passphrase": (locked, locked_pem, locked_8, locked.replace("\n", "\r\n")),
        "public half": (public,),
        "PuTTY": ("PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n",),
        "last line is missing": ("".join(lines[:-1]),),
        "part of it is missing": ("".join([*lines[:2], lines[-1]]),),
        "damaged": (key.replace("b3BlbnNza", "b3B???Nza"), key.replace("b3BlbnNza", "c3BlbnNza")),
        "no private key": ("", "hello\n", "ghp_0123456789abcdef"),
        "certificate": ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",),
        "DSA": ("-----BEGIN DSA PRIVATE KEY-----\nAAAA\n-----END DSA PRIVATE KEY-----\n",),
        "longer than any key": (key + "x" * 30_000,),
    }
    for word, given in cases.items():
        for text in given:
            with pytest.raises(BadKey) as caught:
                cleaned(text)
            assert word in caught.value.why, (word, caught.value.why)
            assert not re.search("[A-Za-z0-9+/]{40}", caught.value.why)  # never quotes it
