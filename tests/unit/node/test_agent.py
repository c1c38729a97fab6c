"""``toque-node`` with wrong words: in the shape that every error of Toque has."""

from __future__ import annotations

from pathlib import Path

import pytest

from toque.node import agent

WORDS = "toque-node last, log [RUN], facts or watch APP"


@pytest.mark.parametrize(
    ("argv", "message", "found"),
    [
        ([], "the following arguments are required: command", "nothing"),
        (["frob"], "argument command: invalid choice: 'frob'", "frob"),
        (["watch"], "the following arguments are required: app", "watch"),
        (["last", "a\x1b[2Jb"], "unrecognized arguments: a?[2Jb", "last a?[2Jb"),
    ],
)
def test_wrong_words_are_told_as_any_error(
    argv: list[str], message: str, found: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        agent.main(argv)

    first, *rest = capsys.readouterr().err.splitlines()
    assert left.value.code == 2
    assert first.startswith(f"error [usage] {message}")
    assert rest == [
        f"  expected  {WORDS}",
        f"  found     {found}",
        "  try       toque-node --help",
    ]


@pytest.mark.parametrize(
    ("argv", "lines"),
    [
        (["last"], ["no run is on record here", "  try       toque converge NODE"]),
        (["log", "x"], ["this machine does not know the run", "  found     x",
                        "  try       toque-node log"]),
    ],
)  # fmt: skip
def test_a_run_that_there_is_not(
    argv: list[str], lines: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert agent.main(argv, str(tmp_path)) == 1

    first, *rest = lines
    assert capsys.readouterr().err.splitlines() == [f"error [run-unknown] {first}", *rest]
