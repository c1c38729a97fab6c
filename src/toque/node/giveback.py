"""What of this machine can be given back, and what has to stay and why.  It changes nothing.

``look`` reads the record of what Toque has added and what became of it since: what others build on
by now stays, and so does a file that somebody has changed after us.
"""

import re
from contextlib import suppress
from typing import AbstractSet, Any, Dict, Iterator, List, Sequence, Set, Tuple

from . import added as record
from . import apt
from .added import Added, Original
from .dpkg import ENVIRONMENT, owners
from .errors import StepFailed
from .inits import choose
from .postgres import ask, literal
from .survey import foreign_sites
from .system import System

UNIT = re.compile(r"/etc/systemd/system/([^/]+\.(?:service|timer|socket|path|mount))")
SERVERS = ("template0", "template1", "postgres")  # databases that every server has
SERVER = re.compile(r"postgresql-\d+")
NGINX = re.compile(r"nginx(-.*)?")
STATES = "/var/lib/apt/extended_states"
AS_IF = "/run/toque-extended-states"
CONFIG = "/run/toque-apt.conf"
# Without the machine's own configuration, which never lets apt remove a PostgreSQL by itself.
OPTIONS = f"""\
Dir::Etc::Parts "/dev/null";
Dir::State::extended_states "{AS_IF}";
APT::AutoRemove::RecommendsImportant "false";
APT::AutoRemove::SuggestsImportant "false";
"""
Stays = List[Tuple[str, str]]


def look(system: System) -> Dict[str, Any]:
    """Names of what can go, by kind, in an order in which it can; ``stays`` has pairs of what and
    why.  Without a record ``recorded`` is False and there is nothing else."""
    added = record.read_added(system)
    if added is None:
        return {"recorded": False}
    added = record.settled(added, record.things(system), system.now())
    stays: Stays = []
    foreign = _foreign_databases(system, added)
    packages = _packages(system, added, foreign, stays)
    files, folders = _paths(system, added, stays)
    whole = any(SERVER.fullmatch(name) for name in packages)  # its databases go with it
    users = sorted(added.users & set(record.things(system)["users"]))
    groups = sorted(added.groups & set(record.things(system)["groups"]))
    stays += [(step, "its value before is not known") for step in sorted(added.left)]
    return {
        "recorded": True,
        "units": [m.group(1) for m in map(UNIT.fullmatch, files) if m],
        "files": [path for path in files if not UNIT.fullmatch(path)],
        "folders": folders,
        "trees": sorted(path for path in added.trees if system.stat(path) is not None),
        "originals": sorted(_originals(system, added, stays)),
        "packages": packages,
        "databases": [] if whole else sorted(added.databases),
        "roles": [] if whole else sorted(added.roles),
        "brought": list(_brought(system, added, packages)),
        "users": users,
        "groups": groups,
        "data": _data(system, added),
        "nginx": not any(NGINX.fullmatch(name) for name in packages)
        and choose(system).state("nginx.service").running,
        "stays": [list(one) for one in stays],
    }


def _paths(system: System, added: Added, stays: Stays) -> Tuple[List[str], List[str]]:
    """Files and links, and directories, deepest first; one that others use by now stays."""
    files: List[str] = []
    folders: List[str] = []
    gone: Set[str] = set(added.trees)
    for path in sorted(added.paths - added.trees, key=lambda path: (-path.count("/"), path)):
        there = system.stat(path)
        if there is None:
            continue
        if there.kind != "directory":
            files.append(path)
            gone.add(path)
            continue
        left = [name for name in system.names(path) if f"{path}/{name}" not in gone]
        if left:
            stays.append((path, f"there is something else in it: {', '.join(left[:3])}"))
        else:
            folders.append(path)
            gone.add(path)
    return files, folders


def _brought(system: System, added: Added, packages: Sequence[str]) -> Iterator[Tuple[str, float]]:
    """Directories of the packages that go, and when they came."""
    all_go = not added.packages - set(packages)
    for path, at in added.folders.items():
        there = system.stat(path)
        if there is None or there.kind != "directory":
            continue
        owned = owners(system, path)
        if owned <= set(packages) if owned else all_go:
            yield path, at


