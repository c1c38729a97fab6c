"""Debian's supervisor (4.2) as the init system of a machine on which no systemd runs.

A unit file in systemd's language stays the source of truth.  Its translation lies in conf.d, and
supervisord takes it over at the next start of that program: like systemd's daemon-reload, loading
a new text never restarts anything.  ``enabled`` is the translation's ``autostart``.
"""

import re
from typing import Dict, FrozenSet, List, Mapping, Optional, Sequence, Set, Tuple

from ..errors import NotReady, StepFailed
from ..system import Result, System
from . import foreground, launch
from .protocol import UNIT_DIRECTORIES, UnitState
from .systemd import unreachable
from .translate import HEADER, Translation, Untranslatable, log_path, translate
from .unitfile import UnitSyntax, parse

UNITS: FrozenSet[str] = frozenset({"units"})
CONF = "/etc/supervisor/conf.d"
CTL = ("supervisorctl", "-c", "/etc/supervisor/supervisord.conf")

_ACTIVE = {
    "RUNNING": "active",
    "STARTING": "activating",
    "BACKOFF": "activating",
    "STOPPING": "deactivating",
    "FATAL": "failed",
}


class Supervisor:
    """Runs services through supervisorctl."""

    name = "supervisor"

    def __init__(self, system: System) -> None:
        self._system = system

    def state(self, name: str) -> UnitState:
        sub, pid, words = self._programs().get(program(name), ("STOPPED", 0, ""))
        conf = self._conf(name)
        if not self._source(name) and not self._foreign(name):
            return UnitState(name)  # also when our program outlived its unit file
        on = conf is not None and not re.search(r"(?m)^autostart *= *(false|no|0|off) *$", conf)
        return UnitState(
            name=name,
            load="loaded",
            active=_ACTIVE.get(sub, "inactive"),
            sub=sub.lower(),
            file="enabled" if on else "disabled",
            stale=not self.loaded(name),
            pid=pid,
            result="success" if sub in ("RUNNING", "STOPPED") else words,
        )

    def prefetch(self, names: Sequence[str]) -> None:
        self._programs()  # one exchange always answers for all

    def start(self, name: str) -> None:
        self._take_over(name)
        # Taking a text over starts it at once when it is enabled.
        if self._programs().get(program(name), ("", 0, ""))[0] != "STARTING":
            self._act("start", name, "already started")
        self._settled("start", name)

    def stop(self, name: str) -> None:
        if program(name) in self._programs():
            self._act("stop", name, "not running")
        if not self._ours(name):
            return
        translation = self._translate_or_none(name)
        for directory in translation.runtime if translation else ():
            self._system.remove_tree(f"/run/{directory}")

    def restart(self, name: str) -> None:
        if not self._take_over(name):
            self._act("stop", name, "not running")
        self.start(name)

    def reload(self, name: str) -> None:
        translation = self._translate_or_none(name) if self._ours(name) else None
        pid = self.state(name).pid
        if translation is not None and translation.reload_command:
            words = (
                w.replace("${MAINPID}", str(pid)).replace("$MAINPID", str(pid))
                for w in translation.reload_command
            )
            self._system.run(list(words), user=translation.user or None)
            return
        signal = translation.reload_signal if translation else "HUP"
        if not signal:
            raise StepFailed(
                "service-failed",
                f"{name} cannot reload",
                expected="an ExecReload in its unit file",
                found="none",
                hint="notify .restart instead",
            )
        self._act("signal", name, "", signal)

    def enable(self, name: str) -> None:
        self._write(name, True)

    def disable(self, name: str) -> None:
        self._write(name, False)

    def loaded(self, name: str) -> bool:
        if not self._ours(name):
            return True
        translation = self._translate_or_none(name)
        return translation is not None and translation.conf == self._conf(name)

    def load(self, name: str) -> None:
        self._write(name, None)

    def unload(self, name: str) -> None:
        if self._foreign(name):
            return
        self._system.remove(f"{CONF}/{program(name)}.conf")
        self._ctl("reread")
        if program(name) in self._programs():
            self._ctl("update", program(name))

    def log(self, name: str, lines: int = 40) -> List[str]:
        conf = self._conf(name) or ""
        named = re.search(r"(?m)^stdout_logfile *= *(\S+) *$", conf)
        path = named.group(1).replace("%%", "%") if named else log_path(name)
        if self._system.stat(path) is None:
            return []
        argv = ["tail", "-n", str(lines), "--", path]
        return self._system.run(argv, check=False, timeout_s=30).text.splitlines()

    def places(self, name: str) -> Sequence[str]:
        return (*UNIT_DIRECTORIES, CONF)

    # What there is

    def _programs(self) -> Mapping[str, Tuple[str, int, str]]:
        return self._system.observe("units", self._status)

    def _status(self) -> Mapping[str, Tuple[str, int, str]]:
        result = self._system.run([*CTL, "status"], check=False, timeout_s=60)
        if result.code not in (0, 3):
            raise unreachable("supervisord", result)
        return parse_status(result.text)

    def _conf(self, name: str) -> Optional[str]:
        return self._text(f"{CONF}/{program(name)}.conf")

    def _ours(self, name: str) -> bool:
        """Whether the program comes, or would come, from us."""
        return not self._foreign(name)

    def _foreign(self, name: str) -> bool:
        conf = self._conf(name)
        return conf is not None and not conf.startswith(HEADER.format(name=name))

    def _source(self, name: str) -> str:
        """The unit's text: an administrator's, our foreground one, the package's."""
        own = self._text(f"/etc/systemd/system/{name}")
        if own:
            return own
        packaged = next((t for t in map(self._text, self._paths(name)) if t), "")
        return (foreground.known(name, self._system.names) or packaged) if packaged else ""

    def _paths(self, name: str) -> List[str]:
        return [f"{directory}/{name}" for directory in UNIT_DIRECTORIES]

    def _text(self, path: str) -> Optional[str]:
        try:
            return self._system.read(path).decode("utf-8", "replace")
        except (OSError, StepFailed):  # missing, or a link such as a mask
            return None

    # Translating

    def _translate(self, name: str, enabled: Optional[bool]) -> Translation:
        source = self._source(name)
        if not source:
            raise missing(name, self.places(name))
        if not name.endswith(".service"):
            raise StepFailed(
                "unit-untranslatable",
                f"supervisor has nothing like {name}",
                expected="a .service unit where no systemd runs",
                found=name,
            )
        if enabled is None:
            enabled = "\nautostart=true\n" in (self._conf(name) or "")
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

    def _translate_or_none(self, name: str) -> Optional[Translation]:
        try:
            return self._translate(name, None)
        except StepFailed:
            return None

    def _write(self, name: str, enabled: Optional[bool]) -> None:
        if self._foreign(name):
            if enabled is None or enabled == self.state(name).enabled:
                return
            raise StepFailed(
                "unit-not-ours",
                f"{CONF}/{program(name)}.conf was not written by Toque and is left as it is",
                expected=f"autostart={'true' if enabled else 'false'}",
                hint=f"remove {CONF}/{program(name)}.conf and converge again",
            )
        translation = self._translate(name, enabled)
        self._install_launcher()
        before = self._conf(name)
        if translation.conf != before:
            path = f"{CONF}/{program(name)}.conf"
            self._system.write(path, translation.conf.encode())
            if translation.lost and not _same_but_autostart(translation.conf, before):
                names = ", ".join(dict.fromkeys(translation.lost))
                self._system.note(f"{name}: supervisor cannot keep {names}")
        self._system.forget(UNITS)

    def _install_launcher(self) -> None:
        if self._text(launch.PATH) != launch.TEXT:
            for directory in ("/usr/local/lib", "/usr/local/lib/toque"):
                if self._system.stat(directory) is None:
                    self._system.mkdir(directory, owner="root", group="root", mode=0o755)
            self._system.write(launch.PATH, launch.TEXT.encode(), mode=0o755)
        if self._system.stat("/var/log/toque") is None:
            self._system.mkdir("/var/log/toque", owner="root", group="root", mode=0o750)

    # Acting

    def _take_over(self, name: str) -> bool:
        """Give supervisord the text on disk when it has another; says whether it had."""
        self._write(name, None)
        result = self._ctl("reread")
        if program(name) not in changed_programs(result.text):
            return False
        self._ctl("update", program(name))
        return True

    def _ctl(self, *words: str) -> Result:
        result = self._system.run([*CTL, *words], check=False, timeout_s=1800)
        self._system.forget(UNITS)
        if b"ERROR: CANT_REREAD" in result.out:
            raise StepFailed(
                "unit-refused", "supervisord refuses its configuration", log=result.tail(5)
            )
        if b"no such file" in result.out or b"refused connection" in result.out:
            raise unreachable("supervisord", result)
        return result

    def _act(self, verb: str, name: str, fine: str, *extra: str) -> None:
        result = self._ctl(verb, *extra, program(name))
        if "ERROR" in result.text and not (fine and fine in result.text):
            raise self._failed(verb, name, result.text.strip())

    def _settled(self, verb: str, name: str) -> None:
        # After an update a program is STARTING until it has run for startsecs.
        for _ in range(30):
            if self._programs().get(program(name), ("", 0, ""))[0] != "STARTING":
                break
            self._system.sleep(0.1)
            self._system.forget(UNITS)
        if not self.state(name).running:
            raise self._failed(verb, name, "")

    def _failed(self, verb: str, name: str, said: str) -> StepFailed:
        sub, _, words = self._programs().get(program(name), ("unknown", 0, ""))
        return StepFailed(
            "service-failed",
            f"{name} did not {verb}",
            expected=f"supervisorctl {verb} {program(name)} to succeed",
            found=f"{sub} {words}".strip() + (f"; {said}" if said else ""),
            hint=f"tail {log_path(name)}",
            log=self.log(name),
        )


