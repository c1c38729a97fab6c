"""apt and dpkg on the machine in memory; the truth is dpkg's status file, as on a real one."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from ..node.dpkg import STATUS, Installed, parse_status
from ..node.memory import Program
from ..node.system import Result
from . import accounts
from .contents import Contents, contents_of

if TYPE_CHECKING:
    from .machine import Machine

INDEX = "/var/lib/apt/lists/deb.example_dists_main_binary-amd64_Packages"
VERSION = "1.0-1"
BASE = ("apt", "base-files", "bash", "coreutils", "dpkg", "openssh-server", "passwd", "systemd")


class Apt:
    """Installs what is asked for, and nothing else: packages here depend on nothing."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    def programs(self) -> dict[str, Program]:
        return {
            "apt-get": self.get,
            "apt-cache": self.cache,
            "apt-mark": self.mark,
            "dpkg": self.dpkg,
            "debconf-set-selections": lambda argv, stdin, user: Result(argv, 0),
        }

    @property
    def installed(self) -> dict[str, Installed]:
        """What is there in any state, by plain name."""
        known = parse_status(self.machine.text(STATUS))
        return {name: one for name, one in known.items() if ":" not in name}

    @property
    def provided(self) -> set[str]:
        """The programs of all installed packages."""
        names = [name for name, one in self.installed.items() if one.state == "installed"]
        return {program for name in names for program in self._contents(name).programs}

    def get(self, argv: Sequence[str], stdin: bytes, user: str | None) -> Result:
        words = _plain(argv)
        verb, names = words[0], words[1:]
        if verb == "update":
            self.machine.put(INDEX, b"")
            return Result(argv, 0)
        if verb == "install":
            trouble = [text for name in names if (text := self._trouble(name, argv))]
            if trouble:
                return Result(argv, 100, b"", "".join(f"E: {text}\n" for text in trouble).encode())
            if "--print-uris" in argv:
                return Result(argv, 0, self._foreseen(names))
            for name in names:
                self._install(*_pin(name))
        elif verb in ("remove", "purge"):
            if "--print-uris" in argv:
                gone = [name for name in names if name in self.installed]
                return Result(argv, 0, _section("The following packages will be REMOVED", gone))
            for name in names:
                self._remove(name.split(":")[0], purge=verb == "purge")
        return Result(argv, 0)

    def _foreseen(self, words: Sequence[str]) -> bytes:
        """What apt-get says before it would install ``words``."""
        new, other = [], []
        for name, pin in map(_pin, words):
            there = self.installed.get(name)
            version = self._contents(name).version or (pin.replace("*", VERSION) or VERSION)
            if there is None or there.state != "installed":
                new.append(f"{name} ({version})")
            elif pin and not fnmatchcase(there.version, pin):
                other.append(f"{name} ({there.version} => {version})")
        return _section("The following NEW packages will be installed", new) + _section(
            "The following packages will be upgraded", other
        )

    def cache(self, argv: Sequence[str], stdin: bytes, user: str | None) -> Result:
        blocks = []
        for name in _plain(argv)[1:]:
            plain = name.split(":")[0]
            there = self.installed.get(plain)
            version = there.version if there and there.state == "installed" else "(none)"
            if plain not in self.machine.lacks:
                candidate = self._contents(plain).version or VERSION
                blocks.append(f"{name}:\n  Installed: {version}\n  Candidate: {candidate}\n")
        return Result(argv, 0, "".join(blocks).encode())

    def mark(self, argv: Sequence[str], stdin: bytes, user: str | None) -> Result:
        verb, names = _plain(argv)[0], _plain(argv)[1:]
        known = self.installed
        if verb == "showhold":
            held = sorted(name for name, one in known.items() if one.want == "hold")
            return Result(argv, 0, "".join(f"{name}\n" for name in held).encode())
        for name in names:
            if name not in known:
                return Result(argv, 100, b"", f"E: Can't find package {name}\n".encode())
            if verb in ("hold", "unhold"):
                one = known[name]
                want = "hold" if verb == "hold" else "install"
                self._record({**known, name: Installed(one.version, want, one.flag, one.state)})
                known = self.installed
        return Result(argv, 0)

    def dpkg(self, argv: Sequence[str], stdin: bytes, user: str | None) -> Result:
        if "--print-architecture" in argv:
            return Result(argv, 0, b"amd64\n")
        return Result(argv, 0)  # --audit and --configure -a find nothing to do

    def begin(self) -> None:
        """What a fresh machine has."""
        self.machine.put(INDEX, b"")
        self._record({name: Installed(VERSION, "install", "ok", "installed") for name in BASE})

    def _contents(self, name: str) -> Contents:
        return contents_of(name, self.machine.packages)

    def _trouble(self, word: str, argv: Sequence[str]) -> str:
        name, pin = _pin(word)
        there = self.installed.get(name)
        version = self._contents(name).version
        if name in self.machine.lacks:
            return f"Unable to locate package {name}"
        if pin and version and not fnmatchcase(version, pin):
            return f"Version '{pin}' for '{name}' was not found"
        fits = there is not None and (not pin or fnmatchcase(there.version, pin))
        held = there is not None and there.want == "hold" and not fits
        if held and "--allow-change-held-packages" not in argv:
            return "Held packages were changed and -y was used without permission to."
        return ""

    def _install(self, name: str, pin: str) -> None:
        there = self.installed.get(name)
        if there and there.state == "installed" and (not pin or fnmatchcase(there.version, pin)):
            return
        contents = self._contents(name)
        version = contents.version or (pin.replace("*", VERSION) if pin else VERSION)
        want = there.want if there and there.want == "hold" else "install"
        self._record({**self.installed, name: Installed(version, want, "ok", "installed")})
        if there and there.state == "installed":
            return  # another version of what is there already
        self._unpack(contents)

    def _unpack(self, contents: Contents) -> None:
        machine = self.machine
        for user in contents.users:
            if user not in accounts.read(machine).users:
                machine.run(["useradd", "--system", "--user-group", "--", user])
        for path in contents.directories:
            if path not in machine.tree:
                machine.put(path, kind="directory", mode=0o755)
        for path, text in contents.files.items():
            if path not in machine.tree:
                machine.put(path, text.encode())
        for path, target in contents.links.items():
            if path not in machine.tree:
                machine.put(path, kind="link", target=target, mode=0o777)
        for unit in contents.units:
            machine.put(f"/usr/lib/systemd/system/{unit}", _unit(unit).encode())
            machine.run(["systemctl", "enable", unit])
            machine.run(["systemctl", "start", unit])

    def _remove(self, name: str, *, purge: bool) -> None:
        there = self.installed.get(name)
        if there is None or (there.state != "installed" and not purge):
            return
        contents = self._contents(name)
        for unit in contents.units:
            self.machine.run(["systemctl", "stop", unit], check=False)
            self.machine.run(["systemctl", "disable", unit], check=False)
            self.machine.remove(f"/usr/lib/systemd/system/{unit}")
        known = self.installed
        del known[name]
        if purge:
            for path in (*contents.links, *contents.files):
                self.machine.remove(path)
            for path in reversed(contents.directories):
                if not self.machine.names(path):
                    self.machine.remove(path)
        elif contents.files:
            known[name] = Installed(there.version, "deinstall", "ok", "config-files")
        self._record(known)

    def _record(self, known: dict[str, Installed]) -> None:
        paragraphs = [
            f"Package: {name}\nStatus: {one.want} {one.flag} {one.state}\n"
            f"Architecture: amd64\nVersion: {one.version}\n"
            for name, one in known.items()
        ]
        self.machine.put(STATUS, "\n".join(paragraphs).encode())


def _section(title: str, lines: Sequence[str]) -> bytes:
    """A list as apt-get prints it with ``-V``; nothing when it is empty."""
    if not lines:
        return b""
    return "".join([f"{title}:\n", *(f"   {line}\n" for line in lines)]).encode()


def _plain(argv: Sequence[str]) -> list[str]:
    """The verb and the names, without options and their values."""
    words, skip = [], True  # the program itself
    for word in argv:
        if not skip and not word.startswith("-"):
            words.append(word)
        skip = word in ("-o", "-t")
    return words


def _pin(word: str) -> tuple[str, str]:
    name, _, pin = word.partition("=")
    return name.split(":")[0], pin


def _unit(name: str) -> str:
    stem = name.removesuffix(".service")
    return (
        f"[Unit]\nDescription={stem}\n\n[Service]\nExecStart=/usr/sbin/{stem}\n"
        "ExecReload=/bin/kill -HUP $MAINPID\n\n[Install]\nWantedBy=multi-user.target\n"
    )
