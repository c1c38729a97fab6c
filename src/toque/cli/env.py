"""``toque env``: an app's variables, kept encrypted in the project."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from ..errors import AskedWrongly, ToqueError
from ..fleet.app import App
from ..fleet.environment import read_secret_file
from ..fleet.kept import Kept, Variable
from ..fleet.project import Project
from ..fleet.recipients import Recipient, with_one, without
from ..fleet.secrets import make_secret
from ..usecases import environment as usecase
from ..usecases.environment import Pending
from ..usecases.site import Site
from . import asked
from .app import deploy_same
from .asked import json_option, verbose_option
from .show import printable

on_option = click.option(
    "--on", "target", default="", help="A node or layer; all nodes of the app otherwise."
)
apply_option = click.option(
    "--apply", is_flag=True, help="Deploy it at once: the same commits with the new variables."
)


@click.group()
def env() -> None:
    """Set, list and compare the variables of an app.

    They are kept in secrets/APP.age beside toque.toml: encrypted, to be committed.  What an app
    sees are these and those that toque.toml declares.  A change reaches it by a deploy, as a
    release of its own, so a rollback brings the old values back.
    """


@env.command("set")
@click.argument("words", nargs=-1, required=True, metavar="[APP] NAME[=VALUE]...")
@click.option("--secret", is_flag=True, help="Never show it again.  Asked for on a terminal.")
@click.option("--file", "path", default="", help="Take the value from a file.")
@click.option("--generate", is_flag=True, help="Make a random secret: 64 hexadecimal digits.")
@apply_option
@verbose_option
@json_option
def set_(
    words: tuple[str, ...],
    *,
    secret: bool,
    path: str,
    generate: bool,
    apply: bool,
    verbose: bool,
    as_json: bool,
) -> None:
    """Set variables of APP, which may be left out when the project has just one.

    NAME=VALUE is for what anyone may see: others can read a command line.  NAME alone takes its
    value from --file or standard input, less one line end at its end; a secret always comes so.

    \b
    toque env set GREETING=hello WORKERS=4
    toque env set STRIPE_KEY --secret            (asks for it, or reads standard input)
    toque env set TLS_KEY --secret --file key.pem
    toque env set SECRET_KEY --generate --apply
    """
    project, site = asked.here()
    app, rest = _app_and(project, words)
    given = _given(rest, secret, path, generate)
    before = site.store.kept(app.name).version
    kept = usecase.set_variables(site, app, given)
    _done(project, site, app, kept, before, apply=apply, verbose=verbose, as_json=as_json)


@env.command()
@click.argument("words", nargs=-1, required=True, metavar="[APP] NAME...")
@apply_option
@verbose_option
@json_option
def unset(words: tuple[str, ...], apply: bool, verbose: bool, as_json: bool) -> None:
    """Remove variables of APP that were set by toque env set."""
    project, site = asked.here()
    app, rest = _app_and(project, words)
    before = site.store.kept(app.name).version
    kept = usecase.unset_variables(site, app, rest)
    _done(project, site, app, kept, before, apply=apply, verbose=verbose, as_json=as_json)


@env.command("list")
@click.argument("app", default="")
@on_option
@json_option
def list_(app: str, target: str, as_json: bool) -> None:
    """List the variables of APP and where each is set; values of secrets are never shown.

    Each node's line says whether the release that serves there has the same environment.
    """
    project, site = asked.here()
    chosen = asked.only_app(project, app)
    kept, found = usecase.listed(site, chosen)
    nodes = _pending(project, site, chosen, target)
    if as_json:
        asked.tell(
            {
                "app": chosen.name,
                "version": kept.version,
                "variables": [one.as_json() for one in found],
                "nodes": [{"node": node, **one.as_json()} for node, one in nodes.items()],
            }
        )
        return
    click.echo(click.style(f"{chosen.name}: version {kept.version}", bold=True))
    wide = max([len(one.name) for one in found], default=0)
    for one in found:
        value = "(secret)" if one.value is None else one.value
        click.echo(printable(f"  {one.name:<{wide}}  {value:<24}  {one.origin}"))
    _tell_nodes(nodes)


@env.command()
@click.argument("app", default="")
@click.option("--since", type=int, help="Names that changed after this version, without a node.")
@on_option
@json_option
def diff(app: str, since: int | None, target: str, as_json: bool) -> None:
    """Show what the next deploy of APP changes in its environment: + new, ~ changed, - removed.

    Digests are compared, keyed with a secret of the project; values are not shown.
    """
    project, site = asked.here()
    chosen = asked.only_app(project, app)
    if since is not None:
        kept = site.store.kept(chosen.name)
        nodes = {f"since version {since}": usecase.between(kept, since, kept.version)}
    else:
        nodes = _pending(project, site, chosen, target)
    if as_json:
        listed = [{"node": node, **one.as_json()} for node, one in nodes.items()]
        asked.tell({"app": chosen.name, "nodes": listed})
        return
    for node, one in nodes.items():
        said = one.unknown and f"cannot be compared: {one.unknown}"
        click.echo(
            click.style(printable(f"{node}:"), bold=True) + printable(f" {said}" if said else "")
        )
        for mark, changed in (("+", one.added), ("~", one.changed), ("-", one.removed)):
            for name in changed:
                click.echo(printable(f"  {mark} {name}"))


@env.command()
@click.argument("app", default="")
@json_option
def history(app: str, as_json: bool) -> None:
    """List the changes of APP's variables, newest first: who, when, which names."""
    project, site = asked.here()
    chosen = asked.only_app(project, app)
    kept = site.store.kept(chosen.name)
    if as_json:
        asked.tell({"app": chosen.name, "versions": [v.as_json() for v in kept.versions]})
        return
    for one in reversed(kept.versions):
        names = [f"+{name}" for name in one.set] + [f"-{name}" for name in one.unset]
        click.echo(printable(f"{one.number:>4}  {one.at}  {one.by}  {' '.join(names)}"))
    if not kept.versions:
        click.echo(f"no variable of {chosen.name} was ever changed by toque env")


