"""The last plan of each name, kept on the node."""

import os
from pathlib import Path

from toque.node import lastplan
from toque.node.model import Plan, Step
from toque.node.wire import digest

FILE = Step("file:/a", "file", {"path": "/a", "content": {"$secret": "s"}, "mode": 0o600})
COMMAND = Step("command:x", "command", {"argv": ["true"], "always": True})


def keep(state: Path, plan: Plan) -> None:
    lastplan.remember(str(state), plan, digest(plan))


def test_last_plan_of_a_name_is_recalled_and_the_earlier_one_is_gone(tmp_path: Path) -> None:
    keep(tmp_path, Plan("setup a", (FILE,)))
    keep(tmp_path, Plan("setup b", ()))
    keep(tmp_path, Plan("setup a", (FILE, COMMAND)))

    assert lastplan.recall(str(tmp_path), "setup a") == Plan("setup a", (FILE, COMMAND))
    assert lastplan.recall(str(tmp_path), "setup c") is None
    assert len(os.listdir(tmp_path / "plans")) == 2


def test_same_plan_is_not_written_again(tmp_path: Path) -> None:
    keep(tmp_path, Plan("setup a", (FILE,)))
    (path,) = (tmp_path / "plans").iterdir()
    before = path.stat().st_ino

    keep(tmp_path, Plan("setup a", (FILE,)))

    assert path.stat().st_ino == before


def test_plan_is_kept_for_root_only_and_without_texts_of_secrets(tmp_path: Path) -> None:
    keep(tmp_path, Plan("setup a", (FILE,)))
    (path,) = (tmp_path / "plans").iterdir()

    assert path.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "plans").stat().st_mode & 0o777 == 0o700
    assert '{"$secret": "s"}' in path.read_text()


def test_altered_plan_is_not_recalled(tmp_path: Path) -> None:
    keep(tmp_path, Plan("setup a", (FILE,)))
    (path,) = (tmp_path / "plans").iterdir()
    path.write_text(path.read_text().replace("/a", "/b"))

    assert lastplan.recall(str(tmp_path), "setup a") is None


def test_standing_steps_are_those_with_a_state(tmp_path: Path) -> None:
    plan = Plan("setup a", (FILE, COMMAND))

    assert lastplan.standing(plan, {"s": "secret text"}) == Plan("setup a", (FILE,))
