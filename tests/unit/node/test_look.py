"""Reads through kept directories see what reads without them would see."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from toque.node import look, reading
from toque.node.errors import StepFailed
from toque.node.look import Look

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="what root trusts is asked as root")


@pytest.fixture
def safe() -> Iterator[Path]:
    """A directory that only root can change, on the way and itself (unlike pytest's in /tmp)."""
    top = Path(f"/root/look-test-{os.getpid()}")
    (top / "in").mkdir(parents=True)
    yield top / "in"
    shutil.rmtree(top)


def kept(reader: Look) -> int:
    return len(reader._kept)


def test_a_trusted_directory_is_walked_to_once(safe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    walks = []
    real = look.parent
    monkeypatch.setattr(look, "parent", lambda path: walks.append(path) or real(path))
    (safe / "a").write_text("a")
    (safe / "b").write_text("b")
    reader = Look()

    assert [reader.read(str(safe / "a")), reader.read(str(safe / "b"))] == [b"a", b"b"]
    assert reader.stat(str(safe / "a")) == reading.stat(str(safe / "a"))
    assert reader.stat(str(safe / "none")) is None
    assert len(walks) == 1


def test_a_directory_put_in_its_place_is_seen(safe: Path) -> None:
    (safe / "a").write_text("old")
    reader = Look()
    reader.read(str(safe / "a"))

    safe.rename(safe.with_name("away"))
    safe.mkdir()
    (safe / "a").write_text("new")

    assert reader.read(str(safe / "a")) == b"new"


def test_a_directory_that_others_can_change_is_never_kept(safe: Path) -> None:
    safe.chmod(0o777)
    (safe / "a").write_text("a")
    reader = Look()

    assert reader.read(str(safe / "a")) == b"a"
    assert kept(reader) == 0


def test_a_kept_directory_that_becomes_open_to_others_is_let_go(safe: Path) -> None:
    (safe / "a").write_text("a")
    reader = Look()
    reader.read(str(safe / "a"))
    assert kept(reader) == 1

    safe.chmod(0o777)

    assert reader.read(str(safe / "a")) == b"a"
    assert kept(reader) == 0


def test_a_link_that_others_planted_is_not_followed(safe: Path) -> None:
    (safe / "mine").mkdir()
    (safe / "mine" / "shadow").write_text("secret")
    (safe / "app").mkdir()
    os.chown(safe / "app", 65534, 65534)
    os.symlink(safe / "mine", safe / "app" / "conf")
    os.lchown(safe / "app" / "conf", 65534, 65534)

    with pytest.raises(StepFailed) as caught:
        Look().read(str(safe / "app" / "conf" / "shadow"))

    assert caught.value.code == "unsafe-path"


def test_nothing_stays_open(safe: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    reader = Look()
    for number in range(3 * look.MOST):
        (safe / str(number)).mkdir()
        reader.stat(str(safe / str(number) / "a"))
    assert kept(reader) <= look.MOST

    reader.forget()

    assert len(os.listdir("/proc/self/fd")) == before
