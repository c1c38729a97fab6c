import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toque.node import scram

# RFC 7677, section 3: user "user", password "pencil".
SALT = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")


def test_verifier_answers_the_exchange_printed_in_the_rfc():
    import hashlib
    import hmac

    message = (
        b"n=user,r=rOprNGfwEbeRWgbNEkqO,"
        b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
        b"s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    )
    keys = scram.verifier("pencil", SALT).split("$")[2]
    stored, server = map(base64.b64decode, keys.split(":"))
    signature = hmac.new(server, message, hashlib.sha256).digest()
    assert base64.b64encode(signature) == b"6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
    proof = base64.b64decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
    client = hmac.new(stored, message, hashlib.sha256).digest()
    key = bytes(a ^ b for a, b in zip(proof, client, strict=True))
    assert hashlib.sha256(key).digest() == stored


@given(st.text(min_size=1, max_size=20))
def test_a_verifier_verifies_its_own_password_and_no_other(password):
    stored = scram.verifier(password, b"0123456789abcdef", iterations=1)
    assert scram.verifies(password, stored)
    assert not scram.verifies(password + "x", stored)


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "md5b0ee1d2ae0f1b6a4a8a4d4f2e2b1e2b1",
        "SCRAM-SHA-256$",
        "SCRAM-SHA-256$x:y$a:b",
        "SCRAM-SHA-256$0:c2FsdA==$a:b",
        "SCRAM-SHA-256$999999999:c2FsdA==$a:b",
        "SCRAM-SHA-1$4096:c2FsdA==$a:b",
    ],
)
def test_what_is_no_verifier_verifies_nothing(stored):
    assert not scram.verifies("secret", stored)


@pytest.mark.parametrize(
    ("password", "prepared"),
    [  # RFC 4013, section 3, and what Postgres does where the RFC refuses
        ("I\u00adX", b"IX"),
        ("user", b"user"),
        ("USER", b"USER"),
        ("\u00aa", b"a"),
        ("\u2168", b"IX"),
        ("\u0007", b"\x07"),
        ("\u0627\u0031", "\u06271".encode()),
        ("a\u00a0b", b"a b"),
    ],
)
def test_passwords_are_prepared_as_the_rfc_says(password, prepared):
    assert scram.prepared(password) == prepared