@env.group(invoke_without_command=True)
@json_option
@click.pass_context
def recipients(context: click.Context, as_json: bool) -> None:
    """List who can open the project's secrets, or change that.

    Each is a public key, of age or of SSH.  Whoever is removed has read what there was: set
    those secrets anew where they come from.
    """
    if context.invoked_subcommand is None:
        _, site = asked.here()
        _tell_recipients(site.store.recipients(), as_json)


@recipients.command()
@json_option
def mine(as_json: bool) -> None:
    """Print your own recipient, for others to add; makes an identity when there is none."""
    _, site = asked.here()
    key = site.store.mine().key
    if as_json:
        asked.tell({"recipient": key})
    else:
        click.echo(key)


@recipients.command()
@click.argument("key")
@click.option("--name", default="", help="Whose key it is.")
@json_option
def add(key: str, name: str, as_json: bool) -> None:
    """Encrypt everything also for KEY: age1..., 'ssh-ed25519 AAAA...', or a file with it."""
    from ..fleet.age import recipient  # imports the library that encrypts

    _, site = asked.here()
    text, place = key, ""
    if not key.startswith(("age1", "ssh-")) and Path(key).is_file():
        text, place = Path(key).read_text(encoding="utf-8", errors="replace"), key
    words = text.split(maxsplit=2)
    name = name or (words[2].strip() if text.startswith("ssh-") and len(words) > 2 else "")
    one = Recipient(recipient(text, place), " ".join(name.split()))
    _tell_recipients(site.store.set_recipients(lambda now: with_one(now, one)), as_json)


@recipients.command()
@click.argument("key")
@json_option
def remove(key: str, as_json: bool) -> None:
    """Encrypt everything anew without KEY, which is a recipient or its name."""
    _, site = asked.here()
    _tell_recipients(site.store.set_recipients(lambda now: without(now, key)), as_json)


@recipients.command()
@json_option
def rotate(as_json: bool) -> None:
    """Replace the project's own identity, .toque/identity.txt, by a new one.

    Everything is encrypted anew.  The old identity still opens what was committed before.
    """
    _, site = asked.here()
    _tell_recipients(site.store.rotate(), as_json)


def _app_and(project: Project, words: Sequence[str]) -> tuple[App, Sequence[str]]:
    """The first word is the app when it names one; the others are about its variables."""
    if words[0] in project.apps:
        if len(words) == 1:
            raise click.UsageError("which variable?  NAME or NAME=VALUE is missing")
        return project.apps[words[0]], words[1:]
    return asked.only_app(project, ""), words


