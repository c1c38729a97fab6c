"""Seals of what was found on a node: the same state gives the same seal, and nothing else does.

A saved plan carries them, so that applying it later can tell what has moved in between.  They are
keyed with a secret of the node: whoever reads the plan cannot guess a password by trying seals.
"""

import contextlib
import hashlib
import json
import os
from typing import Any, Callable, Dict, Mapping, Optional

from .resource import EXISTS, State

Seal = Callable[[Optional[State], Optional[State]], Mapping[str, str]]


def sealer(key: bytes) -> Seal:
    """A function of wanted and found state: a seal per managed part of what was found.

    What does not exist has no part, not even ``exists``.
    """

    def seal(wanted: Optional[State], found: Optional[State]) -> Mapping[str, str]:
        if found is None:
            return {}
        seals: Dict[str, str] = {EXISTS: "yes"}
        for name in sorted(found):
            if wanted is None or wanted.get(name) is not None:
                text = json.dumps(found[name], sort_keys=True, default=_plain).encode("utf-8")
                seals[name] = hashlib.blake2b(text, key=key, digest_size=8).hexdigest()
        return seals

    return seal


def node_key(state: str) -> bytes:
    """The key of this node, 32 bytes that only root can read; made when there is none yet."""
    path = os.path.join(state, "seal.key")
    if not os.path.exists(path):
        _make(path)
    with open(path, "rb") as file:
        return file.read()


def _make(path: str) -> None:
    """Whoever of two makes it first has made it."""
    staged = f"{path}.{os.getpid()}"
    descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, os.urandom(32))
        os.fsync(descriptor)
        with contextlib.suppress(FileExistsError):
            os.link(staged, path)
    finally:
        os.close(descriptor)
        os.unlink(staged)


def _plain(value: Any) -> Any:
    """Values of a state that JSON has no word for."""
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if isinstance(value, bytes):
        return value.hex()
    raise TypeError(f"a state holds a {type(value).__name__}")
