"""The README's picture comes from a capture, and hides no more than it says."""

from __future__ import annotations

import picture
from source_tree import ROOT

STORY = "\r\n".join(
    [
        "\x1b[1m[  0.0s] Act 1  a machine\x1b[0m",
        *(f"\x1b[32m  + file:/etc/{number}\x1b[0m" for number in range(9)),
        "connecting\r\x1b[1mtoque-demo: 9 changed, 9 steps (1.0s)\x1b[0m",
        "[  1.0s] Done",
    ]
).encode()


def test_one_capture_gives_one_picture() -> None:
    assert picture.draw(STORY, "toque demo") == picture.draw(STORY, "toque demo")


def test_a_gap_says_how_many_lines_it_is_short_of() -> None:
    lines = [picture.ESCAPE.sub("", line) for line in picture.shortened(picture.lines_of(STORY))]

    assert lines == [
        "[  0.0s] Act 1  a machine",
        "  + file:/etc/0",
        "  + file:/etc/1",
        "  + file:/etc/2",
        "         ... 5 lines",
        "  + file:/etc/8",
        "toque-demo: 9 changed, 9 steps (1.0s)",
        "[  1.0s] Done",
    ]


def test_the_picture_is_whole_and_loads_nothing() -> None:
    svg = (ROOT / "docs" / "images" / "demo.svg").read_text()

    assert "Done" in svg
    assert "url(http" not in svg
    assert "/root/" not in svg
    assert "/home/" not in svg
