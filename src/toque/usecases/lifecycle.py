"""Lifecycle events for one node: which recipes run, with what, as which parcel.

Nothing here talks to a machine; ``converge.py`` carries what is made here.
"""

from __future__ import annotations

import posixpath
import tempfile
from collections.abc import Callable, Mapping, Sequence, Set
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from ..cookbooks import load, templates
from ..cookbooks.compile import Compiled, compile_plan
from ..cookbooks.cookbook import Cookbook
from ..cookbooks.inputs import Inputs
from ..cookbooks.platforms import check_platforms
from ..errors import AskedWrongly, Failed, nearest
from ..fleet.app import App
from ..fleet.balanced import Balanced, Member
from ..fleet.foundkeys import HINTS, private_key
from ..fleet.layer import EVENTS
from ..fleet.node import Node
from ..fleet.project import Project
from ..fleet.release import Release, blank_release
from ..fleet.source import Source, token_name
from ..node.model import Facts
from ..node.values import Blob
from ..node.wire import canonical
from .apart import Apart
from .converge import Parcel
from .definitions import Definitions, definitions
from .digests import blob_of, remembered_blob
from .forgehosts import host_keys
from .packages import packages_of
from .repository import NodeRepository, login_of
from .site import LocalRepository, Repository, Site

WRITING_KINDS = (
    "checkout", "venv", "file", "directory", "link", "unit", "command", "migration", "processes",
)  # fmt: skip
TRANSPORT_FIELDS = (
    "bundle", "packed", "url", "key_path", "known_hosts", "host_keys", "token", "login", "refs",
)  # fmt: skip
# How a migration is run this time, not what it brings about.
MANNER_FIELDS = ("by", "runs", "allow_unsafe", "waits_s", "timeout_s", "lock_timeout_s",
                 "statement_timeout_s")  # fmt: skip


@dataclass(frozen=True)
class Chosen:
    """``recipes`` are the cookbooks and events of ``definitions`` that run, ``around`` the other
    cookbooks of the node's layer, ``loaded`` those of the project by name."""

    definitions: Definitions
    recipes: Sequence[tuple[Cookbook, str]]
    around: Sequence[Cookbook]
    loaded: Mapping[str, Cookbook]

    @property
    def names(self) -> set[str]:
        """The cookbooks that run."""
        return {cookbook.name for cookbook, _ in self.recipes}


@dataclass(frozen=True)
class Delivery:
    """A release and how it reaches nodes; ``files`` are the blobs it needs, on this machine."""

    app: App
    release: Release
    source: Source
    files: Mapping[str, tuple[Blob, Path]]


def inputs_for(
    site: Site,
    node: Node,
    facts: Facts,
    *,
    ports: Mapping[str, int],
    delivery: Delivery | None = None,
    run: Mapping[str, Mapping[str, Any]] | None = None,
    out: Set[str] = frozenset(),
) -> tuple[Inputs, dict[str, tuple[Blob, Path]]]:
    """What recipes see on ``node``, and the files behind the blobs they may name.

    ``out`` are nodes that a balancer sends nobody to.
    """
    project = site.project
    apps = project.apps_of(node)
    uv_path = site.uv()
    uv = remembered_blob(uv_path, site.state)
    files = {uv.sha256: (uv, uv_path), **(delivery.files if delivery else {})}
    inputs = Inputs(
        node=node.name,
        stack=project.stack.name,
        facts=replace(facts, extra={**facts.extra, "ports": dict(ports)}),
        layers=project.attributes_for(node, run),
        apps=apps,
        balanced=tuple(_balanced(site, app, out) for app in project.balanced_by(node)),
        balancers=_balancers(site, node),
        app=delivery.app if delivery else None,
        release=delivery.release if delivery else None,
        source=delivery.source if delivery else None,
        uv=uv,
        environments={app.name: site.environment(app) for app in apps},
        secrets=_tokens(site, delivery),
    )
    return inputs, files


def _balanced(site: Site, app: App, out: Set[str]) -> Balanced:
    """An app and the nodes behind its balancer, in the order of the file."""
    members = []
    for one in site.project.nodes_of(app):
        address, port = site.reach(one)
        members.append(Member(one.name, address, port, one.name in out))
    return Balanced(app, tuple(members))


