"""SCRAM-SHA-256 verifiers as Postgres stores them (RFC 5803 form, RFC 7677 numbers).

Made here and not by the server, so that a password is never part of a statement that a server
may log.
"""

import base64
import hashlib
import hmac
import stringprep
import unicodedata
from typing import Callable, Tuple

ITERATIONS = 4096  # Postgres' own number (scram-common.h) and RFC 7677's minimum
SALT = 16  # bytes, as Postgres


def verifier(password: str, salt: bytes, iterations: int = ITERATIONS) -> str:
    """``SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey``."""
    salted = hashlib.pbkdf2_hmac("sha256", prepared(password), salt, iterations)
    client = hmac.new(salted, b"Client Key", hashlib.sha256).digest()
    server = hmac.new(salted, b"Server Key", hashlib.sha256).digest()
    stored = hashlib.sha256(client).digest()
    return f"SCRAM-SHA-256${iterations}:{_b64(salt)}${_b64(stored)}:{_b64(server)}"


def verifies(password: str, stored: str) -> bool:
    """Whether ``stored`` was made from ``password``; an md5 hash never was."""
    try:
        name, middle, _ = stored.split("$")
        iterations, salt = middle.split(":")
        count, raw = int(iterations), base64.b64decode(salt, validate=True)
    except ValueError:
        return False
    if name != "SCRAM-SHA-256" or not 0 < count <= 1_000_000:
        return False
    return hmac.compare_digest(verifier(password, raw, count), stored)


def prepared(password: str) -> bytes:
    """SASLprep (RFC 4013) of a password; as in Postgres, what it forbids is taken as it is."""
    mapped = "".join(
        " " if stringprep.in_table_c12(c) else c for c in password if not stringprep.in_table_b1(c)
    )
    normal = unicodedata.normalize("NFKC", mapped)
    if not normal or any(forbidden(c) for c in normal for forbidden in FORBIDDEN):
        return password.encode()
    if any(map(stringprep.in_table_d1, normal)):  # right to left: RFC 3454, section 6
        ends = stringprep.in_table_d1(normal[0]) and stringprep.in_table_d1(normal[-1])
        if not ends or any(map(stringprep.in_table_d2, normal)):
            return password.encode()
    return normal.encode()


FORBIDDEN: Tuple[Callable[[str], bool], ...] = (
    stringprep.in_table_a1,
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
