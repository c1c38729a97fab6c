"""Unit files of systemd as programs in supervisor's conf.d.

A unit file stays the source of truth; what it is translated to says in its first line that it is
ours.  Nothing here speaks to supervisord.
"""

import re
from typing import Optional

from ..errors import StepFailed
from ..system import System
from . import foreground, launch
from .protocol import UNIT_DIRECTORIES, missing
from .translate import HEADER, Translation, Untranslatable, translate
from .unitfile import UnitSyntax, parse

CONF = "/etc/supervisor/conf.d"
PLACES = (*UNIT_DIRECTORIES, CONF)


class Confs:
    """The programs in conf.d that unit files are, or could be, translated to."""

    def __init__(self, system: System) -> None:
        self._system = system

    def text(self, name: str) -> Optional[str]:
        return self._read(conf_path(name))

    def foreign(self, name: str) -> bool:
        """Whether the program is there and does not come from us."""
        conf = self.text(name)
        return conf is not None and not conf.startswith(HEADER.format(name=name))

    def source(self, name: str) -> str:
        """The unit's text: an administrator's, our foreground one, the package's."""
        own = self._read(f"/etc/systemd/system/{name}")
        if own:
            return own
        paths = (f"{directory}/{name}" for directory in UNIT_DIRECTORIES)
        packaged = next((text for text in map(self._read, paths) if text), "")
        return (foreground.known(name, self._system.names) or packaged) if packaged else ""

    def translation(self, name: str) -> Optional[Translation]:
        """What the unit file says now; None when there is none, or none that can be translated."""
        try:
            return self._translate(name, None)
        except StepFailed:
            return None

    def current(self, name: str) -> bool:
        """Whether conf.d holds what the unit file says now."""
        translation = self.translation(name)
        return translation is not None and translation.conf == self.text(name)

    def write(self, name: str, enabled: Optional[bool]) -> None:
        """Translate the unit file anew; None keeps what was said of starting at boot."""
        translation = self._translate(name, enabled)
        self._install_launcher()
        before = self.text(name)
        if translation.conf != before:
            self._system.write(conf_path(name), translation.conf.encode())
            if translation.lost and not _same_but_autostart(translation.conf, before):
                names = ", ".join(dict.fromkeys(translation.lost))
                self._system.note(f"{name}: supervisor cannot keep {names}")

    def remove(self, name: str) -> None:
        self._system.remove(conf_path(name))

    def _translate(self, name: str, enabled: Optional[bool]) -> Translation:
        source = self.source(name)
        if not source:
            raise missing(name, PLACES)
        if not name.endswith(".service"):
            raise StepFailed(
                "unit-untranslatable",
                f"supervisor has nothing like {name}",
                expected="a .service unit where no systemd runs",
                found=name,
            )
        if enabled is None:
            enabled = "\nautostart=true\n" in (self.text(name) or "")
        try:
            return translate(name, parse(source), enabled=enabled)
        except Untranslatable as error:
            message = f"supervisor cannot run {name} as systemd would: {error}"
            if error.code == "no-foreground-command":
                raise StepFailed(
                    "no-foreground-command",
                    message,
                    expected="Type=simple, exec or notify",
                    hint="write a unit with a command that stays in the foreground",
                ) from error
            raise StepFailed("unit-untranslatable", message) from error
        except UnitSyntax as error:
            raise StepFailed("unit-refused", f"{name} is not a unit file: {error}") from error

    def _install_launcher(self) -> None:
        if self._read(launch.PATH) != launch.TEXT:
            for directory in ("/usr/local/lib", "/usr/local/lib/toque"):
                if self._system.stat(directory) is None:
                    self._system.mkdir(directory, owner="root", group="root", mode=0o755)
            self._system.write(launch.PATH, launch.TEXT.encode(), mode=0o755)
        if self._system.stat("/var/log/toque") is None:
            self._system.mkdir("/var/log/toque", owner="root", group="root", mode=0o750)

    def _read(self, path: str) -> Optional[str]:
        try:
            return self._system.read(path).decode("utf-8", "replace")
        except (OSError, StepFailed):  # missing, or a link such as a mask
            return None


def program(name: str) -> str:
    """``thena.service`` -> ``thena``: what supervisor calls it."""
    return name[: -len(".service")] if name.endswith(".service") else name


def conf_path(name: str) -> str:
    return f"{CONF}/{program(name)}.conf"


def _same_but_autostart(new: str, old: Optional[str]) -> bool:
    """Whether two programs differ at most in whether they start at boot.  Pure."""
    plain = (re.sub(r"(?m)^autostart=\w+$", "", text or "") for text in (new, old))
    return next(plain) == next(plain)
