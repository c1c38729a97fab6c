"""What every Transport promises, asked of the real one and of the one in memory."""

import inspect
import os
import textwrap
from pathlib import Path
from typing import BinaryIO

import pytest

from toque.adapters import shipping
from toque.adapters.local import PYTHON, LocalTransport
from toque.adapters.memory import MemoryTransport
from toque.ports import Transport


def main(argv: "list[str]", stdin: "BinaryIO", stdout: "BinaryIO") -> "int":
    """A node program that does what its first argument says; runs here and on a node."""
    if argv[0] == "echo":
        for line in stdin:
            body = stdin.read(int(line))
            stdout.write(b"%d %s\n" % (len(body), body[-3:]))
            stdout.flush()
        return 7
    if argv[0] == "flood":
        for number in range(100_000):
            stdout.write(b"line %d\n" % number)
        stdout.write(b"%d\nhalf" % len(stdin.read(5_000_000)))
        stdout.flush()
        return 0
    raise ValueError(argv)


@pytest.fixture(params=["local", "memory"])
def transport(request: pytest.FixtureRequest, tmp_path: Path) -> Transport:
    if request.param == "memory":
        return MemoryTransport(main)
    if not os.access(PYTHON, os.X_OK):
        pytest.skip(f"no {PYTHON}")
    (tmp_path / "node").mkdir()
    (tmp_path / "node" / "__init__.py").write_text("")
    (tmp_path / "node" / "__main__.py").write_text(textwrap.dedent(inspect.getsource(main)))
    packed = shipping.pack(tmp_path / "node")
    return LocalTransport(state=str(tmp_path / "state"), runtime=lambda: packed)


def test_lines_and_bytes_arrive_in_order(transport: Transport) -> None:
    with transport.open(["echo"]) as channel:
        channel.send(b"3")
        channel.send_bytes(b"a\nb")
        channel.send(b"0")
        channel.send_bytes(b"")
        channel.send(b"300000")
        channel.send_bytes(b"x" * 300_000)
        channel.close_input()
        lines = list(channel.lines())
        status = channel.wait()

    assert b"\n".join(lines) == b"3 a\nb\n0 \n300000 xxx"
    assert status == 7


def test_answers_come_while_the_input_is_open(transport: Transport) -> None:
    with transport.open(["echo"]) as channel:
        lines = channel.lines()
        channel.send(b"1")
        channel.send_bytes(b"a")
        assert next(lines) == b"1 a"
        channel.send(b"2")
        channel.send_bytes(b"bc")
        assert next(lines) == b"2 bc"


def test_crossing_floods_do_not_deadlock_and_half_a_line_is_dropped(transport: Transport) -> None:
    with transport.open(["flood"]) as channel:
        channel.send_bytes(bytes(5_000_000))
        lines = list(channel.lines())

    assert len(lines) == 100_001
    assert lines[-1] == b"5000000"


def test_program_that_raises_tells_why(transport: Transport) -> None:
    with transport.open(["nonsense"]) as channel:
        assert list(channel.lines()) == []
        assert channel.wait() == 1
        assert channel.stderr_tail[-1] == "ValueError: ['nonsense']"


def test_every_opening_is_a_program_of_its_own(transport: Transport) -> None:
    for _ in range(2):
        with transport.open(["echo"]) as channel:
            assert channel.wait() == 7


def test_leaving_early_ends_the_program(transport: Transport) -> None:
    with transport.open(["flood"]) as channel:
        first = next(channel.lines())

    assert first == b"line 0"


def test_sending_after_the_end_is_harmless(transport: Transport) -> None:
    with transport.open(["echo"]) as channel:
        channel.wait()
        channel.send(b"1")
        channel.close_input()
        channel.terminate()
        assert list(channel.lines()) == []
