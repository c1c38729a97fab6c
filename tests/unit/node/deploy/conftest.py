"""A real machine in a temporary directory: git, files and users are real, the app is made up."""

import grp
import hashlib
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from toque.node.model import Facts
from toque.node.realsystem import RealSystem
from toque.node.values import Blob

ROOT = os.geteuid() == 0
# Users that every Debian has and nothing here logs in as; without root all is done as ourselves.
USER = "daemon" if ROOT else "root"
GROUP = "games" if ROOT else grp.getgrgid(os.getgid()).gr_name


class TempSystem(RealSystem):
    """``RealSystem`` in which the paths of an app that are fixed lie below ``top``."""

    FIXED = (
        "/var/lib/toque", "/var/cache/toque", "/etc/systemd", "/etc/toque", "/srv/www", "/run/"
    )  # fmt: skip

    def __init__(self, top: Path) -> None:
        super().__init__(Facts(init="systemd", python="3.11.2"), blobs=f"{top}/blobs")
        self.top = str(top)
        self.progressed: list[str] = []
        self._progress = self.progressed.append

    def at(self, path: str) -> str:
        return self.top + path if path.startswith(self.FIXED) else path

    def run(self, argv, **options):
        if options.get("user") == "root":  # not root: everything is done as ourselves
            options["user"] = None
        env = {name: self.at(value) for name, value in (options.pop("env", None) or {}).items()}
        env.setdefault("UV_HTTP_RETRIES", "0")  # 10 s of waiting for a server that stays dead
        return super().run([self.at(word) for word in argv], env=env, **options)

    def stat(self, path):
        return super().stat(self.at(path))

    def read(self, path):
        return super().read(self.at(path))

    def opened(self, path, **options):
        return super().opened(self.at(path), **options)

    def fill(self, path, members, *, owner, group):
        ids = (owner, group) if ROOT else (str(os.getuid()), str(os.getgid()))
        super().fill(self.at(path), members, owner=ids[0], group=ids[1])

    def chown(self, path, owner, group):
        super().chown(self.at(path), *((owner, group) if ROOT else (None, None)))

    def chmod(self, path, mode):
        super().chmod(self.at(path), mode)

    def names(self, path):
        return super().names(self.at(path))

    def write(self, path, data, **options):
        super().write(self.at(path), data, **self._mine(options))

    def mkdir(self, path, **options):
        super().mkdir(self.at(path), **self._mine(options))

    def link(self, path, target):
        super().link(self.at(path), target)

    def rename(self, old, new):
        super().rename(self.at(old), self.at(new))

    def remove(self, path):
        super().remove(self.at(path))

    def remove_tree(self, path):
        super().remove_tree(self.at(path))

    def _mine(self, options):
        """Owners of a file; those we may not give it to are left out when we are not root."""
        if ROOT:
            return options
        return {**options, "owner": str(os.getuid()), "group": str(os.getgid())}


@dataclass(frozen=True)
class Repository:
    """A repository to deploy from, as a developer has it."""

    path: Path

    def git(self, *words: str) -> str:
        env = {
            "PATH": os.environ["PATH"], "HOME": "/nonexistent",
            "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org",
            "GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.org",
        }  # fmt: skip
        done = subprocess.run(
            ["git", "-C", str(self.path), *words], env=env, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def commit(self, files: dict[str, str], message: str = "change") -> str:
        for name, text in files.items():
            target = self.path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        self.git("add", "-A", "--force")
        self.git("commit", "--quiet", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def bundle(self, system: TempSystem, *revisions: str) -> Blob:
        """What a controller sends: ``main``, or ``BASE..main``."""
        made = self.path / ".git" / "sent.bundle"
        self.git("bundle", "create", "--quiet", str(made), *(revisions or ("main",)))
        return store(system, made.read_bytes())


def store(system: TempSystem, data: bytes) -> Blob:
    """Bytes on the node, as they arrive beside a plan: readable by root only."""
    Path(system.blobs).mkdir(mode=0o700, exist_ok=True)
    sha256 = hashlib.sha256(data).hexdigest()
    path = Path(system.blobs, sha256)
    path.write_bytes(data)
    path.chmod(0o600)
    return Blob(sha256, len(data))


def machine() -> TempSystem:
    """An empty machine with the directories that the app recipe makes."""
    top = Path(tempfile.mkdtemp(prefix="toque-unit-"))
    top.chmod(0o755)
    for below in ("srv/www/shop/releases", "srv/www/shop/venvs", "etc/systemd/system",
                  "var/lib", "var/cache", "run", "etc/toque/apps/shop"):  # fmt: skip
        path = top
        for part in below.split("/"):
            path = path / part
            path.mkdir(mode=0o755, exist_ok=True)
    return TempSystem(top)


def scrap(system: TempSystem) -> None:
    shutil.rmtree(system.top)


def new_repository(parent: Path) -> Repository:
    path = parent / "repository"
    path.mkdir()
    made = Repository(path)
    made.git("init", "--quiet", "--initial-branch=main")
    return made


@pytest.fixture
def system():
    made = machine()
    yield made
    scrap(made)


@pytest.fixture
def sent(system):
    """``sent(repository, *revisions)``: a bundle that has arrived on the machine."""
    return lambda repository, *revisions: repository.bundle(system, *revisions)


@pytest.fixture
def stored(system):
    return lambda data: store(system, data)


@pytest.fixture
def repository(tmp_path):
    return new_repository(tmp_path)


@pytest.fixture
def ids():
    """The user that deploys and the group of the app."""
    return {"user": USER, "group": GROUP}
