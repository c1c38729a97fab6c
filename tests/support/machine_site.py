"""A site on a throwaway machine, made and used as a user would: by the real commands.

``Site`` is what the fixtures of tests/machine give; ``slot`` keeps test runs apart.
"""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from little_memory import Memory
from toque.demo import workspace
from toque.demo.workspace import Workspace
from toque.kitchen import api
from toque.kitchen.api import Kitchen
from toque.kitchen.load import Load, LoadPlan, LoadResult
from toque.kitchen.machine import Machine

EXAMPLES = Path(__file__).parents[2] / "examples"
STATE = Path("/var/lib/toque-kitchen-tests")
SLOTS = 8

PROJECT = """\
[stack]
name = "tests"
cookbooks = ["thena-infra"]

[layers.web]
setup = {setup}
deploy = {deploy}

[nodes.web1]
address = "kitchen:{machine}"
layer = "web"

[apps.thena]
repository = "thena.git"
branch = "main"
layer = "web"
server = "{server}"
entry = "wsgi:app"
migrate = ["alembic", "upgrade", "head"]
requires = ["DATABASE_URL", "SECRET_KEY"]
keep = 3
watch_for = 0

[apps.thena.env]
GREETING = "hello"

[apps.thena.secrets]
SECRET_KEY = "generate"

[apps.thena.database]
name = "thena"
"""

# Every process under a root: pid, parent, user id, arguments, environment.  Runs on this host for
# a chroot, which has no /proc of its own, and inside any other machine.
PROCESSES = """
import json, os, sys
found = []
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        if os.readlink(f"/proc/{pid}/root") != sys.argv[1]:
            continue
        status = dict(l.split(":", 1) for l in open(f"/proc/{pid}/status").read().splitlines())
        words = lambda name: os.fsdecode(open(f"/proc/{pid}/{name}", "rb").read()).split("\\0")
        found.append({"pid": int(pid), "parent": int(status["PPid"]), "state": status["State"],
            "uid": int(status["Uid"].split()[1]), "argv": words("cmdline")[:-1],
            "environ": dict(w.partition("=")[::2] for w in words("environ")[:-1])})
    except OSError:
        pass
print(json.dumps(found))
"""


@dataclass(frozen=True)
class Answer:
    status: int
    text: str
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Process:
    pid: int
    parent: int
    uid: int
    argv: tuple[str, ...]
    environ: Mapping[str, str]


@dataclass(frozen=True)
class Pushed:
    """A ``git push``: git's own exit status and output, and what the hook recorded."""

    status: int
    output: str
    exit: int
    code: str


@contextlib.contextmanager
def slot() -> Iterator[Path]:
    """A kitchen folder that no other test run uses; what killed runs left is destroyed."""
    with contextlib.ExitStack() as held:
        mine = None
        for number in range(SLOTS):
            folder = STATE / str(number)
            handle = os.open(f"/run/lock/toque-tests-{number}", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(handle)
                continue
            clear(folder)
            if mine is None:
                mine = folder
                held.callback(os.close, handle)
            else:
                os.close(handle)
        assert mine is not None, f"{SLOTS} test runs are under way"
        try:
            yield mine
        finally:
            clear(mine)


def clear(folder: Path) -> None:
    kitchen = kitchen_in(folder)
    for name in kitchen.store.names():
        api.destroy(kitchen, name)


def kitchen_in(folder: Path) -> Kitchen:
    return Kitchen.from_environment(environ_in(folder))


def environ_in(folder: Path) -> dict[str, str]:
    """The environment for commands that use the kitchen in ``folder``."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "PYTEST"))}
    return {**kept, "TOQUE_KITCHEN_DIR": str(folder), "NO_COLOR": "1"}


def require(kitchen: Kitchen, driver: str) -> None:
    """Skip, with the driver's own reason, where it does not work."""
    verdict = next(v for v in api.verdicts(kitchen) if v.driver == driver)
    if not verdict.works:
        pytest.skip(f"driver {driver} does not work here: {verdict.reason}")


def toque(
    argv: Sequence[str],
    cwd: Path,
    environ: Mapping[str, str],
    timeout_s: float = 240.0,
    stdin: str = "",
) -> subprocess.CompletedProcess[str]:
    """The real command line, as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "toque", *argv],
        cwd=cwd,
        env=dict(environ),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        input=stdin,
    )


# For what takes a moment here.  The machine of a test run may be busy or slow: what never comes
# fails the test a little later, and what comes late is no failure.
PATIENCE_S = 120.0


def iso(seconds: float) -> str:
    """A time as ``--since`` takes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(seconds))


def until(true: Callable[[], bool], limit_s: float = PATIENCE_S, every_s: float = 0.1) -> float:
    """Wait until ``true()``; the seconds it took.  Fails the test at the limit."""
    began = time.monotonic()
    while not true():
        if time.monotonic() - began > limit_s:
            pytest.fail(f"not within {limit_s:g} s")
        time.sleep(every_s)
    return time.monotonic() - began


