"""``toque export``: a project with all that its plans are made from, in one file.

The project's folder and the cookbooks outside of it lie in the file as they lie here, relative to
each other, so nothing that names a path has to be changed.
"""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..cookbooks.lockfile import FILE, Lock, render
from ..cookbooks.manifest import Manifest
from ..errors import AskedWrongly, unwritable
from ..fleet.foundkeys import HINTS, private_key
from ..fleet.project import KEPT, Project

PACKAGES = "toque-vendor"  # in a bundle of a project that has vendored nothing
_HIDDEN = (".git", ".toque", ".venv", "__pycache__")
_EXAMPLES = (".example", ".sample", ".template")
_SHORT = 8  # a shorter secret is found in texts that have nothing to do with it


@dataclass(frozen=True)
class Export:
    """``files`` are paths here by their paths in the bundle, ``texts`` what is in the bundle in
    place of a file; ``project`` is the folder of the project there."""

    files: Mapping[str, Path]
    texts: Mapping[str, str]
    project: str


def planned(
    project: Project,
    manifests: Sequence[Manifest],
    top: Path,
    listed: Callable[[Path], Sequence[str]],
    lock: Lock | None,
) -> Export:
    """What a bundle with the one folder ``top`` holds, packages left out.  ``listed`` tells the
    files of a folder.

    Raises ``AskedWrongly("export-outside")``.
    """
    roots = _roots(project, manifests)
    base = Path(os.path.commonpath(roots))
    vendored = project.directory / (lock.vendor.folder if lock and lock.vendor else PACKAGES)
    files = {}
    for root in roots:
        for name in listed(root):
            path = root / name
            if not _left_out(path.relative_to(base)) and not path.is_relative_to(vendored):
                _check_link(path, roots)
                files[(top / path.relative_to(base)).as_posix()] = path
    at = (top / project.directory.relative_to(base)).as_posix()
    if project.spot.file == KEPT:
        files[f"{at}/{KEPT}"] = project.directory / KEPT
    return Export(files, {}, at)


def with_packages(export: Export, lock: Lock, home: Path) -> Export:
    """The same with the vendored packages of ``lock``, which are below ``home``: all of them, also
    what git ignores."""
    folder = home / (lock.vendor.folder if lock.vendor else PACKAGES)
    files = {
        f"{export.project}/{path.relative_to(home).as_posix()}": path
        for path in folder.rglob("*")
        if path.is_file()
    }
    texts = {f"{export.project}/{FILE}": render(lock)}
    return replace(export, files={**export.files, **files}, texts=texts)


def check_open(export: Export, secrets: Mapping[str, str], harmless: Collection[str]) -> None:
    """Raise ``AskedWrongly("export-secret")`` for a file with a private key, or with one of the
    ``secrets`` of the project by name.  ``harmless`` are keys that apps call so."""
    known = {name: text.encode() for name, text in secrets.items() if len(text) >= _SHORT}
    hints = tuple(hint.encode() for hint in HINTS)
    allowed = tuple(f"/{key}" for key in harmless)
    for name, path in export.files.items():
        if path.is_symlink():
            continue
        data = path.read_bytes()
        said = next((f"the secret {one}" for one, text in known.items() if text in data), "")
        if not said and any(hint in data for hint in hints) and not name.endswith(allowed):
            key = private_key(data.decode("utf-8", "replace"))
            said = f"line {key[0]}: {key[1]}" if key else ""
        if said:
            raise AskedWrongly(
                "export-secret",
                "a file of the project holds a secret that is not encrypted",
                expected="secrets that toque env set --secret keeps, encrypted",
                found=f"{path}: {said}",
                hint="take it out of the project, or let git ignore the file; then export again",
                place=str(path),
            )


def write(export: Export, file: Path) -> int:
    """Make the bundle; how many bytes it has.  The same files make the same bytes.

    Raises ``AskedWrongly``: ``file-there``, ``file-unwritable``.
    """
    staged = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        if file.exists():
            raise AskedWrongly(
                "file-there",
                f"there is a {file.name} already; it is not changed",
                expected=f"no {file.name} in {file.parent}",
                found=str(file),
                hint=f"rm {file}, or export to another file",
            )
        with (
            staged.open("xb") as out,
            gzip.GzipFile("", "wb", fileobj=out, mtime=0) as packed,
            tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as made,
        ):
            for name in sorted({*export.files, *export.texts}):
                _add(made, name, export)
        staged.rename(file)
    except OSError as error:
        raise unwritable("the bundle", file.parent, error) from error
    finally:
        staged.unlink(missing_ok=True)
    return file.stat().st_size


def _add(made: tarfile.TarFile, name: str, export: Export) -> None:
    entry = tarfile.TarInfo(name)  # no owner, no time
    entry.mode = 0o644
    if name in export.texts:
        data = export.texts[name].encode()
    elif (path := export.files[name]).is_symlink():
        entry.type, entry.linkname, data = tarfile.SYMTYPE, str(path.readlink()), b""
    else:
        data = path.read_bytes()
        entry.mode = 0o755 if os.access(path, os.X_OK) else 0o644
    entry.size = len(data)
    made.addfile(entry, io.BytesIO(data))


def _roots(project: Project, manifests: Sequence[Manifest]) -> list[Path]:
    """The project's folder, and those of cookbooks that lie outside of it."""
    asked = [Path(one) for one in (*project.stack.cookbooks, *project.stack.untrusted)]
    fixed = [path for path in asked if path.is_absolute() or str(path).startswith("~")]
    for one in manifests:
        for need in one.needs:
            path = one.path_of(need)
            written = one.source(need).get("path") or need.partition("@")[2].strip()
            if path is not None and str(written).removeprefix("file://").startswith("/"):
                fixed.append(path)
    if fixed:
        raise _outside(
            "a cookbook is named by an absolute path",
            expected="paths relative to the project, so that they hold on another machine",
            found=", ".join(str(path) for path in fixed),
        )
    found = [project.directory]
    folders = {*project.cookbooks, *(one.folder for one in manifests)}
    for path in sorted(folders, key=lambda path: (len(path.parts), path)):
        if not any(path.is_relative_to(root) for root in found):
            found.append(path)
    return found


def _left_out(path: Path) -> bool:
    """What is no part of a project, or holds variables in the clear by custom."""
    open_variables = path.name.startswith(".env") and not path.name.endswith(_EXAMPLES)
    return open_variables or any(part in _HIDDEN for part in path.parts)


def _check_link(path: Path, roots: Sequence[Path]) -> None:
    if not path.is_symlink():
        return
    inside = any(path.resolve().is_relative_to(root) for root in roots)
    if not inside or path.readlink().is_absolute():
        raise _outside(
            "a link leads out of the project",
            expected="relative links to files of the project and its cookbooks",
            found=f"{path} -> {path.readlink()}",
        )


def _outside(message: str, *, expected: str, found: str) -> AskedWrongly:
    return AskedWrongly(
        "export-outside",
        message,
        expected=expected,
        found=found,
        hint="change it, then export again",
    )
