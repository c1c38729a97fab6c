"""What only a plan tells: steps whose words a recipe put together while it ran."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from ..node.model import Step
from .rule import Seen
from .subject import Subject


def seen_in_plans(
    subject: Subject,
    known: Sequence[Seen],
    wrong: Callable[[Step], bool],
    say: Callable[[Step], tuple[str, str]],
) -> Iterator[Seen]:
    """Where the project's own recipes add a step that is ``wrong``; ``say`` is what and how to
    mend.  A function in which the text has shown some already (``known``) is left out: a step is
    placed where it is added, which may be elsewhere than where it is written."""
    told = set()
    for _, step in subject.steps():
        where = subject.where(step.place) if wrong(step) else None
        if where is None or where in told:
            continue
        told.add(where)
        first, last = subject.outer(*where)
        if not any(one.path == where[0] and first <= one.line <= last for one in known):
            yield Seen(*where, *say(step), subject.statement(*where)[1])
