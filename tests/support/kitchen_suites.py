"""A small cookbook with suites of its own, and the command in its folder."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from machine_site import environ_in, kitchen_in, toque

CHECK = """
def test_greeting(machine):
    assert machine.file("/etc/hello-greeting").text.startswith("Be kind")

def test_every_one(machines):
    assert all(m.file("/etc/hello-greeting").text for m in machines.values())
    assert list(machines) in (["db", "web"], ["alone"])
"""


class Suites:
    """The cookbook ``hello`` in ``parent``, with a ``kitchen.toml`` of the test's."""

    def __init__(self, parent: Path, kitchen_folder: Path, text: str) -> None:
        self.environ = environ_in(kitchen_folder)
        self.kitchen = kitchen_in(kitchen_folder)
        self.folder = parent / "hello"
        made = toque(["new", "cookbook", "hello"], parent, self.environ)
        assert made.returncode == 0, made.stderr
        (self.folder / "kitchen.toml").write_text(text)
        for old in (self.folder / "checks").glob("test_*.py"):
            old.unlink()
        self.check = self.folder / "checks" / "test_greeting.py"
        self.check.write_text(CHECK)

    def run(self, *words: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        done = toque(["kitchen", *words], self.folder, self.environ)
        assert done.returncode == status, done.stdout + done.stderr
        return done

    def told(self, *words: str, status: int = 0) -> dict[str, Any]:
        """The JSON object that it ends with."""
        done = self.run(*words, "--json", status=status)
        told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return told

    def rungs(self) -> dict[str, tuple[str, str]]:
        """Each instance with its last rung and what failed after it."""
        rows = self.told("list")["instances"]
        return {row["instance"]: (row["last"], row["failed"]) for row in rows}
