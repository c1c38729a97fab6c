"""What each resource type does while the racer of ``link_racer.py`` swaps what it works on.

A type that writes or reads below a directory that an app's user can own has a ``Case`` here; one
that does not says so in ``ELSEWHERE``.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields

from link_racer import CORNER, NAME, Spot
from toque.node import added, paths, removal
from toque.node.applayout import UNITS
from toque.node.engine import walk
from toque.node.errors import StepFailed
from toque.node.inits import UnitState
from toque.node.journal import MemoryJournal
from toque.node.model import Facts, Plan, Step
from toque.node.realsystem import RealSystem
from toque.node.resource import Resource
from toque.node.resources import TYPES
from toque.node.resources import current as current_module
from toque.node.resources.archive import Archive
from toque.node.resources.block import Block
from toque.node.resources.certificate import Certificate
from toque.node.resources.checkout import Checkout
from toque.node.resources.current import Current
from toque.node.resources.directory import Directory
from toque.node.resources.download import Download
from toque.node.resources.file import File
from toque.node.resources.git import Git
from toque.node.resources.line import Line
from toque.node.resources.link import Link
from toque.node.resources.original import Original
from toque.node.resources.releases import Releases
from toque.node.resources.ssh_known_host import SshKnownHost
from toque.node.resources.tree import Tree
from toque.node.resources.user import User
from toque.node.resources.venv import MARKER, Venv
from toque.node.system import Result
from toque.node.wire import encode_value, outcome_json

HERE = f"{CORNER}/x"
COMMIT = "c" * 40
ID = "0123456789ab-0123ab"
OLD = "ba9876543210-ba3210"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO7KvIuMXqjXFWBSDTYdFTmiMlxmMpl8Y5Zcb2Vrg6Cg"
Answers = dict[str, bytes | Callable[[], bytes]]  # of a program with that word, or what it does

# Why a type is not raced: it has no path, or only such as none but root can swap any part of.
ELSEWHERE = {
    "apt_pin": "writes /etc/apt only, which is root's",
    "apt_repository": "writes /etc/apt only, which is root's",
    "cron": "writes /etc/cron.d only, which is root's",
    "command": "writes its mark below /var/lib/toque only, which is root's",
    "deploy_key": "writes /etc/toque only, which is root's; ssh-keygen runs as the deploy user",
    "drained": "looks at connections and writes nothing",
    "earlier": "writes in /srv/www/APP/earlier only, which is root's like all above it",
    "firewall": "writes /etc and /run, which are root's",
    "group": "groupadd, groupmod and groupdel write /etc",
    "hostname": "writes /etc, which is root's",
    "http_check": "asks a server and writes nothing",
    "inspection": "imports the app as its own user, and writes nothing",
    "instance": "writes nothing; its socket is looked at, and spoken to as any visitor may",
    "intact": "looks at a release and writes nothing",
    "limits": "writes /etc/security only, which is root's",
    "locale": "writes /etc and /var/lib/locales, which are root's",
    "log": "says something and writes nothing",
    "migration": "runs programs as the app's user; its record is below /var/lib/toque, root's",
    "mount": "writes /etc/fstab, and mounts where only root can swap what is there",
    "package": "apt-get and dpkg write what packages bring",
    "port_check": "asks a server and writes nothing",
    "postgres_database": "the database server writes",
    "postgres_extension": "the database server writes",
    "postgres_grant": "the database server writes",
    "postgres_role": "the database server writes",
    "processes": "starts and stops units, and writes nothing",
    "reboot": "writes /run only, which is root's",
    "retired": "stops units and writes nothing",
    "watched": "writes in a directory of root's only",
    "service": "starts and enables units below /etc/systemd, which is root's",
    "sudoers": "writes /etc/sudoers.d only, which is root's",
    "swap_file": "refuses a directory in which anybody but root can swap names",
    "sysctl": "writes /etc/sysctl.d and /proc/sys, which are root's",
    "timer": "writes /etc/systemd/system only, which is root's",
    "timezone": "writes /etc, which is root's",
    "unit": "writes /etc/systemd/system only, which is root's",
    "web_address": "reads /etc/nginx, which is root's, and writes nothing",
    "workers": "starts and stops units, and writes nothing",
}


class Machine(RealSystem):
    """The real one, but programs are only said to have done well: the race is for paths."""

    def __init__(self, answers: Answers) -> None:
        super().__init__(Facts(init="systemd"))
        self._answers = answers

    def run(self, argv, *, check=True, **rest) -> Result:  # type: ignore[no-untyped-def]
        self._look.forget()
        time.sleep(0.002)  # as programs take a while, in which the racer goes on
        for word in argv:
            if word in self._answers:
                answer = self._answers[word]
                return Result(argv, 0, answer() if callable(answer) else answer)
        return Result(argv, 0)

    def fetch(self, url: str, *, timeout_s: float) -> Iterator[bytes]:
        self._look.forget()
        time.sleep(0.002)
        yield self._answers[url]


@dataclass
class Case:
    """``resources`` are applied one after the other, then ``clear`` makes them differ again."""

    spots: Sequence[Spot]
    resources: Sequence[Resource]
    clear: Callable[[], None] = lambda: None
    answers: Answers = field(default_factory=dict)
    tells: Sequence[str] = ()  # paths whose text is what root said

    def turn(self) -> Iterator[tuple[str, str]]:
        """How each ended (a status or a code), and all that was said of it."""
        for resource in self.resources:
            secrets: dict[str, str] = {}
            step = Step(
                resource.id,
                resource.kind,
                {
                    f.name: encode_value(getattr(resource, f.name), secrets, {})
                    for f in fields(resource)
                },
            )
            (outcome,) = walk(
                Plan("race", (step,)),
                Machine(self.answers),
                TYPES,
                journal=MemoryJournal(),
                secrets=secrets,
            )
            said = json.dumps(outcome_json(outcome))
            for path in self.tells:
                with suppress(FileNotFoundError), open(path) as file:
                    said += file.read()
            trouble = outcome.trouble or {}
            yield str(trouble.get("code", outcome.status.value)), said
        with suppress(StepFailed, OSError):
            self.clear()


def file() -> Case:
    at = f"{HERE}/f"
    return Case(
        [Spot(HERE, ["f", ".toque-unchecked-f"], movable=True)],
        [
            File(at, content="root's\n", mode=0o600),
            File(at, owner=NAME, group=NAME, mode=0o666),
            File(at, owner="root", group="root", mode=0o644),
            File(at, content="checked\n", owner=NAME, check=("true",), backups=1),
            File(at, absent=True),
        ],
    )


def directory() -> Case:
    return Case(
        [Spot(HERE, ["d", "d/e", "d/e/f"], movable=True)],
        [
            Directory(f"{HERE}/d/e", parents=True),
            Directory(f"{HERE}/d", owner=NAME, group=NAME, mode=0o777),
            Directory(f"{HERE}/d", owner="root", group="root", mode=0o755),
            Directory(f"{HERE}/d", owner=NAME, group=NAME, mode=0o777),
            Directory(f"{HERE}/d", absent=True, recursive=True),
        ],
    )


def link() -> Case:
    return Case(
        [Spot(HERE, ["l"], movable=True)],
        [Link(f"{HERE}/l", "here"), Link(f"{HERE}/l", "there"), Link(f"{HERE}/l", absent=True)],
    )


def foreign(*resources: Resource) -> Case:
    """Lines of ours in a file of the racer's."""

    def clear() -> None:
        with suppress(StepFailed):
            paths.write(f"{HERE}/f", b"theirs\n", owner=NAME, group=NAME)

    return Case([Spot(HERE, ["f", ".toque-unchecked-f"], movable=True)], resources, clear)


