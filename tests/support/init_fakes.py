"""supervisord and systemd as dictionaries, for ``MemorySystem.programs``."""

import re

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
    """Programs with their states; knows which text each of them was loaded with.

    ``dying`` names programs that end at once.
    """

    def __init__(self, dying=()):
        self.loaded = {}
        self.states = {}
        self.dying = set(dying)
        self.signals = []
        self.system = None

    def on(self, system):
        self.system = system
        system.programs["supervisorctl"] = self
        system.programs["tail"] = lambda argv, stdin, user: Result(argv, 0, b"last words\n")
        system.put(f"{CONF}/README", b"")
        system.put("/usr/local/lib/x", b"")
        system.put("/var/log/x", b"")
        return system

    def __call__(self, argv, stdin, user):
        verb, *words = argv[3:]
        out = getattr(self, verb)(*words)
        alive = all(state == "RUNNING" for state in self.states.values())
        return Result(argv, 0 if verb != "status" or alive else 3, out.encode())

    def texts(self):
        names = [n for n in self.system.names(CONF) if n.endswith(".conf")]
        return {n[:-5]: self.system.read(f"{CONF}/{n}").decode() for n in names}

    def status(self):
        lines = (f"{n:30} {s:9} pid 7, uptime 0:00:09" for n, s in self.states.items())
        return "\n".join(lines)

    def reread(self):
        texts = self.texts()
        lines = [f"{n}: available" for n in texts if n not in self.loaded]
        lines += [f"{n}: changed" for n in texts if self.loaded.get(n, texts[n]) != texts[n]]
        lines += [f"{n}: disappeared" for n in self.loaded if n not in texts]
        return "\n".join(lines) or "No config updates to processes"

    def update(self, name):
        texts = self.texts()
        if name not in texts:
            self.loaded.pop(name)
            self.states.pop(name)
            return f"{name}: removed process group"
        self.loaded[name] = texts[name]
        self.states[name] = "STOPPED"
        if "autostart=true" in texts[name]:
            self.start(name)
        return f"{name}: updated process group"

    def start(self, name):
        if self.states.get(name) == "RUNNING":
            return f"{name}: ERROR (already started)"
        if name not in self.states:
            return f"{name}: ERROR (no such process)"
        self.states[name] = "BACKOFF" if name in self.dying else "RUNNING"
        return f"{name}: ERROR (spawn error)" if name in self.dying else f"{name}: started"

    def stop(self, name):
        if self.states.get(name) != "RUNNING":
            return f"{name}: ERROR (not running)"
        self.states[name] = "STOPPED"
        return f"{name}: stopped"

    def signal(self, signal, name):
        self.signals.append((signal, name))
        return f"{name}: signalled"


class Systemctl:
    """Units with their properties; ``dying`` names units that fail right after their start."""

    def __init__(self, units=None, dying=(), refused=()):
        self.units = {name: dict(pairs) for name, pairs in (units or {}).items()}
        self.dying = set(dying)
        self.refused = set(refused)

    def on(self, system):
        system.programs["systemctl"] = self
        system.programs["journalctl"] = lambda argv, stdin, user: Result(argv, 0, b"last words\n")
        self.system = system
        return system

    def unit(self, name):
        return self.units.setdefault(name, {"LoadState": "not-found", "ActiveState": "inactive"})

    def __call__(self, argv, stdin, user):
        verb, names = argv[1], [a for a in argv[2:] if not a.startswith("-")]
        if verb == "show":
            blocks = []
            for name in names:
                pairs = {"Id": name, "Names": name, **self.unit(name)}
                blocks.append("\n".join(f"{k}={v}" for k, v in pairs.items()))
            return Result(argv, 0, "\n\n".join(blocks).encode())
        if verb == "daemon-reload":
            for name in self.system.names("/etc/systemd/system"):
                bad = name in self.refused
                load = "bad-setting" if bad else "loaded"
                self.unit(name).update(LoadState=load, NeedDaemonReload="no")
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
                unit["UnitFileState"] = verb + "d"
        return Result(argv, 0)


def verbs(system, program):
    """What a program was asked, without questions: ``["start nginx.service", ...]``."""
    calls = [c for c in system.calls if c[0] == program]
    text = [" ".join(w for w in call[1:] if not w.startswith(("-", "/"))) for call in calls]
    return [t for t in text if not re.match(r"(show|status|reread)\b", t)]
