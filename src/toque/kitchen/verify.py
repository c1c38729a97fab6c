"""Verify a machine: run a suite's pytest files against it and count what they checked."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import Failed
from .subject import Subject, to_text


@dataclass(frozen=True)
class Result:
    """How the checks went.  ``checks`` ran; ``skipped`` did not and say why in ``output``."""

    checks: int
    failed: int
    skipped: int
    output: str
    broken: bool = False  # pytest itself could not run the files

    @property
    def ok(self) -> bool:
        """A suite that checks nothing has shown nothing."""
        return self.checks > 0 and self.failed == 0 and not self.broken

    @property
    def summary(self) -> str:
        text = f"{self.checks} checks, {self.failed} failed"
        text += f", {self.skipped} skipped" if self.skipped else ""
        return "the checks could not be run" if self.broken else text

    def as_json(self) -> dict[str, object]:
        return {
            "ok": self.ok,
            "checks": self.checks,
            "failed": self.failed,
            "skipped": self.skipped,
        }


def ready(path: Path) -> None:
    """Whether checks could be run at all.

    Raises ``Failed``: ``kitchen-no-pytest``, ``kitchen-no-checks``.
    """
    if importlib.util.find_spec("pytest") is None:
        raise Failed(
            "kitchen-no-pytest",
            "pytest is not installed beside toque",
            expected="the extra `kitchen`",
            hint="pip install pytest pytest-timeout   (beside toque)",
        )
    if not path.exists():
        raise Failed(
            "kitchen-no-checks",
            "the suite has 0 checks: its folder is not there",
            expected=f"pytest files in {path}",
            found="no such folder",
        )


def run_verify(
    machines: Mapping[str, Subject],
    path: Path,
    environ: Mapping[str, str],
    *,
    options: tuple[str, ...] = (),
) -> Result:
    """Run the pytest files at ``path`` against ``machines``, each by what the suite calls it.

    The fixture ``machines`` has all of them, ``machine`` is the first.  In a process of its own,
    because checks are the user's code; ``options`` go to pytest.
    """
    ready(path)
    with tempfile.TemporaryDirectory(prefix="toque-verify-") as folder:
        counts = Path(folder, "counts.json")
        # The parent of the package: checks must see this very toque, installed or not.
        paths = [str(Path(__file__).parents[2]), environ.get("PYTHONPATH", "")]
        child = {
            **environ,
            "PYTHONPATH": os.pathsep.join(p for p in paths if p),
            "TOQUE_VERIFY_MACHINES": to_text(machines),
            "TOQUE_VERIFY_COUNTS": str(counts),
        }
        argv = [sys.executable, "-m", "pytest", "-p", "toque.kitchen.checks"]
        argv += ["-p", "no:cacheprovider", "-q", "--rootdir", str(path), *options, str(path)]
        if importlib.util.find_spec("pytest_timeout"):
            argv += ["--timeout=300"]  # a check that hangs has failed
        done = subprocess.run(argv, env=child, capture_output=True, text=True)
        output = done.stdout + done.stderr
        if not counts.exists():
            return Result(0, 0, 0, output, broken=True)
        value = json.loads(counts.read_text())
    # pytest's exit status 2 to 4: interrupted, internal error, used wrongly.
    broken = done.returncode in (2, 3, 4)
    return Result(value["checks"], value["failed"], value["skipped"], output, broken)


def require(result: Result) -> None:
    """Raise unless there were checks and all of them passed."""
    if result.ok:
        return
    raise Failed(
        "kitchen-verify-failed",
        f"the machine was not verified: {result.summary}",
        expected="at least 1 check, and none that fails",
        found=result.summary,
        log=result.output.splitlines()[-40:],
    )
