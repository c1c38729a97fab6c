"""`toque up` in projects that have never heard of Toque, three on one machine."""

from __future__ import annotations

import http.client
import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from machine_site import environ_in, kitchen_in, require, toque
from toque.kitchen import api
from toque.kitchen.api import Kitchen
from toque.kitchen.machine import Machine

PROJECTS = Path(__file__).parent / "projects"
MACHINE = "up"


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
        done = api.execute(self.kitchen, MACHINE, ["sh", "-c", script])
        return done.stdout.decode()

    def up(self, folder: Path, *argv: str, **environ: str) -> dict[str, Any]:
        said = self.run(folder, "up", f"kitchen:{MACHINE}", "--json", *argv, **environ)
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


@pytest.fixture(scope="module")
def fresh(kitchen_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fresh]:
    kitchen = kitchen_in(kitchen_folder)
    require(kitchen, "nspawn")
    machine = api.create(kitchen, MACHINE, driver="nspawn")
    try:
        directory = tmp_path_factory.mktemp("up")
        yield Fresh(kitchen, machine, environ_in(kitchen_folder), directory)
    finally:
        api.destroy(kitchen, MACHINE)


def test_one_file_of_flask_is_online_by_one_command(fresh: Fresh) -> None:
    folder = fresh.project("flask")

    node = fresh.up(folder)

    assert node["url"] == f"http://{fresh.machine.address}/"
    assert fresh.visit("flask") > 1  # the rehearsal was here before
    ignored = subprocess.run(
        ["git", "status", "--porcelain"], cwd=folder, capture_output=True, check=True
    )
    assert ignored.stdout == b""  # nothing of ours is in the way


def test_the_next_commit_keeps_what_the_app_wrote_and_can_be_undone(fresh: Fresh) -> None:
    folder = fresh.project("flask")
    before = fresh.visit("flask")
    source = (folder / "app.py").read_text()
    (folder / "app.py").write_text(source.replace("flask {count}", "second {count}"))
    uncommitted = fresh.run(folder, "up")  # to where it was the last time
    assert "not committed, so not deployed: app.py" in uncommitted
    fresh.commit(folder, "Second")

    said = fresh.run(folder, "up")

    assert fresh.visit("second") > before
    assert "toque rollback flask" in said
    fresh.run(folder, "rollback")
    assert fresh.visit("flask") > before


def test_django_gets_its_database_its_tables_and_its_variables(fresh: Fresh) -> None:
    folder = fresh.project("django")
    refused = fresh.run(folder, "up", f"kitchen:{MACHINE}", status=2)
    assert "shop/settings.py:12" in refused
    assert "toque env set GREETING" in refused

    fresh.up(folder, "--domain", "shop.example", GREETING="good day")

    assert fresh.get("/", "shop.example") == (200, "django postgresql 0 good day\n")
    assert fresh.get("/admin/login/", "shop.example")[0] == 200
    assert fresh.get("/static/admin/css/base.css", "shop.example")[0] == 200  # it was collected
    again = fresh.up(folder)  # all of it is known by now
    assert {one["status"] for one in again["setup"]["outcomes"]} <= {"ok", "skipped"}
    assert again["apps"][0]["changed"] == 0


def test_fastapi_is_served_by_the_uvicorn_of_its_uv_lock(fresh: Fresh) -> None:
    folder = fresh.project("fastapi")

    fresh.up(folder, "--domain", "greeter.example")

    assert fresh.get("/", "greeter.example") == (200, '{"from":"fastapi"}')
    assert fresh.get("/", "shop.example")[1].startswith("django")  # each name has its own
    assert fresh.visit("flask")


@pytest.mark.requirement("R66")
def test_a_site_that_somebody_made_by_hand_is_told_and_nothing_is_changed(fresh: Fresh) -> None:
    folder = fresh.project("flask")
    look = "ls -lR --full-time /etc/nginx /etc/toque /srv/www | grep -v '^total' | md5sum"
    fresh.sh("echo 'server { listen 8080; }' >/etc/nginx/sites-enabled/by-hand")
    before = fresh.sh(look)
    try:
        said = fresh.run(folder, "up", status=5)
    finally:
        after = fresh.sh(look)
        fresh.sh("rm /etc/nginx/sites-enabled/by-hand")

    assert "[machine-in-use]" in said
    assert "by-hand" in said and "--yes" in said
    assert after == before


def test_a_machine_that_nobody_has_confirmed_gets_nothing(fresh: Fresh) -> None:
    folder = fresh.project("flask")
    target = f"root@{fresh.machine.address}"

    said = fresh.run(folder, "up", target, status=4)
    other = fresh.run(folder, "up", target, "--fingerprint", "SHA256:another", status=2)

    assert "[host-key-unknown]" in said
    assert f"toque up {target} --fingerprint SHA256:" in said
    assert "[fingerprint-differs]" in other
