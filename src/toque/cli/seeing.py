"""``toque status``, ``logs``, ``errors``, ``doctor``: what an app does, and what is wrong."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import click

from ..doctor.diagnosis import BROKEN, DOUBTFUL, FINE, Diagnosis
from ..errors import AskedWrongly, ToqueError, Unreachable
from ..fleet.project import Project
from ..node.finding import Finding, words
from ..node.wire import finding_json, made_from
from ..usecases import seeing
from ..usecases.definitions import made_from_now, stale
from ..usecases.goback import differing
from ..usecases.place import Place
from . import asked
from .asked import json_option
from .show import printable, size

SOURCES = {"app": ("app",), "nginx": ("nginx", "access"), "deploys": ("deploys",)}
COLOURS = {"app": "cyan", "nginx": "red", "access": "bright_black", "deploys": "green"}
MARKS = {FINE: ("+", "green"), BROKEN: ("!", "red"), DOUBTFUL: ("?", "yellow")}


def moment(text: str) -> float:
    """Seconds since 1970 of ``5m``, ``2h``, ``3d``, ``90s`` ago, or of a time in ISO 8601.

    Raises ``AskedWrongly("bad-time")``.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|m|h|d)", text)
    if found:
        return (
            time.time()
            - float(found.group(1)) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[found.group(2)]
        )
    try:
        return datetime.fromisoformat(text).astimezone().timestamp()
    except ValueError:
        raise AskedWrongly(
            "bad-time",
            "this is no time",
            expected="5m, 2h, 3d or 2026-11-23T05:00",
            found=text,
            hint="--since 2h",
        ) from None


on_option = click.option(
    "--on", "target", default="", help="A node or layer; all nodes of the app otherwise."
)


@click.command()
@click.argument("app", default="")
@click.option("--since", default="10m", show_default=True, help="How far back: 5m, 2h, 3d, a time.")
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes, until Ctrl-C.")
@click.option("--app", "only_app", is_flag=True, help="Only what the app prints.")
@click.option("--nginx", "only_nginx", is_flag=True, help="Only nginx: its requests and errors.")
@click.option("--deploys", "only_deploys", is_flag=True, help="Only deploys and other runs.")
@click.option("--request", default="", help="Only what is about the request with this id.")
@on_option
@json_option
def logs(  # noqa: PLR0917 - one for each option
    app: str,
    since: str,
    follow: bool,
    only_app: bool,
    only_nginx: bool,
    only_deploys: bool,
    request: str,
    target: str,
    as_json: bool,
) -> None:
    """Show what APP, nginx and Toque have written, merged by time.

    Logs of earlier releases, also of those that are gone, are part of it.  With --json each line is
    a JSON object.
    """
    project, _ = asked.here()
    chosen = asked.only_app(project, app)
    wanted = {"app": only_app, "nginx": only_nginx, "deploys": only_deploys}
    sources = [s for name, on in wanted.items() if on for s in SOURCES[name]]
    begin = moment(since)
    places = asked.app_places(project, chosen, target)
    if follow:
        if len(places) > 1:
            raise AskedWrongly(
                "follow-one-node",
                f"{chosen.name} runs on {len(places)} nodes",
                expected="one of them: --on NODE",
                found=", ".join(place.node.name for place in places),
                hint=f"toque logs {chosen.name} --follow --on {places[0].node.name}",
            )
        for entry in seeing.logs(places[0].transport, chosen, begin, sources=sources, follow=True):
            _line(entry, "", request, as_json)
        return
    found = [
        (float(entry["at"]), number, place.node.name, entry)
        for place in places
        for number, entry in enumerate(seeing.logs(place.transport, chosen, begin, sources=sources))
    ]
    for _, _, node, entry in sorted(found, key=lambda one: one[:2]):
        _line(entry, node if len(places) > 1 else "", request, as_json)


def _line(entry: Mapping[str, Any], node: str, request: str, as_json: bool) -> None:
    if request and entry.get("request") != request:
        return
    if as_json:
        asked.tell({**({"node": node} if node else {}), **entry})
        return
    at = datetime.fromtimestamp(float(entry["at"])).astimezone()
    stamp = at.strftime("%H:%M:%S.") + f"{at.microsecond // 1000:03d}"
    source = str(entry["source"])
    word = click.style(f"{source:<7}", fg=COLOURS.get(source))
    name = f"{node}  " if node else ""
    mark = f"[{entry['request']}] " if source == "access" and entry.get("request") else ""
    click.echo(f"{stamp}  {name}{word}  {mark}{printable(str(entry['text']))}")


