"""The composition root: the only importer of concrete adapters."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from .adapters import hostkeys, ssh, target
from .errors import AskedWrongly
from .fleet.node import Node
from .fleet.project import KEPT, Project, find_project, load_project
from .usecases.place import Place

# Above is what it takes to connect, which a converge begins with (ahead.py); the rest is imported
# where it is used, while the connection is made.
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .adapters import git
    from .cookbooks.lockfile import Lock
    from .cookbooks.manifest import Manifest
    from .detect.tree import Tree
    from .kitchen.api import Kitchen
    from .kitchen.subject import Subject
    from .redial import Redialled
    from .usecases.site import Site

RECIPES_S = 30.0  # as Inputs.limit_s
STATE = ".toque"  # beside toque.toml: pinned keys, an identity, secrets; 0700


def open_project(start: Path | None = None) -> Project:
    """The project around ``start`` (the current directory).  Raises ``AskedWrongly``."""
    return load_project(find_project(start or Path.cwd()))


def open_site(project: Project) -> Site:
    """A project with its secrets and its repositories at hand."""
    from .adapters import git, shipping, uvexport, uvresolve
    from .fleet.secrets import SecretStore
    from .usecases.site import Site

    state = project.directory / STATE
    return Site(
        project=project,
        store=SecretStore(state, _secrets_of(project), tell=_aside),
        state=state,
        open_repository=git.open_repository,
        uv=shipping.uv_binary,
        export=uvexport.export,
        resolve=lambda app, *asked: uvresolve.resolved(state / "locks" / app, *asked),
        by=whoami(),
        apart=_apart,
        packages=lambda lock: cookbook_packages(project, lock),
        reach=_reach,
    )


def _secrets_of(project: Project) -> Path:
    """A project without a file of ours gets no folder of ours either."""
    from .fleet.secrets import FOLDER

    return project.directory / (STATE if project.spot.file == KEPT else "") / FOLDER


def own_secrets(directory: Path) -> None:
    """Move what was kept without a file beside the file that is there now."""
    from .fleet.secrets import FOLDER

    kept = directory / STATE / FOLDER
    if kept.is_dir() and not (directory / FOLDER).exists():
        kept.rename(directory / FOLDER)


def _aside(text: str) -> None:
    """A line that is no part of what a command was asked for."""
    print(f"toque: {text}", file=sys.stderr)


def _reach(node: Node) -> tuple[str, int]:
    """Where visitors reach a node: the address we have for it, and a kitchen machine's port."""
    if node.local:
        return "127.0.0.1", 0
    if node.kitchen:
        from .kitchen import api as kitchen

        machine = kitchen.find(open_kitchen(), node.kitchen)
        return machine.address, machine.ports.get("http", 0)
    return target.parse_target(node.address, node.name, None).host, 0


def cookbook_packages(project: Project, lock: Lock) -> Path:
    """The folder with the packages of a lock: vendored, or fetched when it is not there."""
    from .adapters import uvlock, vendored  # only who has dependencies pays for it

    if lock.vendor is not None:
        return vendored.checked(lock, lock.vendor, project.directory)
    return uvlock.install(lock, _kept_cookbooks(project), build=not project.apart)


def vendor_cookbooks(project: Project, lock: Lock, folder: str, directory: Path) -> Lock:
    """The lock, its packages put into the ``folder`` of the ``directory``."""
    from .adapters import uvlock, vendored

    there = uvlock.install(lock, _kept_cookbooks(project), build=not project.apart)
    return replace(lock, vendor=vendored.put(lock, there, directory, folder))


def altered_cookbook_packages(project: Project, lock: Lock) -> tuple[str, ...]:
    """The files of those packages that are not as the lock's hashes have them."""
    from .adapters import uvlock

    there = cookbook_packages(project, lock)
    return uvlock.altered(lock, there, _kept_cookbooks(project), build=not project.apart)


def _kept_cookbooks(project: Project) -> Path:
    state = project.directory / STATE
    state.mkdir(mode=0o700, exist_ok=True)
    return state / "cookbooks"


def resolve_cookbooks(
    project: Project, manifests: Sequence[Manifest], before: Lock | None, newer: Sequence[str] = ()
) -> Lock:
    """A lock for ``manifests`` that keeps what ``before`` says, but for the packages ``newer``."""
    from .adapters import uvlock

    return uvlock.resolve(manifests, before, newer=newer, build=not project.apart)


def _apart(job: bytes, readable: Sequence[Path], packages: Path | None) -> bytes:
    from .adapters import apart  # only who uses other people's cookbooks pays for it
    from .cookbooks.answer import LONGEST

    return apart.run(job, readable, packages, limit_s=RECIPES_S, longest=LONGEST)


def open_kitchen() -> Kitchen:
    from .kitchen.api import Kitchen

    return Kitchen.from_environment(os.environ)


def host_keys(directory: Path) -> hostkeys.HostKeys:
    """The pinned keys of the project in ``directory``."""
    return hostkeys.HostKeys(directory / STATE / "known_hosts")


def connect(node: Node, directory: Path, *, dial: Redialled | None = None) -> Place:
    """The way to a node of the project in ``directory``.

    With ``dial`` ssh is started at once, or taken from there (``Unreachable`` when there is none),
    else nothing is.
    """
    if node.local:
        from .adapters import local

        return Place(node, local.LocalTransport(node.name), {}, "127.0.0.1")
    if node.kitchen:
        from .kitchen import api as kitchen

        machine = kitchen.find(open_kitchen(), node.kitchen)
        where = target.Target(
            name=f"kitchen-{machine.name}",
            host=machine.address,
            user=machine.user,
            port=machine.ssh_port,
            key=machine.key,
        )
        keys = hostkeys.HostKeys(machine.folder / "known_hosts")
        if machine.host_key not in [f"{k.type} {k.blob}" for k in keys.pinned(where.name)]:
            keys.forget(where.name)
            keys.pin(where.name, machine.host_key)
        transport = ssh.SshTransport(where, keys, become=machine.user != "root")
        return Place(node, transport, dict(machine.ports), machine.address)
    where = ssh_target(node, directory)
    transport = ssh.SshTransport(where, host_keys(directory), become=node.sudo)
    if dial is not None:
        transport.dial(dial.take)
    return Place(node, transport, {}, where.host)


