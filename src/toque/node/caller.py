"""From where this process was started: the SSH session it is a child of, sshd(8) ENVIRONMENT."""

import os
from typing import Optional

from .record import dataclass

MOST_PARENTS = 32


@dataclass(frozen=True)
class Caller:
    """The other end of an SSH session: its address, and the port it came to on this machine."""

    address: str
    port: int


def caller(process: str = "self", root: str = "/proc") -> Optional[Caller]:
    """Who started this process; None when nobody did by SSH.

    sudo drops ``SSH_CONNECTION``, so the processes above are asked too.
    """
    for _ in range(MOST_PARENTS):
        try:
            with open(f"{root}/{process}/environ", "rb") as file:
                variables = file.read().split(b"\0")
            with open(f"{root}/{process}/stat", "rb") as file:
                # pid (name) state ppid: the name may hold anything, parentheses too.
                process = file.read().rpartition(b")")[2].split()[1].decode()
        except OSError:
            return None
        for variable in variables:
            name, _, value = variable.partition(b"=")
            if name == b"SSH_CONNECTION":
                return _caller(os.fsdecode(value))
        if process == "0":
            return None
    return None


def _caller(value: str) -> Optional[Caller]:
    """``client-address client-port server-address server-port``."""
    parts = value.split()
    if len(parts) != 4 or not parts[3].isdigit():
        return None
    return Caller(parts[0], int(parts[3]))
