"""An app: a git repository plus how to run it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Literal

from ..node.record import dataclass
from . import names


@dataclass(frozen=True)
class Database:
    """A role and a database of its own, and the variable that holds their URL.

    Without ``host`` the URL points at the machine's own socket directory.  ``scheme`` is the
    URL's first word, for libraries that choose their driver by it.
    """

    name: str
    kind: Literal["postgresql"] = "postgresql"
    variable: str = "DATABASE_URL"
    role: str = ""
    host: str = ""
    port: int = 5432
    scheme: str = "postgresql"


@dataclass(frozen=True)
class Build:
    """A ``command`` that completes each release once, as the app's user, and the folders below
    ``root`` that it ``writes``."""

    command: tuple[str, ...]
    writes: tuple[str, ...] = ()


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
class App:
    """``root`` is the folder inside the repository that holds the app; ``health`` the path the
    rehearsal asks for ``answers`` good answers in a row, all of them ``starts_within`` seconds
    after the start; ``keep`` how many releases stay;
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
    migrations: Migrations = Migrations()
    keep: int = 5
    harmless_keys: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    static: Mapping[str, str] = field(default_factory=dict)
    requires: tuple[str, ...] = ()
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

    @property
    def variables(self) -> frozenset[str]:
        """The names of all variables that the app will see."""
        given = {*self.env, *self.secrets}
        return frozenset(given | {self.database.variable} if self.database else given)