@click.command()
@click.argument("app", default="")
@click.option("--last", is_flag=True, help="Only the last one, with its whole trace.")
@click.option("--since", default="24h", show_default=True, help="How far back: 5m, 2h, 3d, a time.")
@click.option("--most", default=20, show_default=True, help="So many at most.")
@on_option
@json_option
def errors(  # noqa: PLR0917 - one for each option
    app: str, last: bool, since: str, most: int, target: str, as_json: bool
) -> None:
    """List the requests of APP that failed last: the cause of each, its trace, release and id.

    A visitor who got "request ID" on an error page can tell you which one was his.
    """
    project, _ = asked.here()
    chosen = asked.only_app(project, app)
    begin = moment(since)
    found = [
        {"node": place.node.name, **one}
        for place in asked.app_places(project, chosen, target)
        for one in seeing.errors(place.transport, chosen, begin, 1 if last else most)
    ]
    found.sort(key=lambda one: float(one.get("at", 0)))
    found = found[-1:] if last else found[-most:]
    if as_json:
        asked.tell({"app": chosen.name, "errors": found})
        return
    for one in found:
        _failure(one, whole=last)
    if not found:
        click.echo(f"no request of {chosen.name} has failed since {since} ago")


def _failure(one: Mapping[str, Any], *, whole: bool) -> None:
    at = datetime.fromtimestamp(float(one["at"])).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    what = f"{one.get('status', '')} {one.get('method', '')} {one.get('uri', '')}"
    code = click.style(f"[{one.get('code')}]", fg="red")
    sure = "" if one["certain"] else "perhaps: "
    click.echo(f"{at}  {printable(what)}  {code} {sure}{printable(str(one.get('message', '')))}")
    about = [f"release {one['release']}" if one["release"] else "", _request(one)]
    about += [] if one["visited"] else ["asked by Toque, not by a visitor"]
    if any(about):
        click.echo("  " + ", ".join(part for part in about if part))
    trace = [str(line) for line in one.get("trace", ())]
    trace = trace if whole else [line for line in trace if not re.fullmatch(r"[\s^~]*", line)][-3:]
    for line in trace:
        click.echo(f"  | {printable(line)}")


def _request(one: Mapping[str, Any]) -> str:
    return f"request {one['request']}" if one.get("request") else ""


@click.command()
@click.argument("app", default="")
@on_option
@json_option
def status(app: str, target: str, as_json: bool) -> None:
    """Show how the nodes and APP (all apps when left out) are: one screen.

    Per app: its release and since when it serves, its unit and restarts, memory, and how many
    requests failed in the last hour.  Nodes that serve different releases of an app are named, and
    those that last ran another lock or other cookbooks than there are here.
    """
    project, _ = asked.here()
    now = _definitions(project)
    places = asked.places(project, target) if target or not app else None
    chosen = [project.app(app)] if app else list(project.apps.values())
    places = places or asked.app_places(project, chosen[0], "")
    told: list[dict[str, Any]] = []
    for place in places:
        mine = [one for one in chosen if one.layer == place.node.layer] or chosen
        try:
            seen = seeing.status(place.transport, mine)
            with seeing.parsing("a status"):
                behind = stale(now, _made_from(seen)) if now else {}
            told.append({"node": place.node.name, **seen, "definitions": behind})
        except Unreachable as error:
            told.append({"node": place.node.name, "unreachable": str(error)})
    with seeing.parsing("a status"):
        differ = differing(told)
    if as_json:
        asked.tell({"nodes": told, "differ": differ})
        return
    for one in told:
        with seeing.parsing("a status"):
            _node(one)
    for name, releases in differ.items():
        served = "; ".join(f"{', '.join(nodes)}: {release}" for release, nodes in releases.items())
        click.echo(click.style(printable(f"{name}: its nodes serve different releases"), fg="red"))
        click.echo(f"  {printable(served)}")
        click.echo(printable(f"  toque rollback {name}, or toque deploy {name}, makes them equal"))


def _node(one: Mapping[str, Any]) -> None:
    name = click.style(str(one["node"]), bold=True)
    if "unreachable" in one:
        click.echo(
            f"{name}  {click.style('unreachable', fg='red')}: {printable(one['unreachable'])}"
        )
        return
    machine = one.get("machine", {})
    memory, disk = machine.get("memory", {}), machine.get("disk") or {}
    parts = [f"up {_span(float(one.get('up_s', 0)))}", f"load {machine.get('load', 0):.2f}"]
    if memory.get("total"):
        parts.append(f"memory {size(memory.get('available', 0))} of {size(memory['total'])} free")
    if disk:
        parts.append(f"disk {size(disk.get('free', 0))} free at {printable(str(disk['path']))}")
    click.echo(f"{name}  " + ", ".join(parts))
    for event, differ in one.get("definitions", {}).items():
        other = printable(f"  last {event}: {'; '.join(differ)}")
        click.echo(click.style(other, fg="yellow"))
    for app in one.get("apps", ()):
        _app(app, float(one.get("at", time.time())))


def _definitions(project: Project) -> Mapping[str, str]:
    """What a run of now would be made from; nothing while the cookbooks cannot be used."""
    try:
        return made_from_now(project)
    except ToqueError:
        return {}


