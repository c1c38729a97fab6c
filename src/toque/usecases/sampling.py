"""The recipes of a project, compiled for made-up nodes of every supported release."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace

from ..checks.subject import Sample
from ..cookbooks import load
from ..cookbooks.compile import Compiled, compile_plan
from ..cookbooks.cookbook import Cookbook
from ..cookbooks.inputs import Inputs
from ..cookbooks.samples import RELEASES, planted, sample_inputs
from ..cookbooks.sources import Source
from ..errors import AskedWrongly, BadCookbook, Trouble
from ..fleet.app import App, Database
from ..fleet.balanced import Balanced, Member
from ..fleet.environment import Environment
from ..fleet.layer import EVENTS
from ..fleet.node import Node
from ..fleet.project import Project
from .apart import Apart
from .definitions import Definitions
from .lifecycle import names_around
from .site import Site

LIMIT_S = 5.0  # for one recipe, which takes milliseconds
WITH_APP = ("deploy", "undeploy")
ADDRESS = "192.0.2.10"  # of RFC 5737, as in the facts
APP = App(
    "sample",
    "https://forge.example/sample",
    "sample",
    domains=("sample.example",),
    secrets={"SECRET_KEY": "generate"},
    database=Database("sample"),
)


@dataclass(frozen=True)
class Run:
    """``recipes`` are names of cookbooks and their events, as one plan has them on ``node``."""

    recipes: tuple[tuple[str, str], ...]
    around: tuple[str, ...]
    node: Node
    apps: tuple[App, ...]
    app: App | None = None

    @property
    def label(self) -> str:
        names = ", ".join(f"{name}::{event}" for name, event in self.recipes)
        return f"{names} of {self.app.name}" if self.app else names


NOTHING = Run((), (), Node("sample", ADDRESS, ""), ())


def unloaded(site: Site, defined: Definitions) -> Iterator[tuple[str, Trouble]]:
    """The packages that cannot be imported, each with its trouble."""
    left = defined.sources
    while names := [package for source in left for package in source.packages]:
        try:
            if defined.apart:
                _apart(site, replace(defined, sources=left), NOTHING, sample_inputs(RELEASES[0]))
            else:
                load.load_sources(left)
        except BadCookbook as error:
            if error.code == "cookbook-missing":  # helpers, which are none
                return
            place = error.trouble.place
            package = next((one for one in names if place.startswith(f"{one}/")), names[0])
            yield package, error.trouble
            left = sources_without(left, {package})
        else:
            return


def samples(
    site: Site,
    defined: Definitions,
    own: Mapping[str, Sequence[str]],
    gone: Set[str] = frozenset(),
) -> Iterator[Sample]:
    """What each recipe comes to; ``own`` are the project's cookbooks with their events, ``gone``
    those that cannot be imported."""
    loaded = {} if defined.apart else _loaded(defined.sources, gone)
    for run in runs(site.project, own, gone):
        for facts in RELEASES:
            inputs = _inputs(site.project, run, sample_inputs(facts, run.apps, run.app), gone)
            try:
                if defined.apart:
                    made = _apart(site, defined, run, inputs)
                else:
                    made = _here(run, inputs, loaded)
            except (BadCookbook, AskedWrongly) as error:
                if error.code == "isolation-unavailable":
                    raise
                yield Sample(run.label, facts.codename, trouble=error.trouble)
            else:
                yield Sample(run.label, facts.codename, made.plan.steps, made.secrets)


def runs(
    project: Project, own: Mapping[str, Sequence[str]], gone: Set[str] = frozenset()
) -> Iterator[Run]:
    """One for each event of each layer, and for cookbooks that no layer names."""
    done: set[tuple[str, str]] = set()
    for layer in project.layers.values():
        nodes = [n for n in project.nodes.values() if n.layer == layer.name and n.attributes]
        for node in [_node(layer.name), *nodes]:
            around = tuple(name for name in names_around(project, node) if name not in gone)
            for event in EVENTS:
                recipes = tuple((n, event) for n in layer.cookbooks(event) if n not in gone)
                done.update(recipes)
                if recipes:
                    yield from _each_app(Run(recipes, around, node, project.apps_of(node)))
    for name, events in own.items():
        for event in events if name not in gone else ():
            if (name, event) not in done:
                yield from _each_app(Run(((name, event),), (name,), _node(""), (APP,)))


def _each_app(run: Run) -> Iterator[Run]:
    """A run for each app that it deploys, if it does; for a made-up one where there is none."""
    if run.recipes[0][1] not in WITH_APP:
        yield run
        return
    for app in run.apps or (APP,):
        yield replace(run, apps=run.apps or (APP,), app=app)


def _node(layer: str) -> Node:
    return Node(name="sample", address=ADDRESS, layer=layer)


def _inputs(project: Project, run: Run, inputs: Inputs, gone: Set[str]) -> Inputs:
    members = (Member("member", "192.0.2.11", 0, False),)
    return replace(
        inputs,
        environments={app.name: _environment(app) for app in run.apps},
        limit_s=LIMIT_S,
        node=run.node.name,
        stack=project.stack.name,
        layers=tuple(
            replace(one, tables={n: table for n, table in one.tables.items() if n not in gone})
            for one in project.attributes_for(run.node)
        ),
        balanced=tuple(Balanced(app, members) for app in project.balanced_by(run.node)),
        balancers={app.name: ("192.0.2.12",) for app in run.apps if app.balancer},
    )


def _environment(app: App) -> Environment:
    """All variables that ``app`` may count on, also those that only ``toque env`` has."""
    made = planted(app)
    wanted = {*app.variables, *app.requires, *(app.build.variables if app.build else ())}
    kept = {name: f"kept-{app.name}-{name}" for name in sorted(wanted - made.texts().keys())}
    named = {f"{app.name}/{name}": text for name, text in kept.items()}
    return replace(made, secret={**made.secret, **kept}, named={**made.named, **named})


def _loaded(sources: Sequence[Source], gone: Set[str]) -> Mapping[str, Cookbook]:
    """The cookbooks that can be imported; none may be left of those that there were."""
    try:
        return load.load_sources(sources)
    except BadCookbook as error:
        if error.code == "cookbook-missing" and gone:
            return {}
        raise


def _here(run: Run, inputs: Inputs, loaded: Mapping[str, Cookbook]) -> Compiled:
    load.check_tables(inputs.layers, loaded)
    recipes = [(load.find(name, loaded), event) for name, event in run.recipes]
    around = tuple(load.find(name, loaded) for name in run.around)
    return compile_plan(run.label, recipes, replace(inputs, around=around))


def _apart(site: Site, defined: Definitions, run: Run, inputs: Inputs) -> Compiled:
    offered = {inputs.uv.sha256: inputs.uv} if inputs.uv else {}
    return Apart(site, defined, run.recipes, run.around).compiled(run.label, inputs, offered)


def sources_without(sources: Sequence[Source], packages: set[str]) -> tuple[Source, ...]:
    """The sources without some packages, and without those that have none then."""
    left = (
        replace(one, packages=tuple(name for name in one.packages if name not in packages))
        for one in sources
    )
    return tuple(one for one in left if one.packages or one.library)
