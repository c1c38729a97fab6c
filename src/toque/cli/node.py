"""``toque node``: which machines are trusted to be which."""

from __future__ import annotations

import click

from .. import bootstrap
from . import asked, trusting
from .asked import json_option


@click.group()
def node() -> None:
    """Trust and list the project's nodes."""


@node.command()
@click.argument("target")
@click.option("--fingerprint", default="", help="SHA256:... as the machine's owner told you.")
@click.option("--yes", is_flag=True, help="Pin what the machine shows now, unseen.")
@json_option
def trust(target: str, fingerprint: str, yes: bool, as_json: bool) -> None:
    """Pin TARGET's SSH host key, replacing one pinned before.

    Compare the fingerprint with: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub on the machine.
    """
    project = bootstrap.open_project()
    pinned = []
    for one in bootstrap.node_for(project, target):
        shown = trusting.trust(one, project.directory, fingerprint=fingerprint, yes=yes)
        pinned.append({"node": one.name, "fingerprint": shown})
        if not as_json:
            click.echo(f"{one.name}: pinned {shown}")
    if as_json:
        asked.tell({"pinned": pinned})


@node.command("list")
@json_option
def list_nodes(as_json: bool) -> None:
    """List the nodes of toque.toml."""
    project = bootstrap.open_project()
    if as_json:
        asked.tell(
            {
                "nodes": [
                    {"name": n.name, "address": n.address, "layer": n.layer}
                    for n in project.nodes.values()
                ]
            }
        )
        return
    for one in project.nodes.values():
        click.echo(f"{one.name:<16} {one.address:<28} {one.layer}")
