"""A template that cannot be rendered: what it needs is not passed, or it is not there."""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import nearest
from .renders import renders
from .rule import Rule, Seen
from .subject import Subject
from .templates import fault, names_needed


def look(subject: Subject) -> Iterator[Seen]:
    for book in subject.books:
        for text in book.templates.values():
            wrong = fault(text.text)
            if wrong is not None:
                yield Seen(text.path, wrong[0], wrong[1], "write it as Jinja2 has it")
        for one in renders(subject, book):
            if one.template is None:
                continue
            if one.template not in book.templates:
                near = nearest(one.template, sorted(book.templates))
                yield Seen(
                    one.path,
                    one.line,
                    f"there is no template {one.template}",
                    near or f"write templates/{one.template}",
                )
            elif one.complete:
                needed = names_needed(book.templates[one.template].text)
                for name in sorted(needed - {*one.values, *ALWAYS}):
                    yield Seen(
                        one.path,
                        one.line,
                        f"template {one.template} uses {name}, which is not passed",
                        f"pass {name}=..., or take it out of {one.template}",
                    )


# What Jinja2 gives every template.
ALWAYS = ("range", "dict", "lipsum", "cycler", "joiner", "namespace", "loop", "caller", "varargs",
          "kwargs", "self", "super")  # fmt: skip

RULE = Rule(
    "template-broken",
    "error",
    "A template cannot be rendered",
    "The plan stops there, with no machine changed, as soon as the recipe comes by.",
    look,
)
