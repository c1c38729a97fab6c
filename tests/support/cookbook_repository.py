"""A repository of cookbooks with dependencies, and an index that is a folder of wheels."""

from __future__ import annotations

import os
import subprocess
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

TOML = """\
[stack]
name = "s"
cookbooks = ["{cookbooks}"]
[layers.web]
setup = ["web"]
deploy = ["web"]
[nodes.web1]
address = "local"
layer = "web"
"""
WEB = """\
from toque import Cookbook, Log, Recipe

def setup(r: Recipe) -> None:
    import tiny
    r.add(Log(f"tiny {tiny.VERSION}"))

cookbook = Cookbook("web", events={"setup": setup, "deploy": setup})
"""
PLAIN = """\
from toque import Cookbook
cookbook = Cookbook("NAME")
"""
# Builds a wheel of the package beside it, with nothing from an index.
BACKEND = """\
import zipfile

def build_wheel(folder, settings=None, metadata=None):
    name = "NAME-VERSION-py3-none-any.whl"
    info = "NAME-VERSION.dist-info"
    text = "Metadata-Version: 2.1\\nName: NAME\\nVersion: VERSION\\n"
    with zipfile.ZipFile(f"{folder}/{name}", "w") as made:
        made.write("NAME.py")
        made.writestr(f"{info}/METADATA", text)
        made.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nTag: py3-none-any\\n")
        made.writestr(f"{info}/RECORD", "")
    return name
"""


def wheel(
    folder: Path, name: str, version: str, *needs: str, files: Mapping[str, str] | None = None
) -> None:
    """A wheel of one module, ``NAME.VERSION``, that needs others."""
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as made:
        text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        text += "".join(f"Requires-Dist: {need}\n" for need in needs)
        everything = {
            f"{name}.py": f"VERSION = {version!r}\n",
            **(files or {}),
            f"{info}/METADATA": text,
            f"{info}/WHEEL": "Wheel-Version: 1.0\nTag: py3-none-any\n",
        }
        for path, content in everything.items():
            made.writestr(path, content)
        rows = "".join(f"{path},,\n" for path in [*everything, f"{info}/RECORD"])
        made.writestr(f"{info}/RECORD", rows)


def manifest(
    folder: Path,
    name: str,
    needs: Sequence[str] = (),
    *,
    sources: str = "",
    version: str = "1.0",
    points: str | None = None,
) -> None:
    """The pyproject.toml of the cookbook ``NAME`` in the package ``NAME_book``."""
    folder.mkdir(parents=True, exist_ok=True)
    points = f'{name} = "{name}_book"' if points is None else points
    text = f'[project]\nname = "{name}-book"\nversion = "{version}"\n'
    text += f"dependencies = {list(needs)!r}\n".replace("'", '"')
    text += f'[project.entry-points."toque.cookbooks"]\n{points}\n' if points else ""
    text += f"[tool.uv.sources]\n{sources}\n" if sources else ""
    (folder / "pyproject.toml").write_text(text)


def cookbook(folder: Path, name: str, code: str = "") -> None:
    """The package of a cookbook, in ``src``."""
    package = folder / "src" / f"{name}_book"
    package.mkdir(parents=True, exist_ok=True)
    (package / "__init__.py").write_text(code or PLAIN.replace("NAME", name))


def commit(folder: Path, message: str = "x") -> str:
    """Commit all that is in a folder; the commit's id."""
    if not (folder / ".git").exists():
        git(folder, "init", "-q", "--initial-branch=main")
    git(folder, "add", "--all")
    git(folder, "-c", "user.name=A", "-c", "user.email=a@b", "commit", "-q", "-m", message)
    return git(folder, "rev-parse", "HEAD").strip()


def git(folder: Path, *argv: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *argv], check=True, capture_output=True, text=True
    )
    return done.stdout


def git_package(folder: Path, name: str, version: str, *needs: str) -> str:
    """A distribution in a repository that uv can build without an index; its commit."""
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.py").write_text(f"VERSION = {version!r}\n")
    (folder / "backend.py").write_text(BACKEND.replace("NAME", name).replace("VERSION", version))
    text = f'[project]\nname = "{name}"\nversion = "{version}"\n'
    text += f"dependencies = {list(needs)!r}\n"
    text += '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    (folder / "pyproject.toml").write_text(text)
    return commit(folder, version)


@dataclass(frozen=True)
class Repository:
    """``web`` and ``db`` under ``cookbooks/``; ``web`` needs ``tiny``, of which the index has two
    versions."""

    directory: Path
    wheels: Path

    def toml(self, cookbooks: str = "cookbooks") -> None:
        (self.directory / "toque.toml").write_text(TOML.format(cookbooks=cookbooks))

    def lock(self) -> str:
        return (self.directory / "toque.lock").read_text()


def repository(directory: Path, environ: dict[str, str] | os._Environ[str]) -> Repository:
    """One in ``directory``; ``environ`` is told to ask no index but its own."""
    directory.chmod(0o755)
    wheels = directory / "wheels"
    wheels.mkdir()
    environ["UV_FIND_LINKS"] = str(wheels)
    environ["UV_OFFLINE"] = "1"
    environ["UV_CACHE_DIR"] = str(directory / "cache")
    wheel(wheels, "tiny", "1.0")
    wheel(wheels, "tiny", "2.0")
    made = Repository(directory / "repository", wheels)
    made.directory.mkdir()
    made.toml()
    for name, needs, code in (("web", ["tiny>=1"], WEB), ("db", [], "")):
        manifest(made.directory / "cookbooks" / f"{name}-book", name, needs)
        cookbook(made.directory / "cookbooks" / f"{name}-book", name, code)
    return made
