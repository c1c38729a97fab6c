"""The demo's project: copies of the examples, a git repository, a ``toque.toml``."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ..errors import Failed

PROJECT = """\
# The demo's project.  The app and its cookbook beside it are copies of Toque's examples.
[stack]
name = "demo"
cookbooks = ["thena-infra"]

[layers.web]
setup = {setup}
deploy = {deploy}

[nodes.{machine}]
address = "kitchen:{machine}"
layer = "web"

[apps.thena]
repository = "thena.git"
branch = "main"
layer = "web"
server = "{server}"
entry = "wsgi:app"
lock = "requirements.txt"
health = "/"
migrate = ["alembic", "upgrade", "head"]
requires = ["DATABASE_URL", "SECRET_KEY"]

[apps.thena.secrets]
SECRET_KEY = "generate"

[apps.thena.database]
name = "thena"
"""

# Thena's own cookbook is written for uWSGI; for gunicorn the library's cookbooks do all of it.
RECIPES = {
    "uwsgi": {"setup": ["thena_infra"], "deploy": ["thena_infra"]},
    "gunicorn": {"setup": ["postgresql", "python_app", "nginx"], "deploy": ["python_app"]},
}


@dataclass(frozen=True)
class Workspace:
    """``work`` is the developer's clone, ``repository`` the bare one that is pushed to."""

    directory: Path

    @property
    def work(self) -> Path:
        return self.directory / "thena"

    @property
    def repository(self) -> Path:
        return self.directory / "thena.git"

    def git(self, *argv: str) -> subprocess.CompletedProcess[str]:
        """git in the clone, as a developer of no particular configuration."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
        environment.update(
            GIT_AUTHOR_NAME="Thena", GIT_AUTHOR_EMAIL="thena@example.invalid",
            GIT_COMMITTER_NAME="Thena", GIT_COMMITTER_EMAIL="thena@example.invalid",
            GIT_CONFIG_GLOBAL=os.devnull, GIT_CONFIG_SYSTEM=os.devnull,
        )  # fmt: skip
        found = subprocess.run(
            ["git", "-C", str(self.work), *argv],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if found.returncode != 0:
            raise Failed("git-failed", f"git {argv[0]} failed", log=found.stderr.splitlines()[-8:])
        return found

    def commit(self, message: str) -> str:
        """Commit everything; the new commit's id."""
        self.git("add", "--all")
        self.git("commit", "-q", "-m", message)
        return self.git("rev-parse", "HEAD").stdout.strip()


def make(directory: Path, examples: Path, machine: str, server: str) -> Workspace:
    """A fresh workspace in ``directory``, whatever an interrupted demo left there."""
    if directory.exists():
        shutil.rmtree(directory)
    directory.mkdir(parents=True, mode=0o700)
    ignored = shutil.ignore_patterns(
        "__pycache__", ".pytest_cache", "*.pyc", ".venv", ".toque", "secrets"
    )
    shutil.copytree(examples / "thena-infra", directory / "thena-infra", ignore=ignored)
    space = Workspace(directory)
    shutil.copytree(examples / "thena", space.work, ignore=ignored)
    text = PROJECT.format(machine=machine, server=server, **recipes(server))
    (directory / "toque.toml").write_text(text, encoding="utf-8")
    space.git("init", "-q", "--initial-branch=main")
    return space


def recipes(server: str) -> dict[str, str]:
    """The lists of a layer that serves Thena by ``server``, as TOML, by event."""
    return {event: json.dumps(names) for event, names in RECIPES[server].items()}


def find_examples() -> Path:
    """The examples of this checkout, or those inside the installed package."""
    package = Path(__file__).resolve().parents[1]
    for place in (package / "examples", package.parents[1] / "examples"):
        if (place / "thena" / "wsgi.py").is_file():
            return place
    raise Failed("examples-missing", "this installation of Toque came without its examples")
