"""Work done as another user: what it may do, and how its failures come back.  Needs root."""

import os
import pwd
import shutil
import tempfile
from pathlib import Path

import pytest

from toque.node.errors import NotReady, StepFailed
from toque.node.model import Facts
from toque.node.realsystem import RealSystem

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
NOBODY = pwd.getpwnam("nobody")
MINE = {"owner": "nobody", "group": "nogroup"}


@pytest.fixture
def top():
    """A directory of root's that everybody can pass; pytest's own cannot be."""
    path = Path(tempfile.mkdtemp(dir="/run", prefix="toque-test-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def home(top):
    path = top / "home"
    path.mkdir(mode=0o700)
    os.chown(path, NOBODY.pw_uid, NOBODY.pw_gid)
    return path


def test_files_and_directories_belong_to_the_user(home):
    system = RealSystem(Facts())

    system.mkdir(str(home / ".ssh"), mode=0o700, user="nobody", **MINE)
    system.write(str(home / ".ssh" / "keys"), b"x", mode=0o600, user="nobody", **MINE)

    made = (home / ".ssh" / "keys").stat()
    assert (made.st_uid, made.st_mode & 0o777) == (NOBODY.pw_uid, 0o600)
    assert os.geteuid() == 0


def test_a_link_planted_by_the_user_leads_nowhere_that_only_root_may_write(home, top):
    (top / "roots").mkdir(mode=0o755)
    (home / ".ssh").symlink_to(top / "roots")

    with pytest.raises(StepFailed):
        RealSystem(Facts()).write(str(home / ".ssh" / "keys"), b"x", user="nobody", **MINE)

    assert os.listdir(top / "roots") == []


def test_what_only_root_may_write_is_refused(top):
    with pytest.raises(StepFailed, match="as nobody") as caught:
        RealSystem(Facts()).write(str(top / "new"), b"x", user="nobody", **MINE)

    assert caught.value.code == "path-failed"


def test_not_ready_stays_not_ready(home):
    with pytest.raises(NotReady) as caught:
        RealSystem(Facts()).write(str(home / "no" / "keys"), b"x", user="nobody", **MINE)

    assert caught.value.code == "directory-missing"
