"""What types cannot say about a project's values."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import AskedWrongly, nearest
from . import names
from .app import App, Database
from .layer import EVENTS, Layer
from .node import Node
from .spot import Spot
from .stack import Stack

SOURCES = ("generate", "file:PATH", "env:NAME")


def check_stack(stack: Stack, at: Spot) -> None:
    names.name(stack.name, at / "name")
    for path in stack.cookbooks:
        names.local_path(path, at / "cookbooks")
    for path in stack.untrusted:
        names.local_path(path, at / "untrusted")


def check_layer(layer: Layer, at: Spot) -> None:
    names.name(layer.name, at)
    for event in EVENTS:
        for cookbook in layer.cookbooks(event):
            names.cookbook_name(cookbook, at / event)


def check_node(node: Node, layers: Mapping[str, Layer], at: Spot) -> None:
    names.name(node.name, at)
    names.address(node.address, at / "address")
    if node.port is not None:
        names.within(node.port, 1, 65535, at / "port")
    if node.key is not None:
        names.local_path(node.key, at / "key")
    _layer_known(node.layer, layers, at / "layer")


def check_app(app: App, layers: Mapping[str, Layer], at: Spot) -> None:
    names.app_name(app.name, at)
    _layer_known(app.layer, layers, at / "layer")
    if app.balancer:
        _balancer(app, layers, at / "balancer")
    names.repository(app.repository, at / "repository")
    names.ref(app.branch, at / "branch")
    names.inside(app.root, at / "root")
    names.inside(app.lock, at / "lock")
    names.entry(app.entry, at / "entry")
    _interface(app, at / "interface")
    if app.python is not None:
        names.python(app.python, at / "python")
    names.within(app.processes, 1, 512, at / "processes")
    names.within(app.answers, 1, 100, at / "answers")
    names.within(app.starts_within, 1, 600, at / "starts_within")
    if app.build_memory:
        names.within(app.build_memory, 64, 1 << 20, at / "build_memory")
    names.within(app.build_within, 1, 86400, at / "build_within")
    names.within(app.keep, 1, 100, at / "keep")
    names.within(app.watch_for, 0, 3600, at / "watch_for")
    names.within(app.finish_within, 0, 86400, at / "finish_within")
    for domain in app.domains:
        names.domain(domain, at / "domains")
    names.web_path(app.health, at / "health")
    for path in app.harmless_keys:
        names.inside(path, at / "harmless_keys")
    for argument in app.migrate:
        names.value(argument, at / "migrate")
    _files(app, at)
    for name, most in (("lock_timeout", 3600), ("statement_timeout", 86400),
                       ("within", 86400), ("waits", 3600)):  # fmt: skip
        names.within(getattr(app.migrations, name), 1, most, at / "migrations" / name)
    _processes(app, at)
    for code in app.accepts:
        names.code(code, at / "accepts")
    for name, value in app.env.items():
        names.variable(name, at / "env" / name)
        names.value(value, at / "env" / name)
    for name, source in app.secrets.items():
        names.variable(name, at / "secrets" / name)
        _source(source, at / "secrets" / name)
    if app.database:
        _database(app.database, at / "database")
    _twice(app, at)


def _files(app: App, at: Spot) -> None:
    for package in app.packages:
        names.package(package, at / "packages")
    for path in app.shared:
        names.inside(path, at / "shared")
    for url, folder in app.static.items():
        names.web_folder(url, at / "static" / url)
        names.plain_inside(folder, at / "static" / url)
    if app.build:
        names.command(app.build.command, at / "build" / "command")
        for folder in app.build.writes:
            names.inside(folder, at / "build" / "writes")
        for name in app.build.variables:
            names.variable(name, at / "build" / "variables")


def check_sites(apps: Mapping[str, App], at: Spot) -> None:
    """Raise for apps of one layer, whose sites are on the same nodes, that nginx could not tell
    apart: ``domain-taken``, ``domain-missing``."""
    taken: dict[tuple[str, str], str] = {}
    for app in apps.values():
        for domain in app.domains or ("",):
            other = taken.setdefault((app.layer, domain), app.name)
            spot = at / app.name / "domains"
            if other == app.name:
                continue
            if not domain:
                raise AskedWrongly(
                    "domain-missing",
                    f"{other} and {app.name} would both answer to every name",
                    expected=f"domains for all apps of layer {app.layer} but one",
                    found="none for two",
                    hint=f'domains = ["{app.name}.example"] in [apps.{app.name}]',
                    place=str(spot),
                )
            raise AskedWrongly(
                "domain-taken",
                f"app {other} has the domain {domain} already",
                expected=f"a domain of its own for each app of layer {app.layer}",
                found=f"{domain} in {other} and {app.name}",
                hint="take it out of one of them",
                place=str(spot),
            )


def _processes(app: App, at: Spot) -> None:
    """Workers and schedules; one name is one unit, so they share theirs."""
    for name, worker in app.workers.items():
        names.process_name(name, at / "workers" / name)
        names.program(worker.command, at / "workers" / name / "command")
        names.within(worker.count, 1, worker.most, at / "workers" / name / "count")
        names.within(worker.stop_within, 1, 86400, at / "workers" / name / "stop_within")
    for name, schedule in app.schedules.items():
        names.process_name(name, at / "schedules" / name)
        names.program(schedule.command, at / "schedules" / name / "command")
        names.calendar(schedule.at, at / "schedules" / name / "at")
        if name in app.workers:
            raise AskedWrongly(
                "process-twice",
                f"{name} of app {app.name} is a worker and a schedule",
                expected="one name for one of them",
                found=name,
                place=str(at / "schedules" / name),
            )


def _layer_known(name: str, layers: Mapping[str, Layer], at: Spot) -> None:
    if name not in layers:
        raise AskedWrongly(
            "unknown-layer",
            f"there is no layer '{name}'",
            expected=f"one of {', '.join(layers)}" if layers else f"a table [layers.{name}]",
            found=name,
            hint=nearest(name, layers),
            place=str(at),
        )


def _balancer(app: App, layers: Mapping[str, Layer], at: Spot) -> None:
    _layer_known(app.balancer, layers, at)
    if app.balancer == app.layer:
        raise AskedWrongly(
            "balancer-is-member",
            f"app {app.name} is balanced by the nodes that serve it",
            expected="a layer of its own for the balancer",
            found=app.balancer,
            place=str(at),
        )
    if not layers[app.balancer].configure:
        raise AskedWrongly(
            "balancer-not-configured",
            f"layer {app.balancer} cannot be told which nodes are out",
            expected='setup = ["balancer"] and configure = ["balancer"] there',
            found="no recipe for configure",
            place=str(at),
        )


def _source(source: str, at: Spot) -> None:
    kind, _, rest = source.partition(":")
    good = source == "generate" or (kind == "file" and rest and not names.invisible(rest))
    if kind == "env" and rest:
        good = bool(names.VARIABLE.fullmatch(rest))
    if not good:
        # What stands here may be the secret itself, so it is not shown.
        raise AskedWrongly(
            "bad-secret-source",
            f"{at.name} does not say where the secret comes from",
            expected=f"one of {', '.join(SOURCES)}",
            found="something else (not shown: it may be the secret itself)",
            hint="a secret's text never stands in this file",
            place=str(at),
        )


def _database(database: Database, at: Spot) -> None:
    names.name(database.name.replace("_", "-"), at / "name")
    if database.role:
        names.name(database.role.replace("_", "-"), at / "role")
    names.variable(database.variable, at / "variable")
    for part, variable in database.parts.items():
        names.variable(variable, at / "parts" / part)
    if database.host:
        names.domain(database.host.lower(), at / "host")
    names.within(database.port, 1, 65535, at / "port")
    names.name(database.scheme.replace("+", "-"), at / "scheme")


def _interface(app: App, at: Spot) -> None:
    """uWSGI and gunicorn call WSGI apps, uvicorn ASGI apps, granian both."""
    only = {"uwsgi": "wsgi", "gunicorn": "wsgi", "uvicorn": "asgi"}.get(app.server)
    if only and app.interface not in ("auto", only):
        raise AskedWrongly(
            "server-interface",
            f"{app.server} does not serve {app.interface.upper()} apps",
            expected=f'interface = "{only}", or another server',
            found=app.interface,
            hint='server = "granian" serves both',
            place=str(at),
        )


def _twice(app: App, at: Spot) -> None:
    from_database = app.database.variables if app.database else frozenset()
    twice = (set(app.env) & set(app.secrets)) | (from_database & {*app.env, *app.secrets})
    if twice:
        name = sorted(twice)[0]
        raise AskedWrongly(
            "variable-twice",
            f"{name} of app {app.name} is set in two places",
            expected="each variable in one of env, secrets and database",
            found=name,
            place=str(at / ("secrets" if name in app.secrets else "env") / name),
        )
