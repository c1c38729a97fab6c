"""What a file holds, for those to whom a missing one is no failure."""

from typing import Optional

from .system import System


def bytes_at(system: System, path: str) -> Optional[bytes]:
    """The bytes of a file; None when it is not there."""
    try:
        return system.read(path)
    except FileNotFoundError:
        return None


def text_at(system: System, path: str) -> Optional[str]:
    """The text of a file, undecodable bytes replaced; None when it is not there."""
    data = bytes_at(system, path)
    return None if data is None else data.decode("utf-8", "replace")
