"""systemd on the machine in memory: units are their files, enabling is a link, running is a word.

What a real one refuses is refused: a unit that is not there or masked, a service without
``ExecStart=``, a start as a user or with an environment file that is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..node.inits.protocol import UNIT_DIRECTORIES
from ..node.inits.unitfile import UnitFile, UnitSyntax, parse
from ..node.memory import Program
from ..node.system import Result
from . import accounts

if TYPE_CHECKING:
    from .machine import Machine

ETC = "/etc/systemd/system"
ASKS = {"show", "is-active", "is-enabled", "is-failed", "is-system-running", "cat", "list-units"}
FOUND_OUT = {"not-found": "not found", "masked": "masked", "bad-setting": "has a bad unit file"}


@dataclass
class Unit:
    """What systemd remembers of one: the text that it has read, and how it runs."""

    text: bytes = b""
    active: str = "inactive"
    sub: str = "dead"
    result: str = "success"
    pid: int = 0


class Systemctl:
    """``units`` are those in memory; systemd forgets one that neither runs nor is enabled."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.units: dict[str, Unit] = {}
        self._pids = 1000

    def programs(self) -> dict[str, Program]:
        def quiet(argv: Sequence[str], stdin: bytes, user: str | None) -> Result:
            return Result(argv, 0)

        return {"systemctl": self, "journalctl": quiet, "systemd-analyze": quiet}

    def __call__(self, argv: Sequence[str], stdin: bytes, user: str | None) -> Result:
        words = [word for word in argv[1:] if not word.startswith("-")]
        verb, names = words[0], words[1:]
        if verb in ("daemon-reload", "daemon-reexec"):
            for name, unit in self.units.items():
                unit.text = self.file(name)[1]
            return Result(argv, 0)
        if verb == "show":
            blocks = [self._properties(name) for name in names]
            return Result(argv, 0, "\n\n".join(blocks).encode())
        if verb in ASKS:
            return self._answer(argv, verb, names)
        for name in names:
            status, words_ = self._do(verb, name, now="--now" in argv)
            if status:
                return Result(argv, status, b"", f"{words_}\n".encode())
        return Result(argv, 0)

    def file(self, name: str) -> tuple[str, bytes]:
        """The path and text of a unit's file; an empty path when there is none."""
        stem, at, rest = name.partition("@")
        template = f"{stem}@.{rest.rpartition('.')[2]}" if at else name
        for file in dict.fromkeys((name, template)):
            for directory in UNIT_DIRECTORIES:
                path = f"{directory}/{file}"
                there = self.machine.stat(path)
                if there is None:
                    continue
                if there.target == "/dev/null":
                    return there.target, b""
                return path, self.machine.followed(path)
        return "", b""

    def running(self, name: str) -> bool:
        unit = self.units.get(name)
        return unit is not None and unit.active == "active"

    def enabled(self, name: str) -> list[str]:
        """The links that have it started at boot."""
        found = []
        for folder in self.machine.names(ETC):
            path = f"{ETC}/{folder}/{name}"
            if folder.endswith((".wants", ".requires")) and self.machine.stat(path) is not None:
                found.append(path)
        return found

    def _load(self, name: str) -> tuple[str, Unit]:
        """systemd's LoadState, and the unit as it is in memory now."""
        path, text = self.file(name)
        unit = self.units.get(name)
        if unit is None or (unit.active == "inactive" and not self.enabled(name)):
            unit = self.units[name] = Unit(text, result=unit.result if unit else "success")
        if path == "/dev/null":
            return "masked", unit
        if not path and unit.active == "inactive":
            return "not-found", self.units.pop(name)
        return ("bad-setting" if self._bad(name, unit.text) else "loaded"), unit

    def _bad(self, name: str, text: bytes) -> str:
        try:
            parsed = parse(text.decode("utf-8", "replace"))
        except UnitSyntax as error:
            return str(error)
        if name.endswith(".service") and not parsed.values("Service", "ExecStart"):
            return f"{name}: Service has no ExecStart=, ExecStop=, or SuccessAction=. Refusing."
        return ""

    def _properties(self, name: str) -> str:
        load, unit = self._load(name)
        path, text = self.file(name)
        pairs = {
            "Id": name,
            "Names": name,
            "LoadState": load,
            "LoadError": self._bad(name, unit.text) if load == "bad-setting" else "",
            "ActiveState": unit.active,
            "SubState": unit.sub,
            "FragmentPath": path,
            "UnitFileState": self._file_state(name, path, text),
            "NeedDaemonReload": "yes" if load == "loaded" and unit.text != text else "no",
            "MainPID": str(unit.pid),
            "Result": unit.result,
            "ExecMainStatus": "0",
            "NRestarts": "0",
            "Wants": "",
        }
        return "\n".join(f"{key}={value}" for key, value in pairs.items())

    def _file_state(self, name: str, path: str, text: bytes) -> str:
        if path == "/dev/null":
            return "masked"
        if not path:
            return ""
        if self.enabled(name):
            return "enabled"
        return "disabled" if _wants(text) else "static"

    def _answer(self, argv: Sequence[str], verb: str, names: Sequence[str]) -> Result:
        said = []
        for name in names:
            path, text = self.file(name)
            state = self._file_state(name, path, text)
            active = self.units[name].active if name in self.units else "inactive"
            said.append(state if verb == "is-enabled" else active)
        good = {"is-enabled": "enabled", "is-failed": "failed"}.get(verb, "active")
        code = 0 if verb not in ("is-active", "is-enabled", "is-failed") or good in said else 3
        return Result(argv, code, "".join(f"{word}\n" for word in said).encode())

    def _do(self, verb: str, name: str, *, now: bool) -> tuple[int, str]:
        """One verb for one unit: an exit status and words."""
        if verb in ("mask", "unmask", "disable", "reset-failed"):
            self._unlink(verb, name)
            return (0, "") if not now else self._do("stop", name, now=False)
        load, unit = self._load(name)
        if load != "loaded":
            return (5 if load == "not-found" else 1), f"Unit {name} {FOUND_OUT[load]}."
        if verb == "enable":
            self._enable(name)
            return (0, "") if not now else self._do("start", name, now=False)
        if verb == "stop":
            unit.active, unit.sub, unit.pid, unit.result = "inactive", "dead", 0, "success"
            return 0, ""
        if verb == "reload" and unit.active != "active":
            return 1, f"{name} is not active, cannot reload."
        idle = (verb == "start") == (unit.active == "active") and verb in ("start", "try-restart")
        return (0, "") if idle or verb == "reload" else self._start(name, unit)

    def _unlink(self, verb: str, name: str) -> None:
        """The verbs that work on links and memory only, whatever the unit is."""
        if verb == "mask":
            self.machine.link(f"{ETC}/{name}", "/dev/null")
        elif verb == "unmask" and self.file(name)[0] == "/dev/null":
            self.machine.remove(f"{ETC}/{name}")
        elif verb == "disable":
            for path in self.enabled(name):
                self.machine.remove(path)
        elif verb == "reset-failed" and name in self.units:
            unit = self.units[name]
            unit.active = "inactive" if unit.active == "failed" else unit.active

    def _enable(self, name: str) -> None:
        path, text = self.file(name)
        for target, kind in _wants(text):
            folder = f"{ETC}/{target}.{kind}"
            if self.machine.stat(folder) is None:
                self.machine.mkdir(folder, owner="root", group="root", mode=0o755)
            self.machine.link(f"{folder}/{name}", path)

    def _start(self, name: str, unit: Unit) -> tuple[int, str]:
        file = parse(unit.text.decode("utf-8", "replace"))
        wrong = self._cannot_run(file)
        if wrong:
            unit.active, unit.sub, unit.result, unit.pid = "failed", "failed", wrong, 0
            return 1, f"Job for {name} failed because of unavailable resources: {wrong}."
        kind = name.rpartition(".")[2]
        once = file.last("Service", "Type") == "oneshot"
        stays = file.flag("Service", "RemainAfterExit")
        unit.result, unit.pid = "success", 0
        if once and not stays:
            unit.active, unit.sub = "inactive", "dead"
            return 0, ""
        unit.active = "active"
        unit.sub = {"timer": "waiting", "socket": "listening"}.get(kind, "exited" if once else "")
        unit.sub = unit.sub or "running"
        if kind == "service" and not once:
            self._pids += 1
            unit.pid = self._pids
        self._runtime_directories(file)
        return 0, ""

    def _cannot_run(self, file: UnitFile) -> str:
        """Why its process cannot be made: systemd.exec(5), PROCESS EXIT CODES."""
        known = accounts.read(self.machine)
        user, group = file.last("Service", "User"), file.last("Service", "Group")
        if user and user not in known.users:
            return f"user {user} (217/USER)"
        if group and group not in known.groups:
            return f"group {group} (216/GROUP)"
        for path in file.values("Service", "EnvironmentFile"):
            if not path.startswith("-") and self.machine.stat(path) is None:
                return f"resources ({path})"
        return ""

    def _runtime_directories(self, file: UnitFile) -> None:
        user = file.last("Service", "User") or "root"
        group = file.last("Service", "Group") or user
        mode = int(file.last("Service", "RuntimeDirectoryMode", "0755"), 8)
        for value in file.values("Service", "RuntimeDirectory"):
            for name in value.split():
                self.machine.put(f"/run/{name}", kind="directory")
                entry = self.machine.tree[f"/run/{name}"]
                entry.owner, entry.group, entry.mode = user, group, mode


def _wants(text: bytes) -> list[tuple[str, str]]:
    """``(target, wants or requires)`` of a unit's [Install] section."""
    try:
        file = parse(text.decode("utf-8", "replace"))
    except UnitSyntax:
        return []
    pairs = []
    for key, kind in (("WantedBy", "wants"), ("RequiredBy", "requires")):
        pairs += [(t, kind) for value in file.values("Install", key) for t in value.split()]
    return pairs
