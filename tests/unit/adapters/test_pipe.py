"""A hostile node: what it sends never makes us grow, hang or draw on the terminal (IN-8, IN-9)."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from toque.adapters import handshake
from toque.adapters.pipe import PipeChannel, clean
from toque.adapters.shipping import Runtime
from toque.adapters.starting import started
from toque.errors import Unreachable

ENDLESS_LINE = "while printf '%065536d' 0; do :; done"
ENDLESS_LINES = "yes"
NOTHING = Runtime("0" * 64, b"")


@contextmanager
def channel(script: str, **limits: float) -> Iterator[PipeChannel]:
    program = started(["sh", "-c", script])
    with PipeChannel(program, explain=lambda stderr, status: None, **limits) as opened:
        yield opened


def test_line_without_an_end_is_cut_off() -> None:
    with channel(ENDLESS_LINE, line_limit=1 << 20) as hostile, pytest.raises(Unreachable) as caught:
        list(hostile.lines())

    assert caught.value.code == "node-output-too-long"


def test_endless_output_is_cut_off() -> None:
    with (
        channel(ENDLESS_LINES, total_limit=1 << 20) as hostile,
        pytest.raises(Unreachable) as caught,
    ):
        for _ in hostile.lines():
            pass

    assert caught.value.code == "node-output-too-long"


def test_memory_stays_flat_with_the_default_limits() -> None:
    """In a process of its own, because the high-water mark never falls."""
    code = f"""
import resource
from toque.adapters.pipe import PipeChannel
from toque.adapters.starting import started
from toque.errors import Unreachable
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = peak()
with PipeChannel(started(["sh", "-c", {ENDLESS_LINE!r}]), explain=lambda e, s: None) as hostile:
    try:
        list(hostile.lines())
    except Unreachable as error:
        assert error.code == "node-output-too-long"
print(peak() - before)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )

    assert int(done.stdout) < 40 * 1024  # KiB; one line of 8 MiB and its copies


def test_standard_error_keeps_its_end() -> None:
    with channel("yes noise | head -c 999996 >&2; echo last words >&2") as noisy:
        noisy.wait()

    assert noisy.stderr_tail[-1] == "last words"
    assert len(noisy.stderr) <= 64 << 10


@pytest.mark.parametrize("script", ["printf '%0100000d\\n' 0; cat", "yes Welcome | head -n 100000"])
def test_login_that_never_gets_to_us_is_given_up(script: str) -> None:
    with channel(script) as noisy, pytest.raises(Unreachable) as caught:
        handshake.start(noisy, NOTHING, [], explain=unused)

    assert caught.value.code == "bootstrap-failed"


def test_node_that_never_answers_is_given_up() -> None:
    with channel("cat >/dev/null") as silent, pytest.raises(Unreachable) as caught:
        handshake.start(silent, NOTHING, [], explain=unused, patience_s=0.05)

    assert caught.value.code == "node-silent"


@pytest.mark.parametrize(
    "line",
    ["[" * 20_000, "{" * 20_000, '{"a":' * 10_000, '{"type": 3}', '{"type": "ready"', "null"],
    ids=lambda line: line[:12],
)
def test_what_is_not_our_answer_is_passed_over(tmp_path: Path, line: str) -> None:
    (tmp_path / "said").write_text(line + '\n{"type": "ready"}\n')
    command = ["cat", str(tmp_path / "said")]
    with PipeChannel(started(command), explain=lambda stderr, status: None) as odd:
        handshake.start(odd, NOTHING, [], explain=unused)
        answered = odd.read_line()

    assert answered is None  # the line that counts was taken, none is left


def test_control_characters_do_not_reach_the_terminal() -> None:
    with channel(r"printf '\033]52;c;aGk=\007\033[2Jred\033[31m\rover\302\233x\n' >&2") as rude:
        rude.wait()

    assert rude.stderr_tail == ("]52;c;aGk=[2Jred[31moverx",)
    assert clean("a\u202eb\u200fc") == "abc"


def test_refusal_in_words_of_the_node_is_cleaned_and_cut() -> None:
    error = handshake.refused("x\x1b[2J" * 100, "y\r" * 10_000)

    assert error.code == "bootstrap-failed"
    assert len(error.trouble.found) < 700
    assert error.trouble.found.isprintable()


def test_terminate_twice_and_after_the_end() -> None:
    with channel("sleep 60") as sleeper:
        sleeper.terminate()
        sleeper.terminate()
        assert sleeper.wait() == -15


def test_sending_to_a_dead_program_does_not_raise_or_block() -> None:
    with channel("exit 3") as dead:
        dead.send_bytes(bytes(10_000_000))

        assert dead.wait() == 3


def unused(stderr: str, status: int) -> Unreachable:
    raise AssertionError(stderr)


def test_program_that_says_nothing_any_more_is_given_up() -> None:
    """Whole lines or half ones: what counts is the time since the last byte."""
    for script in ("echo a; exec sleep 5", "echo a; printf b; exec sleep 5"):
        with channel(script, silence_s=0.2) as silent:
            lines = silent.lines()
            assert next(lines) == b"a"
            with pytest.raises(Unreachable) as caught:
                next(lines)

        assert caught.value.code == "node-silent"


def test_program_that_is_stopped_is_given_up() -> None:
    with channel("while echo beat; do sleep 0.02; done", silence_s=1.0) as stopped:
        lines = stopped.lines()
        next(lines)
        os.killpg(stopped._process.pid, signal.SIGSTOP)
        with pytest.raises(Unreachable) as caught:
            list(lines)

    assert caught.value.code == "node-silent"


def test_program_that_speaks_slowly_is_heard_to_its_end() -> None:
    with channel("for n in 1 2 3 4; do sleep 0.4; printf x; done; echo", silence_s=1.0) as slow:
        assert list(slow.lines()) == [b"xxxx"]
