"""Writes the reference pages that are made from the code, before Sphinx reads its sources.

``resources.md`` comes from the resource types' docstrings and fields, ``cli.md`` from the command
tree, ``machine-fixture.md`` from the fixture of checks, ``requirements.md`` from
``docs/requirements.toml`` and the tests' markers, ``security-rules.md`` from the planted faults of
the tests, ``codes.inc`` from the pages of the error codes, ``findings.inc`` from the rules of
``toque check``.  Each page is a pure function of those; git ignores the results.
"""

from __future__ import annotations

import dataclasses
import inspect
import sys
import textwrap
import types
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
    """A type as one writes it today, ``str | None``, although nodes run Python 3.9's."""
    if annotation is type(None):
        return "None"
    if annotation is ...:
        return "..."
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return " | ".join(map(type_words, inner))
    name = getattr(origin or annotation, "__name__", str(annotation))
    return f"{name}[{', '.join(map(type_words, inner))}]" if inner else name


def default_words(name: str, default: object) -> str:
    octal = name.endswith("mode") and isinstance(default, int)
    return f"`{default:#05o}`" if octal else f"`{default!r}`"


def field_rows(declared: type) -> list[str]:
    """A table of the fields of a dataclass or a named tuple."""
    if dataclasses.is_dataclass(declared):
        defaults = {
            f.name: f.default_factory()
            if f.default_factory is not dataclasses.MISSING
            else f.default
            for f in dataclasses.fields(declared)
        }
    else:
        known = declared._field_defaults
        defaults = {name: known.get(name, dataclasses.MISSING) for name in declared._fields}
    hints = typing.get_type_hints(declared)
    rows = ["| field | type | default |", "|---|---|---|"]
    for name, default in defaults.items():
        shown = type_words(hints[name]).replace("|", "\\|")
        usual = "required" if default is dataclasses.MISSING else default_words(name, default)
        rows.append(f"| `{name}` | `{shown}` | {usual} |")
    return rows


def parts(annotation: object) -> Iterator[type]:
    """The named tuples in a type: fields of fields, such as ``FirewallRule``."""
    for inner in typing.get_args(annotation):
        yield from parts(inner)
    if hasattr(annotation, "_field_defaults"):
        yield typing.cast(type, annotation)


def described(declared: type) -> list[str]:
    words = inspect.cleandoc(declared.__doc__ or "").replace("::\n\n", ":\n\n")  # as in reST
    return [words, "", *field_rows(declared), ""]


def resource_section(kind: str, declared: type) -> str:
    lines = [f"## {declared.__name__}", "", *described(declared)]
    verbs = ", ".join(f"`{verb}`" for verb in getattr(declared, "verbs", ()))
    lines += [f"Kind `{kind}`. Notifications it answers: {verbs or 'none'}.", ""]
    for part in dict.fromkeys(
        p for t in typing.get_type_hints(declared).values() for p in parts(t)
    ):
        lines += [f"### {part.__name__}", "", *described(part)]
    return "\n".join(lines)


def resources_page() -> str:
    """Every registered resource type, in the order of their names."""
    from toque.node.resources import TYPES

    found = sorted(TYPES.items(), key=lambda pair: pair[1].__name__)
    head = (
        "# Resources\n\nWhat a recipe can add to a plan."
        "\nA field of `None` is not managed: what is there stays."
        "\nA `Secret` comes from `r.secret(...)`, a `Blob` is a file by its hash."
        "\n[Writing a cookbook](../guides/cookbook.md) shows them at work.\n\n"
    )
    return MADE + head + "\n".join(resource_section(kind, declared) for kind, declared in found)


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
    context = click.Context(command, info_name=" ".join(path), help_option_names=["-h", "--help"])
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


def findings() -> str:
    """Each code of ``toque check`` with what its rule finds."""
    from toque.checks.rules import RULES

    rows = ["| code | | what it means |", "|---|---|---|"]
    rows += [f"| [{r.code}]({r.code}.md) | {r.severity} | {r.title}. |" for r in RULES]
    return MADE + "\n".join(rows) + "\n"


def machine_fixture_page() -> str:
    """Each method of the fixture ``machine``, and the value that it answers with."""
    from toque.kitchen.look import Inside

    head = (
        "# The fixture `machine`\n\nWhat a check asks of a machine, throwaway or real."
        "\nIt looks at each call anew; what is not there is `None`."
        "\n[The kitchen](../guides/kitchen.md) shows how checks are run.\n"
    )
    lines = [head]
    for name, member in vars(Inside).items():
        if name.startswith("_"):
            continue
        lines += [f"## {name}", "", f"`machine.{name}{parameters(member)}`", ""]
        text, example = text_and_example(member)
        lines += [text, "", *(["```python", example, "```", ""] if example else [])]
        value = answered(getattr(member, "fget", None) or getattr(member, "func", None) or member)
        if value is not None:
            lines += [inspect.cleandoc(value.__doc__ or ""), "", *field_rows_shown(value), ""]
            lines += properties(value)
    return MADE + "\n".join(lines)


def text_and_example(member: object) -> tuple[str, str]:
    """A docstring that ends with an example after ``::``, in two."""
    text, colons, example = (inspect.getdoc(member) or "").partition("::\n\n")
    return text + colons[:1], textwrap.dedent(example).rstrip()


def parameters(member: object) -> str:
    """What a method takes, in brackets; nothing for a property."""
    if not inspect.isfunction(member):
        return ""
    taken = list(inspect.signature(member, eval_str=True).parameters.values())[1:]
    return f"({', '.join(map(str, taken))})"


def answered(function: typing.Any) -> type | None:
    """The dataclass of ours that a function answers with, alone, among others, or in a tuple."""
    annotation = typing.get_type_hints(function).get("return")
    for inner in (annotation, *typing.get_args(annotation)):
        if dataclasses.is_dataclass(inner) and inner.__module__.startswith("toque.kitchen.look"):
            return typing.cast(type, inner)
    return None


def field_rows_shown(declared: type) -> list[str]:
    """The table of the fields that are nobody's own, without defaults: a machine fills them."""
    hints = typing.get_type_hints(declared)
    rows = ["| has | type |", "|---|---|"]
    for field in dataclasses.fields(declared):
        if not field.name.startswith("_"):
            shown = type_words(hints[field.name]).replace("|", "\\|")
            rows.append(f"| `{field.name}` | `{shown}` |")
    return rows


def properties(declared: type) -> list[str]:
    """What else a value of ours can be asked, a line each."""
    lines = []
    for name, member in vars(declared).items():
        function = member.fget if isinstance(member, property) else member
        if name.startswith("_") or not inspect.isfunction(function):
            continue
        text = " ".join((inspect.getdoc(function) or "").split())
        lines.append(f"* `{name}{parameters(member)}`" + (f": {text}" if text else ""))
    return [*lines, ""] if lines else []


PAGES = {
    "resources.md": resources_page,
    "cli.md": cli_page,
    "machine-fixture.md": machine_fixture_page,
    "requirements.md": requirement_table.page,
    "security-rules.md": rule_table.page,
    "codes.inc": error_codes,
    "findings.inc": findings,
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
