"""Small projects for ``toque check``: a cookbook, a file beside it, a setting.

A line with ``BAD`` in a comment is where the finding is; a case without says the place itself.
Tokens and keys are put together here, so that no file of ours looks as if it held one.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from toque import bootstrap
from toque.checks.judge import Judged
from toque.usecases.checking import check

HEAD = """\
from dataclasses import dataclass, field
from toque import *

@dataclass(frozen=True)
class Tls:
    port: int = 443

@dataclass(frozen=True)
class Web:
    size: int = 5
    names: tuple[str, ...] = ()
    tls: Tls = Tls()

def setup(r: Recipe) -> None:
    a = r.attributes(Web)
    r.add(Log(f"{a.size} {a.names} {a.tls.port}"))
"""
FOOT = """
cookbook = Cookbook("web", attributes=Web, events={"setup": setup})
"""
TOML = """\
[stack]
name = "s"
cookbooks = ["books"]
[layers.web]
setup = ["web"]
[apps.shop]
repository = "."
layer = "web"
[apps.shop.secrets]
SECRET_KEY = "generate"
"""
INIT = "books/web/__init__.py"


@dataclass(frozen=True)
class Case:
    """``files`` are texts by path; ``at`` the place of the finding, when no line says ``BAD``."""

    files: Mapping[str, str] = field(default_factory=dict)
    at: str = ""

    @property
    def project(self) -> dict[str, str]:
        return {"toque.toml": TOML, INIT: HEAD + FOOT, **self.files}

    @property
    def place(self) -> str:
        """``path:line``"""
        bad = [
            f"{path}:{number}"
            for path, text in self.project.items()
            for number, line in enumerate(text.splitlines(), 1)
            if "BAD" in line
        ]
        return self.at or bad[0]


def recipe(body: str, files: Mapping[str, str] | None = None, *, at: str = "") -> Case:
    """A cookbook whose recipe for setup ends with ``body``."""
    text = HEAD + textwrap.indent(textwrap.dedent(body), "    ") + FOOT
    return Case({INIT: text, **(files or {})}, at)


def never(body: str) -> Case:
    """A recipe with ``body`` in a branch that no sample takes."""
    inner = textwrap.indent(textwrap.dedent(body), "    ")
    return recipe(f'if r.node == "never":\n{inner}')


def command(given: str) -> Case:
    """A recipe that adds a ``Command`` in one line, where the finding is."""
    return recipe(f"r.add(Command({given}))  # BAD\n")


def more(field: str, body: str = "") -> Case:
    """A cookbook with one more attribute, and a recipe that ends with ``body``."""
    text = HEAD.replace("size: int = 5", f"size: int = 5\n    {field}")
    return whole(text + textwrap.indent(body, "    ") + FOOT)


def whole(text: str, files: Mapping[str, str] | None = None, *, at: str = "") -> Case:
    """A cookbook that is all ``text``."""
    return Case({INIT: textwrap.dedent(text), **(files or {})}, at)


def template(text: str, call: str = 'r.render("x.j2", a=a)') -> Case:
    body = f'r.add(File("/etc/x", content={call}))\n'
    return recipe(body, {"books/web/templates/x.j2": text})


def beside(path: str, text: str, line: int = 1) -> Case:
    """A project with one more file, whose finding is in ``line`` of it."""
    return Case({path: text}, f"{path}:{line}")


def settings(text: str) -> Case:
    return Case({"toque.toml": TOML + textwrap.dedent(text)})


BODY = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj"
BEGIN, END = "-----BEGIN ", "-----\n"
MANY = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
RESTART = '("systemctl", "restart", "nginx")'


def judged(case: Case, folder: Path) -> Judged:
    """What is found in a case that is written into ``folder``, a repository then."""
    for name, text in case.project.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    return check(bootstrap.open_site(bootstrap.open_project(folder)), bootstrap.project_files)


@contextlib.contextmanager
def own_modules() -> Iterator[None]:
    """Cookbooks of one test are not those of the next."""
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.partition(".")[0] in ("web", "db"):
            del sys.modules[name]
