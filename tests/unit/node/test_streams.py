"""Programs that are watched while they run: real ones, since pipes are the point."""

import sys
from pathlib import Path
from typing import List

import pytest

from toque.node import streams
from toque.node.errors import StepFailed
from toque.node.model import Facts
from toque.node.realsystem import RealSystem
from toque.node.system import Result


def python(text: str, tell: List[str], **more: object) -> Result:
    argv = [sys.executable, "-c", text]
    return RealSystem(Facts()).run(argv, tell=tell.append, **more)  # type: ignore[arg-type]


def test_lines_are_told_before_the_program_ends(tmp_path: Path) -> None:
    """It ends when a file is there, which is made by who is told of its first line."""
    go = tmp_path / "go"
    text = "import os, sys, time; print('working', flush=True)\n"
    text += f"while not os.path.exists({str(go)!r}): time.sleep(0.01)\nprint('done')"

    result = RealSystem(Facts()).run([sys.executable, "-c", text], tell=lambda line: go.touch())

    assert (result.code, result.out) == (0, b"working\ndone\n")


def test_input_larger_than_a_pipe_is_read_and_answered() -> None:
    data = b"x" * (1 << 20)

    result = python("import sys; print(len(sys.stdin.buffer.read()))", [], stdin=data)

    assert result.text == f"{len(data)}\n"


def test_input_that_nobody_reads_is_no_trouble() -> None:
    assert python("", [], stdin=b"x" * (1 << 20)).code == 0


def test_only_the_end_of_long_output_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "KEPT", 1000)

    result = python("print('x' * 300_000 + '\\nthe end')", [])

    assert len(result.out) == 1000
    assert result.tail(1) == ["the end"]


def test_a_child_left_in_the_background_is_not_waited_for() -> None:
    text = "import subprocess; subprocess.Popen(['sleep', '20'], start_new_session=True); print(1)"

    assert python(text, [], timeout_s=10).text == "1\n"


def test_what_was_said_before_the_time_was_up_is_quoted() -> None:
    text = "import time; print('so far', flush=True); time.sleep(60)"

    with pytest.raises(StepFailed) as caught:
        python(text, [], timeout_s=1)

    assert (caught.value.code, caught.value.log) == ("command-timeout", ("so far",))


def test_a_program_that_closes_its_output_and_goes_on_is_waited_for() -> None:
    result = python("import os, time; os.close(1); os.close(2); time.sleep(0.3); os._exit(7)", [],
                    check=False)  # fmt: skip

    assert result.code == 7
