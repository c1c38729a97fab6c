"""The packages of a lock as files of the project, to be kept under version control with it.

    DIR/SHA256SUMS      the digest of each file, for sha256sum(1); toque.lock has the digest of it
    DIR/.gitattributes  so that git changes no line end
    DIR/packages/       what a run imports

Nothing else may lie there: a compiled file, for one, would be run in place of its source.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ..cookbooks.lockfile import FILE, Lock, Vendor
from ..errors import AskedWrongly, Failed, unwritable
from .uvlock import package_files

SUMS = "SHA256SUMS"
PACKAGES = "packages"
ATTRIBUTES = ".gitattributes"


def put(lock: Lock, packages: Path, directory: Path, folder: str) -> Vendor:
    """Copy ``packages`` into the ``folder`` of a project's ``directory``, in place of earlier ones.

    Raises ``AskedWrongly``: ``file-there`` for files that are not ours, ``file-unwritable``.
    """
    target = directory / folder
    if target.is_symlink() or (target.exists() and not _ours(target)):
        raise AskedWrongly(
            "file-there",
            f"there is something else in {folder} already; it is not changed",
            expected=f"no {folder}, or one that toque vendor has made",
            found=str(target),
            hint="toque vendor DIR takes another folder",
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".vendor-", dir=target.parent))
        try:
            digest = _fill(scratch / "new", packages)
            if target.exists():
                target.rename(scratch / "old")
            (scratch / "new").rename(target)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    except OSError as error:
        raise unwritable(folder, target, error) from error
    return Vendor(folder, digest, lock.identity, _system(lock, packages))


def checked(lock: Lock, vendor: Vendor, directory: Path) -> Path:
    """The folder to import from, once every file in it is as the lock has it.

    Raises ``Failed("lock-packages-altered")``, ``AskedWrongly("vendor-stale")``.
    """
    target = directory / vendor.folder
    if vendor.lock != lock.identity:
        raise _stale(f"packages of lock {lock.identity}", f"those of lock {vendor.lock}")
    if vendor.system not in ("", _this_system()):
        raise _stale(f"packages for {_this_system()}", f"those for {vendor.system}")
    wrong = [f"{vendor.folder}/{one}" for one in _differences(target, vendor.digest)]
    if wrong:
        raise Failed(
            "lock-packages-altered",
            f"vendored packages are not as {FILE} has them",
            expected="the files that toque vendor has put there, and no other",
            found="; ".join(wrong[:8]) + (f" and {len(wrong) - 8} more" if wrong[8:] else ""),
            hint=f"git diff {vendor.folder}; toque vendor puts them there anew",
            place=str(target),
        )
    return target / PACKAGES


def _fill(new: Path, packages: Path) -> str:
    """Make the folder; the digest of its sums."""
    (new / PACKAGES).mkdir(parents=True)
    for name in package_files(packages):
        file = new / PACKAGES / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes((packages / name).read_bytes())
    (new / ATTRIBUTES).write_text("* -text\n", "utf-8")
    lines = [f"{_digest(new / name)}  {name}\n" for name in sorted(_files(new))]
    (new / SUMS).write_bytes(os.fsencode("".join(lines)))
    for path in (new, *new.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)  # whoever compiles recipes apart is nobody
    return _digest(new / SUMS)


def _differences(target: Path, digest: str) -> Iterator[str]:
    sums = target / SUMS
    if not sums.is_file():
        yield f"{SUMS} is missing"
        return
    if _digest(sums) != digest:
        yield f"{SUMS} was changed"
        return
    lines = os.fsdecode(sums.read_bytes()).splitlines()
    wanted = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    there = set(_files(target))
    for name in sorted(wanted.keys() | there):
        if name not in wanted:
            yield f"{name} was added"
        elif name not in there:
            yield f"{name} is missing"
        elif _digest(target / name) != wanted[name]:
            yield f"{name} was changed"


def _files(folder: Path) -> Iterator[str]:
    """Everything but folders and the sums themselves; a link is what none of them may be."""
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if name != SUMS and (path.is_symlink() or not path.is_dir()):
            yield f"{name} (a link)" if path.is_symlink() else name


def _ours(target: Path) -> bool:
    return target.is_dir() and ((target / SUMS).is_file() or not any(target.iterdir()))


def _system(lock: Lock, packages: Path) -> str:
    """The system that the packages are for; empty when they suit any."""
    wheels = packages.glob("*.dist-info/WHEEL")
    pure = all(b"Root-Is-Purelib: false" not in wheel.read_bytes() for wheel in wheels)
    return "" if pure and not any(one.marker for one in lock.packages) else _this_system()


def _this_system() -> str:
    return f"{sys.implementation.cache_tag}-{sys.platform}-{os.uname().machine}"


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _stale(expected: str, found: str) -> AskedWrongly:
    return AskedWrongly(
        "vendor-stale",
        "the vendored packages are not for this",
        expected=expected,
        found=found,
        hint="toque vendor, with a network, and commit what it changes",
        place=FILE,
    )
