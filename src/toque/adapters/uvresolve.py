"""Versions for a project without a lock: chosen once by uv, with hashes, and kept.

The list of what is asked for names the file that is kept, so the same list gets the same versions
at each deploy, also of an older commit; a list that has changed begins with the versions of the
one before.  What has a wheel is chosen first; only where that has no answer may uv build a
package to learn what it needs, which runs that package's code here, as `uv lock` does.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from pathlib import Path

from ..errors import AskedWrongly
from . import shipping

LIMIT_S = 300.0  # hundreds of packages on a slow line
# What uv needs to find an index and a compiler; code that it builds sees no more of this shell.
PASSED_ON = ("PATH", "HOME", "LANG", "TMPDIR", "XDG_", "UV_", "SSL_", "HTTP", "http", "ALL_PROXY",
             "NO_PROXY", "no_proxy", "all_proxy")  # fmt: skip
HEAD = "# Chosen by Toque for what {source} asks for; remove this file for newer versions.\n"


def resolved(folder: Path, asked: str, source: str, python: str) -> bytes:
    """Requirements, pinned and hashed, for the lines ``asked``, kept in ``folder``.

    They suit each system and each Python from ``python`` on.  ``source`` is where the lines stand.
    Raises ``AskedWrongly("lock-unresolvable")``.
    """
    name = hashlib.sha256(f"{python}\n{asked}".encode()).hexdigest()[:16]
    kept = folder / f"{name}.txt"
    if kept.is_file():
        return kept.read_bytes()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    before = max(folder.glob("*.txt"), key=lambda path: path.stat().st_mtime, default=None)
    with tempfile.TemporaryDirectory(prefix="toque-lock-", dir=folder) as scratch:
        out = Path(scratch, "requirements.txt")
        if before is not None:
            out.write_bytes(before.read_bytes())
        (Path(scratch) / "asked.in").write_text(asked, "utf-8")
        if _compile(Path(scratch), python, "--no-build").returncode != 0:
            _check(_compile(Path(scratch), python), source)
        fresh = Path(scratch, "kept")
        fresh.write_text(HEAD.format(source=source) + out.read_text("utf-8"), "utf-8")
        fresh.replace(kept)
    return kept.read_bytes()


def _compile(scratch: Path, python: str, *options: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [
            shipping.uv_binary(), "pip", "compile", "--quiet", "--universal", "--generate-hashes",
            "--python-version", python, "--native-tls", "--no-header", "--no-annotate",
            *options, "--output-file", "requirements.txt", "asked.in",
        ],
        cwd=scratch,
        capture_output=True,
        check=False,
        timeout=LIMIT_S,
        env={
            **{name: value for name, value in os.environ.items() if name.startswith(PASSED_ON)},
            "UV_PYTHON_DOWNLOADS": "never",
            "NO_COLOR": "1",
        },
    )  # fmt: skip


def _check(done: subprocess.CompletedProcess[bytes], source: str) -> None:
    if done.returncode == 0:
        return
    words = done.stderr.decode("utf-8", "replace").strip().splitlines()
    raise AskedWrongly(
        "lock-unresolvable",
        f"no versions of the packages that {source} asks for fit together",
        expected="packages that an index has, and that suit each other",
        found=(words or [f"status {done.returncode}"])[0],
        hint="correct the list; a lock of your own goes before it: uv lock",
        log=words[-12:],
        place=source,
    )
