"""Room for a build: what df says, and what follows from it."""

from __future__ import annotations

import pytest

from toque.node.errors import StepFailed
from toque.node.memory import MemorySystem
from toque.node.resources.venv import build_failed
from toque.node.room import ENVIRONMENT, FILES, MIB, enough, free
from toque.node.system import Result, command_failed


def told(size: object, files: object) -> str:
    return f"     Avail  IFree\n{size}  {files}\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [(told(5 * MIB, 17), (5 * MIB, 17)), (told(1, "-"), (1, FILES)), ("", None),
     ("df: /x: No such file", None), (told("-", "-"), None)],
)  # fmt: skip
def test_what_df_says(text: str, found: object) -> None:
    assert free(text) == found


def machine(size: int, files: int) -> MemorySystem:
    text = told(size, files).encode()
    return MemorySystem(programs={"df": lambda argv, stdin, user: Result(argv, 0, text)})


def test_enough_is_quiet() -> None:
    enough(machine(ENVIRONMENT, FILES), "/srv/www/shop/venvs", ENVIRONMENT)
    enough(MemorySystem(), "/srv/www/shop/venvs", ENVIRONMENT)  # nobody can say


@pytest.mark.parametrize(("size", "files"), [(ENVIRONMENT - 1, 10**6), (10**12, FILES - 1)])
def test_too_little_is_refused_before_anything_is_written(size: int, files: int) -> None:
    with pytest.raises(StepFailed) as caught:
        enough(machine(size, files), "/srv/www/shop/venvs", ENVIRONMENT)

    assert caught.value.code == "disk-full"
    assert f"{size // MIB} MiB and {files} files" in caught.value.found


def ran(words: str) -> Result:
    return Result(("/usr/bin/git", "fetch"), 128, b"", words.encode())


FULL = "error: unable to create file a/b: No space left on device\nfatal: cannot go on\n"


def test_a_program_that_finds_the_disk_full_is_told_as_that() -> None:
    error = command_failed(ran(FULL))

    assert error.code == "disk-full"
    assert error.message == "git found no room on the disk"
    assert error.found == "error: unable to create file a/b: No space left on device"
    assert "df -i" in error.hint
    assert error.log[-1] == "fatal: cannot go on"
    assert command_failed(ran("fatal: cannot go on\n")).code == "command-failed"


def test_a_build_that_finds_the_disk_full_blames_no_package() -> None:
    words = "error: Failed to download `flask`\n  Caused by: No space left on device (os error 28)"

    assert build_failed(ran(words), "requirements.txt", "python3").code == "disk-full"
