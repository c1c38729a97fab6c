"""What a push is answered with, and which of two pushes wins."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from itertools import permutations, product
from pathlib import Path

import pytest

from toque.errors import AskedWrongly, Failed, ToqueError
from toque.usecases import push
from toque.usecases.push import NOTHING, Pushed, answer, parse_pushed, receive

OLD, NEW, NEWER = "1" * 40, "2" * 40, "3" * 40
MAIN = "refs/heads/main"


class Deploys:
    """A repository whose branch is at ``tip``, and a deploy that can be made to wait or fail."""

    def __init__(self, folder: Path, tip: str = NEW) -> None:
        self.folder = folder
        self.tip = tip
        self.done: list[str] = []
        self.before: list[str] = []  # what was said to serve, most likely
        self.said: list[str] = []
        self.fail: ToqueError | None = None
        self.begun = threading.Event()
        self.go = threading.Event()
        self.go.set()

    def deploy(self, commit: str, before: str) -> None:
        self.before.append(before)
        self.begun.set()
        assert self.go.wait(10)
        if self.fail is not None:
            raise self.fail
        self.done.append(commit)

    def receive(self, *lines: Pushed) -> ToqueError | None:
        return receive(
            lines,
            repository=self.folder,
            branch="main",
            app="thena",
            tip=lambda branch: self.tip,
            deploy=self.deploy,
            say=self.said.append,
        )


@pytest.fixture
def deploys(tmp_path: Path) -> Deploys:
    return Deploys(tmp_path)


@pytest.mark.parametrize(
    ("pushed", "sentence"),
    [
        (Pushed(OLD, NEW, MAIN), ""),
        (Pushed(NOTHING, NEW, MAIN), ""),
        (Pushed(OLD, NOTHING, MAIN), "main was deleted; thena goes on serving its last release"),
        (
            Pushed(OLD, NEW, "refs/heads/try"),
            "refs/heads/try is not deployed; thena deploys only main",
        ),
        (
            Pushed(OLD, NEW, "refs/heads/x/main"),
            "refs/heads/x/main is not deployed; thena deploys only main",
        ),
        (
            Pushed(OLD, NEW, "refs/tags/main"),
            "refs/tags/main is a tag; thena deploys only main",
        ),
        (
            Pushed(OLD, NOTHING, "refs/tags/v1"),
            "refs/tags/v1 is a tag; thena deploys only main",
        ),
        (Pushed(OLD, NOTHING, "refs/heads/try"), "refs/heads/try was deleted; nothing to deploy"),
    ],
)
def test_every_ref_has_its_answer(pushed: Pushed, sentence: str) -> None:
    assert answer(pushed, "main", "thena") == sentence


def test_lines_of_git_are_read_and_others_passed_over() -> None:
    text = f"{OLD} {NEW} {MAIN}\nnonsense\n\n{OLD} {NEW} refs/heads/a b\n"

    assert parse_pushed(text) == [Pushed(OLD, NEW, MAIN), Pushed(OLD, NEW, "refs/heads/a b")]


def test_pushed_commit_is_deployed_and_recorded(deploys: Deploys) -> None:
    failure = deploys.receive(Pushed(OLD, NEW, MAIN))

    assert (failure, deploys.done, deploys.said) == (None, [NEW], [])
    assert deploys.before == [OLD]
    assert push.last_record(deploys.folder) == {"commit": NEW, "exit": 0, "code": ""}


def test_first_push_of_a_branch_has_nothing_before_it(deploys: Deploys) -> None:
    deploys.receive(Pushed(NOTHING, NEW, MAIN))

    assert (deploys.done, deploys.before) == ([NEW], [""])


def test_failure_is_returned_and_recorded(deploys: Deploys) -> None:
    deploys.fail = Failed("instance-exited", "it ended")

    failure = deploys.receive(Pushed(OLD, NEW, MAIN))

    assert failure is deploys.fail
    assert push.last_record(deploys.folder) == {
        "commit": NEW,
        "exit": 5,
        "code": "instance-exited",
    }


def test_others_of_one_push_are_answered_and_the_branch_deployed(deploys: Deploys) -> None:
    deploys.receive(
        Pushed(OLD, NEW, "refs/heads/try"),
        Pushed(OLD, NEW, MAIN),
        Pushed(NOTHING, NEW, "refs/tags/v1"),
    )

    assert deploys.done == [NEW]
    assert len(deploys.said) == 2
    assert len((deploys.folder / "toque-deploys.jsonl").read_text().splitlines()) == 1


def test_two_pushes_at_once_end_on_the_newer(deploys: Deploys) -> None:
    """The first is still at it when the second arrives: one after another, the newer last."""
    deploys.go.clear()
    first = threading.Thread(target=deploys.receive, args=(Pushed(OLD, NEW, MAIN),))
    first.start()
    assert deploys.begun.wait(10)
    deploys.tip = NEWER
    second = threading.Thread(target=deploys.receive, args=(Pushed(NEW, NEWER, MAIN),))
    second.start()
    assert deploys.done == []
    deploys.go.set()
    first.join(10)
    second.join(10)

    assert deploys.done == [NEW, NEWER]
    assert push.last_record(deploys.folder)["commit"] == NEWER


def test_hook_that_comes_late_leaves_its_commit_to_the_newer(deploys: Deploys) -> None:
    deploys.tip = NEWER

    deploys.receive(Pushed(NEW, NEWER, MAIN))
    deploys.receive(Pushed(OLD, NEW, MAIN))

    assert deploys.done == [NEWER]
    assert deploys.said == [f"{NEW[:12]} was replaced by {NEWER[:12]}, which is deployed instead"]


# Five pushes, the last of which may be one back to an earlier commit.
HISTORIES = [("1", "2", "3", "4", "5"), ("1", "2", "3", "4", "2")]


def deliveries() -> Iterator[tuple[int, ...]]:
    """The hooks of five pushes in every order, each of them once, twice or never."""
    for order in permutations(range(5)):
        yield order
        for one in range(5):
            yield (*order, one)
            yield tuple(push for push in order if push != one)


def test_newest_is_what_the_repository_says_in_whatever_order_hooks_come(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Nothing but the tip is ever deployed, and it is when its own hook comes at all."""
    count = 0
    for history, order in product(HISTORIES, deliveries()):
        for moved_before in (True, False):  # all refs before all hooks, or each before its own
            count += 1
            deploys = Deploys(tmp_path)
            reached = -1
            for number in order:
                reached = 4 if moved_before else max(reached, number)
                deploys.tip = history[reached] * 40
                before = list(deploys.done)
                deploys.receive(Pushed(OLD, history[number] * 40, MAIN))
                assert deploys.done in (before, [*before, deploys.tip])
            if 4 in order:
                assert deploys.done[-1] == history[4] * 40
    record_property("figure", f"{count} histories of five pushes, wrong at the end 0")


def test_hook_is_installed_twice_as_once(tmp_path: Path) -> None:
    for _ in range(2):
        push.install(tmp_path, Path("/p"), "thena", "/usr/bin/python3")

    hook = tmp_path / "hooks" / "post-receive"
    assert hook.stat().st_mode & 0o777 == 0o755
    assert sorted(path.name for path in hook.parent.iterdir()) == ["post-receive", "toque-python"]
    assert json.loads((tmp_path / "toque.json").read_text()) == {"project": "/p", "app": "thena"}


def test_somebody_elses_hook_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "hooks").mkdir()
    (tmp_path / "hooks/post-receive").write_text("#!/bin/sh\nmail\n")

    with pytest.raises(AskedWrongly) as caught:
        push.install(tmp_path, Path("/p"), "thena", "/usr/bin/python3")

    assert caught.value.code == "hook-taken"
    assert (tmp_path / "hooks/post-receive").read_text() == "#!/bin/sh\nmail\n"
    assert [p.name for p in tmp_path.iterdir()] == ["hooks"]
