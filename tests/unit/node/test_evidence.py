"""What is shown of a failing program's log."""

from toque.node.evidence import cause, deaths, loops, place, since, telling

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


VENV = "/srv/www/shop/releases/1-2/.toque/venv/lib/python3.11/site-packages"
DEEP = [
    f"[4f] {line}"
    for line in (
        "Traceback (most recent call last):",
        *[
            part
            for n in range(15)
            for part in (
                f'  File "{VENV}/a.py", line {n}, in f',
                "    return self._next(",
                "           ^^^^^^^^^^^",
            )
        ],
        '  File "/srv/www/shop/releases/1-2/shop/views.py", line 10, in home',
        "    return query()",
        *[
            part
            for n in range(15)
            for part in (
                f'  File "{VENV}/b.py", line {n}, in g',
                "    return self._next()",
            )
        ],
        "db.SyntaxError: near selec",
    )
]  # fmt: skip


def test_of_a_long_traceback_the_apps_own_calls_and_the_innermost_are_shown() -> None:
    assert telling(DEEP) == [
        "[4f] Traceback (most recent call last):",
        "  ... 15 calls within packages",
        '[4f]   File "/srv/www/shop/releases/1-2/shop/views.py", line 10, in home',
        "[4f]     return query()",
        "  ... 14 calls within packages",
        *DEEP[-3:],
    ]


def test_the_place_is_the_last_call_of_the_apps_own_code() -> None:
    assert place(DEEP) == "shop/views.py:10"
    assert place(TRACE) == "wsgi.py:1"
    assert place([line for line in DEEP if "views.py" not in line]) == ""
    assert place(["no traceback"]) == ""


def test_workers_that_are_started_again_and_again_are_a_loop() -> None:
    again = "Respawned uWSGI worker 1 (new pid: 4711)"

    assert not loops(["spawned uWSGI worker 1 (pid: 4)", again, again])
    assert loops([again, "the shop is shut", again, again, again])


def test_what_the_server_says_counts_for_more_than_a_worker_it_interrupts():
    """uWSGI has no such callable in one worker, and stops the other one in the middle of import."""
    lines = [
        "Traceback (most recent call last):",
        '  File "/usr/lib/python3.11/threading.py", line 1534, in _shutdown',
        "unable to load app 0 (mountpoint='') (callable not found or import error)",
        '  File "/srv/app/__init__.py", line 23, in create_app',
        "KeyboardInterrupt:",
        "    import psycopg",
    ]

    assert "callable not found" in cause(lines)
    assert cause([line for line in lines if "callable" not in line]) == "KeyboardInterrupt:"
    assert cause([*lines, "Traceback (most recent call last):", "OSError: no"]) == "OSError: no"


def test_lines_of_an_earlier_start_are_told_from_those_of_this_one() -> None:
    before = ["a", "b", "c"]

    assert since([], ["x"]) == ["x"]
    assert since(before, ["a", "b", "c", "d"]) == ["d"]
    assert since(before, ["c", "d", "e"]) == ["d", "e"]  # only the last lines are kept
    assert since(before, before) == []
    assert since(before, ["d", "e", "f"]) == ["d", "e", "f"]


def test_a_worker_that_ends_by_itself_is_told_by_each_server() -> None:
    lines = [
        "DAMN ! worker 1 (pid: 12) died :( trying respawn ...",
        "[2026-11-23] [12] [ERROR] Worker (pid:13) exited with code 1.",
        "[2026-11-23] [12] [ERROR] Worker (pid:13) was sent SIGKILL! Perhaps out of memory?",
        "[ERROR] Unexpected exit from worker-1",
        "INFO: Child process [99] died",
    ]
    quiet = [
        "[2026-11-23] [12] [INFO] Worker exiting (pid: 13)",
        "[2026-11-23] [12] [ERROR] Worker (pid:13) was sent SIGTERM!",
        "worker 1 buried after 1 seconds",
    ]

    assert deaths([*lines, *quiet]) == lines
