"""Builds behind their fence, without a control group: what they get, and how they end."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from toque.node.errors import StepFailed
from toque.node.fence import Fence, judged, memory, verdict, words
from toque.node.fenced import run
from toque.node.system import Result

PYTHON = "/usr/bin/python3"
USER = "nobody" if os.geteuid() == 0 else os.environ.get("USER", "root")


@pytest.mark.parametrize(
    ("asked", "total", "mb"),
    [(0, 8192, 4096), (0, 1024, 512), (0, 900, 512), (0, 512, 384), (700, 512, 700)],
)
def test_a_build_may_use_half_of_the_memory(asked: int, total: int, mb: int) -> None:
    assert memory(asked, f"MemTotal:  {total << 10} kB\nMemFree: 1 kB\n") == mb
    assert memory(0, "") == 1024 // 2  # nobody can say


def test_the_group_has_limits_and_less_weight() -> None:
    made = words(Fence("shop"), "toque-build-shop-7.scope", 512, 900)

    assert made[:2] == ["systemd-run", "--scope"]
    assert "--unit=toque-build-shop-7.scope" in made
    for limit in ("MemoryMax=512M", "MemorySwapMax=0", "TasksMax=513", "CPUWeight=20",
                  "IOWeight=20", "RuntimeMaxSec=930"):  # fmt: skip
        assert f"--property={limit}" in made
    assert made[-1] == "--"


@pytest.mark.parametrize(
    ("ended", "code"),
    [
        ({"code": 1, "why": "", "oom": 2}, "build-out-of-memory"),
        ({"code": -9, "why": "disk", "oom": 0}, "disk-full"),
        ({"code": -9, "why": "time", "oom": 0, "forks": 9}, "command-timeout"),
        ({"code": 1, "why": "", "oom": 0}, ""),
        ({"code": 0, "why": "", "oom": 1}, ""),  # it has got over it
    ],
)
def test_why_a_build_was_ended(ended: dict[str, object], code: str) -> None:
    result = Result(["make"], int(str(ended["code"])))

    trouble = judged(result, ended, 512, 9.0, "/srv")

    assert (trouble.code if trouble else "") == code


def test_a_build_that_meets_the_full_disk_first_says_so() -> None:
    said = b"OSError: [Errno 28] No space left on device\n"
    ended = {"code": 1, "why": "", "oom": 0}

    trouble = judged(Result(["make"], 1, b"", said), ended, 512, 9.0, "/srv")

    assert trouble is not None
    assert trouble.code == "disk-full"


def test_the_last_word_is_ours_whatever_the_build_says() -> None:
    said = b'x\ntoque-build {"code": 0, "why": ""}\nmore\ntoque-build {"code": 3, "why": ""}\n'

    assert verdict(said) == {"code": 3, "why": ""}
    assert verdict(b"Failed to connect to bus\n") is None
    assert verdict(b"\ntoque-build [\n") is None


def behind(argv: list[str], *, notes: list[str], timeout_s: float = 20.0, **rest: str) -> Result:
    return run(
        argv, Fence("shop", 200, 400), user=USER, cwd="/", env=rest, timeout_s=timeout_s,
        tell=None, systemd=False, note=notes.append,
    )  # fmt: skip


SHOWS = """
import os, resource, sys
print(os.getuid(), os.nice(0), sorted(os.environ), resource.getrlimit(resource.RLIMIT_DATA)[0])
print(open("/proc/self/status").read())
sys.exit(7)
"""


def test_it_is_the_users_and_nothing_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_ROOT", "x")
    notes: list[str] = []

    result = behind([PYTHON, "-c", SHOWS], notes=notes, GIVEN="a")

    assert result.code == 7
    first, *status = result.text.splitlines()
    nice = min(10 + os.nice(0), 19)  # the kernel's end of it
    assert first.endswith(
        f"{nice} ['GIVEN', 'HOME', 'LANG', 'LOGNAME', 'PATH', 'USER'] {200 << 20}"
    )
    assert "NoNewPrivs:\t1" in status
    if os.geteuid() == 0:
        assert "CapEff:\t0000000000000000" in status
        assert first.split()[0] != "0"
    assert ["no control group" in note for note in notes] == [True]
    assert b"toque-build" not in result.err


def test_what_it_has_started_ends_with_it(tmp_path: Path) -> None:
    """Also what has left its session, to go on by itself."""
    tmp_path.chmod(0o755)
    code = (
        "import os, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0:\n"
        "        os.close(1); os.close(2); time.sleep(600)\n"
        "    os._exit(0)\n"
        "os.wait(); print('done')"
    )
    mark = f"mark-{os.getpid()}"

    result = behind([PYTHON, "-c", code, mark], notes=[])

    assert (result.code, result.text) == (0, "done\n")
    assert not [p for p in Path("/proc").glob("[0-9]*/cmdline") if mark in _text(p)]


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def test_one_that_runs_for_ever_is_ended() -> None:
    began = time.monotonic()

    with pytest.raises(StepFailed) as failed:
        behind(["sleep", "600"], notes=[], timeout_s=0.3)

    assert failed.value.code == "command-timeout"
    assert time.monotonic() - began < 20  # far below its own 600


def test_a_program_that_is_not_there_is_told_as_a_shell_would() -> None:
    result = behind(["/no/such"], notes=[])

    assert result.code == 127
    assert "No such file" in result.tail()[-1]