def subject(node: Node, directory: Path) -> Subject:
    """A node of the project in ``directory`` as checks look at it."""
    from .kitchen.look import python_words
    from .kitchen.subject import Subject, in_kitchen

    if node.kitchen:
        from .kitchen import api as kitchen

        return in_kitchen(kitchen.find(open_kitchen(), node.kitchen))
    command = tuple(connect(node, directory).transport.attended(python_words(), tty=False))
    if node.local:
        return Subject(node.name, "127.0.0.1", command=command)
    where = ssh_target(node, directory)
    pinned = host_keys(directory).pinned(where.name)
    settings = {"User": where.user, "Port": where.port, "IdentityFile": where.key}
    return Subject(
        where.name,
        where.host,
        command=command,
        sudo=node.sudo,
        ssh={"HostName": where.host, **{k: str(v) for k, v in settings.items() if v}},
        host_keys=tuple(f"{key.type} {key.blob}" for key in pinned),
    )


def ssh_target(node: Node, directory: Path) -> target.Target:
    """Where SSH finds a node that is neither local nor in the kitchen."""
    key = directory / Path(node.key).expanduser() if node.key else None
    parsed = target.parse_target(node.address, node.name, key)
    return target.Target(parsed.name, parsed.host, parsed.user, node.port or parsed.port, key)


def is_trusted(node: Node, directory: Path) -> bool:
    """Whether a host key of the node is pinned."""
    return bool(host_keys(directory).pinned(ssh_target(node, directory).name))


def kitchen_address(node: Node) -> str:
    """Where a kitchen machine is reached."""
    from .kitchen import api as kitchen

    return kitchen.find(open_kitchen(), node.kitchen).address


def shown_key(where: target.Target) -> hostkeys.HostKey:
    """The host key a machine shows now, unconfirmed.  Raises ``Unreachable``."""
    return ssh.fetch(where)


def shown_key_of(host: str, port: int) -> hostkeys.HostKey:
    """The host key that any SSH server shows now, unconfirmed.  Raises ``Unreachable``."""
    return ssh.fetch(target.Target(name=host, host=host, user="git", port=port, key=None))


def fetch_https(url: str) -> bytes:
    """What is at an https address, its certificate verified.  Raises ``Failed``."""
    from .adapters import https

    return https.fetch(url)


def init_bare(path: Path) -> git.Repository:
    """An empty bare repository, or the one that is there."""
    from .adapters import git

    return git.init_bare(path)


def open_repository(path: Path) -> git.Repository:
    """The repository at a path on this machine."""
    from .adapters import git

    return git.Repository(path)


def open_repository_at(directory: Path) -> git.Repository:
    """The work tree that ``directory`` is in.  Raises ``AskedWrongly("repository-missing")``."""
    from .adapters import git

    return git.open_repository(str(directory))


def commit_tree(repository: git.Repository, commit: str) -> Tree:
    """The files of a commit, below the folder that ``repository`` was opened at."""
    from .adapters import trees

    return trees.CommitTree(repository, commit)


def folder_tree(directory: Path) -> Tree:
    """The files as they lie in a folder."""
    from .adapters import trees

    return trees.FolderTree(directory)


def files_to_carry(folder: Path) -> Sequence[str]:
    """The files below a folder, without those that git ignores there."""
    from .adapters import trees

    return trees.files_below(folder)


def known_secrets(project: Project) -> dict[str, str]:
    """The project's secrets by name, as far as the identities here open them."""
    try:
        return open_site(project).store.texts()
    except AskedWrongly as error:
        if error.code not in ("identity-missing", "identity-wrong"):
            raise
        return {}


def project_files(directory: Path) -> Iterable[Path]:
    """The same files as paths, links left out."""
    return [
        p for p in (directory / name for name in files_to_carry(directory)) if not p.is_symlink()
    ]


def repository_prefix(directory: Path) -> str:
    """The path of a folder from the top of its repository; empty without one."""
    from .adapters import git

    return git.prefix(directory)


def branch_of(directory: Path) -> str:
    """The branch that is checked out in a folder; empty where there is none."""
    from .adapters import git

    return git.Repository(directory).branch()


def node_for(project: Project | None, text: str) -> tuple[Node, ...]:
    """The nodes that TARGET means: a node, a layer, ``kitchen:NAME``, ``local`` or ``user@host``.

    Raises ``AskedWrongly("unknown-node")`` for a bare word that is none of them.
    """
    if project is not None:
        if text in project.nodes:
            return (project.nodes[text],)
        if text in project.layers:
            return tuple(n for n in project.nodes.values() if n.layer == text)
    layer = next(iter(project.layers), "") if project is not None else ""
    if text == "local" or text.startswith("kitchen:") or "@" in text or "." in text:
        name = text.removeprefix("kitchen:")
        if "@" in text or "." in text:
            name = target.parse_target(text).name
        return (Node(name=name, address=text, layer=layer),)
    if project is not None:
        project.node(text)  # raises, naming the nearest
    return (Node(name=text, address=text, layer=layer),)


def whoami() -> str:
    """``user@host`` for locks and histories; the name a person would recognise."""
    from getpass import getuser

    return f"{os.environ.get('SUDO_USER') or getuser()}@{os.uname().nodename}"
