"""The fixture ``machine``: one method for each thing that can be looked at."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from functools import cached_property
from typing import Any, TypeVar

from ...node.model import Facts
from ..subject import Subject
from . import account, certificate, journal, mount, nginx, package, postgres, process
from . import file as files
from . import http as answers
from . import program as programs
from . import service as services
from .ask import Ask
from .text import Variables

HTTP, HTTPS = 80, 443
T = TypeVar("T")
REMEMBERED = 20  # of what was seen last, shown when a check fails
SHOWN = 3  # of several things that were seen at once


class Inside:
    """A machine as checks see it.  It answers for what is there now; nothing is kept.

    What is not there is None.  A question that the machine cannot answer fails the check.
    ``seen`` are the last things it was asked and what it said, ``held`` counts what was required
    of it without ``assert``.
    """

    def __init__(self, subject: Subject, ask: Ask) -> None:
        self.subject = subject
        self.seen: deque[str] = deque(maxlen=REMEMBERED)
        self.asked = 0
        self.held = 0
        self._through = ask

    def __repr__(self) -> str:
        return f"<machine {self.name}>"

    @property
    def name(self) -> str:
        """What the machine is called."""
        return self.subject.name

    @property
    def address(self) -> str:
        """Where this host reaches it."""
        return self.subject.address

    @property
    def driver(self) -> str:
        """The kitchen's driver that made it; empty for a node::

        if machine.driver == "chroot":
            pytest.skip("a chroot has the kernel of this host")
        """
        return self.subject.driver

    @property
    def ports(self) -> Mapping[str, int]:
        """Port by purpose, as far as they are not the usual ones::

        assert machine.listening(machine.ports.get("ssh", 22))
        """
        return self.subject.ports

    @property
    def systemd(self) -> bool:
        """Whether systemd is the machine's init; supervisor is otherwise."""
        return self.facts.init == "systemd"

    @cached_property
    def facts(self) -> Facts:
        """What the machine is; looked at once::

        assert machine.facts.os == "debian"
        assert machine.facts.memory_mb >= 256
        """
        return Facts(**self._ask("facts"))

    def package(self, name: str) -> package.Package | None:
        """A package of Debian, or None when it is not installed::

        assert machine.package("openssh-server").version.startswith("1:")
        assert machine.package("telnetd") is None
        """
        return self._saw(f"package {name}", package.package(self._ask, name))

    def service(self, name: str) -> services.Service:
        """A service of systemd, or of supervisor where that is the init::

        assert machine.service("ssh").running
        assert machine.service("ssh").enabled is not False
        """
        found = services.service(self._ask, name, systemd=self.systemd)
        return self._saw(f"service {name}", found)

    def unit(self, name: str) -> services.Unit | None:
        """A unit of systemd, or None where there is none by that name::

        assert machine.unit("ssh.service").state == "active"
        assert machine.unit("ssh.service").result == "success"
        assert machine.unit("ssh.service").properties["Restart"] == "on-failure"
        """
        return self._saw(f"unit {name}", services.unit(self._ask, name))

    def port(self, number: int, protocol: str = "tcp") -> process.Port | None:
        """Who listens on a port of ``tcp`` or ``udp``, or None; needs /proc::

        assert "0.0.0.0" in machine.port(22).addresses
        assert machine.port(22).users == {"root"}
        """
        found = process.port(self._ask, number, protocol)
        return self._saw(f"{protocol} port {number}", found)

    def listening(self, where: int | str) -> bool:
        """Whether something accepts connections at a port of loopback or at a socket's path::

        assert machine.listening(22)
        assert not machine.listening("/run/nobody.sock")
        """
        return self._saw(f"listening {where}", bool(self._ask("listening", where)))

    def processes(
        self, name: str = "", *, user: str = "", argument: str = ""
    ) -> tuple[process.Process, ...]:
        """The processes with that name, of that user, with that argument; needs /proc::

        assert len(machine.processes("sshd", user="root")) >= 1
        """
        found = process.processes(self._ask, name, user, argument)
        return self._saw(f"processes {name or argument or user}".rstrip(), found)

    def variables(self, pid: int) -> Variables:
        """The environment that a process was started with; a failed check shows names only::

        ssh = machine.service("ssh")
        assert "DATABASE_URL" not in machine.variables(ssh.pid)
        """
        return self._saw(f"variables of {pid}", Variables(self._ask("variables", pid)))

    def file(self, path: str) -> files.File | None:
        """What is at a path itself, or None::

        passwords = machine.file("/etc/shadow")
        assert (passwords.owner, passwords.mode) == ("root", 0o640)
        assert machine.file("/etc/hostname").text.strip() == machine.facts.hostname
        assert machine.file("/bin").target == "usr/bin"
        assert machine.file("/etc/motd.old") is None
        """
        return self._saw(f"file {path}", files.file(self._ask, path))

    def user(self, name: str) -> account.User | None:
        """A user, or None::

        assert machine.user("www-data").shell == "/usr/sbin/nologin"
        assert "sudo" not in machine.user("www-data").groups
        """
        return self._saw(f"user {name}", account.user(self._ask, name))

    def group(self, name: str) -> account.Group | None:
        """A group, or None::

        assert machine.group("shadow").members == ()
        """
        return self._saw(f"group {name}", account.group(self._ask, name))

    def run(
        self,
        *argv: str,
        stdin: bytes | str = b"",
        user: str = "",
        check: bool = True,
        timeout: float = 60,
    ) -> programs.Ended:
        """Run a program as root or ``user``, never through a shell.

        One that fails has failed the check, unless ``check`` is False; one that takes longer than
        ``timeout`` seconds is ended with all that it started::

            assert machine.run("python3", "--version").out.startswith("Python 3.")
            assert machine.run("grep", "-c", "b", stdin="abc", user="nobody").out == "1\\n"
            assert machine.run("test", "-e", "/nothing", check=False).code == 1
        """
        self.held += check
        done = programs.run(self._ask, argv, stdin, user=user, timeout=timeout, check=check)
        self.seen.append(f"run {' '.join(argv)}: ended with {done.code}")
        return done

    def http(
        self,
        path: str = "/",
        *,
        host: str = "localhost",
        where: int | str | None = None,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes | str = b"",
        tls: bool = False,
    ) -> answers.Answer:
        """Ask over HTTP from inside.

        ``where`` is a port of loopback or a socket's path, else the port of http or, with
        ``tls``, of https; the certificate is not looked at (``certificate`` does that)::

            answer = machine.http("/", host="thena.example")
            assert answer.status == 200
            assert "Hello" in answer.text
        """
        asked = answers.Request(method, path, {"Host": host, **(headers or {})}, body, tls)
        place = self._port(tls) if where is None else where
        return self._saw(f"http {host}{path}", answers.inside(self._ask, asked, place))

    def visit(
        self,
        path: str = "/",
        *,
        host: str = "",
        port: int = 0,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes | str = b"",
        tls: bool = False,
    ) -> answers.Answer:
        """Ask over HTTP from outside: from this host, as a visitor does::

        assert machine.visit("/", host="thena.example").status == 200
        """
        names = {"Host": host or self.address, **(headers or {})}
        asked = answers.Request(method, path, names, body, tls)
        self.asked += 1
        found = answers.outside(asked, self.address, port or self._port(tls))
        return self._saw(f"visit {names['Host']}{path}", found)

    def nginx(self) -> nginx.Nginx:
        """What nginx's configuration says, and whether nginx takes it::

        assert machine.nginx().valid
        assert machine.nginx().site("thena.example").listens == ("80", "[::]:80")
        assert machine.nginx().upstreams["thena"] == ("unix:/run/thena/current.sock",)
        """
        return self._saw("nginx", nginx.nginx(self._ask))

    def postgres(self, database: str = "postgres") -> postgres.Postgres:
        """A database of PostgreSQL, to be read::

        assert "thena" in machine.postgres().databases
        assert "thena" in machine.postgres().roles
        assert machine.postgres("thena").query("SELECT 1 AS one") == [{"one": "1"}]
        """
        return postgres.Postgres(database, self._ask)

    def certificate(self, where: int | str, name: str = "") -> certificate.Certificate | None:
        """A certificate in the file ``where``, or that a server at that port of loopback shows.

        None when there is no such file::

            seen = machine.certificate("/etc/ssl/thena.pem")
            assert "thena.example" in seen.names
            assert seen.days_left > 14
            assert seen.belongs_to("/etc/ssl/thena.key")
            assert seen.trusted("/etc/ssl/authority.pem")
            assert machine.certificate(443, "thena.example").names == seen.names
        """
        found = (
            certificate.in_file(self._ask, where)
            if isinstance(where, str)
            else certificate.served(self._ask, where, name)
        )
        return self._saw(f"certificate {where}", found)

    def journal(
        self, unit: str = "", *, since: str = "", priority: str = "", lines: int = 1000
    ) -> tuple[journal.Message, ...]:
        """The last messages of a unit since this boot, or ``since`` a time, the oldest first.

        ``since`` is written as journalctl(1) has it; ``priority`` is the least that counts::

            assert machine.journal("ssh", priority="crit") == ()
            assert any("listening" in one.text for one in machine.journal("ssh"))
        """
        found = journal.journal(self._ask, unit, since, priority, lines)
        return self._saw(f"journal {unit}".rstrip(), found)

    def mount(self, path: str) -> mount.Mount | None:
        """The file system that is mounted at a path, or None; needs /proc::

        assert machine.mount("/proc").type == "proc"
        assert "nosuid" in machine.mount("/proc").options
        """
        return self._saw(f"mount {path}", mount.mount(self._ask, path))

    def sysctl(self, name: str) -> str | None:
        """A setting of the kernel, or None; needs /proc::

        assert machine.sysctl("kernel.ostype") == "Linux"
        """
        found = files.file(self._ask, f"/proc/sys/{name.replace('.', '/')}")
        return self._saw(f"sysctl {name}", None if found is None else found.text.strip())

    def _port(self, tls: bool) -> int:
        return self.ports.get("https", HTTPS) if tls else self.ports.get("http", HTTP)

    def _ask(self, what: str, *of: object) -> Any:
        self.asked += 1
        return self._through(what, *of)

    def _saw(self, what: str, found: T) -> T:
        self.seen.append(f"{what}: {_shown(found)}")
        return found


def _shown(found: object) -> str:
    if isinstance(found, tuple):
        last = ", ".join(map(repr, found[-SHOWN:]))
        return f"{len(found)}{', the last of them' * (len(found) > SHOWN)}: {last}"
    return "not there" if found is None else repr(found)
