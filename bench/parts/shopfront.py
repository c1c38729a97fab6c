"""The shop on a machine: its repository here, its Toque project, pushes, and what is answered."""

from __future__ import annotations

import http.client
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from toque import bootstrap
from toque.adapters.hostkeys import HostKeys

from .machine import PYCACHE, Bench

FILES = Path(__file__).parent.parent / "shop"
HOST = "shop.example"
ENTRY = {"uwsgi": "wsgi:app", "gunicorn": "wsgi:app", "granian": "asgi:app", "uvicorn": "asgi:app"}
WAIT_S = 90.0
POLL_S = 0.01

PROJECT = """\
[stack]
name = "bench"

[layers.web]
setup = ["python_app", "uwsgi", "nginx"]
deploy = ["python_app"]

[nodes.{node}]
address = "root@{address}"
key = "{key}"
layer = "web"

[apps.shop]
repository = "shop.git"
layer = "web"
server = "{server}"
entry = "{entry}"
domains = ["{host}"]
keep = 3
"""


@dataclass(frozen=True)
class Shop:
    """``folder`` holds toque.toml, ``shop.git`` and the developer's clone ``work``."""

    bench: Bench
    folder: Path
    server: str

    @property
    def work(self) -> Path:
        return self.folder / "work"

    @property
    def environ(self) -> Mapping[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
        kept.pop("PYTHONDONTWRITEBYTECODE", None)  # as installed: byte code is kept
        who = {f"GIT_{role}_{k}": v for role in ("AUTHOR", "COMMITTER")
               for k, v in (("NAME", "Bench"), ("EMAIL", "bench@example.invalid"))}  # fmt: skip
        return {**kept, **who, "GIT_CONFIG_GLOBAL": os.devnull, "NO_COLOR": "1",
                "PYTHONPYCACHEPREFIX": str(PYCACHE)}  # fmt: skip

    def served_by(self, server: str) -> Shop:
        """The same shop with another app server, from its next deploy on."""
        made = Shop(self.bench, self.folder, server)
        text = PROJECT.format(
            node=self.bench.name, address=self.bench.address, key=self.bench.key,
            server=server, entry=ENTRY[server], host=HOST,
        )  # fmt: skip
        (self.folder / "toque.toml").write_text(text)
        return made

    def run(self, argv: Sequence[str | Path], cwd: Path | None = None) -> str:
        done = subprocess.run(
            [str(word) for word in argv],
            cwd=cwd or self.folder, env=dict(self.environ), capture_output=True, text=True,
            timeout=300,
        )  # fmt: skip
        if done.returncode != 0:
            raise RuntimeError(f"{argv}: {done.stdout[-3000:]}{done.stderr[-3000:]}")
        return done.stdout + done.stderr

    def toque(self, *argv: str) -> str:
        return self.run([sys.executable, "-m", "toque", *argv])

    def git(self, *argv: str | Path) -> str:
        return self.run(["git", *argv], self.work).strip()

    def commit(self, text: str) -> str:
        """A commit that changes one file; its id."""
        (self.work / "CHANGES").write_text(text)
        self.git("add", "--all")
        self.git("commit", "-q", "-m", text)
        return self.git("rev-parse", "HEAD")

    def push(self) -> subprocess.Popen[str]:
        """``git push`` to the repository whose hook deploys; it ends when the deploy has ended."""
        return subprocess.Popen(
            ["git", "push", "-q", str(self.folder / "shop.git"), "main"],
            cwd=self.work, env=dict(self.environ), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def until_served(
        self, commit: str, port: int = 80, push: subprocess.Popen[str] | None = None
    ) -> float:
        """Ask until ``commit`` answers; the moment (``time.monotonic()``) at which it did.

        Raises when that takes too long, and when ``push`` has ended and it still does not.
        """
        until = time.monotonic() + WAIT_S
        while time.monotonic() < until:
            ended = push is not None and push.poll() is not None
            if version(self.bench.address, port) == commit:
                return time.monotonic()
            if ended:
                break
            time.sleep(POLL_S)
        words = push.communicate()[0] if push is not None else ""
        raise RuntimeError(f"{self.server}: {commit[:12]} does not answer: {words}")


def version(address: str, port: int = 80) -> str:
    """The commit that answers; empty when there is no good answer."""
    connection = http.client.HTTPConnection(address, port, timeout=5)
    try:
        connection.request("GET", "/version", headers={"Host": HOST, "Connection": "close"})
        answer = connection.getresponse()
        return answer.read().decode().strip() if answer.status == 200 else ""
    except (OSError, http.client.HTTPException):
        return ""
    finally:
        connection.close()


def open_shop(bench: Bench, folder: Path) -> Shop:
    """Repository, project with the machine's key pinned, and the machine set up for it."""
    folder.mkdir(parents=True)
    keys = HostKeys(folder / bootstrap.STATE / "known_hosts")
    keys.pin(bench.name, bench.machine.host_key)
    shop = Shop(bench, folder, "gunicorn").served_by("gunicorn")
    shutil.copytree(FILES, shop.work, ignore=shutil.ignore_patterns("__pycache__"))
    shop.git("init", "-q", "--initial-branch=main")
    shop.commit("first")
    shop.run(["git", "init", "-q", "--bare", "--initial-branch=main", folder / "shop.git"])
    shop.git("push", "-q", folder / "shop.git", "main")
    shop.toque("hook", "install", "shop")
    shop.toque("setup", "--only-setup")
    return shop
