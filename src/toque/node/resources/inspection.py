"""What a release's app does when it is imported, looked at before anything is started for it.

The app runs as its own user, with its own Python, variables and directory; nothing that it starts
is left behind.  What it answers is the app's word: parsed, shown, never trusted.
"""

import json
import re
from typing import Any, ClassVar, FrozenSet, Iterator, List, Mapping, Optional, Tuple

from .. import rehearsal
from ..environmentfile import read_environment
from ..errors import NotReady, StepFailed
from ..finding import Finding
from ..fitness import Served, judged, unclear
from ..fitness.served import preloads
from ..inits import InitSystem, choose
from ..inside import started
from ..record import dataclass
from ..resource import Invalid, Resource, State
from ..system import Result, System

AROUND_S = 60.0  # for what the program does besides the import: databases, clearing up


@dataclass(frozen=True)
class Inspection(Resource):
    """The app of ``release`` can be imported, and what that opens, finds and needs does no harm.

    ``python`` imports ``entry`` as ``user`` in ``code``, with the variables of
    ``environment_file``, within ``timeout_s``; ``settings`` are those of ``server``, which runs
    ``processes`` of it for visitors of ``host`` and calls it by ``interface`` (wsgi or asgi).
    ``requires`` are variables that have to be there.  ``shared`` is the directory that outlives a
    release, where a database in a file belongs.  ``static`` are directories that ``reader``
    (nginx) serves by itself.  What is wrong ends the step, unless the app ``accepts`` its code;
    then, and where it only may do harm, it is told.

    ``beside`` is its unit, when nothing has to be done between this step and its rehearsal: it is
    started at once, so that its boot and the look at the import take the time of one of them.

    A release that serves, by the link ``current``, has proved itself and is not looked at.
    """

    kind: ClassVar[str] = "inspection"

    release: str
    app: str
    entry: str
    code: str
    python: str
    user: str
    environment_file: str
    settings: str
    current: str
    shared: str
    host: str
    server: str
    interface: str = ""
    processes: int = 1
    requires: Tuple[str, ...] = ()
    accepts: Tuple[str, ...] = ()
    static: Tuple[str, ...] = ()
    reader: str = "www-data"
    timeout_s: float = 40.0
    beside: str = ""

    def validate(self) -> None:
        for name in ("release", "code", "python", "environment_file", "settings", "current"):
            if not getattr(self, name).startswith("/"):
                raise Invalid(name, "an absolute path", getattr(self, name))
        if ":" not in self.entry:
            raise Invalid("entry", "module:callable", self.entry)
        if self.processes < 1:
            raise Invalid("processes", "at least 1", self.processes)
        if not re.fullmatch(r"([A-Za-z0-9][A-Za-z0-9:_.@-]*\.service)?", self.beside):
            raise Invalid("beside", "the name of a service's unit", self.beside)

    def wanted(self) -> State:
        return {"inspected": True}

    def found(self, system: System) -> Optional[State]:
        link = system.stat(self.current)
        mine = self.release.rsplit("/", 1)[-1]
        return {"inspected": link is not None and link.target.rsplit("/", 1)[-1] == mine}

    def fix(self, system: System, keys: FrozenSet[str]) -> None:
        system.progress(f"importing {self.entry} as {self.server} will")
        free = _free(system)  # before anything of this release runs
        if not self.beside:
            system.tell(self._look(system, *free))
            return
        init = choose(system)
        try:
            self._boot(system, init)
            system.tell(self._look(system, *free))
        except BaseException:
            rehearsal.give_up(system, init, self.beside)
            raise

    def _boot(self, system: System, init: InitSystem) -> None:
        try:
            rehearsal.begin(system, init, self.beside)
        except StepFailed as error:
            if error.code != "service-failed":
                raise
            # Its rehearsal tells why, after what the import tells.

    def _look(self, system: System, free: int, swap: int) -> List[Finding]:
        environ = read_environment(system, self.environment_file)
        result = self._run(system, environ)
        served = self._served(system, environ, free, swap)
        try:
            told = json.loads(result.text.splitlines()[-1])
            findings = judged(told, served)
            root = _static_root(told)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            return [unclear(result.tail(12))]
        return [*findings, *self._static(system, root)]

    def reads_back(self) -> bool:
        return False  # it does not serve yet

    def show(self, found: Optional[State], keys: FrozenSet[str]) -> Tuple[str, ...]:
        return (f"import {self.entry} as {self.user}",)

    def _run(self, system: System, environ: Mapping[str, str]) -> Result:
        argv, order = started(
            "importing",
            self.python,
            {
                "entry": self.entry,
                "code": self.code,
                "requires": list(self.requires),
                "host": self.host,
                "server": self.server,
                "limit_s": self.timeout_s,
            },
        )
        return system.run(
            argv,
            user=self.user,
            cwd=self.code,
            env=environ,
            stdin=order,
            timeout_s=self.timeout_s + AROUND_S,
            check=False,
        )

    def _served(self, system: System, environ: Mapping[str, str], free: int, swap: int) -> Served:
        try:
            settings = system.read(self.settings).decode("utf-8", "replace")
        except FileNotFoundError:  # a server that is told all by its arguments
            settings = ""
        return Served(
            app=self.app,
            entry=self.entry,
            server=self.server,
            processes=self.processes,
            host=self.host,
            code=self.code,
            shared=self.shared,
            preload=preloads(self.server, settings, environ),
            interface=self.interface,
            free_kb=free,
            swap_kb=swap,
            accepts=self.accepts,
        )

    def _static(self, system: System, root: str) -> Iterator[Finding]:
        """What nginx could not read of the directories that it serves."""
        for path in self.static:
            yield from self._unreadable(system, path, "refuse")
        if root and root not in self.static:
            yield from self._unreadable(system, root, "warn")

    def _unreadable(self, system: System, path: str, level: str) -> Iterator[Finding]:
        look = ["find", path, "(", "!", "-readable", "-o", "-type", "d", "!", "-executable", ")"]
        try:
            result = system.run([*look, "-print", "-quit"], user=self.reader, check=False)
        except NotReady:  # no nginx, no such user
            return
        if result.code == 0 and not result.out:
            return
        lines = [line for line in result.tail(3) if line]
        missing = any("No such file" in line for line in lines)
        yield Finding(
            "static-unreadable",
            level,
            f"there is no directory {path}" if missing else f"{self.reader} cannot read {path}",
            tuple(lines),
            help="python manage.py collectstatic, as a step of the deploy"
            if missing
            else f"namei -l {path}",
        )


def _free(system: System) -> Tuple[int, int]:
    """KiB that can be had without swapping, and by swapping: proc(5), meminfo."""
    try:
        text = system.read("/proc/meminfo").decode("ascii", "replace")
    except FileNotFoundError:
        return 0, 0
    lines = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    return _kilobytes(lines.get("MemAvailable", "")), _kilobytes(lines.get("SwapFree", ""))


def _kilobytes(text: str) -> int:
    number = text.split()[:1]
    return int(number[0]) if number and number[0].isdigit() else 0


def _static_root(told: Mapping[str, Any]) -> str:
    report = told["app"]["told"] or {}
    root = (report.get("settings") or {}).get("static_root", "")
    return root if isinstance(root, str) and root.startswith("/") else ""
