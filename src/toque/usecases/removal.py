"""Give a machine back as it was found.

The node has on record what Toque has added to it and says what of that can go and what stays
(``node/giveback.py``); taking it away is a plan like any other, made of the same resources.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .. import (
    Command,
    Cookbook,
    Directory,
    File,
    Group,
    Original,
    Package,
    PostgresDatabase,
    PostgresRole,
    Recipe,
    Service,
    Unit,
    User,
)
from ..cookbooks.compile import compile_plan
from ..cookbooks.inputs import Inputs
from ..errors import Failed
from ..node.model import Facts, Plan, Report
from . import converge as carry
from .converge import Parcel, Session, Stop, Watch
from .place import Place
from .seeing import parsing

KEPT = "/var/backups"  # FHS 5.5: Debian's own place for such copies


@dataclass(frozen=True)
class Data:
    """What nobody can make again: a database (with its server's port, or "") or a folder."""

    bytes: int
    database: str = ""
    port: str = ""
    folder: str = ""

    @property
    def name(self) -> str:
        return f"database {self.database}" if self.database else self.folder


@dataclass(frozen=True)
class GiveBack:
    """What can be taken away, each in the order in which it can; ``stays`` is what and why.

    ``brought`` are directories that the packages have made, and when; they may leave some behind.
    """

    units: Sequence[str] = ()
    files: Sequence[str] = ()
    folders: Sequence[str] = ()
    trees: Sequence[str] = ()
    originals: Sequence[str] = ()
    packages: Sequence[str] = ()
    brought: Sequence[tuple[str, float]] = ()
    databases: Sequence[str] = ()
    roles: Sequence[str] = ()
    users: Sequence[str] = ()
    groups: Sequence[str] = ()
    data: Sequence[Data] = ()
    stays: Sequence[tuple[str, str]] = ()
    nginx: bool = False


NAMES = ("units", "files", "folders", "trees", "originals", "packages", "databases", "roles",
         "users", "groups")  # fmt: skip


def look(place: Place) -> GiveBack:
    """What ``place`` can give back.  Raises ``Failed("nothing-recorded")``."""
    told = carry.ask(place.transport, ["giveback"], "giveback")
    if not told.get("recorded"):
        raise Failed(
            "nothing-recorded",
            f"{place.node.name} has no record of anything that Toque added to it",
            expected="/var/lib/toque/added.json, which every setup and deploy writes",
            found="none",
            hint="it was never set up, or is given back already",
        )
    with parsing("what it can give back"):
        return parsed(told)


def parsed(told: Any) -> GiveBack:
    """A node's word, each part of the type that it has to have."""
    return GiveBack(
        **{name: tuple(_text(one) for one in told[name]) for name in NAMES},
        data=tuple(
            Data(
                int(one["bytes"]),
                _text(one.get("database", "")),
                _text(one.get("port", "")),
                _text(one.get("folder", "")),
            )
            for one in told["data"]
        ),
        brought=tuple((_text(path), float(at)) for path, at in told["brought"]),
        stays=tuple((_text(what), _text(why)) for what, why in told["stays"]),
        nginx=told["nginx"] is True,
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a text, not a {type(value).__name__}")
    return value


def plan(back: GiveBack, facts: Facts, *, keep_in: str) -> Plan:
    """The steps that take everything of ``back`` away.

    ``keep_in`` is where its data is saved first, on the node, or empty: a directory that is not
    there yet, so what a run that broke off left of a copy is never taken for one.
    """

    def recipe(r: Recipe) -> None:
        if keep_in and back.data:
            _save(r, back.data, keep_in)
        _take_away(r, back)

    cookbook = Cookbook("removal", events={"shutdown": recipe})
    return compile_plan("remove", [(cookbook, "shutdown")], Inputs(facts=facts)).plan


def _save(r: Recipe, data: Sequence[Data], folder: str) -> None:
    r.add(Directory(folder, mode=0o711))
    dumps = f"{folder}/databases"
    if any(one.database for one in data):
        r.add(Directory(dumps, owner="postgres", group="postgres", mode=0o700))
    for one in data:
        if one.database:
            path = f"{dumps}/{one.database}.dump"
            port = [f"--port={one.port}"] if one.port else []
            dump = ("pg_dump", "--format=custom", *port, f"--file={path}", one.database)
            r.add(Command(dump, user="postgres", creates=path, timeout_s=86400))
        else:
            path = f"{folder}/{one.folder.strip('/').replace('/', '-')}.tar.gz"
            above, _, name = one.folder.rpartition("/")
            packed = ("tar", "--create", "--gzip", "--one-file-system", f"--file={path}")
            r.add(Command((*packed, f"--directory={above}", name), creates=path, timeout_s=86400))


def _take_away(r: Recipe, back: GiveBack) -> None:
    for unit in sorted(back.units, key=_unit_order):
        r.add(Unit(unit, absent=True))
    nginx = Service("nginx", running=True) if back.nginx else None
    for path in (*back.files, *back.originals):
        site = nginx is not None and path.startswith("/etc/nginx/")
        one = Original(path) if path in back.originals else File(path, absent=True)
        r.add(one, notify=nginx.reload if nginx is not None and site else ())
    if nginx is not None:
        r.add(nginx)
    for key in back.databases:
        name, _, port = key.partition("@")
        r.add(PostgresDatabase(name, absent=True, port=int(port) if port else None))
    for key in back.roles:
        name, _, port = key.partition("@")
        r.add(PostgresRole(name, absent=True, port=int(port) if port else None))
    if back.packages:
        r.add(Package(names=back.packages, absent=True, purge=True))
    for path, at in back.brought:
        # What its package put there and nobody has changed since; nothing that came later.
        old = ("!", "-type", "d", "!", "-newerct", f"@{at:.0f}")
        argv = ("find", path, "-depth", "(", *old, "-o", "-type", "d", "-empty", ")", "-delete")
        r.add(Command(argv, name=f"clear {path}", only_if=("test", "-d", path)))
    for path in back.trees:
        r.add(Directory(path, absent=True, recursive=True))
    for path in back.folders:
        r.add(Directory(path, absent=True))
    for user in back.users:
        r.add(User(user, absent=True))
    for group in back.groups:
        r.add(Group(group, absent=True))


def _unit_order(unit: str) -> tuple[int, str]:
    """What starts others before what it starts."""
    return (0 if unit.endswith((".timer", ".path", ".socket")) or "-watch-" in unit else 1, unit)


def foresee(place: Place, back: GiveBack, *, keep_in: str, by: str, watch: Watch) -> Report:
    """What ``remove`` would do now; changes nothing."""
    with Session(place.transport, "check") as session:
        made = plan(back, session.facts, keep_in=keep_in)
        report = session.carry_out(Parcel(made), by=by, watch=watch)
    return carry.succeeded(report, place.node.name)


def remove(
    place: Place, back: GiveBack, *, keep_in: str, by: str, watch: Watch, stop: Stop
) -> Report:
    """Take it all away, and last Toque's own memory of the node.

    Raises ``Failed`` with the step that could not be done; the same command goes on there.
    """
    with Session(place.transport) as session:
        made = plan(back, session.facts, keep_in=keep_in)
        report = session.carry_out(Parcel(made), by=by, watch=watch, stop=stop)
    carry.succeeded(report, place.node.name)
    left = carry.ask(place.transport, ["forget"], "forgotten").get("left")
    if left:
        raise Failed(
            "node-busy",
            f"{place.node.name} keeps what it knows of its runs",
            expected="no other run",
            found=str(left)[:200],
            hint="run it again when that one has ended",
        )
    return report


def lines(back: GiveBack) -> Iterator[tuple[str, str]]:
    """What goes, in words: of what kind, and its names."""
    words = (
        ("stops", back.units),
        ("removes", (*back.trees, *back.folders, *back.files)),
        ("restores", back.originals),
        ("drops", (*(f"database {n}" for n in back.databases), *(f"role {n}" for n in back.roles))),
        ("purges", back.packages),
        ("removes", (*(f"user {n}" for n in back.users), *(f"group {n}" for n in back.groups))),
    )
    for verb, names in words:
        if names:
            yield verb, ", ".join(names)
