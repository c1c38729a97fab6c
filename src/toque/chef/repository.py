"""A repository of Chef cookbooks as its files, and where the cookbooks are in it."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from . import metadata
from .paths import identifier

# Never carried over, and never read: each is named in the list.
UNREAD = ("data_bags/", "encrypted_data_bag_secret", ".chef/", ".git/")
_TAKEN = frozenset(
    {"toque", "click", "jinja2", "rich", "uv", "segno", "pyrage", "pytest", "checks"}
)
_TESTS = re.compile(r"(^|/)(test|tests|spec|vendor|\.kitchen)/")


@dataclass(frozen=True)
class Found:
    """One cookbook: its Chef name, its folder with a slash (empty for the top), its package."""

    name: str
    folder: str
    package: str

    def inside(self, path: str) -> str | None:
        """A file's path in the cookbook, None when it is not in it."""
        return path[len(self.folder) :] if path.startswith(self.folder) else None


def cookbooks(files: Mapping[str, bytes], name: str) -> tuple[Found, ...]:
    """``name`` is that of the directory, for a cookbook that is the directory and says none."""
    folders: dict[str, str] = {}
    for path in sorted(files):
        if _TESTS.search(path):
            continue
        parent, _, last = path.rpartition("/")
        if last in ("metadata.rb", "metadata.json"):
            said = metadata.name_in(text_of(files[path]), last)
            folder = f"{parent}/" if parent else ""
            folders[folder] = folders.get(folder) or said or PurePosixPath(parent or name).name
        elif match := re.fullmatch(r"(.*/)?recipes/[^/]+\.rb", path):
            folder = match[1] or ""
            folders.setdefault(folder, PurePosixPath(folder or name).name)
    return tuple(_named(folders))


def _named(folders: Mapping[str, str]) -> Iterable[Found]:
    taken: set[str] = set()
    for folder, name in sorted(folders.items()):
        package = identifier(name.lower())
        if package in sys.stdlib_module_names or package in _TAKEN:
            package = f"{package}_cookbook"
        while package in taken:
            package += "_"
        taken.add(package)
        yield Found(name, folder, package)


def text_of(data: bytes) -> str:
    """Text as Ruby reads it; what is no UTF-8 is kept visible."""
    return data.decode("utf-8", "backslashreplace")


def unread(path: str) -> bool:
    return any(path.startswith(one) or f"/{one}" in path for one in UNREAD)
