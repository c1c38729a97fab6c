"""What is shown of a failing program's log."""

from toque.node.evidence import cause, loops, telling

TRACE = [
    "Traceback (most recent call last):",
    '  File "wsgi.py", line 1, in <module>',
    "    import no_such_module",
    "ModuleNotFoundError: No module named 'no_such_module'",
]
INTERRUPTED = [
    "Traceback (most recent call last):",
    *[f"    line {n}" for n in range(40)],
    "KeyboardInterrupt",
]


def test_the_cause_is_the_last_exception() -> None:
    assert cause(["starting", *TRACE, "goodbye"]) == (
        "ModuleNotFoundError: No module named 'no_such_module'"
    )


def test_a_worker_that_was_interrupted_is_not_the_cause() -> None:
    lines = [*TRACE, *INTERRUPTED]

    assert cause(lines).startswith("ModuleNotFoundError")
    assert TRACE[3] in telling(lines)
    assert "KeyboardInterrupt" not in telling(lines)


def test_an_interruption_is_told_when_there_is_nothing_else() -> None:
    assert cause(INTERRUPTED) == "KeyboardInterrupt"


def test_without_an_exception_the_last_lines_are_shown() -> None:
    lines = [f"line {n}" for n in range(50)]

    assert cause(lines) == ""
    assert telling(lines) == lines[-20:]


def test_a_little_after_the_cause_is_shown_too() -> None:
    shown = telling([*TRACE, "one", "two", "three", "four"])

    assert shown == [*TRACE, "one", "two", "three"]


def test_workers_that_are_started_again_and_again_are_a_loop() -> None:
    again = "Respawned uWSGI worker 1 (new pid: 4711)"

    assert not loops(["spawned uWSGI worker 1 (pid: 4)", again, again])
    assert loops([again, "the shop is shut", again, again, again])