def program(name: str) -> str:
    """``thena.service`` -> ``thena``: what supervisor calls it."""
    return name[: -len(".service")] if name.endswith(".service") else name


def _same_but_autostart(new: str, old: Optional[str]) -> bool:
    """Whether two programs differ at most in whether they start at boot.  Pure."""
    plain = (re.sub(r"(?m)^autostart=\w+$", "", text or "") for text in (new, old))
    return next(plain) == next(plain)


def missing(name: str, places: Sequence[str]) -> NotReady:
    return NotReady(
        "unit-missing",
        f"no unit file for {name}",
        expected=f"{places[0]}/{name}",
        found=f"looked in {', '.join(places)}",
        hint="add a Unit, or the Package that brings it, before this step",
    )


def parse_status(text: str) -> Dict[str, Tuple[str, int, str]]:
    """``supervisorctl status`` as program -> (state, pid, rest).  Pure."""
    programs = {}
    for line in text.splitlines():
        found = re.match(r"(\S+)\s+([A-Z]+)\b\s*(.*)", line)
        if found:
            pid = re.match(r"pid (\d+)", found.group(3))
            name = found.group(1).rpartition(":")[2]
            programs[name] = (found.group(2), int(pid.group(1)) if pid else 0, found.group(3))
    return programs


def changed_programs(text: str) -> Set[str]:
    """Programs that ``supervisorctl reread`` calls available (new) or changed.  Pure."""
    return set(re.findall(r"(?m)^(\S+): (?:available|changed)$", text))
