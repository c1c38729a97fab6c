"""Private keys are found in any form, and text that only speaks of them is left alone."""

import subprocess

import pytest

from toque.fleet import age
from toque.fleet.foundkeys import HINTS, private_key

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
