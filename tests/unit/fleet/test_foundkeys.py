"""Private keys are found in any form, and text that only speaks of them is left alone."""

import subprocess

import pytest

from toque.fleet import age
from toque.fleet.foundkeys import HINTS, private_key, private_keys

BODY = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n"
BEGIN, END = "-----BEGIN ", "-----\n"
KEYS = {
    "pkcs8": (f"{BEGIN}PRIVATE KEY{END}{BODY}", 1, "private key"),
    "rsa": (f"# mine\n{BEGIN}RSA PRIVATE KEY{END}{BODY}", 2, "rsa private key"),
    "ec": (f"{BEGIN}EC PRIVATE KEY{END}{BODY}", 1, "ec private key"),
    "encrypted": (f"{BEGIN}ENCRYPTED PRIVATE KEY{END}{BODY}", 1, "encrypted private key"),
    "old cipher": (
        f"{BEGIN}RSA PRIVATE KEY{END}Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0\n\n{BODY}",
        1, "rsa private key",
    ),
    "after a certificate": (
        f"{BEGIN}CERTIFICATE{END}{BODY}-----END CERTIFICATE{END}{BEGIN}PRIVATE KEY{END}{BODY}",
        4, "private key",
    ),
    "windows": (f"{BEGIN}PRIVATE KEY-----\r\n{BODY.strip()}\r\n", 1, "private key"),
    "in JSON": (f'{{"key": "{BEGIN}PRIVATE KEY-----\\n{BODY.strip()}\\n"}}', 1, "private key"),
    "in Python": (
        f'KEY = (\n"{BEGIN}RSA PRIVATE KEY-----\\n"\n"{BODY.strip()}"\n)', 2, "rsa private key"
    ),
    "in a variable": (f'KEY="{BEGIN}PRIVATE KEY----- {BODY.strip()}"', 1, "private key"),
    "PGP": (f"{BEGIN}PGP PRIVATE KEY BLOCK{END}\n{BODY}", 1, "pgp private key block"),
    "PuTTY": (
        f"PuTTY-User-Key-File-2: ssh-rsa\nPublic-Lines: 1\n{BODY}Private-Lines: 1\n{BODY}",
        1, "putty private key",
    ),
    "in yaml": (f"key: |\n  {BEGIN}PRIVATE KEY{END}  {BODY}", 2, "private key"),
    "age": (f"# public key: age1x\n{age.make_identity()[0].splitlines()[1]}\n", 2, "age identity"),
}  # fmt: skip
OTHERS = {
    "speaks of it": "It begins with -----BEGIN PRIVATE KEY----- and then\n",
    "speaks of it on a line": f"{BEGIN}PRIVATE KEY{END}...\n-----END PRIVATE KEY-----\n",
    "a pattern": 're.compile("-----BEGIN [A-Z ]*PRIVATE KEY-----")\n',
    "public": f"{BEGIN}PUBLIC KEY{END}{BODY}",
    "certificate": f"{BEGIN}CERTIFICATE{END}{BODY}",
    "an encrypted file": f"{BEGIN}AGE ENCRYPTED FILE{END}{BODY}",
    "backslashes": f"{BEGIN}PRIVATE KEY-----" + "\\" * 5000 + "\n",
    "a public one of PuTTY": f"PuTTY-User-Key-File-2: ssh-rsa\nPublic-Lines: 1\n{BODY}",
    "a public one of PGP": f"{BEGIN}PGP PUBLIC KEY BLOCK{END}\n{BODY}",
    "a placeholder": "AGE-SECRET-KEY-1...\n",
}


@pytest.mark.requirement("R27")
@pytest.mark.parametrize(("text", "line", "kind"), KEYS.values(), ids=KEYS)
def test_key_is_found(text, line, kind):
    assert any(hint in text for hint in HINTS)
    assert private_key(text) == (line, kind)


@pytest.mark.parametrize("text", OTHERS.values(), ids=OTHERS)
def test_no_key_is_seen_in(text):
    assert private_key(text) is None


@pytest.mark.requirement("R27")
def test_what_ssh_keygen_writes_is_found(tmp_path):
    path = tmp_path / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "x", "-f", path], check=True)

    assert private_key(path.read_text()) == (1, "openssh private key")
    assert private_key(path.with_suffix(".pub").read_text()) is None


@pytest.mark.requirement("R27")
def test_each_key_of_a_text_is_found():
    text = f"{KEYS['ec'][0]}\n{KEYS['windows'][0]}\n{KEYS['in JSON'][0]}\n"

    assert list(private_keys(text)) == [
        (1, "ec private key"), (4, "private key"), (7, "private key"),
    ]  # fmt: skip
