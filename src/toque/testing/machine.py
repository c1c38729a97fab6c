"""A Debian machine in memory, which a plan can be applied to in milliseconds.

Its files, accounts, packages and units behave as on a real one and refuse what a real one
refuses.  What it takes at its word is listed in ``believed``: programs that a package brings (so
``nginx -t`` accepts everything), a ``Command`` whose program nobody knows, and checks of pages and
ports.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from ..cookbooks.samples import DEBIAN_12
from ..node.errors import NotReady
from ..node.journal import MemoryJournal
from ..node.memory import MemorySystem, Program
from ..node.model import Facts
from ..node.probe import Answer
from ..node.resource import Resource
from ..node.resources.command import Command
from ..node.system import Data, Result
from . import accounts, tools
from .contents import Contents
from .packages import Apt
from .postgres import Postgres
from .services import Systemctl

if TYPE_CHECKING:
    from ..node.fence import Fence

DIRECTORIES = (
    "/boot /dev /etc /etc/apt /etc/apt/apt.conf.d /etc/apt/keyrings /etc/apt/preferences.d"
    " /etc/apt/sources.list.d /etc/cron.d /etc/default /etc/logrotate.d /etc/profile.d"
    " /etc/security /etc/security/limits.d /etc/ssh /etc/sudoers.d /etc/sysctl.d /etc/systemd"
    " /etc/systemd/system /home /media /mnt /opt /proc /root /run /run/systemd/system /srv /sys"
    " /usr/bin /usr/lib/systemd/system /usr/local/bin /usr/local/lib /usr/local/sbin /usr/sbin"
    " /usr/share /usr/share/keyrings /var/cache /var/lib/apt/lists /var/lib/dpkg /var/log"
    " /var/mail /var/spool /var/tmp"
).split()


class Machine(MemorySystem):
    """``packages`` says what packages bring that this machine does not know, ``lacks`` names some
    that its index does not have; ``programs`` and ``files`` are put on it, a program as a function
    of argument list, standard input and user.  ``answers`` maps URLs, and ``host:port``, to what is
    answered there; others answer well.  ``journal`` is what the machine owes."""

    def __init__(
        self,
        facts: Facts = DEBIAN_12,
        *,
        files: Mapping[str, bytes] | None = None,
        programs: Mapping[str, Program] | None = None,
        packages: Mapping[str, Contents] | None = None,
        lacks: Collection[str] = (),
        answers: Mapping[str, Answer] | None = None,
    ) -> None:
        if facts.init != "systemd":
            raise ValueError("the machine in memory has systemd; give it facts with init='systemd'")
        super().__init__(facts=facts, programs=programs, answers=answers)
        self.packages = dict(packages or {})
        self.lacks = frozenset(lacks)
        self.journal = MemoryJournal()
        self.believed: list[tuple[str, ...]] = []
        self.stood_in: dict[str, Resource] = {}  # steps that were believed to be done, by id
        self.apt = Apt(self)
        self.systemctl = Systemctl(self)
        self.postgres = Postgres(self)
        self._simulated: dict[str, Program] = {
            **tools.programs(self),
            **accounts.programs(self),
            **self.apt.programs(),
            **self.systemctl.programs(),
        }
        self._brought = self.postgres.programs()  # there once a package has brought them
        self._commands: dict[tuple[str, ...], list[Command]] = {}
        self._guards: dict[tuple[str, ...], bool] = {}  # what each would answer now
        self._furnish(files or {})

    def text(self, path: str) -> str:
        """A file's text."""
        return self.read(path).decode()

    def resolved(self, path: str) -> str:
        """``path`` with all links followed, itself included."""
        try:
            return self.tree.real(path, whole=True)
        except NotADirectoryError:
            return path

    def followed(self, path: str) -> bytes:
        """The bytes of a file, through links.  Raises ``FileNotFoundError``."""
        return self.read(self.resolved(path))

    def believe(self, command: Command) -> None:
        """Take a command at its word when nobody knows its program: running it makes what it
        ``creates``, has ``unless`` succeed from then on, and ``only_if`` fail."""
        self._commands.setdefault(tuple(command.argv), []).append(command)
        for argv, before in ((command.unless, False), (command.only_if, True)):
            if argv:
                self._guards.setdefault(tuple(argv), before)

    def run(
        self,
        argv: Sequence[str],
        *,
        user: str | None = None,
        cwd: str = "/",
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        timeout_s: float = 600.0,
        check: bool = True,
        tell: Callable[[str], None] | None = None,
        fence: Fence | None = None,
    ) -> Result:
        if user is not None:
            self._known(user, None)
        there = self.stat(self.resolved(cwd))
        if there is None or there.kind != "directory":
            raise NotReady("directory-missing", f"there is no directory {cwd}")
        name = argv[0].rpartition("/")[2]
        given = self.programs.get(name)
        program = given or self._found(name, tuple(argv))
        if program is None:
            raise NotReady(
                "program-missing",
                f"there is no program {argv[0]}",
                expected=f"{argv[0]} to be installed before this step",
                hint=f'tell the machine in memory: Machine(programs={{"{name}": ...}})',
            )
        self.programs[name] = program
        try:
            result = super().run(argv, user=user, stdin=stdin, check=check, tell=tell)
        finally:
            if given is None:
                del self.programs[name]
        if result.code == 0:
            self._done(tuple(argv))
        return result

    def write(
        self,
        path: str,
        data: Data,
        *,
        owner: str = "root",
        group: str = "root",
        mode: int = 0o644,
        check: Sequence[str] = (),
        user: str | None = None,
    ) -> None:
        self._known(user, None)
        self._known(owner, group)
        super().write(path, data, owner=owner, group=group, mode=mode, check=check)

    def mkdir(
        self, path: str, *, owner: str, group: str, mode: int, user: str | None = None
    ) -> None:
        self._known(user, None)
        self._known(owner, group)
        super().mkdir(path, owner=owner, group=group, mode=mode)

    def chown(self, path: str, owner: str | None, group: str | None) -> None:
        self._known(owner, group)
        super().chown(path, owner, group)

    def accepts(self, address: str, port: int, *, timeout_s: float) -> str:
        where = f"{address}:{port}"
        if where in self.answers:
            return self.answers[where].fault
        self.believed.append(("connect", where))
        return ""

    def _known(self, user: str | None, group: str | None) -> None:
        now = accounts.read(self)
        if user is not None and user not in now.users:
            raise NotReady(
                "user-missing",
                f"there is no user {user}",
                expected="a step before this one that makes the user",
                hint=f'add User("{user}") before this step',
            )
        if group is not None and group not in now.groups:
            raise NotReady(
                "group-missing",
                f"there is no group {group}",
                expected="a step before this one that makes the group",
                hint=f'add Group("{group}") before this step',
            )

    def _found(self, name: str, argv: tuple[str, ...]) -> Program | None:
        """What answers for a program: simulated, brought by a package, or believed."""
        if name in self._simulated:
            return self._simulated[name]
        if name in self.apt.provided:
            return self._brought.get(name, self._accepts)
        if argv in self._guards:
            return lambda words, stdin, user: Result(words, 0 if self._guards[argv] else 1)
        return self._accepts if argv in self._commands else None

    def _accepts(self, argv: Sequence[str], stdin: bytes, user: str | None) -> Result:
        self.believed.append(tuple(argv))
        return Result(argv, 0)

    def _done(self, argv: tuple[str, ...]) -> None:
        for command in self._commands.get(argv, ()):
            if command.creates and self.stat(command.creates) is None:
                self.put(command.creates)
            for guard, after in ((command.unless, True), (command.only_if, False)):
                if guard:
                    self._guards[tuple(guard)] = after

    def _furnish(self, files: Mapping[str, bytes]) -> None:
        for path in DIRECTORIES:
            self.put(path, kind="directory", mode=0o755)
        for path, mode in (("/root", 0o700), ("/tmp", 0o1777), ("/var/tmp", 0o1777)):  # noqa: S108
            self.put(path, kind="directory", mode=mode)
        for name in ("bin", "lib", "sbin"):
            self.put(f"/{name}", kind="link", target=f"usr/{name}", mode=0o777)
        facts = self.facts
        release = (
            f'ID={facts.os}\nVERSION_ID="{facts.release}"\nVERSION_CODENAME={facts.codename}\n'
        )
        self.put("/etc/os-release", release.encode())
        self.put("/etc/hostname", f"{facts.hostname}\n".encode())
        self.put("/etc/hosts", b"127.0.0.1 localhost\n")
        self.put("/etc/machine-id", f"{facts.machine_id}\n".encode())
        self.put("/etc/passwd", accounts.USERS.encode())
        self.put("/etc/group", accounts.GROUPS.encode())
        self.put("/etc/shadow", b"", mode=0o640, group="shadow")
        self.apt.begin()
        for path, data in files.items():
            self.put(path, data)
