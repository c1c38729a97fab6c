"""An attribute that is read and that nobody declares."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..errors import nearest
from .reads import reads
from .rule import Rule, Seen
from .subject import Subject


def look(subject: Subject) -> Iterator[Seen]:
    for sample in subject.samples:  # set in toque.toml
        trouble = sample.trouble
        where = subject.where(trouble.place) if trouble and trouble.code == "unknown-key" else None
        if trouble and where:
            yield Seen(*where, trouble.message, trouble.hint or trouble.expected)
    for read in reads(subject):
        if read.kind is None or read.kind.many or not read.name or read.name.startswith("__"):
            continue
        shape = subject.shapes.shape(read.kind.ref)
        if shape.open or read.name in shape.names:
            continue
        name = read.kind.ref[1]
        near = nearest(read.name, sorted(shape.names))
        yield Seen(
            read.path,
            read.line,
            f"{name} has no attribute {read.name}",
            near or f"declare {read.name} in {name}, or read one of {_some(shape.fields)}",
        )


def _some(names: Iterable[str]) -> str:
    return ", ".join([*names][:6]) or "those that there are"


RULE = Rule(
    "unknown-attribute",
    "error",
    "An attribute is read that nobody declares",
    "The recipe stops there; in a branch that is seldom taken, on the day it is.",
    look,
)
