"""Which source or version of a package apt prefers: apt_preferences(5)."""

import re
from typing import ClassVar, Tuple

from ..fragment import Fragment
from ..record import dataclass
from ..resource import Invalid
from .file import File

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}\Z")
_PACKAGES = re.compile(r"[A-Za-z0-9.+*?:\[\]/^$|-]+\Z")
_PIN = re.compile(
    r'(version [A-Za-z0-9.+:~*-]+|release [!-~]+(, ?[!-~]+)*|origin ("[^"\n]*"|[!-~]+))\Z'
)


@dataclass(frozen=True)
class AptPin(Fragment):
    """A preference of apt: ``AptPin("backports", ("git*",), "release n=bookworm-backports", 500)``.

    ``name`` is that of the file in /etc/apt/preferences.d.  ``packages`` are names, with ``*``;
    ``pin`` is ``version 1.22.*``, ``release a=..., n=..., o=...`` or ``origin HOST``.  With a
    ``priority`` above 1000 apt even goes back to an older version, from 990 on it prefers this to
    the target release, from 500 to others; from 100 only when nothing is installed, below 0
    never.  An installed package is changed by ``Package`` alone: this decides which version that
    is.
    """

    name: str
    packages: Tuple[str, ...] = ()
    pin: str = ""
    priority: int = 0
    absent: bool = False
    kind: ClassVar[str] = "apt_pin"

    @property
    def file(self) -> File:
        if not _NAME.match(self.name):
            raise Invalid("name", "letters, digits, - and _", self.name)
        path = f"/etc/apt/preferences.d/{self.name}.pref"
        return File(path, absent=True) if self.absent else File(path, self._text())

    def _text(self) -> str:
        if not self.packages:
            raise Invalid("packages", "at least one name", self.packages)
        for one in self.packages:
            if not _PACKAGES.match(one):
                raise Invalid("packages", "names of packages, with *", one)
        if not _PIN.match(self.pin):
            raise Invalid("pin", "version X, release k=v, or origin HOST", self.pin)
        if self.priority == 0 or not -32768 < self.priority < 32767:
            # apt_preferences(5): 0 is undefined, and apt reads 16 bits
            raise Invalid("priority", "a number other than 0, of 16 bits", self.priority)
        packages = " ".join(self.packages)
        return f"Package: {packages}\nPin: {self.pin}\nPin-Priority: {self.priority}\n"
