"""Programs on the real machine: whose they are, where they run, what they are given."""

import os
import pwd
from pathlib import Path

import pytest

from toque.node.errors import NotReady, StepFailed
from toque.node.model import Facts
from toque.node.programs import PATH
from toque.node.realsystem import RealSystem

OTHER = "nobody"
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="another user needs root")


@pytest.fixture
def system() -> RealSystem:
    return RealSystem(Facts())


@as_root
def test_program_of_another_user_has_that_users_ids_and_home_and_gains_nothing(system):
    there = pwd.getpwnam(OTHER)

    status = system.run(["cat", "/proc/self/status"], user=OTHER).text
    environment = system.run(["env", "-0"], user=OTHER).text.split("\0")

    ids = "\t".join([str(there.pw_uid)] * 4)
    assert f"Uid:\t{ids}\n" in status
    assert "NoNewPrivs:\t1\n" in status
    assert "CapEff:\t0000000000000000\n" in status
    assert sorted(filter(None, environment)) == sorted(
        [
            f"PATH={PATH}",
            "LANG=C.UTF-8",
            f"HOME={there.pw_dir}",
            f"USER={OTHER}",
            f"LOGNAME={OTHER}",
        ]
    )


@as_root
def test_directory_is_entered_by_the_user_and_not_by_root(system, tmp_path: Path):
    """A link of the app's, where its command is to run, would lead past a closed directory."""
    top = Path("/var/tmp") / f"toque-{os.getpid()}"
    (top / "closed" / "inside").mkdir(parents=True)
    try:
        (top / "closed" / "inside" / "f").write_text("for root")
        (top / "closed").chmod(0o700)
        (top / "link").symlink_to("closed/inside")
        with pytest.raises(StepFailed) as failed:
            system.run(["cat", "f"], user=OTHER, cwd=str(top / "link"))
        assert failed.value.code == "command-failed"
        assert system.run(["cat", "f"], cwd=str(top / "link")).out == b"for root"
        assert system.run(["pwd"], user=OTHER, cwd=str(top)).text == f"{top}\n"
    finally:
        (top / "closed" / "inside" / "f").unlink()
        (top / "link").unlink()
        os.removedirs(top / "closed" / "inside")


@as_root
@pytest.mark.parametrize("user", [OTHER, None])
def test_directory_that_is_not_there_is_not_ready(system, user):
    with pytest.raises(NotReady) as failed:
        system.run(["true"], user=user, cwd="/no/such/directory")

    assert failed.value.code == "directory-missing"


def test_nothing_of_our_own_environment_or_descriptors_reaches_a_program(system, monkeypatch):
    for name in ("PYTHONPATH", "LD_PRELOAD", "GIT_DIR", "SECRET"):
        monkeypatch.setenv(name, "/planted")
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    try:
        environment = system.run(["env", "-0"]).text
        descriptors = system.run(["ls", "/proc/self/fd"]).text.split()
    finally:
        os.close(reader)
        os.close(writer)

    assert environment.split("\0")[:-1] == [f"PATH={PATH}", "LANG=C.UTF-8", "HOME=/root"]
    assert descriptors == ["0", "1", "2", "3"]  # the last is ls reading the directory
