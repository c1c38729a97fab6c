"""A project without a file of ours: found out, written down in .toque, and then like any other.

``.toque/toque.toml`` is written at each ``toque up`` and read by every later command.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..detect import Detected, render
from ..detect.answers import Answers, answers, shown
from ..detect.found import Variable as Read
from ..errors import AskedWrongly
from ..fleet import names
from ..fleet.kept import Variable
from ..fleet.project import KEPT, Project, load_project, parse_project
from .environment import set_variables
from .site import Site

LAYER = "web"
Ask = Callable[[Read], str | None]


@dataclass(frozen=True)
class Unfiled:
    """A project as it will be deployed: ``text`` is its toque.toml."""

    found: Detected
    answers: Answers
    text: str
    project: Project


def before(directory: Path) -> Project | None:
    """The project as the run before left it."""
    kept = directory / KEPT
    return load_project(kept) if kept.is_file() else None


def nodes_with(project: Project | None, target: str) -> dict[str, str]:
    """The nodes of the run before, by name, and ``target`` among them."""
    nodes = {node.name: node.address for node in project.nodes.values()} if project else {}
    if target and target not in nodes.values() and target not in nodes:
        nodes[render.node_name(target)] = target
    return nodes


def name_of(directory: Path, project: Project | None) -> str:
    """The app's name: that of the run before, or one after the folder."""
    if project and project.apps:
        return next(iter(project.apps))
    name = render.app_name(directory.name)
    return f"{name[:20]}-app" if names.is_taken(name) else name


def domains_of(project: Project | None) -> tuple[str, ...]:
    return next(iter(project.apps.values())).domains if project and project.apps else ()


def health_of(project: Project | None) -> str:
    """The page of the run before that tells whether the app is well; empty for the usual one."""
    page = next(iter(project.apps.values())).health if project and project.apps else "/"
    return "" if page == "/" else page


def accepts_of(project: Project | None) -> tuple[str, ...]:
    """The codes that the run before was told to accept."""
    return next(iter(project.apps.values())).accepts if project and project.apps else ()


def described(
    found: Detected,
    directory: Path,
    *,
    name: str,
    branch: str,
    nodes: Mapping[str, str],
    host: str,
    domains: Sequence[str] = (),
    health: str = "",
    accepts: Sequence[str] = (),
) -> Unfiled:
    """The project in ``directory``, by the same way as one with a file.

    ``host`` is its address, ``domains`` are names of the site; ``health``, ``accepts``: see App.
    Raises what ``parse_project`` raises.
    """
    known = answers(found, (*domains, host))
    place = render.Place(name, branch, nodes, tuple(domains), health=health, accepts=tuple(accepts))
    text = render.as_toml(found, known, place, head=render.KEPT_HEAD)
    return Unfiled(found, known, text, parse_project(text, directory, file=KEPT))


def keep(unfiled: Unfiled, directory: Path) -> None:
    """Write it down, out of git's sight."""
    state = (directory / KEPT).parent
    state.mkdir(mode=0o700, exist_ok=True)
    ignore = state / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n")
    fresh = state / "toque.toml.new"
    fresh.write_text(unfiled.text, encoding="utf-8")
    fresh.replace(directory / KEPT)


def fill(unfiled: Unfiled, site: Site, ask: Ask) -> None:
    """Keep a value of each variable that the code needs and nobody has set: this shell's, or what
    ``ask`` gives (None when there is nobody to ask).

    Raises ``AskedWrongly("variable-missing")``.
    """
    (app,) = unfiled.project.apps.values()
    kept = site.store.kept(app.name).variables
    given, missing = {}, []
    for variable in unfiled.answers.unknown:
        if variable.name in kept:
            continue
        value = os.environ.get(variable.name)
        value = ask(variable) if value is None else value
        if value is None:
            missing.append(variable)
        else:
            given[variable.name] = Variable(value, secret=variable.secret)
    if given:
        set_variables(site, app, given)
    if missing:
        raise _missing(missing)


def _missing(variables: Sequence[Read]) -> AskedWrongly:
    first = variables[0]
    return AskedWrongly(
        "variable-missing",
        f"the code needs {'variables' if len(variables) > 1 else 'a variable'} that nobody has set",
        expected="; ".join(shown(variable) for variable in variables),
        found="neither kept nor in this shell's environment",
        hint=f"toque env set {first.name} --secret, then toque up again",
        place=f"{first.why.path}:{first.why.line}",
    )
