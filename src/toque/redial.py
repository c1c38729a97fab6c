"""The connections of last time, made again before anything is read or imported.

Reading toque.toml and importing what it takes to connect is a tenth of a run that finds nothing
to do.  Where the same words led to the same ssh commands last time, those are started at once, and
the project is read while they connect.

They are a guess from a file of the user's own cache, which is not believed: whoever reads the
project asks for a command, and gets a client that was started here only if it is the very same.
All others are ended.  This module imports nothing that takes time.
"""

from __future__ import annotations

import os

MYPY = False
if MYPY:
    import subprocess
    from collections.abc import Sequence

COMMANDS = ("converge", "drift", "plan", "setup", "up")  # followed by TARGET; sure to connect
APP_COMMANDS = ("deploy", "rollback")  # followed by APP
HOOK = ["hook", "run"]  # in a repository, whose toque.json names project and app
PROJECT = "toque.toml"
STALE_S = 30 * 86400  # older calls are forgotten; asked for again, they are remembered again
BETWEEN_WORDS, BETWEEN_COMMANDS = "\0", "\0\0"  # no argument of a command is empty


def target_of(arguments: Sequence[str]) -> str:
    """The TARGET of a command line that plainly has one and is sure to connect; else "".  Pure."""
    plain = len(arguments) >= 2 and arguments[0] in COMMANDS and not arguments[1].startswith("-")
    return arguments[1] if plain and not {"-h", "--help"} & {*arguments} else ""


def app_of(arguments: Sequence[str]) -> str:
    """The APP of a command line that plainly deploys one to all its nodes; else "".  Pure."""
    plain = len(arguments) >= 2 and arguments[0] in APP_COMMANDS
    if not plain or any(word in ("-h", "--help") or word.startswith("--on") for word in arguments):
        return ""
    return "" if arguments[1].startswith("-") else arguments[1]


def app_here(arguments: Sequence[str]) -> tuple[str, str]:
    """The folder of the project and the app that a command line deploys; "" for both if none."""
    if list(arguments) != HOOK:
        app = app_of(arguments)
        return (_project(), app) if app else ("", "")
    import json

    try:
        with open("toque.json", encoding="utf-8") as file:
            found = json.load(file)
        return str(found["project"]), str(found["app"])
    except (OSError, ValueError, KeyError, TypeError):
        return "", ""


class Redialled:
    """ssh clients that were started from memory, until somebody takes them."""

    def __init__(self, memory: str, mark: str) -> None:
        self._memory = memory  # a path; "" when there is no place to remember at
        self._mark = mark
        self._known: list[list[str]] = []
        self._running: list[tuple[list[str], subprocess.Popen[bytes]]] = []
        self._asked: list[list[str]] = []

    def start(self) -> None:
        """Start what is remembered, if toque.toml is still what it was then."""
        from .adapters.starting import ssh_environment, started

        self._known = recall(self._memory, self._mark)
        try:
            for command in self._known:
                self._running.append((command, started(command, ssh_environment())))
        except OSError:  # no ssh, no more processes: whoever does it properly says so
            self.leave()

    def take(self, command: Sequence[str]) -> subprocess.Popen[bytes] | None:
        """The client that runs this very command, once; None when there is none."""
        self._asked.append(list(command))
        for number, (words, process) in enumerate(self._running):
            if words == list(command):
                del self._running[number]
                return process
        return None

    def leave(self) -> None:
        """End what nobody took."""
        for _, process in self._running:
            process.terminate()
            process.communicate()
        self._running = []

    def settle(self) -> None:
        """Everybody has asked: end what nobody took, and remember what was asked for."""
        self.leave()
        if self._asked != self._known:
            remember(self._memory, self._mark, self._asked)


def begin(arguments: Sequence[str]) -> Redialled:
    """Start what the same words led to last time."""
    target = target_of(arguments)
    folder = _project() if target else ""
    if not target:
        folder, app = app_here(arguments)
        target = f"app {app}"  # no node has such a name
    calls = Redialled(*(_memory(folder, target) if folder else ("", "")))
    calls.start()
    return calls


def recall(memory: str, mark: str) -> list[list[str]]:
    """The commands that were remembered under ``mark``; none of a file that others may write."""
    if not memory:
        return []
    try:
        with open(memory, encoding="utf-8") as file:
            status = os.fstat(file.fileno())
            if status.st_uid != os.geteuid() or status.st_mode & 0o022:
                return []
            then, *commands = file.read().split(BETWEEN_COMMANDS)
    except (OSError, UnicodeDecodeError):
        return []
    return [command.split(BETWEEN_WORDS) for command in commands] if then == mark else []


def remember(memory: str, mark: str, commands: Sequence[Sequence[str]]) -> None:
    """Keep commands for the next run; a cache that cannot be written to is no reason to fail."""
    if not memory or any("" in command for command in commands):
        return
    text = BETWEEN_COMMANDS.join([mark, *(BETWEEN_WORDS.join(command) for command in commands)])
    staged = f"{memory}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(memory), mode=0o700, exist_ok=True)
        fd = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(fd, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(staged, memory)
        _forget_old(os.path.dirname(memory))
    except OSError:
        try:
            os.unlink(staged)
        except OSError:
            pass


def _forget_old(folder: str) -> None:
    """Projects come and go."""
    import time

    with os.scandir(folder) as entries:
        old = [entry.path for entry in entries if entry.stat().st_mtime < time.time() - STALE_S]
    for path in old:
        os.unlink(path)


def _project() -> str:
    """The nearest directory with a toque.toml, from here upwards; "" when there is none."""
    try:
        folder = os.getcwd()
    except OSError:
        return ""
    while not os.path.exists(os.path.join(folder, PROJECT)):
        above = os.path.dirname(folder)
        if above == folder:
            return ""
        folder = above
    return folder


def _memory(folder: str, target: str) -> tuple[str, str]:
    """Where the calls of a target are remembered, and what tells whether they still hold."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    if not os.path.isabs(home):
        return "", ""
    try:
        status = os.stat(os.path.join(folder, PROJECT))
    except OSError:
        return "", ""
    name = f"{folder}@{target}".replace("%", "%25").replace("/", "%2F")
    mark = f"{status.st_dev}:{status.st_ino}:{status.st_size}:{status.st_mtime_ns}"
    return os.path.join(home, "toque", "calls", name), mark
