"""``toque up``: from a repository to a served site, with toque.toml or without any file of ours."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from .. import bootstrap
from ..detect import detect
from ..detect.found import Variable
from ..errors import AskedWrongly, Failed, Unreachable
from ..fleet.node import Node
from ..fleet.project import FILE, KEPT, find_project
from ..node.model import Facts, Status
from ..node.wire import report_json
from ..usecases import converge, online, unfiled
from ..usecases import deploy as deploying
from ..usecases import setup as setting
from ..usecases.converge import StepError
from ..usecases.place import Place
from ..usecases.site import Site
from ..usecases.unfiled import Unfiled
from . import asked, found, trusting
from .app import deploy_app, set_up
from .asked import json_option, verbose_option
from .show import Shown, printable


@dataclass(frozen=True)
class Wish:
    """What the command line asks for."""

    target: str
    entry: str
    domains: tuple[str, ...]
    health: str
    accepts: tuple[str, ...]
    fingerprint: str
    yes: bool
    verbose: bool
    as_json: bool

    @property
    def asks(self) -> bool:
        """Whether there is somebody to answer."""
        return sys.stdin.isatty() and not self.as_json and not self.yes


@click.command()
@click.argument("target", default="")
@click.option("--entry", default="", metavar="MODULE:NAME", help="The app, where several could be.")
@click.option("--domain", "domains", multiple=True, help="A name of the site; may be repeated.")
@click.option("--health", default="", metavar="/PATH", help="A page that answers 200; / otherwise.")
@click.option("--accept", "accepts", multiple=True, metavar="CODE", help="Go on although CODE.")
@click.option("--fingerprint", default="", help="SHA256:... of the host key of a new machine.")
@click.option("--yes", is_flag=True, help="Ask nothing, and go on where something is unsure.")
@verbose_option
@json_option
def up(**options: Any) -> None:
    """Put the project here online on TARGET: from nothing to a served site.

    With a toque.toml that is `toque setup` by another name.  Without one, the project is looked at
    (nothing of it is run): its app, packages, variables, database, migrations.  What was found and
    why is shown, then what would change on TARGET, then it is done.  TARGET is root@HOST,
    kitchen:NAME or local.  It may be left out the next time, and so may the other choices.

    What is deployed is the commit that is checked out.
    """
    wish = Wish(**options)
    if not _has_file():
        _without_file(wish)
        return
    if wish.entry or wish.domains or wish.health or wish.accepts or wish.fingerprint:
        raise AskedWrongly(
            "usage",
            f"{FILE} says what the app is, so there is nothing to say here",
            expected="no --entry, --domain, --health, --accept or --fingerprint",
            found="at least one of them",
            hint=f"write it into {FILE}; toque node trust NODE confirms a host key",
        )
    set_up(wish.target, False, wish.verbose, wish.as_json)


def _has_file() -> bool:
    try:
        return not str(find_project(Path.cwd())).endswith(f"/{KEPT}")
    except AskedWrongly:
        return False


def _directory() -> Path:
    """Where the run before was, or here."""
    try:
        return find_project(Path.cwd()).parent.parent
    except AskedWrongly:
        return Path.cwd().resolve()


def _without_file(wish: Wish) -> None:
    directory = _directory()
    repository = bootstrap.open_repository_at(directory)
    commit = repository.resolve_head()
    project = detect(bootstrap.commit_tree(repository, commit), entry=wish.entry)
    uncommitted = [p for p in repository.uncommitted() if ".toque" not in p.split("/")]
    if not wish.as_json:
        found.tell(project)
        found.tell_commit(commit, repository.subject(commit), uncommitted)
    before = unfiled.before(directory)
    nodes = unfiled.nodes_with(before, wish.target)
    if not nodes:
        raise AskedWrongly(
            "no-target",
            "no TARGET was given, and there was none before",
            expected="root@HOST, kitchen:NAME or local",
            found="nothing",
            hint="toque up root@HOST",
        )
    domains = wish.domains or unfiled.domains_of(before)
    done = []
    for name, where in nodes.items():
        if wish.target not in ("", name, where):
            continue
        place = _place(wish, Node(name, where, unfiled.LAYER), directory)
        facts = converge.gather_facts(place.transport)
        address = _address(place, facts, directory)
        one = unfiled.described(
            project,
            directory,
            name=unfiled.name_of(directory, before),
            branch=repository.branch() or "main",
            nodes=nodes,
            host=address,
            domains=domains,
            health=wish.health or unfiled.health_of(before),
            accepts=tuple(dict.fromkeys((*unfiled.accepts_of(before), *wish.accepts))),
        )
        place = Place(one.project.nodes[name], place.transport, place.ports)
        unfiled.keep(one, directory)
        site = bootstrap.open_site(one.project)
        unfiled.fill(one, site, lambda variable: _value(wish, variable))
        _agree(wish, one, site, place, facts, unsure=bool(uncommitted))
        done.append(
            _do(
                wish,
                one,
                site,
                place,
                commit=commit,
                url=_url(domains[0] if domains else address, place),
            )
        )
    if wish.as_json:
        asked.tell({"found": found.as_json(project), "commit": commit, "nodes": done})


def _place(wish: Wish, node: Node, directory: Path) -> Place:
    """The way to a node; the host key of a new machine is confirmed first."""
    over_ssh = not node.local and not node.kitchen
    if over_ssh and (wish.fingerprint or not bootstrap.is_trusted(node, directory)):
        if not wish.fingerprint and not wish.asks:
            shown = bootstrap.shown_key(bootstrap.ssh_target(node, directory)).fingerprint
            raise Unreachable(
                "host-key-unknown",
                f"nobody has confirmed the host key of {node.address} yet",
                expected="a fingerprint you have seen on the machine itself",
                found=shown,
                hint=f"toque up {node.address} --fingerprint {shown}",
            )
        trusting.trust(node, directory, fingerprint=wish.fingerprint)
    begun = asked.ahead().places.get(node.name)
    if begun is not None and begun.node.address == node.address:
        return begun
    return bootstrap.connect(node, directory)


def _address(place: Place, facts: Facts, directory: Path) -> str:
    """The name or address by which the machine is reached."""
    if place.node.kitchen:
        return bootstrap.kitchen_address(place.node)
    if place.node.local:
        return next(iter(facts.addresses), "localhost")
    return bootstrap.ssh_target(place.node, directory).host


def _url(host: str, place: Place) -> str:
    port = place.ports.get("http", 80)
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}/" if port == 80 else f"http://{shown}:{port}/"


def _value(wish: Wish, variable: Variable) -> str | None:
    """A variable that the code needs, from whoever sits there."""
    if not wish.asks:
        return None
    where = f"{variable.why.path}:{variable.why.line}"
    question = printable(f"{variable.name}, which {where} needs")
    return str(click.prompt(question, hide_input=variable.secret))


def _agree(
    wish: Wish, one: Unfiled, site: Site, place: Place, facts: Facts, *, unsure: bool
) -> None:
    """Say what would change; ask where something is unsure.

    Raises ``Failed("machine-in-use")`` where there is nobody to ask, and what ``fit`` raises.
    """
    name = place.node.name
    notes = online.fit(one.found, facts, name)
    survey = converge.ask(place.transport, ["survey"], "survey")
    foreign = online.in_use(survey, one.found)
    with Shown(quiet=wish.as_json or not wish.verbose) as shown:
        report = setting.plan(site, place, watch=shown).report
    if not wish.as_json:
        would = report.count(Status.WOULD_CHANGE) + report.count(Status.UNKNOWN)
        steps = f"{would} of {len(report.outcomes)} steps of the set-up would change {name}"
        found.line("plan", steps, "then the release; --verbose shows each")
        for words in [*notes, *(f"{name} has {words}" for words in foreign)]:
            found.note(words)
    if wish.asks and (foreign or unsure):
        click.confirm("go on?", abort=True)
    elif foreign and not wish.yes:
        raise Failed(
            "machine-in-use",
            f"{name} does something already, and nobody agreed to change it",
            expected="a machine of its own, or your word that this one may be changed",
            found="; ".join(foreign),
            hint="look with --verbose at what would change, then run it again with --yes",
        )


def _again(error: StepError) -> str:
    """What may be said at the next attempt, where it is the owner's to decide."""
    if error.code == "instance-bad-answer":
        return "if another page tells whether it is well: toque up --health /PATH"
    if error.code.startswith("import-"):
        return "if it lacks a setting: toque env set NAME --secret, then toque up again"
    if error.code.startswith(("secret-", "debug-")):
        return f"if it is as you want it: toque up --accept {error.code}"
    return ""


def _do(
    wish: Wish, one: Unfiled, site: Site, place: Place, *, commit: str, url: str
) -> dict[str, Any]:
    """Set up and deploy, as in a project with a file."""
    (app,) = one.project.apps.values()
    with Shown(quiet=wish.as_json, verbose=wish.verbose) as shown, asked.stoppable() as stop:
        shown.heading(f"setup {place.node.name}")
        report = setting.setup(site, place, watch=shown, stop=stop)
        shown.summary(place.node.name, report)
    try:
        done = deploy_app(site, app, [place], ref=commit, verbose=wish.verbose, quiet=wish.as_json)
    except StepError as error:
        if not wish.as_json and (again := _again(error)):
            found.note(again)
        raise
    if not wish.as_json:
        served = [r for r in deploying.releases(place.transport, app) if r.get("deployed_at")]
        found.farewell(url, app.name, place.node.name, again=len(served) > 1)
    return {"node": place.node.name, "url": url, "setup": report_json(report), "apps": done}
