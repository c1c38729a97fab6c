"""``toque new cookbook``: where a new cookbook goes, what it may be called, and its files."""

from __future__ import annotations

import re
from pathlib import Path

from .. import __version__
from ..cookbooks.load import library_names
from ..cookbooks.scaffold import IGNORE, distribution_of, files_of, package_of
from ..cookbooks.sources import FOLDER, manifests_of, sources_of
from ..errors import AskedWrongly
from ..fleet.project import Project
from .newfiles import write_new

_MADE = re.compile(rb"\bCookbook\(")  # a package beside the cookbooks may be the app's


def folder_for(name: str, here: Path) -> Path:
    """Beside the other cookbooks: in ``cookbooks/`` where there is that folder, else ``here``."""
    return (here / FOLDER if (here / FOLDER).is_dir() else here) / name


def create(name: str, folder: Path, project: Project) -> tuple[Path, ...]:
    """Write the cookbook ``name`` into ``folder``; the files.

    Raises ``AskedWrongly``: ``cookbook-name-bad``, ``cookbook-exists``, ``file-there``,
    ``file-unwritable``.  What is there stays as it is.
    """
    texts = dict(files_of(name, __version__))
    if (folder / IGNORE).exists():  # a repository's own, when the cookbook is its root
        del texts[IGNORE]
    _check_free(name, project)
    files = {path: text.encode() for path, text in texts.items()}
    return write_new(folder, files, f"toque new cookbook {name} --at DIR")


def reached(folder: Path, project: Project) -> bool:
    """Whether the project's cookbooks are looked for where the new one is."""
    there = manifests_of([path for path in project.cookbooks if path.is_dir()])
    return folder.resolve() in {one.folder for one in there}


def _check_free(name: str, project: Project) -> None:
    """Raise ``AskedWrongly("cookbook-exists")`` for a name that Toque or the project has."""
    folders = [path for path in project.cookbooks if path.is_dir()]
    taken = dict.fromkeys(library_names(), "comes with Toque")
    for source in sources_of(folders):
        names = dict(source.names)
        for package in source.packages:
            folder = Path(source.base, package)
            if package in names or _MADE.search((folder / "__init__.py").read_bytes()):
                taken[names.get(package, package)] = str(folder)
    manifests = {one.name: one for one in manifests_of(folders)}
    same = manifests.get(distribution_of(name))
    found = taken.get(name) or taken.get(package_of(name)) or (str(same.file) if same else "")
    if found:
        raise AskedWrongly(
            "cookbook-exists",
            f"there is a cookbook '{name}' already",
            expected="a name that no other cookbook has",
            found=found,
            hint=f"take another name, such as own_{name}",
        )