def _given(words: Sequence[str], secret: bool, path: str, generate: bool) -> dict[str, Variable]:
    """What is to be set.  Raises ``AskedWrongly("secret-in-argument")``."""
    found: dict[str, Variable] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if equals and (secret or path or generate):
            raise AskedWrongly(
                "secret-in-argument",
                f"{name} was given a value on the command line",
                expected=f"{name} alone; its value from standard input, --file or --generate",
                found=f"{name}=... (not shown), which other users of this machine can read",
                hint=f"toque env set {name} --secret",
            )
        if not equals and len(words) > 1 and not generate:
            raise click.UsageError(f"only one variable at a time takes its value so: {name}")
        if equals:
            found[name] = Variable(value, secret=False)
        elif generate:
            found[name] = Variable(make_secret())
        else:
            found[name] = Variable(_value(name, secret, path), secret=secret)
    return found


def _value(name: str, secret: bool, path: str) -> str:
    """From a file, standard input or a terminal.

    Nothing at all is most likely a program before the pipe that failed.
    """
    value = _read(name, secret, path)
    if not value:
        raise AskedWrongly(
            "bad-variable",
            f"the value of {name} is empty",
            expected=f"a value on {path or 'standard input'}",
            found="nothing",
            hint=f"an empty value is set by: toque env set {name}=",
        )
    return value


def _read(name: str, secret: bool, path: str) -> str:
    if path and secret:
        return read_secret_file(Path(path), f"the secret {name}")
    if path:
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            raise AskedWrongly(
                "file-unreadable",
                f"{path} cannot be read",
                expected="a file with the value",
                found=error.strerror or str(error),
                hint=f"ls -l {path}",
            ) from error
        return _text(name, data)
    if not sys.stdin.isatty():
        return _text(name, sys.stdin.buffer.read())
    if not secret:
        raise click.UsageError(f"say {name}=VALUE, or --secret, --file or --generate")
    asked_for: str = click.prompt(name, hide_input=True, confirmation_prompt=True, err=True)
    return asked_for


def _text(name: str, data: bytes) -> str:
    """A value without one line end at its end."""
    try:
        return data.decode("utf-8").removesuffix("\n")
    except UnicodeDecodeError:
        raise AskedWrongly(
            "bad-variable",
            f"this cannot be in an environment: {name}",
            expected="UTF-8",
            found="other bytes",
            hint=f"base64 FILE | toque env set {name}, decoded by the app",
        ) from None


def _done(
    project: Project,
    site: Site,
    app: App,
    kept: Kept,
    before: int,
    *,
    apply: bool,
    verbose: bool,
    as_json: bool,
) -> None:
    """Say what has changed, and deploy it or say that this is pending."""
    last = kept.versions[-1] if kept.version > before else None
    if not as_json and last is None:
        click.echo(f"{app.name}: nothing to change, still version {kept.version}")
    elif not as_json and last is not None:
        names = [f"+{name}" for name in last.set] + [f"-{name}" for name in last.unset]
        click.echo(f"{app.name}: version {last.number}: {' '.join(names)}")
    done: list[dict[str, Any]] = []
    if apply:
        places = asked.app_places(project, app, "")
        done = deploy_same(site, app, places, verbose=verbose, quiet=as_json)
    if as_json:
        changed = None if last is None else last.as_json()
        asked.tell({"app": app.name, "version": kept.version, "changed": changed, "nodes": done})
    elif not apply and last is not None:
        click.echo(f"  pending, needs a deploy: toque deploy {app.name}")


def _pending(project: Project, site: Site, app: App, target: str) -> dict[str, Pending]:
    """What waits for a deploy on each node; one that cannot be asked says so."""
    if target:
        places = asked.app_places(project, app, target)
        return {place.node.name: usecase.pending_on(site, app, place) for place in places}
    found = {}
    for node in project.nodes_of(app):
        try:
            (place,) = asked.places(project, node.name)
        except ToqueError as error:  # a machine of the kitchen that is not there
            found[node.name] = Pending(unknown=error.trouble.message)
        else:
            found[node.name] = usecase.pending_on(site, app, place)
    return found


def _tell_nodes(nodes: dict[str, Pending]) -> None:
    for node, one in nodes.items():
        click.echo(click.style(printable(f"  {node}: {one}"), fg="yellow" if one else None))


def _tell_recipients(found: Sequence[Recipient], as_json: bool) -> None:
    if as_json:
        asked.tell({"recipients": [{"key": one.key, "name": one.name} for one in found]})
        return
    for one in found:
        click.echo(printable(f"{one.key}  {one.name}".rstrip()))
