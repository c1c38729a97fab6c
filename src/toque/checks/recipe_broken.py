"""A recipe of which no plan can be made."""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import Trouble
from .rule import Rule, Seen
from .subject import Sample, Subject

# Mistakes that are none for a cookbook that leaves a system out on purpose: it raises its own.
NEVER_MEANT = ("recipe-raised", "recipe-too-slow", "unknown-attribute", "bad-resource-field",
               "bad-guard", "template-undefined", "template-failed", "resource-not-added",
               "not-a-resource", "dangling-notification")  # fmt: skip


def look(subject: Subject) -> Iterator[Seen]:
    by_label: dict[str, list[Sample]] = {}
    for sample in subject.samples:
        by_label.setdefault(sample.label, []).append(sample)
    told: dict[tuple[str, int], Seen] = {}
    for label, samples in by_label.items():
        bad = [sample for sample in samples if sample.trouble is not None]
        for sample in bad:
            trouble = sample.trouble
            meant = len(bad) < len(samples) and trouble and trouble.code not in NEVER_MEANT
            if trouble is None or meant:
                continue
            where = subject.where(trouble.place) or subject.home(label.partition("::")[0])
            on = "" if len(bad) == len(samples) else f", on {sample.release}"
            seen = Seen(*where, f"{label}{on}: {trouble.message}", _mend(trouble))
            told.setdefault(where, seen)
    yield from told.values()


def _mend(trouble: Trouble) -> str:
    if trouble.hint or not trouble.expected:
        return trouble.hint or trouble.found
    return f"expected {trouble.expected}, found {trouble.found}"


RULE = Rule(
    "recipe-broken",
    "error",
    "No plan can be made of a recipe",
    "A converge or a deploy ends there, before anything is changed.",
    look,
)
