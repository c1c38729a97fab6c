"""``toque hostkey``: which forges are believed to be which."""

from __future__ import annotations

import click

from .. import bootstrap
from ..errors import AskedWrongly
from ..fleet import forges
from ..node.formats import publickey
from ..usecases import forgehosts
from . import asked
from .asked import json_option


@click.group()
def hostkey() -> None:
    """The SSH host keys of forges: nodes fetch from no host that shows another one.

    Those of GitHub, GitLab, Bitbucket, Codeberg and sourcehut come with Toque.
    """


@hostkey.command()
@click.argument("host", default="")
@json_option
def show(host: str, as_json: bool) -> None:
    """List the keys, those of HOST or all, with their fingerprints and where they are from."""
    _, site = asked.here()
    name = "" if not host else _name(host)
    found = [one for one in forgehosts.known(site.state) if name in ("", one.host)]
    if as_json:
        keys = [
            {
                "host": one.host,
                "type": one.key.type,
                "fingerprint": one.key.fingerprint,
                "source": one.source,
            }
            for one in found
        ]
        asked.tell({"keys": keys})
        return
    if not found:
        click.echo(f"no key of {host} is known; add one with: toque hostkey add {host}")
    for one in found:
        click.echo(f"{one.host}  {one.key.type:<20}  {one.key.fingerprint}  {one.source}")


@hostkey.command()
@click.argument("host", default="")
@json_option
def update(host: str, as_json: bool) -> None:
    """Take over the keys that HOST publishes over https; all forges that do when left out."""
    _, site = asked.here()
    hosts = [host] if host else [name for name, forge in forges.FORGES.items() if forge.source]
    done = [forgehosts.update(site.state, name, bootstrap.fetch_https) for name in hosts]
    if as_json:
        told = [
            {
                "host": one.host,
                "added": [key.fingerprint for key in one.added],
                "gone": [key.fingerprint for key in one.gone],
            }
            for one in done
        ]
        asked.tell({"hosts": told})
        return
    for one in done:
        click.echo(f"{one.host}: {'changed' if one.added or one.gone else 'as it was'}")
        for word, keys in (("new ", one.added), ("gone", one.gone)):
            for key in keys:
                click.echo(f"  {word} {key.type:<20} {key.fingerprint}")


@hostkey.command()
@click.argument("host")
@click.option("--fingerprint", default="", help="SHA256:... as the forge's owner told you.")
@json_option
def add(host: str, fingerprint: str, as_json: bool) -> None:
    """Believe the key that HOST (or HOST:PORT) shows now, after you have compared it.

    Replaces the keys that were known for it.
    """
    _, site = asked.here()
    name, port = forgehosts.split(host)
    shown = bootstrap.shown_key_of(name, port)
    if fingerprint and shown.fingerprint != fingerprint:
        raise AskedWrongly(
            "fingerprint-differs",
            f"{host} shows another host key; nothing was pinned",
            expected=fingerprint,
            found=shown.fingerprint,
            hint="do not go on before you know why: another machine may be answering",
        )
    listed = forges.FINGERPRINTS.get(name, frozenset()) if port == 22 else frozenset()
    if listed and shown.fingerprint not in listed and not fingerprint:
        raise AskedWrongly(
            "fingerprint-differs",
            f"{host} shows a key that it did not publish when this Toque was made",
            expected=" or ".join(sorted(listed)),
            found=shown.fingerprint,
            hint=f"compare with {forges.FORGES[name].published}, then --fingerprint SHA256:...",
        )
    if not fingerprint:
        click.confirm(f"{host} shows {shown.fingerprint}; is that the one?", abort=True, err=True)
    key = publickey.parse(f"{shown.type} {shown.blob}")
    forgehosts.add(site.state, name, port, [key])
    if as_json:
        asked.tell({"host": _name(host), "fingerprint": key.fingerprint})
    else:
        click.echo(f"{host}: {key.fingerprint} is believed from now on")


def _name(host: str) -> str:
    from ..node import knownhosts

    return knownhosts.name_of(*forgehosts.split(host))
