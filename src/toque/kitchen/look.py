"""Looking at a machine from inside, for assertions: files, services, ports, answers."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .driver import Driver
from .machine import Machine

# Runs in the machine's own python3 (3.9 or newer): one question on standard input, one answer.
PROBE = r"""
import base64, grp, http.client, json, os, pwd, socket, stat, sys
ask = json.load(sys.stdin)

def file(path):
    try:
        info = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    def name(look, number):
        try:
            return look(number)[0]
        except KeyError:
            return str(number)
    kinds = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "link",
             stat.S_IFSOCK: "socket"}
    kind = kinds.get(stat.S_IFMT(info.st_mode), "other")
    data = open(path, "rb").read() if kind == "file" else b""
    return {"kind": kind, "owner": name(pwd.getpwuid, info.st_uid),
            "group": name(grp.getgrgid, info.st_gid), "mode": stat.S_IMODE(info.st_mode),
            "target": os.readlink(path) if kind == "link" else "",
            "content": base64.b64encode(data).decode()}

def connect(where):
    if isinstance(where, str):
        s = socket.socket(socket.AF_UNIX)
    else:
        s = socket.socket()
        where = ("127.0.0.1", where)
    s.settimeout(ask.get("timeout", 10))
    s.connect(where)
    return s

def listening(where):
    try:
        connect(where).close()
    except OSError:
        return False
    return True

def answer(where, path, method, headers, body):
    c = http.client.HTTPConnection("localhost", timeout=ask.get("timeout", 10))
    c.sock = connect(where)
    c.request(method, path, body=body.encode() if body else None, headers=headers)
    r = c.getresponse()
    data = base64.b64encode(r.read()).decode()
    return {"status": r.status, "headers": {k.lower(): v for k, v in r.getheaders()}, "body": data}

def user(name):
    try:
        e = pwd.getpwnam(name)
    except KeyError:
        return None
    groups = sorted(grp.getgrgid(g).gr_name for g in os.getgrouplist(name, e.pw_gid))
    return {"name": name, "uid": e.pw_uid, "gid": e.pw_gid, "home": e.pw_dir,
            "shell": e.pw_shell, "groups": groups}

json.dump({"file": file, "listening": listening, "answer": answer, "user": user}
          [ask["what"]](*ask["of"]), sys.stdout)
"""


@dataclass(frozen=True)
class Ended:
    """How a program ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class FileSeen:
    """What is at a path itself; a link is not followed."""

    kind: str  # file, directory, link, socket or other
    owner: str
    group: str
    mode: int
    target: str
    content: bytes

    @property
    def text(self) -> str:
        return self.content.decode()


@dataclass(frozen=True)
class ServiceSeen:
    """A service.  ``enabled`` is None where the init cannot say."""

    running: bool
    enabled: bool | None
    pid: int


@dataclass(frozen=True)
class Answer:
    """An HTTP answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")


@dataclass(frozen=True)
class UserSeen:
    name: str
    uid: int
    gid: int
    home: str
    shell: str
    groups: tuple[str, ...]


@dataclass(frozen=True)
class Inside:
    """The fixture ``machine``.  ``name``, ``driver`` and ``ports`` help to choose and to skip."""

    seen: Machine
    _driver: Driver

    @property
    def name(self) -> str:
        return self.seen.name

    @property
    def driver(self) -> str:
        return self.seen.driver

    @property
    def ports(self) -> Mapping[str, int]:
        return self.seen.ports

    @property
    def systemd(self) -> bool:
        """Whether systemd is the machine's init; supervisor is otherwise."""
        return self.seen.driver != "chroot"

    def run(self, *argv: str, stdin: bytes = b"", check: bool = True) -> Ended:
        """Run a program as root; with ``check`` a failing one fails the check."""
        done = self._driver.exec(self.seen, argv, stdin)
        out, err = done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(argv)} ended with {done.returncode}\n{out}{err}")
        return Ended(done.returncode, out, err)

    def file(self, path: str) -> FileSeen | None:
        """What is at the path, or None."""
        value = self._ask("file", path)
        if value is None:
            return None
        return FileSeen(**{**value, "content": _bytes(value["content"])})

    def service(self, name: str) -> ServiceSeen:
        if not self.systemd:
            state = self.run("supervisorctl", "status", name, check=False).out.split()
            running = len(state) > 1 and state[1] == "RUNNING"
            pid = int(state[3].rstrip(",")) if running and state[2] == "pid" else 0
            return ServiceSeen(running, None, pid)
        asked = "--property=ActiveState,UnitFileState,MainPID"
        shown = self.run("systemctl", "show", asked, name, check=False).out
        value = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
        return ServiceSeen(
            value.get("ActiveState") == "active",
            value.get("UnitFileState") == "enabled",
            int(value.get("MainPID") or 0),
        )

    def listening(self, where: int | str) -> bool:
        """Whether something accepts connections at a port of loopback or at a socket's path."""
        return bool(self._ask("listening", where))

    def http(
        self,
        path: str = "/",
        *,
        host: str = "localhost",
        where: int | str | None = None,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: str = "",
    ) -> Answer:
        """Ask over HTTP from inside; ``where`` is a port or a socket's path, else the http port."""
        place = self.ports["http"] if where is None else where
        value = self._ask("answer", place, path, method, {"Host": host, **(headers or {})}, body)
        return Answer(value["status"], value["headers"], _bytes(value["body"]))

    def package(self, name: str) -> str | None:
        """The installed version of a Debian package, or None."""
        shown = self.run("dpkg-query", "-W", "-f=${Status}\t${Version}", name, check=False).out
        status, _, version = shown.partition("\t")
        return version if status == "install ok installed" else None

    def user(self, name: str) -> UserSeen | None:
        value = self._ask("user", name)
        return None if value is None else UserSeen(**{**value, "groups": tuple(value["groups"])})

    def _ask(self, what: str, *of: object) -> Any:
        question = json.dumps({"what": what, "of": of}).encode()
        done = self._driver.exec(self.seen, ["/usr/bin/python3", "-I", "-c", PROBE], question)
        if done.returncode != 0:
            words = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no answer"]
            raise AssertionError(f"{what} {of[0]}: {words[-1]}")
        return json.loads(done.stdout)


def _bytes(text: str) -> bytes:
    return base64.b64decode(text)
