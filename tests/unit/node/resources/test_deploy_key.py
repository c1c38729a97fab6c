"""The key by which a deploy user reads a repository: made once, kept, closed to all others."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from toque.node.errors import NotReady, StepFailed
from toque.node.model import Facts
from toque.node.realsystem import RealSystem
from toque.node.repository import public_half
from toque.node.resource import Invalid, differing
from toque.node.resources.deploy_key import DeployKey
from toque.node.system import System
from toque.node.values import Secret

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="gives a file to another user: needs root"
)

USER = "daemon"


@pytest.fixture
def system() -> System:
    return RealSystem(Facts())


@pytest.fixture
def path() -> Iterator[str]:
    """Where another user gets to, too."""
    top = Path(tempfile.mkdtemp(prefix="toque-unit-key-", dir="/srv"))
    top.chmod(0o755)
    yield str(top / "deploy_key")
    shutil.rmtree(top)


def apply(system: System, wanted: DeployKey) -> frozenset[str]:
    """The keys that were fixed; a second look finds all as wanted."""
    wanted.validate()
    keys = differing(wanted.wanted(), wanted.found(system))
    if keys:
        wanted.fix(system, keys)
    system.forget()
    assert differing(wanted.wanted(), wanted.found(system)) == frozenset()
    return keys


def given(tmp_path: Path) -> str:
    file = tmp_path / "given"
    argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(file)]
    subprocess.run(argv, check=True)
    return file.read_text()


def test_a_key_is_made_once_and_only_its_user_can_read_it(system: System, path: str) -> None:
    wanted = DeployKey(path, user=USER, comment="shop@web1")

    assert "exists" in apply(system, wanted)
    assert apply(system, wanted) == frozenset()

    there = os.stat(path)
    assert (there.st_uid, there.st_mode & 0o777) == (1, 0o600)
    assert os.listdir(os.path.dirname(path)) == ["deploy_key"]
    half = public_half(system, USER, path)
    assert half is not None
    assert half["line"].startswith("ssh-ed25519 ")
    assert half["line"].endswith(" shop@web1")
    assert half["fingerprint"].startswith("SHA256:")


@pytest.mark.requirement("R41")
def test_one_that_others_can_read_or_that_is_another_users_is_put_right_and_kept(
    system: System, path: str
) -> None:
    wanted = DeployKey(path, user=USER)
    apply(system, wanted)
    text = Path(path).read_bytes()

    os.chmod(path, 0o644)
    assert apply(system, wanted) == {"mode"}
    os.chown(path, 2, 2)
    assert apply(system, wanted) == {"owner"}

    assert Path(path).read_bytes() == text


def test_a_given_key_takes_the_place_of_another(system: System, path: str, tmp_path: Path) -> None:
    apply(system, DeployKey(path, user=USER))
    text = given(tmp_path)
    wanted = DeployKey(path, user=USER, private=Secret("shop/deploy-key", text))

    assert apply(system, wanted) == {"key"}
    assert apply(system, wanted) == frozenset()

    assert Path(path).read_text() == text
    shown = "\n".join(wanted.show(None, frozenset({"key"})))
    assert "PRIVATE" not in shown


def test_a_successor_takes_the_place(system: System, path: str) -> None:
    apply(system, DeployKey(path, user=USER))
    apply(system, DeployKey(f"{path}.next", user=USER))
    new = Path(f"{path}.next").read_bytes()
    wanted = DeployKey(path, user=USER, successor=f"{path}.next")

    assert apply(system, wanted) == {"successor"}
    assert apply(system, wanted) == frozenset()

    assert Path(path).read_bytes() == new
    assert os.listdir(os.path.dirname(path)) == ["deploy_key"]


def test_a_link_in_its_place_and_a_missing_user_are_refused(system: System, path: str) -> None:
    os.symlink("/etc/shadow", path)
    with pytest.raises(StepFailed) as caught:
        DeployKey(path, user=USER).found(system)
    assert caught.value.code == "deploy-key-unusable"
    os.unlink(path)
    with pytest.raises(NotReady):
        DeployKey(path, user="nobody-of-that-name").fix(system, frozenset({"exists"}))


@pytest.mark.parametrize(
    "fields",
    [
        {"path": "deploy_key"},
        {"user": "root"},
        {"user": ""},
        {"comment": "two\nlines"},
        {"successor": "next"},
        {"private": "no key"},
    ],
)
def test_wrong_declarations(fields: dict[str, str]) -> None:
    with pytest.raises(Invalid) as caught:
        DeployKey(**{"path": "/etc/k", "user": USER, **fields}).validate()  # type: ignore[arg-type]

    assert caught.value.field in fields
