"""``toque kitchen``: throwaway machines for the suites of a ``kitchen.toml``."""

from __future__ import annotations

import click

from . import cycle, machine, overview, watch


class InOrder(click.Group):
    """Lists its commands as they were added: in the order in which they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=InOrder)
def kitchen() -> None:
    """Throwaway machines for trying and testing cookbooks.

    SUITE is a suite of the nearest kitchen.toml, one of its platforms, both (default-trixie) or a
    pattern ("*-trixie").  Where there is no kitchen.toml, it is the name of a machine.

    \b
    toque kitchen test             every suite, from new machines to their removal
    toque kitchen converge default make the machine when needed, and run the cookbooks there
    toque kitchen login default    a root shell in it
    """


for command in (*cycle.COMMANDS, watch.watch, *machine.COMMANDS, *overview.COMMANDS):
    kitchen.add_command(command)