def _balancers(site: Site, node: Node) -> dict[str, tuple[str, ...]]:
    """The addresses of the balancers before each app of a node."""
    project = site.project
    return {
        app.name: tuple(site.reach(one)[0] for one in project.balancers_of(app))
        for app in project.apps_of(node)
        if app.balancer
    }


def _tokens(site: Site, delivery: Delivery | None) -> dict[str, str]:
    """The secret that reads the repository of what is deployed, if it takes one."""
    if delivery is None or not delivery.source.login:
        return {}
    name = token_name(delivery.app.name)
    return {name: site.store.get(name) or ""}


def recipes_for(site: Site, node: Node, event: str, only: Sequence[str] = ()) -> Chosen | Apart:
    """The cookbooks whose recipe for ``event`` runs on ``node``, in the layer's order.

    ``only`` names recipes by hand instead: ``COOKBOOK`` or ``COOKBOOK::EVENT``.  Those of a project
    with other people's cookbooks are not imported, see ``apart.py``.
    Raises ``AskedWrongly("nothing-to-run")`` when the layer has none for the event.
    """
    project = site.project
    names = names_for(project, node, event, only)
    defined = definitions(site)
    if defined.apart:
        return Apart(site, defined, names, names_around(project, node))
    loaded = load.load_sources(defined.sources)
    around = tuple(load.find(name, loaded) for name in names_around(project, node))
    recipes = [(load.find(name, loaded), event) for name, event in names]
    return Chosen(defined, recipes, around, loaded)


def prepare(site: Site, app: App) -> None:
    """Import and read once what a parcel of ``app`` takes, while nobody waits for it yet."""
    site.environment(app)
    site.uv()
    templates.prepare()


def names_for(
    project: Project, node: Node, event: str, only: Sequence[str] = ()
) -> tuple[tuple[str, str], ...]:
    """Names of cookbooks and their events, as ``recipes_for`` says."""
    if only:
        pairs = [name.partition("::") for name in only]
        return tuple((name, given or event) for name, _, given in pairs)
    if node.layer not in project.layers:
        raise AskedWrongly(
            "unknown-layer",
            f"node {node.name} has no layer",
            expected=f"one of {', '.join(project.layers)}" if project.layers else "a layer",
            found=node.layer or "none",
            hint=nearest(node.layer, project.layers),
            place=str(project.spot / "nodes" / node.name),
        )
    names = project.layers[node.layer].cookbooks(event)
    if not names:
        raise AskedWrongly(
            "nothing-to-run",
            f"layer {node.layer} has no recipe for {event}",
            expected=f'{event} = ["COOKBOOK"] in [layers.{node.layer}]',
            found="no such line",
            hint=f"write that line, or name a recipe: toque converge {node.name} COOKBOOK::{event}",
            place=str(project.spot / "layers" / node.layer),
        )
    return tuple((name, event) for name in names)


def names_around(project: Project, node: Node) -> tuple[str, ...]:
    """The cookbooks that the node's layer names for any event: what they set holds in all."""
    layer = project.layers.get(node.layer)
    names = [name for event in EVENTS for name in layer.cookbooks(event)] if layer else []
    return tuple(dict.fromkeys(names))


def parcel(
    name: str,
    chosen: Chosen | Apart,
    inputs: Inputs,
    files: Mapping[str, tuple[Blob, Path]],
) -> tuple[Compiled, Parcel]:
    """Compile; put beside the plan what it refers to and every secret that has to be masked.

    Raises ``BadCookbook``, and ``AskedWrongly`` for attributes of cookbooks that there are not,
    or for a node that the cookbooks are not for (``platform-not-supported``).
    """
    check_platforms(chosen.definitions.manifests, chosen.names, inputs.facts, inputs.node)
    if isinstance(chosen, Apart):
        compiled = chosen.compiled(
            name, inputs, {sha256: blob for sha256, (blob, _) in files.items()}
        )
    else:
        load.check_tables(inputs.layers, chosen.loaded)
        compiled = compile_plan(name, chosen.recipes, replace(inputs, around=chosen.around))
    secrets = dict(compiled.secrets)
    for environment in inputs.environments.values():
        secrets.update(environment.named)
    blobs = {sha256: files[sha256] for sha256 in compiled.blobs}
    made_from = chosen.definitions.made_from
    return compiled, Parcel(compiled.plan, secrets, blobs, made_from=made_from)