def _originals(system: System, added: Added, stays: Stays) -> Iterator[str]:
    for path, original in added.originals.items():
        if same(system, path, original):
            continue
        if original.kind == "file" and record.digest_at(system, path) not in ("", original.left):
            stays.append((path, f"somebody has changed it since; before Toque: {original.kept}"))
        else:
            yield path


def same(system: System, path: str, original: Original) -> bool:
    """Whether ``path`` is as it was."""
    there = system.stat(path)
    if there is None or there.kind != original.kind:
        return False
    if original.kind == "link":
        return there.target == original.target
    meta = (there.owner, there.group, there.mode)
    if meta != (original.owner, original.group, original.mode):
        return False
    return original.kind != "file" or system.read(path) == system.read(original.kept)


def _packages(system: System, added: Added, foreign: Sequence[str], stays: Stays) -> List[str]:
    """Those of ours that nothing else needs: what apt would remove if nobody had asked for them."""
    ours = added.packages & set(record.things(system)["packages"])
    if not ours:
        return []
    kept: Set[str] = set()
    others = (("databases", foreign, SERVER), ("sites", foreign_sites(), NGINX))
    for what, names, server in others:
        used = {name for name in ours if names and server.fullmatch(name)}
        if used:
            why = f"it has {what} of others: {', '.join(names)}"
            stays.append((", ".join(sorted(used)), why))
        kept |= used
    spare = (ours - kept) & _unneeded(system, ours - kept)
    needed = sorted(ours - kept - spare)
    if needed:
        stays.append((", ".join(needed), "other packages need it"))
    return sorted(spare)


def _unneeded(system: System, ours: AbstractSet[str]) -> Set[str]:
    """What ``apt-get autoremove`` would take, had nobody asked for ``ours`` by name."""
    architecture = system.run(["dpkg", "--print-architecture"]).text.strip()
    try:
        states = system.read(STATES).decode("utf-8", "replace")
    except FileNotFoundError:
        states = ""
    system.write(AS_IF, as_if_brought(states, ours, architecture).encode())
    system.write(CONFIG, OPTIONS.encode())
    try:
        env = {**ENVIRONMENT, "APT_CONFIG": CONFIG}
        result = system.run(["apt-get", "-s", "autoremove"], env=env, check=False)
    finally:
        system.remove(AS_IF)
        system.remove(CONFIG)
    if result.code != 0:
        raise apt.trouble(result, sorted(ours))
    return set(re.findall(r"^Remv (\S+)", result.text, re.M))


def as_if_brought(states: str, ours: AbstractSet[str], architecture: str) -> str:
    """apt's record of what came along with something, with all of ``ours`` in it.  Pure."""
    mine = re.compile("|".join(rf"Package: {re.escape(name)}$" for name in ours), re.M)
    kept = [b.strip() for b in states.split("\n\n") if b.strip() and not mine.search(b)]
    more = [
        f"Package: {name}\nArchitecture: {architecture}\nAuto-Installed: 1" for name in sorted(ours)
    ]
    return "\n\n".join([*kept, *more]) + "\n"


def _foreign_databases(system: System, added: Added) -> List[str]:
    """Databases that nobody asked Toque for, in a server that it brought."""
    if not any(SERVER.fullmatch(name) for name in added.packages):
        return []
    try:
        row = ask(
            system, "SELECT json_agg(datname ORDER BY datname) AS names FROM pg_database", None
        )
    except StepFailed as error:
        return [f"nobody can tell ({error.message})"]
    ours = {key.partition("@")[0] for key in added.databases}
    return sorted({str(name) for name in (row or {}).get("names", ())} - {*SERVERS, *ours})


def _data(system: System, added: Added) -> List[Dict[str, Any]]:
    """What nobody can make again: databases, and what apps keep beside their releases."""
    found: List[Dict[str, Any]] = []
    for key in sorted(added.databases):
        name, _, port = key.partition("@")
        query = f"SELECT pg_database_size({literal(name)}) AS bytes"
        with suppress(StepFailed):
            row = ask(system, query, int(port) if port else None)
            if row is not None:
                found.append({"database": name, "port": port, "bytes": int(row["bytes"])})
    for tree in sorted(added.trees):
        shared = f"{tree}/shared"
        if record.tree_of(shared) == tree and system.names(shared):
            size = system.run(
                ["du", "--summarize", "--bytes", "--one-file-system", shared], check=False
            )
            found.append({"folder": shared, "bytes": int((size.text.split() or ["0"])[0])})
    return found
