"""``toque.toml``: found, read, checked; the only file that knows its shape."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Any

from ..errors import AskedWrongly, nearest
from ..node.record import dataclass
from .app import App
from .attribute_layer import AttributeLayer
from .checks import check_app, check_layer, check_node, check_sites, check_stack
from .layer import Layer
from .names import here
from .node import Node
from .spot import Spot, lines_of
from .stack import Stack
from .typed import read

FILE = "toque.toml"
KEPT = ".toque/toque.toml"  # what `toque up` found out of a project that has no file of ours


@dataclass(frozen=True)
class Project:
    """One stack with all that belongs to it.  ``cookbooks`` are absolute directories, with those
    of other people's code when ``apart``: then none of them is imported into this process."""

    stack: Stack
    layers: Mapping[str, Layer]
    nodes: Mapping[str, Node]
    apps: Mapping[str, App]
    cookbooks: tuple[Path, ...]
    directory: Path
    spot: Spot = field(default_factory=lambda: Spot(FILE), repr=False, compare=False)
    apart: bool = False

    def node(self, name: str) -> Node:
        """Raises ``AskedWrongly("unknown-node")``."""
        if name in self.nodes:
            return self.nodes[name]
        raise AskedWrongly(
            "unknown-node",
            f"there is no node '{name}' in {self.spot.file}",
            expected=_one_of(self.nodes),
            found=name,
            hint=nearest(name, self.nodes),
            place=str(self.spot / "nodes"),
        )

    def app(self, name: str) -> App:
        """Raises ``AskedWrongly("unknown-app")``."""
        if name in self.apps:
            return self.apps[name]
        raise AskedWrongly(
            "unknown-app",
            f"there is no app '{name}' in {self.spot.file}",
            expected=_one_of(self.apps),
            found=name,
            hint=nearest(name, self.apps),
            place=str(self.spot / "apps"),
        )

    def nodes_of(self, app: App) -> tuple[Node, ...]:
        """The nodes that run ``app``, in the order of the file."""
        return tuple(node for node in self.nodes.values() if node.layer == app.layer)

    def balancers_of(self, app: App) -> tuple[Node, ...]:
        """The nodes that pass visitors on to ``app``; none without a balancer."""
        return tuple(n for n in self.nodes.values() if app.balancer and n.layer == app.balancer)

    def balanced_by(self, node: Node) -> tuple[App, ...]:
        """The apps that ``node`` passes visitors on to."""
        return tuple(app for app in self.apps.values() if app.balancer == node.layer)

    def apps_of(self, node: Node) -> tuple[App, ...]:
        return tuple(app for app in self.apps.values() if app.layer == node.layer)

    def attributes_for(
        self, node: Node, run: Mapping[str, Mapping[str, Any]] | None = None
    ) -> tuple[AttributeLayer, ...]:
        """Weakest first: stack, the node's layer, node, and what this run adds."""
        layer = self.layers.get(node.layer) or Layer(node.layer)

        def at(*path: str) -> Spot:
            return Spot(self.spot.file, (*path, "attributes"), self.spot.lines)

        return (
            AttributeLayer("stack", self.stack.attributes, at("stack")),
            AttributeLayer(f"layer {layer.name}", layer.attributes, at("layers", layer.name)),
            AttributeLayer(f"node {node.name}", node.attributes, at("nodes", node.name)),
            AttributeLayer("run", run or {}),
        )

    def repository(self, app: App) -> str:
        """The app's URL, or the absolute path of its repository on this machine."""
        if app.remote:
            return app.repository
        return str(here(self.directory, app.repository).resolve())


def find_project(start: Path) -> Path:
    """The nearest ``toque.toml`` at or above ``start``, or what ``toque up`` keeps instead of one.

    Raises ``AskedWrongly("no-project")``.
    """
    start = start.resolve()
    for directory in (start, *start.parents):
        for name in (FILE, KEPT):
            if (directory / name).is_file():
                return directory / name
    raise AskedWrongly(
        "no-project",
        f"there is no {FILE} here",
        expected=f"{FILE} in {start} or a directory above it",
        found=f"none; looked in {', '.join(str(d) for d in (start, *start.parents))}",
        hint="cd into the project; or toque up HOST, which needs no file; or toque init",
    )


def load_project(path: Path) -> Project:
    """Read a project file.  Raises ``AskedWrongly``."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise AskedWrongly(
            "file-unreadable",
            f"{path.name} cannot be read",
            expected="a readable UTF-8 text",
            found=str(error),
            hint=f"ls -l {path}",
            place=str(path),
        ) from error
    directory = path.parent.resolve()
    if path.name == FILE and str(path).endswith(f"/{KEPT}"):
        return parse_project(text, directory.parent, file=KEPT)
    return parse_project(text, directory, file=path.name)


def parse_project(text: str, directory: Path, *, file: str = FILE) -> Project:
    """The project that ``text`` describes.  Pure; raises ``AskedWrongly``."""
    root = Spot(file, (), lines_of(text))
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise AskedWrongly(
            "bad-toml",
            f"{file} is not valid TOML",
            expected="TOML 1.0",
            found=str(error),
            place=file,
        ) from error
    _known(data, ("stack", "layers", "nodes", "apps"), root)
    at = root / "stack"
    stack = read(Stack, [(_table(data, "stack", root), at)], at=at)
    check_stack(stack, at)
    layers = _each(Layer, data, "layers", root)
    nodes = _each(Node, data, "nodes", root)
    apps = _each(App, data, "apps", root)
    for name, layer in layers.items():
        check_layer(layer, root / "layers" / name)
    for name, node in nodes.items():
        check_node(node, layers, root / "nodes" / name)
    for name, app in apps.items():
        check_app(app, layers, root / "apps" / name)
    check_sites(apps, root / "apps")
    paths = (*stack.cookbooks, *stack.untrusted)
    cookbooks = tuple(here(directory, path).resolve() for path in paths)
    return Project(
        stack, layers, nodes, apps, cookbooks, directory, root, apart=bool(stack.untrusted)
    )


def _each(kind: type[Any], data: Mapping[str, Any], key: str, root: Spot) -> dict[str, Any]:
    tables = _table(data, key, root) if key in data else {}
    made = {}
    for name in tables:
        at = root / key / name
        made[name] = read(
            kind, [(_table(tables, name, root / key), at)], at=at, given={"name": name}
        )
    return made


def _table(data: Mapping[str, Any], key: str, at: Spot) -> Mapping[str, Any]:
    if key not in data:
        raise AskedWrongly(
            "key-missing",
            f"{at.file} needs a table [{key}]",
            expected=f"[{key}]",
            found="no such table",
            place=str(at),
        )
    if not isinstance(data[key], Mapping):
        raise AskedWrongly(
            "wrong-type",
            f"{(at / key).name} has a value of another type",
            expected="a table",
            found=repr(data[key]),
            place=str(at / key),
        )
    found: Mapping[str, Any] = data[key]
    return found


def _known(data: Mapping[str, Any], known: tuple[str, ...], at: Spot) -> None:
    for key in data:
        if key not in known:
            raise AskedWrongly(
                "unknown-key",
                f"there is no table '{key}' in {at.file}",
                expected=_one_of(known),
                found=key,
                hint=nearest(key, known),
                place=str(at / key),
            )


def _one_of(known: Mapping[str, object] | tuple[str, ...]) -> str:
    return f"one of {', '.join(known)}" if known else "at least one to be declared"
