"""A machine as it came, and projects that have never heard of Toque."""

from __future__ import annotations

import http.client
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from machine_site import environ_in, kitchen_in, require, toque
from toque.kitchen import api
from toque.kitchen.api import Kitchen
from toque.kitchen.machine import Machine

PROJECTS = Path(__file__).parents[1] / "machine" / "projects"


@dataclass
class Fresh:
    """A machine as it came, and copies of the projects: repositories without a file of ours."""

    kitchen: Kitchen
    machine: Machine
    environ: dict[str, str]
    directory: Path
    made: set[str] = field(default_factory=set)

    def project(self, name: str) -> Path:
        folder = self.directory / name
        if name not in self.made:
            self.made.add(name)
            shutil.copytree(PROJECTS / name, folder)
            self.git(folder, "init", "-q", "-b", "main")
            self.commit(folder, "First")
        return folder

    def git(self, folder: Path, *argv: str) -> None:
        who = ["-c", "user.name=A", "-c", "user.email=a@example.invalid"]
        subprocess.run(["git", *who, *argv], cwd=folder, check=True, env=self.environ)

    def commit(self, folder: Path, subject: str) -> None:
        self.git(folder, "add", "-A")
        self.git(folder, "commit", "-q", "-m", subject)

    def run(self, folder: Path, *argv: str, status: int = 0, **environ: str) -> str:
        done = toque(argv, folder, {**self.environ, **environ})
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    def sh(self, script: str) -> str:
        """What a script prints on the machine, by another way than SSH."""
        done = api.execute(self.kitchen, self.machine.name, ["sh", "-c", script])
        return done.stdout.decode()

    def up(self, folder: Path, *argv: str, **environ: str) -> dict[str, Any]:
        said = self.run(folder, "up", f"kitchen:{self.machine.name}", "--json", *argv, **environ)
        line = next(line for line in said.splitlines() if line.startswith("{"))
        (node,) = json.loads(line)["nodes"]
        return dict(node)

    def get(self, path: str, host: str) -> tuple[int, str]:
        port = self.machine.ports["http"]
        connection = http.client.HTTPConnection(self.machine.address, port, timeout=20)
        try:
            connection.request("GET", path, headers={"Host": host})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def visit(self, word: str) -> int:
        """The visitors' count of the Flask project, which says ``word``."""
        status, text = self.get("/", self.machine.address)
        assert status == 200
        said, count, key = text.split()
        assert (said, key) == (word, "64")  # a generated SECRET_KEY
        return int(count)


@contextmanager
def fresh_machine(kitchen_folder: Path, directory: Path, name: str) -> Iterator[Fresh]:
    """A machine with systemd, gone afterwards; copies of projects are made in ``directory``."""
    kitchen = kitchen_in(kitchen_folder)
    require(kitchen, "nspawn")
    machine = api.create(kitchen, name, driver="nspawn")
    try:
        yield Fresh(kitchen, machine, environ_in(kitchen_folder), directory)
    finally:
        api.destroy(kitchen, name)
