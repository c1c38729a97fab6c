"""The authorized_keys of a user: plain keys, compared line by line."""

from typing import Any, Dict, Iterable, List

from . import sshfolder
from .accounts import Account
from .formats import Unquotable, publickey
from .system import System

NAME = "authorized_keys"
OTHER = "a line that is no plain key"


def lines_of(keys: Iterable[str]) -> List[str]:
    """The lines that the file has to hold, each once, sorted."""
    return sorted({publickey.parse(key).line() for key in keys})


def found(system: System, account: Account) -> Dict[str, Any]:
    """The file as it is: its keys, and who may change it (sshd does not trust one of others)."""
    lines = []
    for line in sshfolder.read_in(system, account, NAME).splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            try:
                lines.append(publickey.parse(line.strip()).line())
            except Unquotable:
                # With options, or not a key at all: perhaps nothing that may be shown.
                lines.append(OTHER)
    there = system.stat(sshfolder.path_in(account, NAME))
    how = f"{there.mode:04o}, of {there.owner}" if there else "absent"
    return {"authorized_keys": sorted(lines), "keys_file": how}


def write(system: System, account: Account, keys: Iterable[str]) -> None:
    text = "".join(f"{line}\n" for line in lines_of(keys))
    sshfolder.write_in(system, account, NAME, text)


def shown(line: str) -> str:
    """A key as a person compares it."""
    if line == OTHER:
        return line
    key = publickey.parse(line)
    return " ".join(part for part in (key.type, key.fingerprint, key.comment) if part)
