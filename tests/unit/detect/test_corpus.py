"""Small projects and what is found in each: tests/corpus/detect, one file a project.

``--- PATH`` begins a file of the project, ``===`` the lines that are to be found.  A project that
is refused has ``error CODE`` and the words of the message instead.  After a change on purpose,
write them anew with TOQUE_WRITE_CORPUS=1 and read the difference.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from toque.detect import detect
from toque.detect.summary import lines
from toque.detect.tree import Files
from toque.errors import AskedWrongly

PROJECTS = sorted((Path(__file__).parents[2] / "corpus" / "detect").glob("*.txt"))


def parsed(text: str) -> tuple[dict[str, bytes | str], list[str]]:
    """The files of a project, and the lines that are to be found."""
    files: dict[str, bytes | str] = {}
    project, _, wanted = text.partition("\n===\n")
    for part in ("\n" + project).split("\n--- ")[1:]:
        name, _, body = part.partition("\n")
        files[name.strip()] = body + "\n"
    return files, wanted.splitlines()


def found(files: dict[str, bytes | str]) -> list[str]:
    try:
        detected = detect(Files(files))
    except AskedWrongly as error:
        trouble = error.trouble
        place = f"  [{trouble.place}]" if trouble.place else ""
        return [f"error {trouble.code}: {trouble.found}{place}", f"try: {trouble.hint}"]
    return [f"{word:<9}{value}  [{why}]" for word, value, why in lines(detected)]


@pytest.mark.parametrize("path", PROJECTS, ids=lambda path: path.stem)
def test_a_project_is_what_its_files_say(path: Path) -> None:
    text = path.read_text()
    files, wanted = parsed(text)

    got = found(files)

    if os.environ.get("TOQUE_WRITE_CORPUS"):
        path.write_text(text.partition("\n===\n")[0] + "\n===\n" + "\n".join(got) + "\n")
        return
    assert got == wanted


def test_there_are_enough_of_them() -> None:
    assert len(PROJECTS) >= 25
