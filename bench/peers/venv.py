"""The environment that the Python peers are installed in: pinned, and apart from our own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
REQUIREMENTS = ROOT / "requirements" / "bench.txt"
PLACE = ROOT / "build" / "bench-venv"


def ready() -> Path:
    """The directory of its programs; made when it is not there or not what is pinned."""
    stamp = PLACE / "requirements.txt"
    if not stamp.exists() or stamp.read_bytes() != REQUIREMENTS.read_bytes():
        uv = Path(sys.prefix) / "bin" / "uv"
        python = PLACE / "bin" / "python"
        subprocess.run([uv, "venv", "--quiet", "--clear", PLACE], check=True)
        install = [uv, "pip", "install", "--quiet", "--no-progress", "--system-certs"]
        wanted = ["--python", python, "--require-hashes", "-r", REQUIREMENTS]
        subprocess.run([*install, *wanted], check=True)
        stamp.write_bytes(REQUIREMENTS.read_bytes())
    return PLACE / "bin"