def delivery_of(
    site: Site,
    app: App,
    repository: LocalRepository | NodeRepository,
    *,
    ref: str,
    scratch: Path,
    known: Callable[[], Sequence[str]] = tuple,
    guess: str = "",
) -> Delivery:
    """The release that ``ref`` (a branch, tag or commit) of ``repository`` becomes.

    ``known`` tells commits that the node has, so that only the rest is sent; it is called when all
    else is done, because the node may take a while to answer.  ``guess`` is one that it probably
    has: what builds on it is made before.  ``scratch`` is a private directory that outlives the
    delivery.  Raises ``Failed``: ``repository-empty``,
    ``commit-missing``, ``repository-unreachable``, ``private-key-in-tree``, and what
    ``packages_of`` raises.
    """
    # "repository" may name a folder inside a work tree: then the app is in that folder.
    app = replace(app, root=posixpath.normpath(posixpath.join(repository.prefix, app.root)))
    commit = repository.resolve(ref)
    packages = packages_of(repository, app, commit, site.export, partial(site.resolve, app.name))
    _no_private_keys(repository, app, commit)
    release = blank_release(app.name, commit)
    source = Source(
        packages.lock,
        beside=packages.beside,
        whole=packages.whole,
        own=packages.own,
        subject=repository.subject(commit),
        host_keys=host_keys(site.state),
    )
    if isinstance(repository, NodeRepository):  # nothing is sent to a node that fetches by itself
        login = login_of(app) if site.store.get(token_name(app.name)) else ""
        return Delivery(app, release, replace(source, url=app.repository, login=login), {})
    target = scratch / f"{commit}.bundle"
    if guess:
        repository.bundle(commit, target, [guess])
    there = known()
    if not guess or guess not in there:
        repository.bundle(commit, target, there)
    blob = blob_of(target)
    return Delivery(app, release, replace(source, bundle=blob), {blob.sha256: (blob, target)})


def kept_delivery(app: App, entry: Mapping[str, Any]) -> Delivery:
    """A release that a node has kept, as ``toque-node releases`` tells of it."""
    release = Release(str(entry["id"]), app.name, str(entry["commit"]))
    return Delivery(app, release, Source(b"", kept=True), {})


def content_of(compiled: Compiled) -> bytes:
    """What a deploy with a blank release id writes: the content that names the release.

    Everything that reaches the node counts (settings, variables, templates, attributes), the way
    by which the code gets there does not.
    """
    left_out = {"migration": (*TRANSPORT_FIELDS, *MANNER_FIELDS)}
    steps = [
        [
            step.kind,
            {
                k: v
                for k, v in step.fields.items()
                if k not in left_out.get(step.kind, TRANSPORT_FIELDS)
            },
        ]
        for step in compiled.plan.steps
        if step.kind in WRITING_KINDS
    ]
    way = {
        token_name(step.fields["app"]) for step in compiled.plan.steps if step.kind == "checkout"
    }
    secrets = [(name, text) for name, text in compiled.secrets.items() if name not in way]
    return canonical([steps, sorted(secrets)])


def scratch_directory(state: Path) -> AbstractContextManager[str]:
    """A private directory for what is on its way to a node."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    return tempfile.TemporaryDirectory(prefix="send-", dir=state)


def _no_private_keys(repository: Repository, app: App, commit: str) -> None:
    """Raise ``private-key-in-tree`` for a key that whoever reads the release could read."""
    for path in repository.containing(commit, HINTS):
        if path in app.harmless_keys:
            continue
        found = private_key((repository.read(commit, path) or b"").decode("utf-8", "replace"))
        if found is not None:
            line, kind = found
            raise Failed(
                "private-key-in-tree",
                f"commit {commit[:12]} holds a private key",
                expected="keys outside the repository: toque env set NAME --secret --file FILE",
                found=f"{path}:{line}: {kind}",
                hint="replace that key where it is used, and remove the file; a key that protects "
                f'nothing may be named: harmless_keys = ["{path}"] in [apps.{app.name}]',
            )