@dataclass
class Site:
    """A project beside its machine.  ``space.work`` is the developer's clone of the app."""

    kitchen: Kitchen
    machine: Machine
    space: Workspace
    environ: Mapping[str, str]
    server: str
    first: dict[str, Any] = field(default_factory=dict)  # what the first command reported
    first_served: str = ""  # the commit that answered right after it
    memory: Memory = field(default_factory=lambda: Memory(0))  # what that took, where it is known

    @classmethod
    def make(cls, folder: Path, directory: Path, driver: str, server: str, name: str) -> Site:
        """A machine, the examples beside it, a bare repository with its hook; no set-up yet."""
        kitchen, environ = kitchen_in(folder), environ_in(folder)
        require(kitchen, driver)
        machine = api.create(kitchen, name, driver=driver)
        space = workspace.make(directory, EXAMPLES, name, server)
        site = cls(kitchen, machine, space, environ, server)
        site.project.write_text(
            PROJECT.format(machine=name, server=server, **workspace.recipes(server))
        )
        # The branch is there before the hook, so that nothing is deployed yet.
        subprocess.run(
            ["git", "init", "-q", "--bare", "--initial-branch=main", str(space.repository)],
            check=True,
        )
        site.commit({}, "Thena: count the arcs")
        space.git("push", "-q", str(space.repository), "main")
        site.ok("hook", "install", "thena")
        return site

    @property
    def driver(self) -> str:
        return self.machine.driver

    @property
    def project(self) -> Path:
        return self.space.directory / "toque.toml"

    @property
    def port(self) -> int:
        return self.machine.ports["http"]

    @property
    def head(self) -> str:
        return self.space.git("rev-parse", "HEAD").stdout.strip()

    def needs_systemd(self, why: str) -> None:
        if self.driver == "chroot":
            pytest.skip(f"only systemd can show this: {why}")

    # --- the commands ---------------------------------------------------------------------------

    def toque(
        self, *argv: str, environ: Mapping[str, str] | None = None, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        environ = {**self.environ, **(environ or {})}
        return toque(argv, self.space.directory, environ, stdin=stdin)

    def ok(self, *argv: str, stdin: str = "") -> str:
        """The output of a command that must succeed."""
        done = self.toque(*argv, stdin=stdin)
        assert done.returncode == 0, f"toque {' '.join(argv)}\n{done.stdout}{done.stderr}"
        return done.stdout

    def json(self, *argv: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.ok(*argv, "--json").splitlines()[-1])
        return found

    def setup(self) -> dict[str, Any]:
        """The report of ``toque setup --only-setup``."""
        report: dict[str, Any] = self.json("setup", "--only-setup")["nodes"][0]["setup"]
        return report

    def deploy(self, commit: str = "") -> dict[str, Any]:
        """``toque deploy`` of a commit that is published, HEAD when left out; what was deployed."""
        commit = commit or self.publish()
        done: dict[str, Any] = self.json("deploy", "thena", "--ref", commit)["nodes"][0]
        return done

    def try_deploy(self, commit: str = "") -> tuple[int, dict[str, Any]]:
        """The exit status and the error of a deploy that should fail."""
        done = self.toque("deploy", "thena", "--ref", commit or self.publish(), "--json")
        assert done.returncode != 0, done.stdout
        error: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])["error"]
        return done.returncode, error

    def edit(self, old: str, new: str) -> None:
        """Change toque.toml until the end of the test."""
        text = self.project.read_text()
        assert old in text
        self.project.write_text(text.replace(old, new))

    def plan(self) -> list[dict[str, Any]]:
        """The steps of set-up, as ``toque plan`` gives them."""
        steps: list[dict[str, Any]] = self.json("plan", "web1")["plans"][0]["plan"]["steps"]
        return steps

    # --- the repository -------------------------------------------------------------------------

    def commit(self, files: Mapping[str, str | None], message: str = "A change") -> str:
        """Write (or, for None, remove) files of the app and commit; the commit's id."""
        for name, text in files.items():
            path = self.space.work / name
            if text is None:
                path.unlink()
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
        self.space.git("add", "--all")
        self.space.git("commit", "-q", "--allow-empty", "-m", message)
        return self.head

    def publish(self) -> str:
        """Make HEAD known to the bare repository by a branch that is not deployed; its id."""
        self.space.git("push", "-q", "--force", str(self.space.repository), "HEAD:refs/heads/tried")
        return self.head

    def push(self, *refs: str, environ: Mapping[str, str] | None = None) -> Pushed:
        """``git push`` of the branch that is deployed."""
        environ = {**self.environ, "GIT_CONFIG_GLOBAL": os.devnull, **(environ or {})}
        records = self.space.repository / "toque-deploys.jsonl"
        before = records.read_text().splitlines() if records.exists() else []
        done = subprocess.run(
            ["git", "-C", str(self.space.work), "push", "--force", str(self.space.repository)]
            + list(refs or ("HEAD:refs/heads/main",)),
            env=environ,
            capture_output=True,
            text=True,
            timeout=240,
        )
        after = records.read_text().splitlines() if records.exists() else []
        record = json.loads(after[-1]) if len(after) > len(before) else {"exit": -1, "code": ""}
        return Pushed(done.returncode, done.stdout + done.stderr, record["exit"], record["code"])

    # --- the machine ----------------------------------------------------------------------------

    def run(
        self, argv: Sequence[str], user: str | None = None, check: bool = True, stdin: bytes = b""
    ) -> subprocess.CompletedProcess[str]:
        """A program inside, without SSH, as root or as ``user`` with that user's groups."""
        if user:
            gid = ["--regid", self.run(["id", "-g", user]).stdout.strip()]
            argv = ["setpriv", "--reuid", user, *gid, "--init-groups", "--", *argv]
        done = api.execute(self.kitchen, self.machine.name, argv, stdin)
        out, err = (text.decode("utf-8", "replace") for text in (done.stdout, done.stderr))
        assert done.returncode == 0 or not check, f"{argv}: {done.returncode}\n{out}{err}"
        return subprocess.CompletedProcess(list(argv), done.returncode, out, err)

    def out(self, *argv: str, user: str | None = None) -> str:
        return self.run(argv, user).stdout.strip()

    def stat(self, path: str) -> tuple[str, str, str]:
        """Owner, group and octal mode."""
        owner, group, mode = self.out("stat", "-c", "%U %G %a", path).split()
        return owner, group, mode

    def write(self, path: str, text: str) -> None:
        self.run(["tee", path], stdin=text.encode())

    def processes(self) -> list[Process]:
        if self.driver == "chroot":
            argv = [sys.executable, "-c", PROCESSES, str(self.machine.root)]
            text = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
        else:
            text = self.out("python3", "-c", PROCESSES, "/")
        return [
            Process(p["pid"], p["parent"], p["uid"], tuple(p["argv"]), p["environ"])
            for p in json.loads(text)
            if not p["state"].strip().startswith("Z")
        ]

    def processes_of(self, user: str) -> list[Process]:
        uid = int(self.out("id", "-u", user))
        return [p for p in self.processes() if p.uid == uid]

    def app_processes(self) -> list[Process]:
        """The processes of the app, the one that started the others first.

        At least two: a server and its workers.
        """
        found = self.processes_of("thena")
        pids = {p.pid for p in found}
        return sorted(found, key=lambda p: (p.parent in pids, p.pid))

    def nginx(self) -> int:
        """The process id of nginx's master."""
        masters = [p for p in self.processes() if p.argv and "nginx: master" in p.argv[0]]
        assert len(masters) == 1, masters
        return masters[0].pid

    def init(self, verb: str, unit: str) -> None:
        """``start``, ``stop`` or ``restart`` a unit by hand, as an administrator would."""
        if self.driver == "chroot":
            self.run(["supervisorctl", verb, unit.removesuffix(".service")])
        else:
            self.run(["systemctl", verb, unit])

    @property
    def release(self) -> str:
        return self.out("readlink", "/srv/www/thena/current").rpartition("/")[2]

    @property
    def socket(self) -> str:
        return f"/run/thena-{self.release}/app.sock"

    @property
    def unit(self) -> str:
        return f"thena-{self.release}.service"

    # --- the site -------------------------------------------------------------------------------

    def http(self, path: str, *, host: str = "localhost", timeout_s: float = 20.0) -> Answer:
        connection = http.client.HTTPConnection(self.machine.address, self.port, timeout=timeout_s)
        try:
            connection.request("GET", path, headers={"Host": host})
            answer = connection.getresponse()
            text = answer.read().decode("utf-8", "replace")
            return Answer(answer.status, text, dict(answer.getheaders()))
        finally:
            connection.close()

    def answers(self) -> bool:
        try:
            return self.http("/", timeout_s=5).status == 200
        except (OSError, http.client.HTTPException):
            return False

    def served(self) -> str:
        """The commit that answers."""
        answer = self.http("/version")
        assert answer.status == 200, answer
        return str(json.loads(answer.text)["commit"])

    @contextlib.contextmanager
    def load(self, rate_per_s: float = 50.0) -> Iterator[list[LoadResult]]:
        """Requests at ``rate_per_s`` while the block runs; the list then holds the account."""
        address = self.machine.address
        load = Load(
            LoadPlan(
                address=address,
                port=self.port,
                host_header="localhost",
                rate_per_s=rate_per_s,
                expect={
                    "/": r"Hello Thena\narcs: \d+\n",
                    "/version": r'\{"commit":"[0-9a-f]{40}"\}\n',
                },
                max_seconds=600.0,
                allowed=frozenset({address}),
            )
        )
        result: list[LoadResult] = []
        load.start()
        try:
            yield result
        finally:
            result.append(load.stop())
