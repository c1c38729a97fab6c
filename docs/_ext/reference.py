"""Writes the reference pages that are made from the code, before Sphinx reads its sources.

``resources.md`` comes from the resource types' docstrings and fields, ``cli.md`` from the command
tree, ``requirements.md`` from ``docs/requirements.toml`` and the tests' markers,
``security-rules.md`` from the planted faults of the tests, ``codes.inc`` from the pages of the
error codes.  Each page is a pure function of those; git ignores the results.
"""

from __future__ import annotations

import dataclasses
import inspect
import sys
import typing
from collections.abc import Iterator
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).parent))

import requirement_table
import rule_table

DOCS = Path(__file__).parent.parent
MADE = "<!-- made by docs/_ext/reference.py; edit the code instead -->\n\n"


def type_words(annotation: object) -> str:
    """A type as a person reads it: ``text or nothing`` stays code, but without module names."""
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    for prefix in ("typing.", "toque.node.resource.", "toque.node.values.", "toque.node."):
        text = text.replace(prefix, "")
    return text.replace("|", "\\|")


def default_words(field: dataclasses.Field[object]) -> str:
    if field.default is not dataclasses.MISSING:
        return f"`{field.default!r}`"
    if field.default_factory is not dataclasses.MISSING:
        return f"`{field.default_factory()!r}`"
    return "required"


def resource_section(kind: str, declared: type) -> str:
    lines = [f"## {declared.__name__}", "", inspect.cleandoc(declared.__doc__ or ""), ""]
    lines += ["| field | type | default |", "|---|---|---|"]
    hints = typing.get_type_hints(declared)
    for field in dataclasses.fields(declared):
        shown = type_words(hints.get(field.name, field.type))
        lines.append(f"| `{field.name}` | `{shown}` | {default_words(field)} |")
    verbs = ", ".join(f"`{verb}`" for verb in getattr(declared, "verbs", ()))
    lines += ["", f"Kind `{kind}`. Notifications it answers: {verbs or 'none'}.", ""]
    return "\n".join(lines)


def resources_page() -> str:
    """Every registered resource type, in the order of their names."""
    from toque.node.resources import TYPES

    types = sorted(TYPES.items(), key=lambda pair: pair[1].__name__)
    head = (
        "# Resources\n\nWhat a recipe can add to a plan."
        "\nA field of `None` is not managed: what is there stays.\n\n"
    )
    return MADE + head + "\n".join(resource_section(kind, declared) for kind, declared in types)


def commands(
    command: click.Command, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """The command and everything below it, depth first, hidden ones left out."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=path[-1])
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None and not below.hidden:
                yield from commands(below, (*path, name))


def command_section(path: tuple[str, ...], command: click.Command) -> str:
    context = click.Context(command, info_name=" ".join(path))
    level = "#" * min(len(path) + 1, 4)
    return f"{level} {' '.join(path)}\n\n```text\n{command.get_help(context)}\n```\n"


def cli_page() -> str:
    """The whole command tree as its own ``--help`` prints it."""
    from toque.cli import cli

    statuses = "What the exit status means: [exit status and errors](exit-status.md).\n\n"
    sections = (command_section(path, command) for path, command in commands(cli, ("toque",)))
    return MADE + "# Commands\n\n" + statuses + "\n".join(sections)


def error_codes() -> str:
    """Each error code with the sentence that its page begins with."""
    rows = ["| code | what it means |", "|---|---|"]
    for page in sorted((DOCS / "errors").glob("*.md")):
        if page.stem != "index":
            sentence = page.read_text().split("\n\n")[1].replace("\n", " ").replace("|", "\\|")
            rows.append(f"| [{page.stem}]({page.name}) | {sentence} |")
    return MADE + "\n".join(rows) + "\n"


PAGES = {
    "resources.md": resources_page,
    "cli.md": cli_page,
    "requirements.md": requirement_table.page,
    "security-rules.md": rule_table.page,
    "codes.inc": error_codes,
}


def write_pages(_app: object) -> None:
    for name, page in PAGES.items():
        path, text = DOCS / "reference" / name, page()
        path.parent.mkdir(exist_ok=True)  # git holds nothing of it
        if not path.exists() or path.read_text() != text:  # else Sphinx would read it again
            path.write_text(text)


def setup(app: typing.Any) -> dict[str, bool]:
    app.connect("builder-inited", write_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
