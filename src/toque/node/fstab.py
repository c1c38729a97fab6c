"""/etc/fstab and the kernel's own tables of mounts and swaps: fstab(5), proc(5).

All three write a space, a tab, a line end and a backslash inside a name as ``\\040``, ``\\011``,
``\\012`` and ``\\134``.
"""

import re
from typing import Callable, Dict, List, Optional, Tuple

from .contents import bytes_at
from .record import dataclass
from .system import System

FSTAB = "/etc/fstab"
MOUNTS = "/proc/self/mountinfo"
SWAPS = "/proc/swaps"


@dataclass(frozen=True)
class Line:
    """One line of fstab, names decoded."""

    device: str
    path: str
    type: str
    options: str = "defaults"
    passno: int = 0

    @property
    def text(self) -> str:
        names = [self.device, self.path, self.type, self.options]
        return " ".join([*map(encoded, names), "0", str(self.passno)])


@dataclass(frozen=True)
class Mounted:
    """What is mounted somewhere now."""

    device: str
    type: str
    options: Tuple[str, ...]


def line_of(text: str) -> Optional[Line]:
    """A line of fstab, or None for a comment and the like."""
    parts = text.split()
    if len(parts) < 3 or text.lstrip().startswith("#"):
        return None
    device, path, kind = map(decoded, parts[:3])
    options = decoded(parts[3]) if len(parts) > 3 else "defaults"
    passno = parts[5] if len(parts) > 5 else "0"
    return Line(device, path, kind, options, int(passno) if passno.isdigit() else 0)


def find(system: System, mine: Callable[[Line], bool]) -> Optional[Line]:
    """The line that counts of those that are ``mine``: the first."""
    return next((line for line in map(line_of, _lines(system)) if line and mine(line)), None)


def put(system: System, mine: Callable[[Line], bool], new: Optional[Line]) -> None:
    """Write ``new`` in place of all lines that are ``mine``; without one, remove them."""
    lines: List[str] = []
    for text in _lines(system):
        line = line_of(text)
        if line is None or not mine(line):
            lines.append(text)
        elif new is not None:
            lines.append(new.text)
            new = None
    if new is not None:
        lines.append(new.text)
    system.write(FSTAB, "".join(f"{text}\n" for text in lines).encode())


def mounts(system: System) -> Dict[str, Mounted]:
    """Mount points and what is to be seen there: the last one mounted."""
    found = {}
    for text in _text(system, MOUNTS).splitlines():
        before, _, after = text.partition(" - ")
        parts, (kind, device) = before.split(), after.split()[:2]
        options = parts[5].split(",")
        if "ro" in after.split()[2].split(","):  # the whole file system, whatever this mount says
            options = ["ro", *(option for option in options if option != "rw")]
        found[decoded(parts[4])] = Mounted(decoded(device), kind, tuple(options))
    return found


def swaps(system: System) -> List[str]:
    """Paths that the kernel swaps to."""
    return [decoded(line.split()[0]) for line in _text(system, SWAPS).splitlines()[1:]]


def encoded(name: str) -> str:
    return re.sub(r"[ \t\n\\#]", lambda found: f"\\{ord(found.group()):03o}", name)


def decoded(name: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found.group(1), 8)), name)


def _lines(system: System) -> List[str]:
    return _text(system, FSTAB).splitlines()


def _text(system: System, path: str) -> str:
    return (bytes_at(system, path) or b"").decode("utf-8", "surrogateescape")
