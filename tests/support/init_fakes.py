"""supervisord and systemd as dictionaries, for ``MemorySystem``."""

import re

from toque.node.inits.daemon import NoAnswer, Program, Refused
from toque.node.resource import differing
from toque.node.system import Result

CONF = "/etc/supervisor/conf.d"
TEXT = "[Service]\nExecStart=/bin/thena\nExecReload=/bin/kill -HUP $MAINPID\nRestart=always\n"
PATH = "/etc/systemd/system/thena.service"


def converge(resource, system):
    """As the engine does; the keys that differed."""
    keys = differing(resource.wanted(), resource.found(system))
    if keys:
        resource.fix(system, keys)
        system.forget(resource.disturbs)
        assert differing(resource.wanted(), resource.found(system)) == frozenset()
    return keys


class Supervisord:
    """supervisord without processes: knows which text each program was loaded with.

    ``dying`` names programs that end at once; ``silent`` is why it does not answer.  ``asked``
    holds what it was told, without questions.
    """

    def __init__(self, dying=()):
        self.loaded = {}
        self.states = {}
        self.dying = set(dying)
        self.signals = []
        self.stopping = 0  # how often one that is STOPPING is looked at before it ends
        self.asked = []
        self.silent = ""
        self.system = None

    def on(self, system):
        self.system = system
        system.supervisord = self  # where ``connect`` of the tests finds it
        system.programs["tail"] = lambda argv, stdin, user: Result(argv, 0, b"last words\n")
        system.put(f"{CONF}/README", b"")
        system.put("/usr/local/lib/x", b"")
        system.put("/var/log/x", b"")
        return system

    def texts(self):
        names = [n for n in self.system.names(CONF) if n.endswith(".conf")]
        return {n[:-5]: self.system.read(f"{CONF}/{n}").decode() for n in names}

    def programs(self):
        if self.silent:
            raise NoAnswer(self.silent)
        for name in [n for n, state in self.states.items() if state == "STOPPING"]:
            self.stopping -= 1
            if self.stopping <= 0:
                self.states[name] = "STOPPED"
        return {n: Program(s, 7 if s == "RUNNING" else 0) for n, s in self.states.items()}

    def reread(self):
        if self.silent:
            raise NoAnswer(self.silent)
        texts = self.texts()
        return frozenset(n for n in texts if self.loaded.get(n) != texts[n])

    def add(self, name):
        self.asked.append(f"add {name}")
        if name in self.states:
            raise Refused("ALREADY_ADDED", name)
        self.loaded[name] = self.texts()[name]
        self.states[name] = "STOPPED"
        if "autostart=true" in self.loaded[name]:
            self._run(name)

    def remove(self, name):
        self.asked.append(f"remove {name}")
        if self.states[name] not in ("STOPPED", "FATAL", "EXITED"):
            raise Refused("STILL_RUNNING", name)
        del self.loaded[name], self.states[name]

    def start(self, name):
        self.asked.append(f"start {name}")
        if name not in self.states:
            raise Refused("BAD_NAME", name)
        if self.states[name] == "STOPPING":
            return  # as the real one, which says nothing and does nothing
        if self.states[name] in ("RUNNING", "STARTING", "BACKOFF"):
            raise Refused("ALREADY_STARTED", name)
        self._run(name)

    def stop(self, name):
        self.asked.append(f"stop {name}")
        if self.states[name] not in ("RUNNING", "STARTING", "BACKOFF"):
            raise Refused("NOT_RUNNING", name)
        self.states[name] = "STOPPED"

    def signal(self, name, signal):
        self.signals.append((signal, name))

    def _run(self, name):
        self.states[name] = "BACKOFF" if name in self.dying else "RUNNING"


class Systemctl:
    """Units with their properties; ``dying`` names units that fail right after their start."""

    def __init__(self, units=None, dying=(), refused=()):
        self.units = {name: dict(pairs) for name, pairs in (units or {}).items()}
        self.dying = set(dying)
        self.refused = set(refused)
        self.untold = {}
        self.read = {}

    def on(self, system):
        system.programs["systemctl"] = self
        system.programs["journalctl"] = lambda argv, stdin, user: Result(argv, 0, b"last words\n")
        system.programs.setdefault("systemd-analyze", self.verify)
        system.put("/run/lock", kind="directory")
        self.system = system
        return system

    def verify(self, argv, stdin, user):
        text = self.system.read(argv[-1]).decode()
        name = argv[-1].rpartition("/")[2]
        said = [f"{argv[-1]}:1: Unknown key 'Nicee' in section [Service], ignoring."]
        said = said if "Nicee" in text else []
        if name in self.refused:
            said += [f"{name}: nonsense. Refusing.", f"Unit {name} has a bad unit file setting."]
        return Result(argv, 1 if said else 0, b"", "\n".join(said).encode())

    def unit(self, name):
        name = name.replace("@toque.", "@.").replace("@*.", "@.")
        return self.units.setdefault(name, {"LoadState": "not-found", "ActiveState": "inactive"})

    def text(self, name):
        path = f"/etc/systemd/system/{name}"
        return self.system.read(path) if self.system.stat(path) else None

    def notice(self, name):
        """A file that was changed after it was read makes its unit stale."""
        if name in self.read and self.read[name] != self.text(name):
            self.unit(name)["NeedDaemonReload"] = "yes"

    def __call__(self, argv, stdin, user):
        verb, names = argv[1], [a for a in argv[2:] if not a.startswith("-")]
        if verb == "show":
            blocks = []
            for name in names:
                self.notice(name)
                pairs = {"Id": name, "Names": name, **self.unit(name)}
                blocks.append("\n".join(f"{k}={v}" for k, v in pairs.items()))
            return Result(argv, 0, "\n\n".join(blocks).encode())
        if verb == "daemon-reload":
            for name in self.system.names("/etc/systemd/system"):
                bad = name in self.refused
                load = "bad-setting" if bad else "loaded"
                self.unit(name).update(LoadState=load, NeedDaemonReload="no")
                self.read[name] = self.text(name)
            for name, said in self.untold.items():
                self.unit(name)["UnitFileState"] = said
            self.untold = {}
            return Result(argv, 0)
        for name in names:
            unit = self.unit(name)
            if unit["LoadState"] == "not-found":
                return Result(argv, 5, b"", f"Unit {name} not found.".encode())
            if verb in ("start", "restart"):
                dead = name in self.dying
                unit["ActiveState"] = "failed" if dead else "active"
                unit["Result"] = "exit-code" if dead else "success"
            elif verb == "stop":
                unit["ActiveState"] = "inactive"
            elif verb in ("enable", "disable") and unit.get("UnitFileState") != "static":
                self.untold[name] = verb + "d"
                if "--no-reload" not in argv:
                    unit["UnitFileState"] = self.untold.pop(name)
        return Result(argv, 0)


def verbs(system, program):
    """What a program was asked, without questions: ``["start nginx.service", ...]``."""
    calls = [c for c in system.calls if c[0] == program]
    text = [" ".join(w for w in call[1:] if not w.startswith(("-", "/"))) for call in calls]
    return [t for t in text if not re.match(r"show\b", t)]
