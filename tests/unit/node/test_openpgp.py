import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openpgp_keys import ED25519, ED25519_FINGERPRINT, RSA, RSA_FINGERPRINT
from toque.node import openpgp


def binary(armored):
    body = armored.split("\n\n", 1)[1].split("\n=")[0]
    return base64.b64decode("".join(body.split()))


@pytest.mark.parametrize(
    ("armored", "fingerprint"), [(ED25519, ED25519_FINGERPRINT), (RSA, RSA_FINGERPRINT)]
)
def test_the_fingerprint_is_the_one_that_gpg_says(armored, fingerprint):
    for data in (armored.encode(), binary(armored), b"\n" + armored.replace("\n", "\r\n").encode()):
        found = openpgp.read(data)
        assert found.fingerprints == (fingerprint,)
        assert found.data == binary(armored)


def test_every_key_of_a_file_is_told():
    both = (ED25519_FINGERPRINT, RSA_FINGERPRINT)
    assert openpgp.read(binary(ED25519) + binary(RSA)).fingerprints == both
    assert openpgp.read((ED25519 + RSA).encode()).fingerprints == both


def test_lengths_of_the_new_format_are_read():
    key = binary(ED25519)
    body = key[2 : 2 + key[1]]
    long = bytes(200)
    for new in (bytes([0xC6, len(body)]), b"\xc6\xff" + len(body).to_bytes(4, "big")):
        assert openpgp.read(new + body).fingerprints == (ED25519_FINGERPRINT,)
    two_octets = bytes([0xC2, 192 + (len(long) - 192 >> 8), len(long) - 192]) + long
    assert openpgp.read(key + two_octets).fingerprints == (ED25519_FINGERPRINT,)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "nothing"),
        (b"<html>not found</html>", "no OpenPGP key"),
        (b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlFg=\n", "private key block"),
        (b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nlFg=\n", "without its end"),
        (ED25519.replace("mDME", "m*ME").encode(), "damaged"),
        (b"\x95\x00\x01\x04", "a private key"),
        (b"\x98\x01\x03", "version 3"),
        (b"\x98\x01\x06", "version 6"),
        (b"\x88\x01\x04", "packet 2"),
        (b"\xc6\xe1\x04", "in parts"),
        (b"\x9b\x04", "without a length"),
        (binary(RSA)[:-1], "cut off"),
        (b"\x98", "cut off"),
    ],
)
def test_what_is_no_public_key_is_told_as_what_it_is(data, words):
    with pytest.raises(ValueError, match=words):
        openpgp.read(data)


@given(st.binary(max_size=60), st.integers(0, 200))
def test_damage_is_a_value_error_and_never_another_kind(noise, at):
    key = binary(ED25519)
    try:
        openpgp.read(key[:at] + noise + key[at + len(noise) :])
    except ValueError:
        pass


def test_any_change_in_the_key_changes_the_fingerprint():
    key = binary(ED25519)
    for at in range(3, 2 + key[1]):
        changed = key[:at] + bytes([key[at] ^ 1]) + key[at + 1 :]
        assert openpgp.read(changed).fingerprints != (ED25519_FINGERPRINT,)
