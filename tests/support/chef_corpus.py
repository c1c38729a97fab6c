"""Chef repositories in shapes that public ones have, written for these tests, and what an import
makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from source_tree import ROOT
from toque.chef.carried import Carried
from toque.chef.carry import carry

CORPUS = ROOT / "tests" / "corpus" / "chef"
NAMES = sorted(path.name for path in CORPUS.iterdir())


def files_of(name: str) -> dict[str, bytes]:
    """A repository of the corpus by its files."""
    root = CORPUS / name
    found = (path for path in sorted(root.rglob("*")) if path.is_file())
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in found}


def imported(name: str) -> Carried:
    return carry(files_of(name), name)


def write(files: Mapping[str, bytes], into: Path) -> None:
    for name, data in files.items():
        path = into / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
