"""uv's own export of a uv.lock, as a requirements file with hashes.

Done in an empty directory that holds the lock and its pyproject.toml and nothing else: nothing is
resolved, fetched or built, and no configuration of this machine is read.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ..errors import AskedWrongly
from . import shipping

LIMIT_S = 60.0


def export(files: Mapping[str, bytes]) -> bytes:
    """The requirements of a project for production.  Raises ``AskedWrongly("lock-unreadable")``."""
    with tempfile.TemporaryDirectory(prefix="toque-lock-") as folder:
        for name, data in files.items():
            Path(folder, name).write_bytes(data)
        found = subprocess.run(
            [
                shipping.uv_binary(), "export", "--directory", folder, "--frozen", "--offline",
                "--no-config", "--no-cache", "--no-dev", "--no-emit-project",
                "--no-emit-workspace", "--no-emit-local", "--no-header", "--no-annotate",
                "--format", "requirements.txt",
            ],
            capture_output=True,
            check=False,
            timeout=LIMIT_S,
            env={"PATH": "/usr/bin:/bin", "HOME": folder, "UV_PYTHON_DOWNLOADS": "never"},
        )  # fmt: skip
    if found.returncode != 0:
        words = found.stderr.decode("utf-8", "replace").splitlines()
        raise AskedWrongly(
            "lock-unreadable",
            "uv cannot read uv.lock",
            expected="a uv.lock that fits the pyproject.toml beside it",
            found=(words or [f"status {found.returncode}"])[0],
            hint="uv lock, and commit the result",
            log=words[-8:],
            place="uv.lock",
        )
    return found.stdout
