"""``toque lock`` and its relatives: what a lock says, and how it comes to say something else."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..cookbooks.lockfile import FILE, Lock, Package, asking, is_inside, render, ways
from ..cookbooks.manifest import named, normal
from ..errors import AskedWrongly, Failed, nearest, unwritable
from ..fleet.project import Project
from ..fleet.stack import Stack


@dataclass(frozen=True)
class Change:
    """A package that two locks do not have alike; ``before`` or ``after`` is empty for none."""

    name: str
    before: str
    after: str

    def __str__(self) -> str:
        if not self.before or not self.after:
            return f"{'+' if self.after else '-'} {self.name} {self.after or self.before}"
        return f"~ {self.name} {self.before} -> {self.after}"


def repository(directory: Path) -> Project:
    """A directory of cookbooks, where no ``toque.toml`` says more."""
    return Project(Stack("cookbooks"), {}, {}, {}, (directory,), directory)


def changes(before: Lock | None, after: Lock) -> tuple[Change, ...]:
    """What differs between two locks, by name of package."""
    old = _states(before.packages if before is not None else ())
    new = _states(after.packages)
    return tuple(
        Change(name, old.get(name, ""), new.get(name, ""))
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    )


def _states(packages: Sequence[Package]) -> dict[str, str]:
    """Versions by name; a package may have several, each for other systems."""
    found: dict[str, str] = {}
    for one in packages:
        found[one.name] = f"{found[one.name]}, {one.state}" if one.name in found else one.state
    return found


def write(directory: Path, lock: Lock) -> bool:
    """Put a lock in place; whether the file has changed.  Raises ``AskedWrongly``."""
    file, text = directory / FILE, render(lock)
    staged = directory / f".{FILE}.{os.getpid()}"
    try:
        if file.is_file() and file.read_text(encoding="utf-8") == text:
            return False
        staged.write_text(text, encoding="utf-8")
        staged.replace(file)
    except OSError as error:
        staged.unlink(missing_ok=True)
        raise unwritable(FILE, directory, error) from error
    return True


def need_lock(project: Project, lock: Lock | None) -> Lock:
    """The lock.  Raises ``AskedWrongly("cookbooks-not-locked")``."""
    if lock is None:
        raise AskedWrongly(
            "cookbooks-not-locked",
            f"there is no {FILE} here",
            expected=f"{FILE} in {project.directory}",
            found="none",
            hint="toque lock makes one, if any cookbook has dependencies",
        )
    return lock


def known(lock: Lock, names: Sequence[str]) -> tuple[str, ...]:
    """The names, as packages of the lock.  Raises ``AskedWrongly("unknown-package")``."""
    there = sorted({one.name for one in lock.packages})
    for name in names:
        if normal(name) not in there:
            raise AskedWrongly(
                "unknown-package",
                f"{FILE} has no package '{name}'",
                expected=f"one of {', '.join(there)}" if there else "a package in it",
                found=name,
                hint=nearest(normal(name), there) or "toque tree",
            )
    return tuple(normal(name) for name in names)


def tree(lock: Lock) -> tuple[str, ...]:
    """The cookbooks, below each what it brings in, and what that does; each package's own only
    where it is met first."""
    local = {one.name: one for one in lock.cookbooks}
    lines: list[str] = []
    told: set[str] = set()

    def below(name: str, depth: int) -> None:
        for package in lock.packages:
            if name not in package.needed_by:
                continue
            asked = asking(lock, name, package.name) if name in local else package.name
            more = f"  ({asked})" if asked != package.name else ""
            again = " ..." if package.name in told and _brings(lock, package.name) else ""
            lines.append(f"{'  ' * depth}{package.name} {package.state}{more}{again}")
            if package.name not in told:
                told.add(package.name)
                below(package.name, depth + 1)

    for one in lock.cookbooks:
        lines.append(f"{one.name} {one.version}")
        for need in one.needs:
            if named(need) in local:
                lines.append(f"  {need}, of this repository")
        below(one.name, 1)
    return tuple(lines)


def _brings(lock: Lock, name: str) -> bool:
    return any(name in package.needed_by for package in lock.packages)


def vendor_folder(asked: str, lock: Lock) -> str:
    """The folder for packages in the project: the one asked for, else the one that has them.

    Raises ``AskedWrongly("vendor-outside")``.
    """
    if not asked:
        return lock.vendor.folder if lock.vendor is not None else "vendor"
    folder = asked.rstrip("/")
    if not is_inside(folder):
        raise AskedWrongly(
            "vendor-outside",
            "packages are vendored into a folder of the project",
            expected=f"a path below the folder of {FILE}, such as vendor",
            found=asked,
            hint="toque vendor",
        )
    return folder


def unaltered(lock: Lock, files: Sequence[str], folder: Path) -> None:
    """Raise ``Failed("lock-packages-altered")`` when any file differs from the locked one."""
    if files:
        again = "toque vendor" if lock.vendor is not None else f"rm -r {folder}; any run"
        raise Failed(
            "lock-packages-altered",
            f"packages are not as {FILE} has them",
            expected="the files whose hashes were locked",
            found=", ".join(files[:8]) + (f" and {len(files) - 8} more" if files[8:] else ""),
            hint=f"look at them, then: {again} fetches them again",
            place=str(folder),
        )


def reasons(lock: Lock, name: str) -> tuple[str, ...]:
    """Why a package is there, a line for each way by which it came in."""
    lines = []
    for way in sorted(ways(lock, name)):
        first = f"{way[0]} asks for {asking(lock, way[0], way[1])}" if len(way) > 1 else way[0]
        lines.append(" -> ".join([first, *way[2:]]))
    return tuple(lines)
