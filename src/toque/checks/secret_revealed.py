"""A secret whose text is in a plan."""

from __future__ import annotations

from collections.abc import Iterator

from ..node.wire import canonical
from .rule import Rule, Seen
from .subject import Subject

SHORTEST = 8  # characters; shorter texts could be in a plan by chance


def look(subject: Subject) -> Iterator[Seen]:
    told = set()
    for sample in subject.samples:
        texts = {n: t for n, t in sample.secrets.items() if len(t) >= SHORTEST}
        for step in sample.steps:
            data = canonical(dict(step.fields)).decode()
            for name, text in texts.items():
                where = subject.where(step.place)
                if text in data and where is not None and where not in told:
                    told.add(where)
                    yield Seen(
                        *where,
                        f"the text of the secret {name} stands in {step.kind}",
                        "pass the Secret itself, without reveal(); r.env_file(...) joins several",
                        subject.statement(*where)[1],
                    )


RULE = Rule(
    "secret-revealed",
    "error",
    "The text of a secret is in a plan",
    "Plans are printed, kept on the node and compared: the secret is shown there.",
    look,
)
