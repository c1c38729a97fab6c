"""Waiting for a node that reboots."""

import pytest

from toque.errors import Unreachable
from toque.usecases import reboot


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """A clock that only sleeping moves."""
    now = [0.0]

    def sleep(seconds):
        now[0] += seconds

    monkeypatch.setattr(reboot.time, "sleep", sleep)
    monkeypatch.setattr(reboot.time, "monotonic", lambda: now[0])
    return now


def answers(*some):
    """What the node says, one after another, the last for ever; an exception is raised."""
    left = list(some)

    def ask():
        one = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(one, Exception):
            raise one
        return one

    return ask


GONE = Unreachable("host-unreachable", "no route to web1")


def test_the_old_boot_and_silence_are_waited_out():
    seen = []

    reboot.back(answers({"boot": "a"}, GONE, GONE, {}, {"boot": "b"}), "a", seen.append)

    assert seen == [{"type": "rebooted", "seconds": 8.0}]


@pytest.mark.parametrize(
    ("answer", "found"), [(GONE, "no route to web1"), ({"boot": "a"}, "it still runs as before")]
)
def test_a_node_that_does_not_come_back_is_named_with_its_last_words(answer, found):
    with pytest.raises(Unreachable) as caught:
        reboot.back(answers(answer), "a", lambda event: None)

    assert (caught.value.code, caught.value.trouble.found) == ("reboot-not-back", found)
