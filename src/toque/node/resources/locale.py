"""A locale that programs can use, and the one they use unless told otherwise."""

import re
from typing import Any, ClassVar, Dict, FrozenSet, Optional, Set

from ..contents import text_at
from ..errors import NotReady, StepFailed
from ..record import dataclass
from ..resource import EXISTS, Invalid, Resource, State
from ..system import System

CHOSEN = "/etc/locale.gen"
SUPPORTED = "/usr/share/i18n/SUPPORTED"  # lines of "name charset", package locales
DEFAULT = "/etc/default/locale"

# Always there: locale(7), and C.UTF-8 of Debian's libc-bin.
BUILT_IN = ("C", "POSIX", "C.UTF-8")

_NAME = re.compile(r"[A-Za-z_]+(\.[A-Za-z0-9-]+)?(@[a-z]+)?")


@dataclass(frozen=True)
class Locale(Resource):
    """A locale: ``Locale("de_CH.UTF-8")``, made by ``locale-gen`` of the package ``locales``.

    ``default=True`` makes it the ``LANG`` of logins and services that start from now on (None
    leaves that alone, False takes it away from this one).  ``absent=True`` removes the locale.
    ``C.UTF-8`` needs no package and cannot be removed.
    """

    name: str
    default: Optional[bool] = None
    absent: bool = False

    kind: ClassVar[str] = "locale"
    disturbs: ClassVar[Optional[FrozenSet[str]]] = frozenset({"locales"})

    def validate(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise Invalid("name", "a locale such as de_CH.UTF-8", self.name)
        if self.absent and self.name in BUILT_IN:
            raise Invalid("absent", "a locale that is not built in", self.name)
        if self.absent and self.default is not None:
            raise Invalid("default", "none with absent=True", self.default)

    def wanted(self) -> Optional[State]:
        return None if self.absent else {"default": self.default}

    def found(self, system: System) -> Optional[State]:
        if normal(self.name) not in _there(system):
            return None
        state: Dict[str, Any] = {}
        if self.default is not None:
            state["default"] = _lang(_read(system, _default_path(system))) == self.name
        return state

    def fix(self, system: System, keys: FrozenSet[str]) -> None:
        if self.absent:
            self._choose(system, False)
            system.run(["locale-gen"])  # makes all that are still chosen anew
            return
        if EXISTS in keys:
            self._choose(system, True)
            system.progress(f"making {self.name}")
            system.run(["locale-gen", "--keep-existing"])
        if "default" in keys:
            path = _default_path(system)
            system.write(path, self._defaults(_read(system, path)).encode())

    def _choose(self, system: System, chosen: bool) -> None:
        """Take the locale's line in, or turn it into a comment."""
        line = f"{self.name} {self._charset(system)}"
        lines = _read(system, CHOSEN).splitlines()
        mine = [n for n, old in enumerate(lines) if old.lstrip("# ").split() == line.split()]
        new = line if chosen else f"# {line}"
        for number in mine:
            lines[number] = new
        if chosen and not mine:
            lines.append(new)
        if system.stat("/usr/sbin/locale-gen") is None:
            raise _no_tool("/usr/sbin/locale-gen")
        system.write(CHOSEN, "".join(f"{text}\n" for text in lines).encode())

    def _charset(self, system: System) -> str:
        text = _read(system, SUPPORTED)
        if not text:
            raise _no_tool(SUPPORTED)
        for line in text.splitlines():
            name, _, charset = line.partition(" ")
            if name == self.name:
                return charset.strip()
        raise StepFailed(
            "locale-unknown",
            f"this machine knows no locale {self.name}",
            expected=f"a name that stands in {SUPPORTED}",
            hint=f"grep {self.name.partition('_')[0]}_ {SUPPORTED}",
        )

    def _defaults(self, text: str) -> str:
        """The text with this LANG, or without it; other variables stay."""
        lines = [line for line in text.splitlines() if not line.startswith("LANG=")]
        if self.default:
            lines.append(f"LANG={self.name}")
        return "".join(f"{line}\n" for line in lines)


def normal(name: str) -> str:
    """As ``locale -a`` writes it: ``de_CH.utf8`` for ``de_CH.UTF-8``."""
    place, dot, rest = name.partition(".")
    charset, at, variant = rest.partition("@")
    return f"{place}{dot}{charset.replace('-', '').lower()}{at}{variant}"


def _there(system: System) -> Set[str]:
    def look() -> Set[str]:
        return {normal(line) for line in system.run(["locale", "-a"]).text.splitlines()}

    return system.observe("locales", look)


def _default_path(system: System) -> str:
    """Newer releases keep the file elsewhere and a link here: locale.conf(5)."""
    there = system.stat(DEFAULT)
    return "/etc/locale.conf" if there and there.kind == "link" else DEFAULT


def _lang(text: str) -> str:
    found = [line.partition("=")[2] for line in text.splitlines() if line.startswith("LANG=")]
    return found[-1].strip("\"'") if found else ""


def _read(system: System, path: str) -> str:
    return text_at(system, path) or ""


def _no_tool(path: str) -> NotReady:
    return NotReady(
        "program-missing",
        f"there is no {path}, so no locale can be made",
        expected="the package locales",
        hint='add Package("locales") before this step',
    )
