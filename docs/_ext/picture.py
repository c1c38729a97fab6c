"""The picture of the demo: a real run of it on a terminal, and that run as an SVG.

``capture`` runs a command with its output on a pseudo-terminal, so colour is on, and keeps the
bytes; ``draw`` is a pure function of them, so one capture always gives one picture.  Passages that
say the same again are cut, and each cut is a line that says how much is missing.
"""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

COLUMNS = 100
FIRST, LAST = 4, 2  # lines of each act that are always shown
TELLING = re.compile(  # ... and what the story is about, wherever it stands
    r"venv:|migrate |instance:|current:|retired:|^    service:| changed, | serves |says:"
    r"|error \[|expected  |found  |try  |goes on serving|refused|requests meanwhile"
)
ACT = re.compile(r"\[ *\d+\.\d+s\] ")
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
THEME = TerminalTheme(
    (21, 24, 30),
    (214, 218, 224),
    [(73, 80, 92), (235, 111, 111), (126, 200, 126), (224, 186, 95)]
    + [(110, 160, 240), (198, 146, 233), (104, 196, 206), (190, 196, 204)],
    [(128, 137, 150), (245, 140, 140), (150, 220, 150), (240, 205, 120)]
    + [(140, 180, 250), (215, 170, 245), (130, 215, 225), (235, 238, 242)],
)  # fmt: skip


def capture(argv: Sequence[str], environment: Mapping[str, str]) -> bytes:
    """What a command prints on a terminal of ``COLUMNS`` columns.  Raises ``SystemExit``.

    Its errors go to ours: what is drawn there while a step runs is gone when the step ends.
    """
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    process = subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=its, env={**environment, "TERM": "xterm-256color"}
    )
    os.close(its)
    parts = []
    while True:
        try:
            data = os.read(ours, 1 << 16)
        except OSError:  # EIO: the last writer has gone
            break
        if not data:
            break
        parts.append(data)
        sys.stderr.write(data.decode("utf-8", "replace"))
    os.close(ours)
    if process.wait() != 0:
        raise SystemExit(f"{' '.join(argv)} ended with status {process.returncode}; no picture")
    return b"".join(parts)


def lines_of(data: bytes) -> list[str]:
    """The lines that a reader saw, with their colours; what a carriage return overwrote is not."""
    text = data.decode("utf-8", "replace").replace("\r\n", "\n")
    return [line.rsplit("\r", 1)[-1].rstrip() for line in text.rstrip("\n").split("\n")]


def shortened(lines: Sequence[str]) -> list[str]:
    """The lines without those that say little; ``...`` stands for each gap and counts its lines.

    An act begins with a line such as ``[ 12.3s] ``.
    """
    plain = [ESCAPE.sub("", line) for line in lines]
    starts = [number for number, line in enumerate(plain) if ACT.match(line)]
    kept = {number for start in starts for number in range(start, start + FIRST)}
    kept |= {start - back for start in [*starts, len(lines)] for back in range(1, LAST + 1)}
    kept |= {number for number, line in enumerate(plain) if TELLING.search(line)}
    shown: list[str] = []
    gap: list[str] = []
    for number, line in enumerate([*lines, ""]):
        if number < len(lines) and number not in kept:
            gap.append(line)
            continue
        shown += gap if len(gap) < 2 else [f"         \x1b[2m... {len(gap)} lines\x1b[0m"]
        shown.append(line)
        gap = []
    return shown[:-1]


def draw(data: bytes, title: str) -> str:
    """The SVG of a capture."""
    console = Console(
        record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, legacy_windows=False
    )
    for line in [f"\x1b[1m$ {title}\x1b[0m", *shortened(lines_of(data))]:
        text = Text.from_ansi(line)
        text.truncate(COLUMNS, overflow="ellipsis")
        console.print(text, soft_wrap=True, highlight=False)
    svg = console.export_svg(title=title, theme=THEME, unique_id="toque")
    # The font would be fetched from elsewhere when the page is read; the reader's own will do.
    return re.sub(r"\s*@font-face \{.*?\}|\s*<!--.*?-->", "", svg, flags=re.S)


def main(argv: Sequence[str], root: Path) -> None:
    """``[CAPTURE]``: draw it; without, run the demo and keep its capture in ``build``."""
    if argv:
        data = Path(argv[0]).read_bytes()
    else:
        data = capture([sys.executable, "-m", "toque", "demo"], os.environ)
        (root / "build").mkdir(exist_ok=True)
        (root / "build" / "demo.capture").write_bytes(data)
    target = root / "docs" / "images" / "demo.svg"
    target.parent.mkdir(exist_ok=True)
    target.write_text(draw(data, "toque demo"), encoding="utf-8")
    sys.stderr.write(f"{target}\n")


if __name__ == "__main__":
    main(sys.argv[1:], Path(__file__).resolve().parents[2])
