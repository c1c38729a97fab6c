"""A plan in a file: what comes back is what was shown, or an error."""

import json
from pathlib import Path

import pytest

from toque.errors import AskedWrongly
from toque.fleet.node import Node
from toque.node.model import Outcome, Plan, Report, Status, Step
from toque.node.wire import digest
from toque.usecases import savedplan
from toque.usecases.setup import Planned

PLAN = Plan("setup web1", (Step("file:/a", "file", {"path": "/a", "content": "x"}),))
SEEN = {"exists": "yes", "content": "ab12"}
REPORT = Report(
    "r1",
    PLAN.name,
    digest(PLAN),
    "check",
    (Outcome("file:/a", Status.WOULD_CHANGE, keys=("content",), seen=SEEN),),
)
PLANNED = Planned(PLAN, digest(PLAN), REPORT, "setup", ("nginx",))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "plan.json"
    savedplan.save(
        path,
        [
            savedplan.as_json(
                Node(name="web1", address="root@web1.example", layer="web"), "web1", PLANNED
            )
        ],
    )
    return path


def test_what_is_saved_comes_back(saved: Path) -> None:
    assert savedplan.load(saved) == {"web1": PLANNED}
    assert saved.stat().st_mode & 0o777 == 0o600


def edited(text: str) -> str:
    return text.replace('"x"', '"y"')


def another_report(text: str) -> str:
    data = json.loads(text)
    data["plans"][0]["report"]["outcomes"] = []
    return json.dumps(data)


@pytest.mark.parametrize(
    "change",
    [
        edited,
        another_report,
        lambda text: text[: len(text) // 2],
        lambda text: "[]",
        lambda text: '{"plans": []}',
        lambda text: '{"plans": [1]}',
        lambda text: text.replace('"format": 1', '"format": 99'),
        lambda text: text.replace('"would-change"', '"maybe"'),
        lambda text: "[" * 100_000,
    ],
)
def test_file_that_is_not_what_was_saved_is_refused(change, saved: Path) -> None:
    saved.write_text(change(saved.read_text()))

    with pytest.raises(AskedWrongly) as caught:
        savedplan.load(saved)

    assert caught.value.code == "bad-plan-file"
    assert caught.value.trouble.found


def test_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(AskedWrongly) as caught:
        savedplan.load(tmp_path / "none")

    assert "No such file" in caught.value.trouble.found
