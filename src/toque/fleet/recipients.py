"""``secrets/recipients.txt``: who can open the project's secrets, as ``age -R`` reads it.  Pure."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import AskedWrongly
from ..node.record import dataclass
from .age import SSH, recipient

HEAD = "# Who can open the files beside this one.  Changed by: toque env recipients\n"


@dataclass(frozen=True)
class Recipient:
    """``name`` is what the line above the key says of it."""

    key: str
    name: str = ""


def parse_recipients(text: str, place: str) -> tuple[Recipient, ...]:
    """Keys in order, each with the comment right above it or behind an SSH key.

    Raises ``AskedWrongly("bad-recipient")``.
    """
    found: list[Recipient] = []
    above = ""
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.strip()
        if words.startswith("#"):
            above = words.lstrip("# ")
            continue
        if words:
            key = recipient(words, f"{place}:{number}")
            behind = words.split(maxsplit=2)[2:] if words.startswith(SSH) else []
            found.append(Recipient(key, (above or " ".join(behind))))
        above = ""
    return tuple(found)


def written(recipients: Sequence[Recipient]) -> str:
    """The file's text."""
    lines = [f"# {one.name}\n{one.key}\n" if one.name else f"\n{one.key}\n" for one in recipients]
    return HEAD + "\n" + "".join(lines)


def with_one(recipients: Sequence[Recipient], one: Recipient) -> tuple[Recipient, ...]:
    """With ``one`` added, or named anew when its key is there."""
    kept = [r for r in recipients if r.key != one.key]
    return (*kept, one)


def without(recipients: Sequence[Recipient], key: str) -> tuple[Recipient, ...]:
    """Without the one that has ``key`` as its key or name.

    Raises ``AskedWrongly``: ``recipient-unknown``, ``last-recipient``.
    """
    fits = [r for r in recipients if key in (r.key, r.name)]
    if len(fits) != 1:
        raise AskedWrongly(
            "recipient-unknown",
            f"{'several recipients are' if fits else 'no recipient is'} {key}",
            expected="the key or the name of one",
            found=", ".join(r.name or r.key for r in recipients) or "no recipients",
            hint="toque env recipients",
        )
    kept = tuple(r for r in recipients if r is not fits[0])
    if not kept:
        raise AskedWrongly(
            "last-recipient",
            "nobody could open the secrets any more",
            expected="at least one recipient that stays",
            found="the last one",
            hint="add the new one first: toque env recipients add KEY",
        )
    return kept
