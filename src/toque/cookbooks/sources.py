"""Where cookbooks lie in a directory, and what they are called; nothing is imported.

Three layouts, and no file has to be moved from one to another:

    DIR/__init__.py, DIR/pyproject.toml, DIR/src/PACKAGE     the directory is one cookbook
    DIR/COOKBOOK/...                                         it holds cookbooks
    DIR/cookbooks/COOKBOOK/...                               they are in a folder of their own

A cookbook is a package, or a distribution: a folder whose ``pyproject.toml`` has an entry point
for it, with the package in it, in its ``src``, or being it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import BadCookbook
from .manifest import FILE, Manifest, read_manifest

FOLDER = "cookbooks"
NOT_COOKBOOKS = ("test", "tests", "docs", "examples", "src")


@dataclass(frozen=True)
class Source:
    """Packages and the folder they are imported from.  ``names`` are pairs of a package and what a
    manifest calls its cookbook; ``library`` says that they are there to be imported by others."""

    base: str
    packages: tuple[str, ...]
    names: tuple[tuple[str, str], ...] = ()
    library: bool = False

    @property
    def folders(self) -> tuple[Path, ...]:
        """What of it is read; a library may be a single module."""
        if self.library:
            return (Path(self.base),)
        return tuple(Path(self.base, package) for package in self.packages)


def sources_in(path: Path) -> tuple[Source, ...]:
    """The cookbooks of a directory.  Raises ``BadCookbook``: ``cookbook-missing``."""
    path = path.resolve()
    if not path.is_dir():
        raise BadCookbook(
            "cookbook-missing",
            f"there is no directory {path}",
            expected="a directory that holds a cookbook",
            found="a file" if path.exists() else "nothing",
        )
    return _here(path) or _beside(path) or _beside(path / FOLDER) or (Source(str(path), ()),)


def sources_of(paths: Sequence[Path]) -> tuple[Source, ...]:
    """The cookbooks of several directories, each once."""
    return tuple(dict.fromkeys(source for path in paths for source in sources_in(path)))


def manifests_of(paths: Sequence[Path]) -> tuple[Manifest, ...]:
    """The manifests of the cookbooks in several directories; a plain package has none."""
    found: dict[Path, Manifest] = {}
    for path in paths:
        path = path.resolve()
        folders = [path] if _here(path) else _folders(path) or _folders(path / FOLDER)
        for folder in folders:
            manifest = read_manifest(folder)
            if manifest is not None:
                found[folder] = manifest
    return tuple(found.values())


def source_of(manifest: Manifest) -> Source:
    """Where the packages of a distribution are; without cookbooks it is a library."""
    base = manifest.base
    if not manifest.modules:
        return Source(str(base), (), library=True)
    for package in manifest.packages:
        if not (base / package / "__init__.py").is_file():
            raise BadCookbook(
                "cookbook-manifest",
                f"{manifest.name} has no package {package}",
                expected=f"{base / package}/__init__.py",
                found="no such file",
                hint=f"correct the entry point in {manifest.file}",
                place=str(manifest.file),
            )
    names = ((module.partition(".")[0], name) for name, module in manifest.modules.items())
    return Source(str(base), manifest.packages, tuple(sorted(names)))


def _here(path: Path) -> tuple[Source, ...]:
    """The directory as one cookbook, or as a distribution of some."""
    manifest = read_manifest(path)
    if manifest is not None and manifest.modules:
        return (source_of(manifest),)
    return (Source(str(path.parent), (path.name,)),) if _is_package(path) else ()


def _beside(path: Path) -> tuple[Source, ...]:
    """Packages and distributions in a directory, or in its ``src``."""
    found = []
    plain = set(_packages(path))
    for folder in _folders(path):
        manifest = read_manifest(folder)
        if manifest is not None and manifest.modules:
            found.append(source_of(manifest))
            plain.discard(folder.name)
    if plain:
        found.append(Source(str(path), tuple(sorted(plain))))
    elif not found and (below := _packages(path / "src")):
        found.append(Source(str(path / "src"), below))
    return tuple(found)


def _folders(path: Path) -> list[Path]:
    """The folders that may hold a cookbook each."""
    return sorted(file.parent for file in path.glob(f"*/{FILE}")) if path.is_dir() else []


def _packages(base: Path) -> tuple[str, ...]:
    names = (file.parent.name for file in base.glob("*/__init__.py"))
    return tuple(sorted(n for n in names if n.isidentifier() and n not in NOT_COOKBOOKS))


def _is_package(path: Path) -> bool:
    return (path / "__init__.py").is_file()
