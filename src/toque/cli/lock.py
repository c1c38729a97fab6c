"""``toque lock`` and its relatives: the versions that cookbooks get."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import click

from .. import bootstrap
from ..cookbooks.lockfile import FILE, Lock, parse, read_lock
from ..cookbooks.manifest import foreign
from ..errors import AskedWrongly
from ..fleet.project import Project
from ..usecases import locking
from ..usecases.definitions import locked, manifests_in, sources_in_project
from . import asked
from .asked import json_option


@click.command()
@click.option("--check", is_flag=True, help="Change nothing; fail if the lock is not for today.")
@json_option
def lock(check: bool, as_json: bool) -> None:
    """Write toque.lock: one version of each package that the cookbooks here need.

    What the cookbooks need stands in their own pyproject.toml, and nowhere else.  A version that
    is locked already stays; toque update NAME takes a newer one.  Cookbooks without dependencies
    need no lock.

    Works on the cookbooks of toque.toml, or on those of the current directory without one.
    """
    project = asked.project_or_cookbooks()
    manifests = manifests_in(project)
    sources_in_project(project, manifests)  # entry points that lead nowhere are told now
    before = read_lock(project.directory)
    if not foreign(manifests):
        if as_json:
            asked.tell({"lock": None, "changes": []})
        else:
            more = f"; {FILE} can be removed" if before is not None else ""
            click.echo(f"no cookbook has dependencies: no lock is needed{more}")
        return
    if check:
        found = locked(project, manifests)
        _tell(found or Lock(), (), as_json, "is for these cookbooks")
        return
    _lock(project, before, (), as_json)


@click.command()
@click.argument("name", nargs=-1, required=True)
@json_option
def update(name: tuple[str, ...], as_json: bool) -> None:
    """Lock the newest version of the packages NAME that the cookbooks allow; others stay.

    A package from a repository gets the commit that its branch or tag is at now.
    """
    project = asked.project_or_cookbooks()
    before = locking.need_lock(project, read_lock(project.directory))
    _lock(project, before, locking.known(before, name), as_json)


@click.command()
@click.argument("name")
@json_option
def why(name: str, as_json: bool) -> None:
    """Say which cookbooks bring the package NAME in, and in which words."""
    project = asked.project_or_cookbooks()
    there = locking.need_lock(project, read_lock(project.directory))
    (package,) = locking.known(there, [name])
    lines = locking.reasons(there, package)
    if as_json:
        asked.tell({"package": package, "reasons": list(lines)})
        return
    states = ", ".join(one.state for one in there.packages if one.name == package)
    click.echo(f"{package} {states}")
    for line in lines:
        click.echo(f"  {line}")


@click.command()
@json_option
def outdated(as_json: bool) -> None:
    """List the packages of which the cookbooks allow a newer version than toque.lock has.

    Changes nothing; toque update NAME takes one of them.
    """
    project = asked.project_or_cookbooks()
    before = locking.need_lock(project, read_lock(project.directory))
    names = [one.name for one in before.packages]
    newest = bootstrap.resolve_cookbooks(project, manifests_in(project), before, names)
    changes = locking.changes(before, newest)
    if as_json:
        asked.tell({"outdated": [vars(change) for change in changes]})
        return
    for change in changes:
        click.echo(f"  {change}")
    if not changes:
        click.echo(f"all {len(names)} packages are the newest that the cookbooks allow")


@click.command()
@json_option
def tree(as_json: bool) -> None:
    """Show each cookbook with the packages that it brings in.

    What was shown above with all its own is not shown again: "...".
    """
    project = asked.project_or_cookbooks()
    there = locking.need_lock(project, read_lock(project.directory))
    if as_json:
        asked.tell({"lock": there.identity, **dataclasses.asdict(there)})
        return
    for line in locking.tree(there):
        click.echo(line)


@click.command()
@click.argument("old", default="HEAD")
@click.argument("new", default="")
@json_option
def diff(old: str, new: str, as_json: bool) -> None:
    """Show what differs between two locks: OLD, and NEW or the one here.

    Each is a file, or a commit, branch or tag of the repository here, whose toque.lock is meant;
    OLD is the last commit (HEAD) when it is left out.
    """
    project = asked.project_or_cookbooks()
    before, after = _lock_at(project, old), _lock_at(project, new)
    changes = locking.changes(before, after)
    if as_json:
        differ = [vars(change) for change in changes]
        asked.tell({"old": before.identity, "new": after.identity, "changes": differ})
        return
    click.echo(f"lock {before.identity} -> {after.identity}: {len(changes)} packages differ")
    for change in changes:
        click.echo(f"  {change}")


def verify(as_json: bool) -> None:
    """Check that toque.lock is for the cookbooks here, and that their packages are as locked.

    Each file of the packages is compared with a copy that is fetched again, hashes checked.
    """
    project = asked.project_or_cookbooks()
    there = locked(project, manifests_in(project)) or Lock()
    folder = bootstrap.cookbook_packages(project, there)
    locking.unaltered(there, bootstrap.altered_cookbook_packages(project, there), folder)
    if as_json:
        asked.tell({"lock": there.identity, "packages": len(there.packages)})
        return
    click.echo(f"lock {there.identity}: {len(there.packages)} packages, all as locked")


@click.command()
@click.argument("directory", default="", metavar="[DIR]")
@json_option
def vendor(directory: str, as_json: bool) -> None:
    """Put the packages of toque.lock into the folder DIR of the project, to be committed.

    DIR is "vendor", or the folder that has them already.  From then on runs take them from there,
    each file compared with the lock first, and need no network; toque lock and toque update keep
    the folder up to date.

    \b
    toque vendor
    toque vendor third-party/cookbooks
    """
    project = asked.project_or_cookbooks()
    there = locked(project, manifests_in(project))
    if there is None:
        if as_json:
            asked.tell({"lock": None, "folder": None})
        else:
            click.echo("no cookbook has dependencies: there is nothing to vendor")
        return
    folder = locking.vendor_folder(directory, there)
    made = bootstrap.vendor_cookbooks(project, there, folder, project.directory)
    locking.write(project.directory, made)
    if as_json:
        asked.tell({"lock": made.identity, "folder": folder, "packages": len(made.packages)})
        return
    click.echo(f"lock {made.identity}: {len(made.packages)} packages in {folder}; commit both")


def _lock_at(project: Project, name: str) -> Lock:
    """The lock in a file, or in a commit; the one here when ``name`` is empty."""
    if not name:
        return locking.need_lock(project, read_lock(project.directory))
    if Path(name).is_file():
        return parse(Path(name).read_text("utf-8", "replace"), name)
    repository = bootstrap.open_repository_at(project.directory)
    path = str(PurePosixPath(repository.prefix) / FILE)
    found = repository.resolve_head() if name == "HEAD" else repository.resolve(name)
    data = repository.read(found, path)
    if data is None:
        raise AskedWrongly(
            "cookbooks-not-locked",
            f"{name} has no {FILE}",
            expected="a file, or a commit that has one",
            found=name,
            hint=f"git log -- {FILE}",
        )
    return parse(data.decode("utf-8", "replace"), f"{name}:{path}")


def _lock(project: Project, before: Lock | None, newer: Sequence[str], as_json: bool) -> None:
    """Resolve, fetch the packages so that no run has to, and only then write the lock."""
    made = bootstrap.resolve_cookbooks(project, manifests_in(project), before, newer)
    if before is not None and before.vendor is not None:
        made = bootstrap.vendor_cookbooks(project, made, before.vendor.folder, project.directory)
    else:
        bootstrap.cookbook_packages(project, made)
    changed = locking.write(project.directory, made)
    words = f"wrote {FILE}" if changed else "nothing to change"
    _tell(made, locking.changes(before, made), as_json, words)


def _tell(made: Lock, changes: Sequence[locking.Change], as_json: bool, words: str) -> None:
    if as_json:
        differ = [vars(change) for change in changes]
        asked.tell({"lock": made.identity, "packages": len(made.packages), "changes": differ})
        return
    for change in changes:
        click.echo(f"  {change}")
    click.echo(f"lock {made.identity}: {len(made.packages)} packages; {words}")
