"""An app: a git repository plus how to run it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import Literal

from ..node.record import dataclass
from . import names

DatabasePart = Literal["name", "user", "password", "host", "port"]


@dataclass(frozen=True)
class Database:
    """A role and a database of its own, and the variable that holds their URL.

    Without ``host`` the URL points at the machine's own socket directory.  ``scheme`` is the
    URL's first word, for libraries that choose their driver by it.  ``parts`` are variables that
    hold a piece of it each, for code that puts them together by itself.
    """

    name: str
    kind: Literal["postgresql"] = "postgresql"
    variable: str = "DATABASE_URL"
    role: str = ""
    host: str = ""
    port: int = 5432
    scheme: str = "postgresql"
    parts: Mapping[DatabasePart, str] = field(default_factory=dict)

    @property
    def variables(self) -> frozenset[str]:
        """The names of all variables that it fills."""
        return frozenset({self.variable, *self.parts.values()})


@dataclass(frozen=True)
class Build:
    """A ``command`` that completes each release once, as the app's user, and the folders below
    ``root`` that it ``writes``.  Of the app's secrets it sees ``variables``, by name, only: what a
    library runs in a build needs no password."""

    command: tuple[str, ...]
    writes: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()


@dataclass(frozen=True)
class Migrations:
    """``unsafe`` migrations are those that the release which serves cannot live with.  Seconds:
    ``lock_timeout`` for one lock of a table, ``statement_timeout`` for one statement, ``within``
    for all of it, ``waits`` for whoever migrates the same database."""

    unsafe: Literal["refuse", "allow"] = "refuse"
    lock_timeout: int = 5
    statement_timeout: int = 600
    within: int = 1800
    waits: int = 60


@dataclass(frozen=True)
class Worker:
    """``count`` processes of ``command``.  ``rule`` says how a release follows another: new ones
    start before the old ones stop (``overlap``), after (``gap``), or after and never two at once
    (``one``).  ``stop_signal`` asks them to end, ``stop_within`` is how many seconds they have."""

    command: tuple[str, ...]
    count: int = 1
    rule: Literal["overlap", "gap", "one"] = "overlap"
    stop_signal: Literal["TERM", "INT", "QUIT", "HUP", "USR1", "USR2", "WINCH"] = "TERM"
    stop_within: int = 60

    @property
    def most(self) -> int:
        """How many of it there may be."""
        return 1 if self.rule == "one" else 64


@dataclass(frozen=True)
class Schedule:
    """``command`` at each time ``at`` (a calendar event of systemd.time(7)).  When one is due
    ``while_running`` another, it is left out (``skip``) or follows it (``wait``)."""

    command: tuple[str, ...]
    at: str
    while_running: Literal["skip", "wait"] = "skip"


@dataclass(frozen=True)
class App:
    """``root`` is the folder inside the repository that holds the app; ``health`` the path the
    rehearsal asks for ``answers`` good answers in a row, all of them ``starts_within`` seconds
    after the start; ``watch_for`` for how many seconds a new release is watched, with the one
    before it ready to come back; ``finish_within`` how many the requests of a replaced one have;
    ``build_memory`` (MiB; 0 for half of the machine's) and ``build_within`` (seconds) are what
    installing its packages may take, and its ``build``; with ``build_once`` one node installs them
    and others of its kind get a copy;
    ``keep`` how many releases stay; ``accepts`` codes of what the rehearsal would refuse;
    ``harmless_keys`` are files of the repository whose private keys protect nothing;
    ``secrets`` maps variables to ``generate``, ``file:PATH`` or ``env:NAME``;
    ``static`` maps paths of the site to folders below ``root`` that the web server shows by
    itself; ``shared`` are what the app writes there and finds again after a deploy, folders with
    a slash at the end; ``packages`` are the system's, which the app's own need."""

    name: str
    repository: str
    layer: str
    balancer: str = ""
    branch: str = "main"
    submodules: bool = False
    root: str = "."
    server: Literal["uwsgi", "gunicorn", "uvicorn", "granian"] = "gunicorn"
    interface: Literal["auto", "asgi", "wsgi"] = "auto"
    entry: str = "wsgi:app"
    lock: str = "requirements.txt"
    python: str | None = None
    processes: int = 2
    domains: tuple[str, ...] = ()
    health: str = "/"
    answers: int = 3
    starts_within: int = 40
    migrate: tuple[str, ...] = ()
    build: Build | None = None
    build_memory: int = 0
    build_within: int = 900
    build_once: bool = False
    watch_for: int = 60
    finish_within: int = 30
    migrations: Migrations = Migrations()
    workers: Mapping[str, Worker] = field(default_factory=dict)
    schedules: Mapping[str, Schedule] = field(default_factory=dict)
    keep: int = 5
    harmless_keys: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    static: Mapping[str, str] = field(default_factory=dict)
    requires: tuple[str, ...] = ()
    accepts: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    database: Database | None = None

    @property
    def speaks(self) -> str:
        """How the app server calls it: ``asgi`` or ``wsgi``."""
        if self.interface != "auto":
            return self.interface
        return "asgi" if self.server in ("uvicorn", "granian") else "wsgi"

    @property
    def user(self) -> str:
        """Who runs the app."""
        return self.name

    @property
    def deploy_user(self) -> str:
        """Who fetches its code and builds its environment."""
        return f"{self.name}-deploy"

    @property
    def home(self) -> str:
        return f"/srv/www/{self.name}"

    @property
    def host(self) -> str:
        """The Host header of its site; an app without domains answers to any."""
        return self.domains[0] if self.domains else "localhost"

    @property
    def remote(self) -> bool:
        """Whether the node fetches the code itself; otherwise it is sent from here."""
        return names.is_remote(self.repository)

    def migrating(self, nodes: Sequence[str]) -> tuple[str, ...]:
        """Which of a deployment's nodes run the migrations: the first, for all of them.

        A database that Toque makes on each node is that node's own, so each runs its own.
        """
        own = self.database is not None and not self.database.host
        return tuple(nodes if own else nodes[:1]) if self.migrate else ()

    def scaled(self, scale: Mapping[str, int]) -> App:
        """With these numbers of processes (``web`` is the server's); unknown names do nothing."""
        workers = {
            name: replace(worker, count=min(scale.get(name, worker.count), worker.most))
            for name, worker in self.workers.items()
        }
        return replace(self, processes=max(1, scale.get("web", self.processes)), workers=workers)

    @property
    def variables(self) -> frozenset[str]:
        """The names of all variables that the app will see."""
        given = {*self.env, *self.secrets}
        return frozenset(given | self.database.variables if self.database else given)
