"""One kernel parameter, now and at every boot."""

import re
from typing import ClassVar, FrozenSet, List, Optional, Sequence, Union

from ..claim import Claim
from ..contents import text_at
from ..errors import NotReady, StepFailed
from ..record import dataclass
from ..resource import Invalid, Resource, State
from ..system import System

DIRECTORY = "/etc/sysctl.d"

# A slash stands for a dot inside a name, as in net.ipv4.conf.eth0/1.forwarding: sysctl.d(5).
_KEY = re.compile(r"[a-z0-9_][a-z0-9_-]*(\.[A-Za-z0-9_/:@-]+)+")


@dataclass(frozen=True)
class Sysctl(Resource):
    """A kernel parameter: ``Sysctl("net.core.somaxconn", 1024)``.

    The running kernel gets the value first; only one that it takes is stored, in a file of its own
    under ``/etc/sysctl.d`` that is read after those of packages and after ``/etc/sysctl.conf``.
    Several numbers are written with spaces between them.  ``absent=True`` removes the file: the
    running kernel keeps the value until the next boot.
    """

    name: str
    value: Union[str, int] = ""
    absent: bool = False

    kind: ClassVar[str] = "sysctl"
    disturbs: ClassVar[Optional[FrozenSet[str]]] = frozenset()

    @property
    def path(self) -> str:
        """The file that holds the value; ``99-toque`` sorts behind Debian's ``99-sysctl.conf``."""
        return f"{DIRECTORY}/99-toque-{self.name.replace('/', '%')}.conf"

    @property
    def live(self) -> str:
        """Where the kernel shows it."""
        return "/proc/sys/" + self.name.translate(str.maketrans("./", "/."))

    def validate(self) -> None:
        if not _KEY.fullmatch(self.name) or ".." in self.live.split("/"):
            raise Invalid("name", "a parameter such as net.core.somaxconn", self.name)
        if self.absent and self.value != "":
            raise Invalid("value", "none with absent=True", self.value)
        text = str(self.value)
        if not self.absent and (not text.strip() or any(c in text for c in "\n\r\0")):
            raise Invalid("value", "one line of text, or a number", self.value)

    def claims(self) -> Sequence[Claim]:
        return (Claim(self.path),)

    def wanted(self) -> Optional[State]:
        if self.absent:
            return None
        return {"live": _words(str(self.value)), "stored": self._line()}

    def found(self, system: System) -> Optional[State]:
        stored = text_at(system, self.path)
        if self.absent:
            return None if stored is None else {"stored": stored}
        return {"live": self._live(system), "stored": stored}

    def fix(self, system: System, keys: FrozenSet[str]) -> None:
        if self.absent:
            system.remove(self.path)
            system.note(f"{self.name} keeps its value until the next boot")
            return
        if "live" in keys:
            self._set(system)
        if "stored" in keys:
            system.write(self.path, self._line().encode())

    def show(self, found: Optional[State], keys: FrozenSet[str]) -> List[str]:
        found = found or {}
        if self.absent:
            return [f"- {self.path}"]
        lines = []
        if "live" in keys:
            lines.append(f"~ live: {found.get('live')} -> {_words(str(self.value))}")
        if "stored" in keys:
            sign = "+" if found.get("stored") is None else "~"
            lines.append(f"{sign} {self.path}: {self._line().strip()}")
        return lines

    def _line(self) -> str:
        return f"{self.name} = {str(self.value).strip()}\n"

    def _live(self, system: System) -> str:
        try:
            return _words(system.read(self.live).decode("utf-8", "replace"))
        except FileNotFoundError as error:
            raise NotReady(
                "sysctl-unknown",
                f"the running kernel has no parameter {self.name}",
                expected=f"a file {self.live}",
                hint="a module that brings it is perhaps not loaded, or its name is misspelt",
            ) from error

    def _set(self, system: System) -> None:
        wanted, before = _words(str(self.value)), self._live(system)
        result = system.run(["sysctl", "-w", f"{self.name}={self.value}"], check=False)
        # Some versions of sysctl(8) end with 0 after a refusal, and kernels clamp: look again.
        now = self._live(system)
        if now == wanted:
            return
        if now != before:
            system.run(["sysctl", "-w", f"{self.name}={before}"], check=False)
        raise StepFailed(
            "sysctl-refused",
            f"the kernel does not take {wanted} for {self.name}; nothing was stored",
            expected=wanted,
            found=now,
            log=result.tail(),
        )


def _words(text: str) -> str:
    """The kernel separates numbers by tabs; how somebody wrote them does not matter."""
    return " ".join(text.split())