def _made_from(seen: Mapping[str, Any]) -> dict[str, Mapping[str, str]]:
    told = dict(seen.get("made_from") or {})
    return {str(event): made_from({"made_from": one}) for event, one in told.items()}


def _app(app: Mapping[str, Any], now: float) -> None:
    name = click.style(f"{app['app']:<12}", bold=True)
    unit = app.get("unit") or {}
    if not app.get("release"):
        click.echo(f"  {name} {click.style('not deployed', fg='yellow')}")
        return
    running = bool(unit.get("running"))
    word = f"{unit.get('active')} ({unit.get('sub')})"
    state = click.style(word, fg="green" if running else "red")
    since = f" since {_ago(str(app.get('since', '')), now)}" if app.get("since") else ""
    click.echo(f"  {name} {printable(str(app['release']))}{since}  {state}")
    parts = [f"restarts {unit.get('restarts', 0)}"]
    if unit.get("memory"):
        limit = f" of {size(unit['memory_max'])}" if unit.get("memory_max") else ""
        parts.append(f"memory {size(unit['memory'])}{limit}")
    parts.append(f"{app.get('failed', 0)} of {app.get('requests', 0)} requests failed in an hour")
    if app.get("watch"):
        parts.append(f"watch: {printable(str(app['watch']))}")
    click.echo("  " + " " * 13 + ", ".join(parts))
    for last in app.get("last", ()):
        told = f"last [{last.get('code')}] {last.get('method', '')} {last.get('uri', '')}: "
        told += str(last.get("message", ""))
        click.echo("  " + " " * 13 + click.style(printable(told)[:160], fg="yellow"))


def _ago(text: str, now: float) -> str:
    try:
        then = datetime.fromisoformat(text).timestamp()
    except ValueError:
        return printable(text)
    return f"{_span(max(0.0, now - then))} ago"


def _span(seconds: float) -> str:
    for length, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * length:
            return f"{seconds // length:.0f} {unit}"
    return f"{seconds:.0f} s"


@click.command()
@click.argument("app", default="")
@click.option("--since", default="10m", show_default=True, help="How far back logs are read.")
@click.option("--bypass", is_flag=True, help="Try the hello app under the same unit, beside it.")
@on_option
@json_option
def doctor(app: str, since: str, bypass: bool, target: str, as_json: bool) -> None:
    """Walk from the visitor to the database of APP and name the link that is broken.

    Shows the evidence, the cause, and the one command that helps.  With --bypass a page of ours is
    served for a moment by the app's own unit (its user, environment and limits) beside the release:
    if that works, the fault is in the app.  Changes nothing.  Exit status 5 when something is
    broken.
    """
    project, _ = asked.here()
    chosen = asked.only_app(project, app)
    begin = moment(since)
    told, sick = [], False
    for place in asked.app_places(project, chosen, target):
        began = time.monotonic()
        diagnosis, _ = seeing.doctor(place, chosen, begin)
        took = time.monotonic() - began
        bypassed = seeing.bypass(place, chosen) if bypass else None
        found = [*diagnosis.findings]
        if bypassed is not None and bypassed.finding is not None:
            found.insert(0, bypassed.finding)
        sick = sick or any(finding.refuses for finding in found)
        told.append(
            {
                "node": place.node.name,
                "seconds": round(took, 2),
                "links": [link.__dict__ for link in diagnosis.links],
                "findings": [finding_json(finding) for finding in found],
                "bypass": bypassed.as_json() if bypassed else None,
            }
        )
        if not as_json:
            _diagnosis(place, chosen.name, diagnosis, found, took)
            if bypassed is not None:
                _bypassed(bypassed)
    if as_json:
        asked.tell({"app": chosen.name, "nodes": told})
    click.get_current_context().exit(5 if sick else 0)


def _diagnosis(
    place: Place, app: str, diagnosis: Diagnosis, found: Sequence[Finding], took: float
) -> None:
    click.echo(click.style(f"{app} on {place.node.name}", bold=True) + f"  ({took:.1f} s)")
    for link in diagnosis.links:
        mark, colour = MARKS.get(link.state, (" ", "bright_black"))
        click.echo(f"  {click.style(mark, fg=colour)} {link.name:<9} {printable(link.said)[:140]}")
    for number, finding in enumerate(found):
        click.echo()
        for line in words(finding):
            text = printable(line)
            click.echo(
                click.style(text, fg="red") if not number and text.startswith("refused") else text
            )
    if not found:
        click.echo("\nnothing is wrong that could be seen from here")


def _bypassed(one: seeing.Bypassed) -> None:
    click.echo(
        f"\nbypass: the hello app answers {printable(one.hello)}; the app {printable(one.app)}"
    )
    if one.finding is None:
        click.echo("both answer: neither app server nor app is at fault")
