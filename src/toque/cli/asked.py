"""Options that several commands share, and what they mean."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import update_wrapper
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar, cast

import click

from .. import bootstrap
from ..ahead import Ahead
from ..errors import AskedWrongly, nearest
from ..fleet.app import App
from ..fleet.project import Project
from ..usecases.converge import Stop
from ..usecases.place import Place
from ..usecases.site import Site

F = TypeVar("F", bound=Callable[..., Any])


def json_option(function: F) -> F:
    return click.option("--json", "as_json", is_flag=True, help="One JSON object, nothing else.")(
        function
    )


def verbose_option(function: F) -> F:
    return click.option("-v", "--verbose", is_flag=True, help="Show steps without a change too.")(
        function
    )


def checks_options(function: F) -> F:
    """What each command that runs checks can be told: ``report`` and ``limits``."""
    from ..kitchen.verify import USUAL, Limits

    def called(*, limit: float, limit_all: float, **given: Any) -> Any:
        return function(limits=Limits(limit, limit_all), **given)

    called = update_wrapper(called, function)
    seconds = click.FloatRange(min=0, min_open=True)
    for option in (
        click.option(
            "--limit-all",
            type=seconds,
            default=USUAL.all_s,
            show_default=True,
            help="Seconds that all checks of a machine may take.",
        ),
        click.option(
            "--limit",
            type=seconds,
            default=USUAL.check_s,
            show_default=True,
            help="Seconds that one check may take.",
        ),
        click.option(
            "--junit",
            "report",
            type=click.Path(path_type=Path),
            help="Write the results to this file, as JUnit's XML.",
        ),
    ):
        called = option(called)
    return cast(F, called)


def without_option(function: F) -> F:
    return click.option(
        "--without",
        multiple=True,
        metavar="NODE",
        help="Leave this node as it is, and keep the balancer from it; may be repeated.",
    )(function)


def ahead() -> Ahead:
    """What was begun before the command line was read."""
    context = click.get_current_context(silent=True)
    return (context.find_object(Ahead) if context is not None else None) or Ahead()


def set_option(function: F) -> F:
    return click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="COOKBOOK.NAME=VALUE",
        help="An attribute for this run only, as TOML has it (or text as it is); may be repeated.",
    )(function)


def attributes(settings: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The tables by cookbook that ``--set`` options make; a later one wins.

    Raises ``AskedWrongly("bad-setting")``.
    """
    tables: dict[str, dict[str, Any]] = {}
    for text in settings:
        key, equals, value = text.partition("=")
        path = key.strip().split(".")
        if not equals or len(path) < 2 or not all(path):
            raise _bad_setting(text, "COOKBOOK.NAME=VALUE, such as nginx.largest_body=20m")
        at: Any = tables
        for part in path[:-1]:
            at = at.setdefault(part, {})
            if not isinstance(at, dict):
                raise _bad_setting(text, "one value for a key, not a value and a table")
        at[path[-1]] = _value(value.strip())
    return tables


def _value(text: str) -> Any:
    """A value of TOML; whatever is none is a text as it stands."""
    import tomllib

    try:
        table = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    plain = isinstance(table["value"], (str, int, float, bool, list, dict))  # a date is a text
    return table["value"] if len(table) == 1 and plain else text


def _bad_setting(text: str, expected: str) -> AskedWrongly:
    return AskedWrongly(
        "bad-setting",
        "--set was given something else",
        expected=expected,
        found=text,
        hint="toque explain nginx shows its attributes; --set nginx.largest_body=20m sets one",
    )


def here() -> tuple[Project, Site]:
    """The project around the current directory."""
    project = ahead().project or bootstrap.open_project()
    return project, bootstrap.open_site(project)


def project_or_cookbooks() -> Project:
    """The project around the current directory, or the cookbooks in it."""
    try:
        return bootstrap.open_project()
    except AskedWrongly as error:
        if error.code != "no-project":
            raise
        from ..usecases import locking  # the other commands do without it

        return locking.repository(Path.cwd())


def places(project: Project, target: str) -> list[Place]:
    """The nodes TARGET means; all of the project's when it is empty and there is a layer.

    Raises ``AskedWrongly("no-target")``: nothing never means everything by accident.
    """
    if target:
        nodes: Sequence[Any] = bootstrap.node_for(project, target)
    elif project.nodes:
        nodes = tuple(project.nodes.values())
    else:
        raise AskedWrongly(
            "no-target",
            "no TARGET was given and toque.toml names no node",
            expected="root@host, kitchen:NAME, local, or [nodes.NAME] in toque.toml",
            found="neither",
            hint="write [nodes.NAME] with its address, or name the machine: root@HOST",
        )
    if not nodes:
        raise AskedWrongly(
            "no-target",
            f"no node belongs to {target}",
            expected="a layer with at least one node",
            found="none",
            hint="toque node list",
        )
    begun = ahead().places
    return [begun.get(n.name) or bootstrap.connect(n, project.directory) for n in nodes]


def app_places(project: Project, app: App, target: str, without: Sequence[str] = ()) -> list[Place]:
    """Where ``app`` runs: TARGET, or all nodes of its layer but those ``without`` it."""
    if target and without:
        raise AskedWrongly(
            "on-and-without",
            "--on and --without were both given",
            expected="one of them",
            found=f"--on {target} --without {' '.join(without)}",
            hint=f"leave out --on {target}",
        )
    if target:
        return places(project, target)
    every = project.nodes_of(app)
    names = [node.name for node in every]
    if strange := [name for name in without if name not in names]:
        raise AskedWrongly(
            "unknown-node",
            f"{app.name} does not run on {strange[0]}",
            expected=f"one of {', '.join(names)}",
            found=strange[0],
            hint=nearest(strange[0], names),
        )
    nodes = [node for node in every if node.name not in without]
    if not nodes:
        raise AskedWrongly(
            "no-target",
            f"no node of toque.toml runs {app.name}",
            expected=f'[nodes.NAME] with layer = "{app.layer}", or --on TARGET',
            found="none",
            hint="toque node list",
        )
    begun = ahead().places
    return [begun.get(n.name) or bootstrap.connect(n, project.directory) for n in nodes]


def balancer_places(project: Project, app: App) -> list[Place]:
    """The nodes that pass visitors on to ``app``; none without a balancer."""
    return [bootstrap.connect(node, project.directory) for node in project.balancers_of(app)]


def only_app(project: Project, name: str) -> App:
    """The app by name; when the project has just one, its name may be left out."""
    if name:
        return project.app(name)
    if len(project.apps) == 1:
        return next(iter(project.apps.values()))
    raise AskedWrongly(
        "which-app",
        f"this project has {len(project.apps)} apps",
        expected="the name of one",
        found="none given",
        hint="one of " + ", ".join(project.apps) if project.apps else "declare [apps.NAME]",
    )


@contextmanager
def stoppable() -> Iterator[Stop]:
    """Ctrl-C asks the node to end after its current step; a second one leaves it to itself."""
    stop = Stop()

    def asked(number: int, frame: FrameType | None) -> None:
        if stop.asked:
            raise KeyboardInterrupt
        stop.ask()  # before it is told: whoever reads it may press again at once
        click.echo(
            "stopping after this step (again to leave now; the node then ends alone)", err=True
        )

    before = signal.signal(signal.SIGINT, asked)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


def tell(value: dict[str, Any]) -> None:
    """One JSON object on standard output."""
    click.echo(json.dumps(value))
