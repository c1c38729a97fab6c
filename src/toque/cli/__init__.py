"""The command line: the tree of commands, and the one handler of errors.

Help costs next to nothing: a command's module is imported when the command runs, so the tree
below holds each name with its one-line help.
"""

from __future__ import annotations

import keyword
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module

import click

from ..ahead import Ahead

# By what somebody wants to do: the sections of `toque --help`, and in them each command's module
# and its help.
SECTIONS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "Put a site online": {
        "up": ("up", "Put the project here online on TARGET by one command"),
        "init": ("init", "Look at a project and write a toque.toml for it"),
        "setup": ("app", "Converge a node's setup recipes, then deploy its apps"),
        "deploy": ("app", "Put a commit of an app in place of the running one"),
        "rollback": ("app", "Go back to an earlier release"),
        "releases": ("app", "List an app's releases"),
        "history": ("history", "List an app's deploys, also those that failed or were put back"),
        "remove": ("remove", "Give a machine back as it was found"),
    },
    "See how it is": {
        "status": ("seeing", "Show how nodes and apps are, on one screen"),
        "logs": ("seeing", "Show what an app, nginx and Toque have written, by time"),
        "errors": ("seeing", "List the requests that failed last, each with its cause"),
        "doctor": ("seeing", "Name the broken link between visitor and database"),
    },
    "Work with an app": {
        "env": ("env", "Set, list and compare the variables of an app"),
        "run": ("once", "Run a command as an app runs, beside its server"),
        "shell": ("once", "Open the shell of an app's framework"),
        "scale": ("scale", "Say how many processes of an app run"),
    },
    "Look after machines": {
        "plan": ("converge", "Show exactly what would change; changes nothing"),
        "converge": ("converge", "Apply recipes to a target"),
        "drift": ("drift", "List what differs from the last converge, or put it back"),
        "explain": ("explain", "Show where an attribute has its value from"),
        "runs": ("runs", "List the runs a target remembers, or show one"),
        "node": ("node", "Trust and list the project's nodes"),
    },
    "Write and test cookbooks": {
        "new": ("new", "Write a new cookbook, with its tests"),
        "check": ("check", "Find mistakes in the project and its cookbooks"),
        "kitchen": ("kitchen", "Throwaway machines for trying and testing cookbooks"),
        "import": ("import_", "Carry the cookbooks of another tool over"),
        "lock": ("lock", "Lock the versions of what cookbooks need"),
        "update": ("lock", "Lock a newer version of a package"),
        "outdated": ("lock", "List packages that have a newer version"),
        "why": ("lock", "Say which cookbooks bring a package in"),
        "tree": ("lock", "Show each cookbook with the packages it brings in"),
        "diff": ("lock", "Show what differs between two locks"),
        "verify": ("verify", "Run a suite's checks on a node, or look at locked packages"),
        "vendor": ("lock", "Put the locked packages into the project"),
        "export": ("export", "Write the project, cookbooks and packages into one file"),
    },
    "Reach repositories, and be reached": {
        "hook": ("hook", "Deploy every push to a bare repository"),
        "deploykey": ("deploykey", "The keys by which nodes read private repositories"),
        "repo": ("repo", "Try whether nodes can read an app's repository"),
        "hostkey": ("hostkey", "The SSH host keys of forges"),
    },
    "See it all first": {
        "demo": ("demo", "The whole story on a throwaway machine"),
    },
}
COMMANDS = {name: found for section in SECTIONS.values() for name, found in section.items()}


class Lazy(click.Group):
    """A group that imports a command's module only to run it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f".{COMMANDS[cmd_name][0]}", __name__)
        name = f"{cmd_name}_" if keyword.iskeyword(cmd_name) else cmd_name
        command: click.Command = getattr(module, name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, COMMANDS))  # the same for all sections
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                rows = [(name.ljust(width), text) for name, (_, text) in commands.items()]
                formatter.write_dl(rows)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from ..errors import nearest

            hint = nearest(args[0], COMMANDS)
            ctx.fail(f"there is no command '{args[0]}'" + (f"; {hint}" if hint else ""))
        return super().resolve_command(ctx, args)


def _version(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        from .. import __version__

        click.echo(f"toque {__version__}")
        ctx.exit()


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="Show the version and exit.",
)
def cli() -> None:
    """From a git repository to a running, watched site on machines you control.

    Exit status: 0 done, 2 asked wrongly, 3 the cookbook is wrong, 4 a node cannot be reached,
    5 the converge or deploy failed, 70 a bug of ours.  With NO_COLOR set, nothing is coloured.
    """


def main(argv: Sequence[str] | None = None, *, ahead: Ahead | None = None) -> None:
    """Read the command line and do what it says; ``ahead`` is what was begun before.

    Every error leaves here, as words or, with ``--json``, as one JSON object.
    """
    # https://no-color.org: any text but the empty one; rich reads it by itself.
    colour = False if os.environ.get("NO_COLOR") else None
    with click.Context(cli, color=colour):  # errors have no other context
        _run(argv, ahead, colour)


def _run(argv: Sequence[str] | None, ahead: Ahead | None, colour: bool | None) -> None:
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        _no_empty_word(arguments)
        status = cli.main(
            arguments, prog_name="toque", standalone_mode=False, obj=ahead, color=colour
        )
        sys.exit(status if isinstance(status, int) else 0)
    except click.exceptions.Abort:
        click.echo("interrupted", err=True)
        sys.exit(130)
    except click.ClickException as error:
        if "--json" in arguments:
            from .trouble import usage

            usage(error.format_message())
        error.show()
        sys.exit(2)
    except BrokenPipeError:
        sys.exit(141)
    except Exception as error:  # noqa: BLE001 - the one place where every error ends
        from .trouble import leave

        leave(error, as_json="--json" in arguments)


def _no_empty_word(arguments: Sequence[str]) -> None:
    """Raise ``AskedWrongly`` for a word that is empty: most likely a variable that is not set.

    Left out, TARGET means all nodes and --fingerprint means to ask; ``"$NODE"`` never may.
    """
    ours = arguments[: arguments.index("--")] if "--" in arguments else arguments
    for number, word in enumerate(ours, 1):
        option, equals, value = word.partition("=")
        given = value if option.startswith("--") and equals else word
        if not given.strip():
            from ..errors import AskedWrongly

            raise AskedWrongly(
                "empty-word",
                f"word {number} of the command line is empty",
                expected="a name, or to leave it out",
                found=repr(word),
                hint="look for a variable of your shell that is not set",
            )