def line() -> Case:
    at = f"{HERE}/f"
    return foreign(
        Line(at, "ours", check=("true",)),
        Line(at, "more", after="ours"),
        Line(at, "ours", absent=True),
    )


def block() -> Case:
    at = f"{HERE}/f"
    return foreign(Block(at, "ours", "a\nb\n"), Block(at, "ours", absent=True))


def tree() -> Case:
    ours = {"a": "1\n", "d/b": "2\n", "d/e/c": "3\n"}
    return Case(
        [Spot(HERE, ["t", "t/d", "t/a", "t/d/e", "t/d/b", "t/z"], movable=True)],
        [
            Tree(f"{HERE}/t", ours, purge=True),
            Tree(f"{HERE}/t", ours, owner=NAME, group=NAME, mode=0o666, directory_mode=0o777),
            Tree(f"{HERE}/t", {"a": "0\n"}, purge=True),
        ],
    )


def download() -> Case:
    at = f"{HERE}/f"
    url, sha256 = "http://localhost/f", hashlib.sha256(b"root's\n").hexdigest()
    return Case(
        [Spot(HERE, ["f"], movable=True)],
        [
            Download(at, url, sha256, mode=0o600),
            Download(at, url, sha256, owner=NAME, group=NAME, mode=0o666),
            File(at, absent=True),
        ],
        answers={url: b"root's\n"},
    )


