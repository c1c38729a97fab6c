"""``toque setup``, ``deploy``, ``rollback``, ``releases``: an app's life on its nodes."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import click

from ..errors import Failed, ToqueError
from ..fleet.app import App
from ..node.verdicts import UNKNOWN
from ..node.wire import report_json
from ..usecases import deploy as deploying
from ..usecases import setup as setting
from ..usecases.across import Across, refuse
from ..usecases.afterwards import Watched, follow
from ..usecases.environment import pending
from ..usecases.place import Place
from ..usecases.site import Site
from . import asked
from .asked import json_option, verbose_option, without_option
from .show import Shown, moment, printable


@click.command()
@click.argument("target", default="")
@click.option("--only-setup", is_flag=True, help="Deploy nothing afterwards.")
@verbose_option
@json_option
def setup(target: str, only_setup: bool, verbose: bool, as_json: bool) -> None:
    """Converge the setup recipes of TARGET (all nodes when left out), then deploy its apps.

    Safe to repeat: what is already right is not touched.
    """
    set_up(target, only_setup, verbose, as_json)


def set_up(target: str, only_setup: bool, verbose: bool, as_json: bool) -> None:
    """Set up the nodes that TARGET means and deploy their apps."""
    project, site = asked.here()
    found: list[dict[str, Any]] = []
    for place in asked.places(project, target):
        with Shown(quiet=as_json, verbose=verbose) as shown, asked.stoppable() as stop:
            shown.heading(f"setup {place.node.name}")
            report = setting.setup(site, place, watch=shown, stop=stop)
            shown.summary(place.node.name, report)
        entry: dict[str, Any] = {"node": place.node.name, "setup": report_json(report), "apps": []}
        for app in () if only_setup else project.apps_of(place.node):
            entry["apps"] += deploy_app(site, app, [place], ref="", verbose=verbose, quiet=as_json)
        found.append(entry)
    if as_json:
        asked.tell({"nodes": found})


@click.command()
@click.argument("app", default="")
@click.option("--ref", default="", help="Branch, tag or commit; the app's branch when left out.")
@click.option("--on", "target", default="", help="A node or layer; all nodes of the app otherwise.")
@without_option
@click.option("--batch", default="1", metavar="N|N%", help="How many nodes are switched at a time.")
@click.option(
    "--allow-unsafe-migration",
    is_flag=True,
    help="Run migrations that the release which serves cannot live with.",
)
@click.option(
    "--watch", is_flag=True, help="Wait until the new release has been watched; fail if it goes."
)
@verbose_option
@json_option
def deploy(
    app: str,
    *,
    ref: str,
    target: str,
    without: tuple[str, ...],
    batch: str,
    allow_unsafe_migration: bool,
    watch: bool,
    verbose: bool,
    as_json: bool,
) -> None:
    """Put a commit of APP in place of the running release, without losing a request.

    When a step fails the old release goes on serving.  Pending migrations are judged before they
    are run: one that drops a column which running code uses is refused, with its file and line.

    Several nodes build and rehearse it side by side and are then switched, a batch at a time; when
    one fails, all serve what they served.  A node that is down ends it before anything is begun;
    --without leaves it out, and its visitors to the others, until the next deploy.

    The node then watches the new release for a while (watch_for in toque.toml) and goes back to
    the one before by itself when visitors get more errors, or slower answers, than before.
    """
    project, site = asked.here()
    chosen = asked.only_app(project, app)
    places = asked.app_places(project, chosen, target, without)
    balancers = asked.balancer_places(project, chosen)
    with Shown(quiet=as_json, verbose=verbose, diffs=verbose) as shown, asked.stoppable() as stop:
        shown.heading(f"deploy {chosen.name} {ref or chosen.branch}")
        several = len(places) > 1 or bool(balancers)
        found = deploying.deploy(
            site,
            chosen,
            places,
            ref=ref,
            allow_unsafe_migration=allow_unsafe_migration,
            balancers=balancers,
            without=without,
            batch=batch,
            watch=shown.of if several else lambda node: shown,
            stop=stop,
            say=shown.heading if several else lambda text: None,
        )
        done = _told(shown, chosen, found)
    watched = _watched(site, chosen, places, balancers, done, quiet=as_json) if watch else []
    if as_json:
        verdicts = {"watched": [one.as_json() for one in watched]} if watch else {}
        asked.tell({"app": chosen.name, "nodes": done, **verdicts})


def _watched(
    site: Site,
    app: App,
    places: list[Place],
    balancers: list[Place],
    done: list[dict[str, Any]],
    *,
    quiet: bool,
) -> list[Watched]:
    """Wait for the verdict of each node, and say it.  When one goes back, all do."""
    on = {place.node.name: place for place in places}
    with Shown(quiet=quiet) as shown, asked.stoppable() as stop:
        if app.watch_for:
            shown.heading(f"watching {app.name} on {', '.join(on)} for {app.watch_for} s")
        try:
            found = follow([(on[one["node"]], one["release"]) for one in done], app)
        except Failed as error:
            if error.code != "put-back" or len(places) == 1:
                raise
            shown.heading(f"{error.trouble.message}: the others follow")
            try:
                with_it = deploying.rollback(
                    site,
                    app,
                    places,
                    agree=lambda across: None,  # its watcher has gone back across it already
                    balancers=balancers,
                    watch=shown.of,
                    stop=stop,
                    say=shown.heading,
                )
            except ToqueError as second:
                raise second from error
            names = ", ".join(one.node for one in with_it)
            message = f"{error.trouble.message}; with it: {names}"
            error.trouble = replace(error.trouble, message=message)
            raise
        for one in found:
            why = f": {'; '.join(one.reasons)}" if one.reasons else ""
            verdict = one.verdict or "not watched: nothing else was running"
            shown.heading(printable(f"{one.node}: {one.release} {verdict}{why}"))
    return found


def deploy_app(
    site: Site,
    app: App,
    places: list[Place],
    *,
    ref: str,
    verbose: bool,
    quiet: bool,
) -> list[dict[str, Any]]:
    """Deploy one app as it goes, and say what serves then."""
    with Shown(quiet=quiet, verbose=verbose, diffs=verbose) as shown, asked.stoppable() as stop:
        shown.heading(f"deploy {app.name} {ref or app.branch}")
        found = deploying.deploy(site, app, places, ref=ref, watch=lambda node: shown, stop=stop)
        return _told(shown, app, found)


def _told(shown: Shown, app: App, done: list[deploying.Deployed]) -> list[dict[str, Any]]:
    for one in done:
        shown.summary(one.node, one.report)
        shown.heading(f"{one.node}: {app.name} serves {one.commit[:12]} {printable(one.subject)}")
    return [one.as_json() for one in done]


def deploy_same(
    site: Site, app: App, places: list[Place], *, verbose: bool, quiet: bool
) -> list[dict[str, Any]]:
    """Each place's commit again, with today's variables and settings."""
    with Shown(quiet=quiet, verbose=verbose, diffs=verbose) as shown, asked.stoppable() as stop:
        watch = shown.of if len(places) > 1 else lambda node: shown
        done = deploying.deploy(site, app, places, same=True, watch=watch, stop=stop)
        for one in done:
            shown.summary(one.node, one.report)
            shown.heading(f"{one.node}: {app.name} serves {one.commit[:12]} as {one.release}")
    return [one.as_json() for one in done]


@click.command()
@click.argument("app", default="")
@click.option("--to", default="", help="A kept release or commit; the one before when left out.")
@click.option("--on", "target", default="", help="A node or layer; all nodes of the app otherwise.")
@without_option
@click.option(
    "--across-migrations",
    is_flag=True,
    help="Go back although its code may not work with the database of now.",
)
@verbose_option
@json_option
def rollback(
    app: str,
    *,
    to: str,
    target: str,
    without: tuple[str, ...],
    across_migrations: bool,
    verbose: bool,
    as_json: bool,
) -> None:
    """Go back to an earlier release of APP: its code, packages and environment together.

    Done again, it goes further back; --to also goes to a release that you went back from.

    Nothing is fetched or built.  Several nodes go as in a deploy: all start it beside theirs, then
    they are switched one by one, and one that fails leaves all where they were.  When one has gone
    back by itself, the others follow it.  --without leaves out one that is down.

    The database stays as it is: which migrations were run since is told first.  When the old code
    is not known to work with them you are asked, or, where nobody can answer or it is known that it
    may break, refused.
    """
    project, site = asked.here()
    chosen = asked.only_app(project, app)
    places = asked.app_places(project, chosen, target, without)
    balancers = asked.balancer_places(project, chosen)
    several = len(places) > 1 or bool(balancers)
    with Shown(quiet=as_json, verbose=verbose) as shown, asked.stoppable() as stop:

        def agree(across: Across) -> None:
            for line in () if as_json else across.lines:
                shown.heading(printable(line))
            unsure = across.migrations is not None and across.verdict == UNKNOWN
            if unsure and not across_migrations and not as_json and sys.stdin.isatty():
                shown.confirm("Go back all the same?")
            elif not across_migrations:
                refuse(across)

        done = deploying.rollback(
            site,
            chosen,
            places,
            to=to,
            agree=agree,
            balancers=balancers,
            without=without,
            watch=shown.of if several else lambda node: shown,
            stop=stop,
            say=shown.heading if several else lambda text: None,
        )
        if not done:
            shown.heading(f"all nodes of {chosen.name} serve it already")
        for one in done:
            shown.summary(one.node, one.report)
            shown.heading(f"{one.node}: {chosen.name} serves {one.commit[:12]} again")
    if as_json:
        asked.tell({"app": chosen.name, "nodes": [one.as_json() for one in done]})


@click.command()
@click.argument("app", default="")
@click.option("--on", "target", default="", help="A node or layer; all nodes of the app otherwise.")
@json_option
def releases(app: str, target: str, as_json: bool) -> None:
    """List the releases of APP that its nodes keep, newest deployment first."""
    project, site = asked.here()
    chosen = asked.only_app(project, app)
    found = {
        place.node.name: deploying.releases(place.transport, chosen)
        for place in asked.app_places(project, chosen, target)
    }
    if as_json:
        nodes = [
            {"node": node, "releases": kept, "environment": pending(site, chosen, kept).as_json()}
            for node, kept in found.items()
        ]
        asked.tell({"app": chosen.name, "nodes": nodes})
        return
    for node, kept in found.items():
        click.echo(click.style(node, bold=True))
        for entry in kept:
            mark = "*" if entry.get("current") else " "
            state = "running" if entry.get("running") else ""
            verdict = ": ".join(str(entry[k]) for k in ("verdict", "why") if entry.get(k))
            when = moment(str(entry.get("deployed_at") or "never served"))
            click.echo(
                printable(f"{mark} {entry['id']}  {when:<20}  {state:<7}  {verdict}".rstrip())
            )
        if waits := pending(site, chosen, kept):
            click.echo(click.style(printable(f"  environment {waits}"), fg="yellow"))
