"""All rules at once: what is wrong, and what of that is allowed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .allowances import UNUSED, WRONG, Allowance, allowances, wrong
from .rule import Flaw, Seen
from .rules import RULES
from .subject import Subject, Text

# What says the same as other rules in words that know less, and as which; any error for none.
LESS: dict[str, tuple[str, ...]] = {
    "recipe-broken": (),
    "plain-secret": ("access-token", "private-key"),
}


@dataclass(frozen=True)
class Judged:
    """``flaws`` are by file and line; ``allowed`` those that somebody has accepted, and why;
    ``packages`` the cookbooks that were looked at."""

    flaws: tuple[Flaw, ...]
    allowed: tuple[tuple[Flaw, str], ...] = ()
    packages: tuple[str, ...] = ()

    def count(self, severity: str) -> int:
        return sum(1 for flaw in self.flaws if flaw.rule.severity == severity)


def judge(subject: Subject) -> Judged:
    """What all rules see, each thing once."""
    found = _once([Flaw(rule, seen) for rule in RULES for seen in rule.look(subject)])
    every = [one for text in _texts(subject) for one in allowances(text)]
    used: set[Allowance] = set()
    flaws, allowed = [], []
    for flaw in found:
        lines = subject.statement(flaw.seen.path, flaw.seen.line)
        by = next((one for one in every if one.covers(flaw.rule.code, flaw.seen, lines)), None)
        if by is None:
            flaws.append(flaw)
        else:
            used.add(by)
            allowed.append((flaw, by.reason))
    flaws += list(_of_allowances(every, used))
    packages = tuple(book.package for book in subject.books)
    return Judged(tuple(sorted(flaws, key=_order)), tuple(allowed), packages)


def _of_allowances(every: list[Allowance], used: set[Allowance]) -> Iterator[Flaw]:
    bad = list(wrong(every, [rule.code for rule in RULES]))
    yield from (Flaw(WRONG, seen) for seen in bad)
    told = {(seen.path, seen.line) for seen in bad}
    for one in every:
        if one not in used and (one.path, one.line) not in told:
            what = f"nothing here is {one.code}"
            yield Flaw(UNUSED, Seen(one.path, one.line, what, "remove the comment"))


def _once(found: list[Flaw]) -> list[Flaw]:
    """The text and the plan may tell of one statement, and compiling of what a rule has named."""
    kept: list[Flaw] = []
    for flaw in sorted(found, key=lambda flaw: flaw.rule.code in LESS):
        if not any(_same(flaw, one) for one in kept):
            kept.append(flaw)
    return kept


def _same(flaw: Flaw, known: Flaw) -> bool:
    one, other = flaw.seen, known.seen
    until, end = max(one.line, one.until), max(other.line, other.until)
    if one.path != other.path or one.line > end or other.line > until:
        return False
    if flaw.rule.code == known.rule.code:
        return one.what == other.what or bool(one.until and other.until)
    if flaw.rule.code in LESS:
        better = LESS[flaw.rule.code]
        return known.rule.code in better if better else known.rule.severity == "error"
    return False


def _texts(subject: Subject) -> Iterator[Text]:
    """Every text that may hold an allowance, once."""
    found = {text.path: text for text in subject.files}
    for book in subject.books:
        found |= {module.path: Text(module.path, module.text) for module in book.modules}
        found |= {text.path: text for text in book.templates.values()}
    yield from found.values()


def _order(flaw: Flaw) -> tuple[str, int, str]:
    return flaw.seen.path, flaw.seen.line, flaw.rule.code
