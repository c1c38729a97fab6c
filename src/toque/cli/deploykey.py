"""``toque deploykey``: the keys by which nodes read private repositories."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import click

from ..errors import AskedWrongly
from ..usecases import deploykey as usecase
from . import asked
from .asked import json_option
from .show import Shown, printable

on_option = click.option(
    "--on", "target", default="", help="A node or layer; all nodes of the app otherwise."
)


@click.group()
def deploykey() -> None:
    """The keys by which nodes read private repositories over SSH.

    Each node has one for each app.  It is made there, only the app's deploy user can read it, and
    its private half never leaves the node.
    """


@deploykey.command()
@click.argument("app", default="")
@on_option
@click.option(
    "--from",
    "file",
    default="",
    metavar="FILE",
    help="Use this private key instead of making one; - reads standard input.",
)
@json_option
def create(app: str, target: str, file: str, as_json: bool) -> None:
    """Make a key for APP on its nodes, and say where to paste its public half.

    A key that is there stays.  A key that is given is repaired where that is safe (line ends of
    Windows, a missing last line end, all on one line) and refused by name otherwise.
    """
    project, site = asked.here()
    chosen = asked.only_app(project, app)
    given, repairs = _read(file)
    found = []
    for place in asked.app_places(project, chosen, target):
        with Shown(quiet=True, verbose=False) as shown, asked.stoppable() as stop:
            one, more = usecase.create(site, chosen, place, given=given, watch=shown, stop=stop)
        found.append(one)
        for repair in (*repairs, *more) if not as_json else ():
            click.echo(f"{place.node.name}: repaired: {printable(repair)}")
        if not as_json:
            _tell(one, "made" if one.made else "there already")
    if as_json:
        asked.tell({"app": chosen.name, "keys": [_as_json(one) for one in found]})


@deploykey.command()
@click.argument("app", default="")
@on_option
@json_option
def show(app: str, target: str, as_json: bool) -> None:
    """Show the public half of APP's keys, and where each is pasted."""
    project, site = asked.here()
    chosen = asked.only_app(project, app)
    found = [usecase.show(site, chosen, p) for p in asked.app_places(project, chosen, target)]
    if as_json:
        asked.tell({"app": chosen.name, "keys": [_as_json(one) for one in found]})
        return
    for one in found:
        _tell(one, "in use")


@deploykey.command()
@click.argument("app", default="")
@on_option
@json_option
def rotate(app: str, target: str, as_json: bool) -> None:
    """Replace APP's keys by new ones, in two steps and without a deploy that fails.

    The first call makes new keys and shows them; the old ones stay in use.  Called again after
    they were pasted, it tries them and puts them in the place of the old ones.
    """
    project, site = asked.here()
    chosen = asked.only_app(project, app)
    found = []
    for place in asked.app_places(project, chosen, target):
        with Shown(quiet=True, verbose=False) as shown, asked.stoppable() as stop:
            one = usecase.rotate(site, chosen, place, watch=shown, stop=stop)
        found.append(one)
        if as_json:
            continue
        if one.waiting:
            click.echo(f"{one.node}: a new key waits to be known; the old one is in use")
            _paste(one.new.line, one.page)
            click.echo(f"  then again: toque deploykey rotate {chosen.name}")
        else:
            click.echo(f"{one.node}: {one.new.fingerprint} is in use now")
            click.echo(f"  remove the old one from the forge: {one.old.fingerprint}")
    if as_json:
        keys = [
            {
                "node": one.node,
                "waiting": one.waiting,
                "public": one.new.line,
                "fingerprint": one.new.fingerprint,
                "old_fingerprint": one.old.fingerprint,
                "paste": one.page,
            }
            for one in found
        ]
        asked.tell({"app": chosen.name, "keys": keys})


def _read(file: str) -> tuple[str, list[str]]:
    """The private key in a file, and what is wrong with the file itself."""
    if not file:
        return "", []
    if file == "-":
        return sys.stdin.buffer.read().decode("utf-8", "replace") or " ", []
    try:
        status = os.stat(file)
        text = Path(file).read_bytes().decode("utf-8", "replace")  # line ends as they are
    except OSError as error:
        raise AskedWrongly(
            "file-unreadable",
            f"{file} cannot be read",
            expected="a private key that you can read",
            found=error.strerror or "",
            hint=f"ls -l {file}",
            place=file,
        ) from error
    faults = []
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o077:
        faults.append(f"mode {mode:04o}, so others could read it; it is 0600 on the node")
    if status.st_uid != os.geteuid():
        faults.append(f"the owner of the file, user {status.st_uid}; it is the deploy user there")
    return text or " ", faults


def _tell(one: usecase.Shown, state: str) -> None:
    click.echo(f"{one.node}: {one.key.fingerprint}, {state}")
    _paste(one.key.line, one.page)


def _paste(line: str, page: str) -> None:
    click.echo(f"\n{printable(line)}\n")
    click.echo(f"  paste it, read-only, at: {printable(page)}")


def _as_json(one: usecase.Shown) -> dict[str, object]:
    return {
        "node": one.node,
        "public": one.key.line,
        "fingerprint": one.key.fingerprint,
        "paste": one.page,
        "made": one.made,
    }
