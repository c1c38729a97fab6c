"""``toque verify``: whether a machine, or a lock, is what it is said to be."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from .. import bootstrap
from ..errors import AskedWrongly, Failed
from ..fleet.node import Node
from ..fleet.project import Project, load_project
from ..kitchen import junit
from ..kitchen.kitchenfile import FILE
from ..kitchen.outcome import Result
from ..kitchen.subject import Subject
from ..kitchen.verify import Limits, run_verify
from ..usecases.abreast import Here
from ..usecases.converge import gather_facts
from ..usecases.place import Place
from . import asked, lock, nodes
from .asked import checks_options, json_option
from .kitchen.suites import picked
from .show import Shown


@click.command()
@click.argument("target", default="")
@click.option(
    "--checks",
    type=click.Path(path_type=Path),
    help="A folder of pytest files, in place of those of a suite.",
)
@click.option("--suite", "name", default="", help="The suite of kitchen.toml; else the first.")
@checks_options
@json_option
def verify(
    *,
    target: str,
    checks: Path | None,
    name: str,
    report: Path | None,
    limits: Limits,
    as_json: bool,
) -> None:
    """Run the checks of a suite against TARGET; without one, look at the locked packages.

    TARGET is a node or a layer of toque.toml, root@HOST or kitchen:NAME.  The checks are those of
    the nearest kitchen.toml, the same that toque kitchen verify runs on throwaway machines; they
    look and change nothing, if they are written so.

    Without TARGET: toque.lock is for the cookbooks here, and each file of their packages is
    compared with a copy that is fetched again, hashes checked.

    Exit status: 0 all is well, 5 a check has failed or there is none, 4 a node cannot be reached.

    \b
    toque verify web1 --junit report.xml
    toque verify root@web1.example --checks ../infra/checks
    toque verify
    """
    if not target:
        if checks or name or report:
            raise AskedWrongly(
                "no-target",
                "no TARGET was given whose checks could be run",
                expected="a node, a layer, root@HOST or kitchen:NAME",
                found="none",
                hint="toque verify web1; without options toque verify looks at the lock",
            )
        lock.verify(as_json)
        return
    folder, project = _checks(checks, name)
    directory = project.directory if project else Path.cwd()
    places = (
        asked.places(project, target)
        if project
        else [bootstrap.connect(node, directory) for node in bootstrap.node_for(None, target)]
    )
    subjects = {place.node.name: bootstrap.subject(place.node, directory) for place in places}
    results: dict[str, Result] = {}

    def look(place: Place, shown: Shown, here: Here) -> Result:
        if not place.node.kitchen:
            gather_facts(place.transport)  # who cannot be reached is told so, and not by each check
        result = run_verify(_first(place.node, subjects), folder, os.environ, limits=limits)
        results[place.node.name] = result
        shown.line(result.output.rstrip())
        shown.line(f"{place.node.name}: {result.summary}")
        return result

    try:
        found = nodes.each(
            places,
            look,
            _entry,
            under="nodes",
            verbose=False,
            as_json=as_json,
            status=_status,
        )
    finally:
        if report is not None:
            junit.write(report, results)
    if as_json:
        asked.tell({"ok": all(one.ok for one in results.values()), "nodes": found})
    click.get_current_context().exit(max(map(_status, results.values())))


def _entry(place: Place, result: Result) -> dict[str, Any]:
    return {"node": place.node.name, **result.as_json()}


def _status(result: Result) -> int:
    return 0 if result.ok else Failed.exit_status


def _first(node: Node, subjects: dict[str, Subject]) -> dict[str, Subject]:
    """All that are verified, the one whose turn it is before the others."""
    return {node.name: subjects[node.name], **subjects}


def _checks(folder: Path | None, name: str) -> tuple[Path, Project | None]:
    """The checks, and the project whose nodes they are for.

    A suite says which project that is; else it is the one around the current directory.
    """
    if folder is None:
        try:
            chosen = picked([name] if name else [])[0]
        except AskedWrongly as error:
            if error.code != "kitchen-no-file":
                raise
            raise AskedWrongly(
                "kitchen-no-file",
                f"there is no {FILE} here, so which checks are meant is not known",
                expected=f"{FILE} in {Path.cwd()} or a folder above it, or --checks",
                found="neither",
                hint="toque verify TARGET --checks DIR",
            ) from error
        folder = chosen.checks
        if chosen.project is not None:
            return folder, load_project(chosen.project)
    try:
        return folder, bootstrap.open_project()
    except AskedWrongly as error:
        if error.code != "no-project":
            raise
        return folder, None