def archive() -> Case:
    source = os.path.join(tempfile.mkdtemp(), "a.tar")
    with tarfile.open(source, "w") as made:
        for name in ("a", "d/b", "d/e/c"):
            entry = tarfile.TarInfo(name)
            entry.size = 7
            made.addfile(entry, io.BytesIO(b"root's\n"))
    with open(source, "rb") as file:
        sha256 = hashlib.sha256(file.read()).hexdigest()
    at = f"{HERE}/p"
    return Case(
        [Spot(HERE, ["p", ".toque-archive-p", ".toque-archive-p/d", "p/d", "p/a"], movable=True)],
        [
            Archive(at, source, sha256),
            Archive(at, source, sha256, owner=NAME, group=NAME, mode=0o777),
            Archive(at, source, sha256, mode=0o700),
            Archive(at, absent=True),
        ],
        clear=lambda: gone(at),
    )


def certificate() -> Case:
    """The key and the certificate stand where a server of the racer's reads them."""
    pem = "".join(
        f"-----BEGIN {name}-----\nAAAA\n-----END {name}-----\n"
        for name in ("PRIVATE KEY", "CERTIFICATE")
    )
    path, key = f"{HERE}/c.pem", f"{HERE}/k.pem"
    ours = Certificate(path, key, names=("a.example",), owner=NAME, group=NAME, replace=True)
    return Case(
        [Spot(HERE, ["c.pem", "k.pem"], movable=True)],
        [ours, Certificate(path, key, absent=True)],
        answers={"req": pem.encode()},
    )


def git() -> Case:
    """git itself runs as the user; root makes the directory and reads which commit is there."""
    path = f"{HERE}/w"

    def checkout() -> bytes:
        with suppress(StepFailed):
            paths.mkdir(f"{path}/.git", owner=NAME, group=NAME, mode=0o755)
        with suppress(StepFailed):
            paths.write(f"{path}/.git/HEAD", COMMIT.encode(), owner=NAME, group=NAME)
        return b""

    return Case(
        [Spot(HERE, ["w", "w/.git", "w/.git/HEAD"], movable=True)],
        [Git(path, "https://git.example/a.git", COMMIT, NAME)],
        clear=lambda: gone(path),
        answers={"checkout": checkout},
    )


def ssh_known_host() -> Case:
    """Host keys that a user pins stand in a home that is that user's."""
    made(HERE, owner=NAME)
    return Case(
        [Spot(HERE, [".ssh", ".ssh/known_hosts"])],
        [
            SshKnownHost("one.example.org", KEY, user=NAME),
            SshKnownHost("one.example.org", user=NAME, absent=True),
        ],
        clear=lambda: gone(f"{HERE}/.ssh"),
    )


def user() -> Case:
    """The keys of a user are written in a home that is that user's."""
    made(HERE, owner=NAME)
    return Case(
        [Spot(HERE, [".ssh", ".ssh/authorized_keys"])],
        [User(NAME, authorized_keys=(f"{KEY} one",)), User(NAME, authorized_keys=(f"{KEY} two",))],
        clear=lambda: gone(f"{HERE}/.ssh"),
    )


def made(path: str, *, owner: str = "root") -> str:
    """A directory that is there when this returns, unless the racer took it away at once."""
    with suppress(StepFailed):
        paths.mkdir(path, owner=owner, group=owner, mode=0o755)
    return path


def original() -> Case:
    """What was before Toque goes back in a directory that is the racer's."""
    kept = f"{added.ORIGINALS}/1"
    made(os.path.dirname(added.ORIGINALS))
    made(added.ORIGINALS)
    paths.write(kept, b"root's\n", mode=0o600)
    originals = {
        f"{HERE}/f": added.Original("file", NAME, NAME, 0o666, kept=kept),
        f"{HERE}/l": added.Original("link", NAME, NAME, 0o777, target="here"),
        f"{HERE}/d": added.Original("directory", NAME, NAME, 0o777),
    }
    added.write_added(RealSystem(Facts()), added.Added(originals=originals))

    def clear() -> None:
        paths.write(f"{HERE}/f", b"ours\n", owner=NAME, group=NAME)

    return Case(
        [Spot(HERE, ["f", "l", "d"], movable=True)],
        [Original(path) for path in originals],
        clear,
        tells=[added.ADDED],
    )


def gone(path: str) -> None:
    with suppress(StepFailed):
        removal.remove_tree(path)


