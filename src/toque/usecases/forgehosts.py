"""Host keys of forges: those that come with Toque, and those of the project's own file.

``.toque/forge_hosts`` is a known_hosts file.  A host in it is looked up there alone, so that a new
key that was confirmed wins over one that Toque shipped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import AskedWrongly, Failed
from ..fleet import forges
from ..node import knownhosts
from ..node.formats import Unquotable, publickey
from ..node.formats.publickey import PublicKey

FILE = "forge_hosts"
Fetch = Callable[[str], bytes]  # the bytes at an https address; raises ``Failed``


@dataclass(frozen=True)
class Known:
    """One key of a host (``HOST`` or ``[HOST]:PORT``), and where we have it from."""

    host: str
    key: PublicKey
    source: str


def host_keys(state: Path) -> str:
    """All of them as one known_hosts file."""
    return forges.merged(forges.shipped(), own(state))


def own(state: Path) -> str:
    """The project's own; empty when it has none."""
    try:
        return (state / FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def known(state: Path) -> list[Known]:
    """Every key that a fetch may meet."""
    mine = own(state)
    found = []
    for line in host_keys(state).splitlines():
        host, _, rest = line.partition(" ")
        try:
            key = publickey.parse(rest)
        except Unquotable as error:
            raise _unreadable(state, line) from error
        ours = "came with Toque" if line not in mine.splitlines() else f"this project's {FILE}"
        found.append(Known(host, key, ours))
    return found


def add(state: Path, host: str, port: int, keys: Sequence[PublicKey]) -> None:
    """From now on these are the keys of ``host``, and no others."""
    name = knownhosts.name_of(host, port)
    lines = [line for line in own(state).splitlines() if line.partition(" ")[0] != name]
    lines += [f"{name} {key.type} {key.data}" for key in keys]
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = state / f".{FILE}.new"
    fresh.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    fresh.replace(state / FILE)


@dataclass(frozen=True)
class Updated:
    """What an update found for ``host``: keys that are new, and those no longer published."""

    host: str
    added: tuple[PublicKey, ...]
    gone: tuple[PublicKey, ...]


def update(state: Path, host: str, fetch: Fetch) -> Updated:
    """Take over what the forge publishes about itself over https.

    Raises ``AskedWrongly("hostkey-no-source")``, ``Failed("hostkey-source-wrong")``.
    """
    forge = forges.FORGES.get(host)
    if forge is None or not forge.source:
        raise AskedWrongly(
            "hostkey-no-source",
            f"{host} publishes its keys nowhere that a program can read",
            expected="one of " + ", ".join(h for h, f in forges.FORGES.items() if f.source),
            found=host,
            hint=f"toque hostkey add {host}"
            + (f", and compare with {forge.published}" if forge else ""),
        )
    keys = published(host, fetch(forge.source), forge.source)
    before = forges.keys_of(host_keys(state), host)
    bare = {(key.type, key.data) for key in before}
    now = {(key.type, key.data) for key in keys}
    if bare != now:
        add(state, host, 22, keys)
    return Updated(
        host,
        tuple(key for key in keys if (key.type, key.data) not in bare),
        tuple(key for key in before if (key.type, key.data) not in now),
    )


def published(host: str, data: bytes, source: str) -> list[PublicKey]:
    """The keys in what a forge publishes: GitHub's JSON, or lines of known_hosts.  Pure.

    https://docs.github.com/rest/meta/meta#get-github-meta-information: ``ssh_keys`` is a list of
    ``type base64``.
    """
    try:
        text = data.decode("utf-8")
        if text.lstrip().startswith("{"):
            lines = json.loads(text)["ssh_keys"]
        else:
            lines = [line.partition(" ")[2] for line in text.splitlines() if _of(line, host)]
        keys = [publickey.parse(line) for line in lines]
        if not keys:
            raise ValueError("no key at all")
    except (Unquotable, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Failed(
            "hostkey-source-wrong",
            f"{source} does not hold the keys of {host}",
            expected="its public SSH host keys",
            found=str(error)[:200],
            hint=f"try again later, or: toque hostkey add {host} --fingerprint SHA256:...",
        ) from error
    return keys


def split(text: str) -> tuple[str, int]:
    """``HOST``, ``HOST:PORT`` or ``[HOST]:PORT``.  Raises ``AskedWrongly("bad-target")``."""
    found = re.fullmatch(r"\[?([A-Za-z0-9][A-Za-z0-9._-]*)\]?(?::(\d{1,5}))?", text)
    port = int(found.group(2) or 22) if found else 0
    if found is None or not 1 <= port <= 65535:
        raise AskedWrongly(
            "bad-target",
            "this is no host",
            expected="HOST or HOST:PORT",
            found=repr(text),
            hint="for instance git.example.org:2222",
        )
    return found.group(1).lower(), port


def _of(line: str, host: str) -> bool:
    return host in line.partition(" ")[0].split(",")


def _unreadable(state: Path, line: str) -> AskedWrongly:
    return AskedWrongly(
        "hostkey-file-damaged",
        f"{state / FILE} has a line that is no host key",
        expected="HOST TYPE KEY",
        found=line[:80],
        hint="remove the line, then: toque hostkey add HOST",
    )
