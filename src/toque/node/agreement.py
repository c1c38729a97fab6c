"""Whether a node is still as it was when a plan was made and somebody agreed to it."""

from typing import Any, Dict, Iterator, Mapping, Sequence

from .model import Outcome

MOST_TOLD = 100  # steps that moved; more of them say nothing new


def moved(agreed: Sequence[Outcome], now: Sequence[Outcome]) -> Iterator[Dict[str, Any]]:
    """What differs, a step at a time: ``step``, ``place`` and in words what ``was`` and ``is``."""
    before = {outcome.step: outcome for outcome in agreed}
    for outcome in now:
        was = before.get(outcome.step)
        if was is None or was.status is not outcome.status:
            yield _told(outcome, "not in it" if was is None else was.status.value, _status(outcome))
            continue
        parts = sorted(_differing(was.seen or {}, outcome.seen or {}))
        if parts:
            yield _told(outcome, "as the plan saw it", f"another {', '.join(parts)}")


def _differing(was: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    if bool(was) != bool(now):
        yield "existence"
        return
    for name in {*was, *now}:
        if was.get(name) != now.get(name):
            yield name


def _status(outcome: Outcome) -> str:
    if outcome.trouble:
        return f"{outcome.status.value}: {outcome.trouble.get('message', '')}"
    return outcome.status.value


def _told(outcome: Outcome, was: str, now: str) -> Dict[str, Any]:
    return {"step": outcome.step, "place": outcome.place, "was": was, "is": now}