def app_home() -> str:
    """Directories of an app, root's, as set-up makes them."""
    home = made("/srv/www/app")
    for name in ("releases", "venvs", "repo.git"):
        made(f"{home}/{name}")
    paths.write(f"{home}/repo.git/HEAD", b"")
    return home


def release(path: str) -> None:
    """One that the deploy user, here the racer, has exported."""
    made(path, owner=NAME)
    made(f"{path}/.toque", owner=NAME)
    with suppress(StepFailed):
        paths.write(f"{path}/.toque/release.json", b'{"commit": "x"}', owner=NAME, group=NAME)


def checkout() -> Case:
    """``.toque`` is written by root into what the deploy user has exported."""
    home = app_home()
    path = f"{home}/releases/{ID}"
    return Case(
        [
            Spot(
                f"{home}/releases/.{ID}.partial", [".toque", ".toque/release.json", ".toque/venv"]
            ),
            Spot(path, [".toque", ".toque/release.json", "d", "d/e"]),
        ],
        [
            Checkout(
                path=path,
                app="app",
                release_id=ID,
                mirror=f"{home}/repo.git",
                commit=COMMIT,
                user=NAME,
                group=NAME,
                venv="../venv",
                socket="/run/app.sock",
            )
        ],
        clear=lambda: gone(path),
        answers={"ls-tree": f"100644 blob {COMMIT}\ta.py\0".encode()},
    )


def current() -> Case:
    """The switch is root's; what it reads of the release is the deploy user's."""
    home = app_home()
    path = f"{home}/releases/{ID}"
    release(path)
    switch = Current(
        path=f"{home}/current", release=f"releases/{ID}", unit=f"app-{ID}.service", app="app"
    )
    history = "/var/lib/toque/apps/app.jsonl"
    paths.write(f"{UNITS}/{switch.unit}", b"")
    current_module.choose = lambda system: Enabled()  # type: ignore[assignment]

    def clear() -> None:
        removal.remove(history)
        removal.remove(switch.path)

    return Case([Spot(path, [".toque/release.json", ".toque"])], [switch], clear, tells=[history])


class Enabled:
    """An init system to which every unit is there and starts at boot."""

    def prefetch(self, names: Sequence[str]) -> None: ...

    def state(self, name: str) -> UnitState:
        return UnitState(name, load="loaded", file="enabled")


def releases() -> Case:
    """Old releases and environments are the deploy user's, and removed by root."""
    home = app_home()
    release(f"{home}/releases/{ID}")
    spots = [f"{home}/releases/{OLD}", f"{home}/venvs/old"]

    def clear() -> None:
        release(spots[0])
        made(spots[1], owner=NAME)

    clear()
    names = ["d", "d/e", "d/e/f", ".toque"]
    kept = Releases(app="app", current=ID, user=NAME, keep=1)
    return Case([Spot(spot, names) for spot in spots], [kept], clear)


def venv() -> Case:
    """uv builds as the deploy user; the mark that it is complete is root's."""
    home = app_home()
    path = f"{home}/venvs/key"
    paths.write(made("/usr/local/lib/toque") + "/uv", b"")
    built = Venv(path=path, app="app", release=f"{home}/releases/{ID}", user=NAME, group=NAME)
    return Case(
        [Spot(path, [MARKER, "d", "d/e"]), Spot("/var/cache/toque/uv/app", ["d"])],
        [built],
        clear=lambda: gone(path),
    )


def naive() -> Case:
    """The twin that has to lose: it looks, and then it acts on what it saw by its name."""

    def write(path: str, data: bytes, *, owner: str, group: str, mode: int, accept: object) -> None:
        above = os.path.dirname(path)
        if any(os.path.islink(part) for part in (above, path)) or not os.path.isdir(above):
            raise StepFailed("unsafe-path", "a link")
        staged = f"{above}/.staged"
        with open(staged, "wb") as file:
            file.write(data)
        os.chmod(staged, mode)
        os.rename(staged, path)

    paths.write = write  # type: ignore[assignment]
    return file()


CASES: dict[str, Callable[[], Case]] = {
    "archive": archive,
    "block": block,
    "certificate": certificate,
    "checkout": checkout,
    "current": current,
    "directory": directory,
    "download": download,
    "file": file,
    "git": git,
    "line": line,
    "link": link,
    "original": original,
    "releases": releases,
    "ssh_known_host": ssh_known_host,
    "tree": tree,
    "user": user,
    "venv": venv,
}
TWINS: dict[str, Callable[[], Case]] = {"naive": naive}
