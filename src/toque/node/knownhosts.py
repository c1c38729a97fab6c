"""The known_hosts files of ssh, line by line: sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT".  Pure.

Names with ``*``, ``?`` or ``!`` and lines with a marker (``@cert-authority``, ``@revoked``) belong
to more than one host and are left alone.
"""

import base64
import binascii
import hmac
from typing import List, Optional, Tuple

from .formats import Unquotable, publickey
from .formats.publickey import PublicKey


def name_of(host: str, port: int) -> str:
    """How ssh looks a host up."""
    return host.lower() if port == 22 else f"[{host.lower()}]:{port}"


def keys_of(text: str, name: str) -> List[PublicKey]:
    """The keys that stand for exactly this name, in written order."""
    entries = (_entry(line) for line in text.splitlines())
    return [key for names, key in (e for e in entries if e) if _stands(names, name)]


def replaced(text: str, name: str, key: Optional[PublicKey]) -> str:
    """The text with ``key`` as the only one of its type for ``name``; None: with no key for it."""
    kept = []
    for line in text.splitlines():
        entry = _entry(line)
        if entry is None or not _stands(entry[0], name) or (key and entry[1].type != key.type):
            kept.append(line)
            continue
        others = [one for one in entry[0].split(",") if not _stands(one, name)]
        if others:
            kept.append(" ".join([",".join(others), entry[1].line()]))
    if key is not None:
        kept.append(f"{name} {key.type} {key.data}")
    return "".join(f"{line}\n" for line in kept)


def _entry(line: str) -> Optional[Tuple[str, PublicKey]]:
    """The names and the key of a line; None for a comment, a marked line, or nonsense."""
    names, _, rest = line.strip().partition(" ")
    if not names or names[0] in "#@":
        return None
    try:
        return names, publickey.parse(rest.strip())
    except Unquotable:
        return None


def _stands(names: str, name: str) -> bool:
    return any(one.lower() == name or _hashed(one, name) for one in names.split(","))


def _hashed(one: str, name: str) -> bool:
    """Whether ``|1|salt|hash`` is this name: HMAC-SHA1 with the salt, as ``ssh-keygen -H`` does."""
    parts = one.split("|")
    if len(parts) != 4 or parts[:2] != ["", "1"]:
        return False
    try:
        salt, digest = base64.b64decode(parts[2]), base64.b64decode(parts[3])
    except (binascii.Error, ValueError):
        return False
    return hmac.compare_digest(hmac.new(salt, name.encode(), "sha1").digest(), digest)
