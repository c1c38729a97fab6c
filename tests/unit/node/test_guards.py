"""Guards: yes, no, and what is neither."""

import pytest

from toque.node.errors import NotReady, StepFailed
from toque.node.guards import holds, shown
from toque.node.memory import MemorySystem
from toque.node.model import Facts, Guard
from toque.node.realsystem import RealSystem
from toque.node.system import Result


class Machine(MemorySystem):
    """Keeps what each program was run with; ``ends`` maps a program to its exit status."""

    def __init__(self, **ends):
        self.runs = []
        programs = {
            name: lambda argv, stdin, user, code=code: Result(argv, code, b"its words\n")
            for name, code in ends.items()
        }
        super().__init__(programs=programs, files={"/there": b""})

    def run(self, argv, **rest):
        self.runs.append(rest)
        return super().run(argv, **rest)


@pytest.mark.parametrize(
    ("guard", "yes"),
    [
        (Guard("exists", "/there"), True),
        (Guard("missing", "/there"), False),
        (Guard("succeeds", ("yes",)), True),
        (Guard("succeeds", ("no",)), False),
        (Guard("fails", ("no",)), True),
        (Guard("fails", ("yes",)), False),
        (Guard("fact", ("codename", "bookworm")), True),
    ],
)
def test_a_guard_answers_yes_or_no(guard, yes):
    assert holds(guard, Machine(yes=0, no=3), {}) is yes


def test_an_argument_list_is_run_where_and_as_whom_it_says():
    machine = Machine(yes=0)
    guard = Guard(
        "succeeds", ("yes",), user="app", cwd="/srv", env={"PW": {"$secret": "pw"}}, timeout_s=5
    )

    assert holds(guard, machine, {"pw": "hunter2"})
    assert machine.runs == [
        {
            "user": "app",
            "cwd": "/srv",
            "env": {"PW": "hunter2"},
            "timeout_s": 5,
            "check": False,
        }
    ]


def test_a_program_that_is_not_there_may_still_come():
    with pytest.raises(NotReady) as caught:
        holds(Guard("fails", ("nowhere", "a b")), Machine(), {})

    assert caught.value.code == "guard-failed"
    assert "fails nowhere 'a b'" in caught.value.message


def test_a_signal_is_no_answer():
    with pytest.raises(StepFailed) as caught:
        holds(Guard("fails", ("dies",)), Machine(dies=-9), {})

    assert (caught.value.code, caught.value.found) == ("guard-failed", "signal 9")
    assert caught.value.log == ("its words",)
    assert not isinstance(caught.value, NotReady)


def test_a_guard_that_does_not_end_is_no_answer():
    guard = Guard("succeeds", ("sleep", "60"), timeout_s=0.05)

    with pytest.raises(StepFailed) as caught:
        holds(guard, RealSystem(Facts()), {})

    assert caught.value.code == "guard-failed"
    assert shown(guard) == "succeeds sleep 60"
    assert "did not end in time" in caught.value.message


def test_an_unknown_kind_is_a_failure():
    with pytest.raises(StepFailed, match="no guard 'moon'"):
        holds(Guard("moon", "full"), Machine(), {})
