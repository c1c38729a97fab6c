"""Fetching over SSH from a real sshd on the loopback address, as the deploy user."""

import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest

from toque.node.errors import StepFailed
from toque.node.resources.checkout import Checkout

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("sshd") is None, reason="needs root and openssh-server"
)

EXISTS = frozenset({"exists", "commit"})


def key(path, comment):
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path], check=True
    )
    return path.with_suffix(".pub").read_text()


class Server:
    """An sshd with a host key, one user key that it accepts, and its port."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.host_key = key(top / "host", "host")
        self.accepted = key(top / "accepted", "accepted")
        key(top / "stranger", "stranger")
        (top / "authorized").write_text(self.accepted)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        (top / "sshd_config").write_text(
            f"ListenAddress 127.0.0.1:{self.port}\nHostKey {top}/host\nPidFile none\n"
            f"AuthorizedKeysFile {top}/authorized\nStrictModes no\nUsePAM no\n"
            "PermitRootLogin prohibit-password\nPasswordAuthentication no\n"
        )
        Path("/run/sshd").mkdir(exist_ok=True)
        with (top / "log").open("wb") as log:
            command = [shutil.which("sshd"), "-D", "-e", "-f", f"{top}/sshd_config"]
            self.process = subprocess.Popen(command, stderr=log)
        (top / "known").write_text(f"[127.0.0.1]:{self.port} {self.host_key}")
        for name in ("accepted", "stranger", "known"):
            shutil.chown(top / name, "daemon")
        while b"listening" not in (top / "log").read_bytes():
            assert self.process.poll() is None, (top / "log").read_text()

    def stop(self):
        self.process.terminate()
        self.process.wait()


@pytest.fixture(scope="module")
def server():
    top = Path(tempfile.mkdtemp(prefix="toque-unit-sshd-"))
    top.chmod(0o755)
    made = Server(top)
    yield made
    made.stop()
    shutil.rmtree(top)


@pytest.fixture
def fetch(system, ids, repository, server):
    def make(commit, *, path=None, key="accepted", known="known", **options):
        release = f"{commit[:12]}-abcdef"
        return Checkout(
            path=f"{system.top}/srv/www/shop/releases/{release}",
            app="shop",
            release_id=release,
            mirror=f"{system.top}/srv/www/shop/repo.git",
            commit=commit,
            venv="../../../venvs/KEY",
            socket=f"/run/shop-{release}/app.sock",
            url=f"ssh://root@127.0.0.1:{server.port}{path or repository.path}",
            key_path=f"{server.top}/{key}",
            known_hosts=f"{server.top}/{known}",
            **{**ids, **options},
        )

    return make


def failure(system, wanted):
    with pytest.raises(StepFailed) as caught:
        wanted.fix(system, EXISTS)
    assert wanted.found(system) is None
    return caught.value


@pytest.mark.parametrize("refs", [None, "refs/heads/main"])
def test_the_newest_and_an_older_commit_are_fetched(system, repository, fetch, refs):
    """A server that speaks the old protocol does not serve older commits by their bare id."""
    older = repository.commit({"wsgi.py": "1"})
    newest = repository.commit({"wsgi.py": "2"})

    for commit, text in ((older, "1"), (newest, "2")):
        wanted = fetch(commit, refs=refs)
        wanted.validate()
        wanted.fix(system, EXISTS)
        assert Path(wanted.path, "wsgi.py").read_text() == text


def test_an_unknown_host_is_refused_with_its_fingerprint(system, repository, fetch, server):
    """R40"""
    commit = repository.commit({"wsgi.py": "1"})
    (server.top / "empty").write_text("")

    error = failure(system, fetch(commit, known="empty"))

    assert error.code == "repository-host-key"
    listed = ["ssh-keygen", "-l", "-f", f"{server.top}/host.pub"]
    shown = subprocess.run(listed, capture_output=True, text=True, check=True)
    assert shown.stdout.split()[1] in "\n".join(error.log)


def test_a_changed_host_key_is_refused(system, repository, fetch, server):
    """R40"""
    commit = repository.commit({"wsgi.py": "1"})
    other = (server.top / "stranger.pub").read_text()
    (server.top / "changed").write_text(f"[127.0.0.1]:{server.port} {other}")

    assert failure(system, fetch(commit, known="changed")).code == "repository-host-key"


def test_a_key_that_is_not_accepted_is_named_as_that(system, repository, fetch):
    commit = repository.commit({"wsgi.py": "1"})

    error = failure(system, fetch(commit, key="stranger"))

    assert error.code == "repository-authentication"
    assert "Permission denied" in error.found


def test_an_empty_repository_is_named_as_that(system, repository, fetch):
    assert failure(system, fetch("a" * 40)).code == "repository-empty"


def test_a_commit_that_was_not_pushed_is_missing(system, repository, fetch):
    repository.commit({"wsgi.py": "1"})

    assert failure(system, fetch("a" * 40)).code == "commit-missing"


def test_a_path_without_a_repository_is_unreachable(system, repository, fetch):
    error = failure(system, fetch("a" * 40, path="/nowhere/shop.git"))

    assert error.code == "repository-unreachable"
    assert "/nowhere/shop.git" in "\n".join(error.log)
