"""What failed lately, or will, though all is well now."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from ..node.finding import WARN, Finding
from ..node.sight.failures import Failure, failures
from .facts import Facts, entries, part

WHAT_HELPS = {
    "app-exception": "toque errors {app} --last",
    "answer-too-late": "toque errors {app}; nginx waits proxy_read_timeout",
    "body-too-large": "largest_body in toque.toml, cookbook nginx",
    "header-too-big": "proxy_buffer_size in the site, or smaller cookies",
    "static-unreadable": "namei -l PATH as www-data",
    "worker-timeout": "make it faster, or answer_within_s in toque.toml",
    "worker-killed": "toque errors {app} --last",
    "disk-full": "df -h; df -i",
}
# A machine or an app that is short of these is slow because of it: that a request took too long
# then tells nothing of the request.
SHORT = frozenset({"descriptors-exhausted", "memory-short", "out-of-memory"})
SLOW = frozenset({"answer-too-late", "worker-timeout"})


def failed_lately(facts: Facts, known: Collection[str] = ()) -> Iterator[Finding]:
    """Requests that failed lately, though all is well now: one finding for each cause.

    ``known`` are the codes of what was found besides.
    """
    slow = SLOW if SHORT.intersection(known) else frozenset()
    by_code: dict[str, list[Failure]] = {}
    for failure in failures(entries(facts)):
        if failure.visited:
            by_code.setdefault(failure.code, []).append(failure)
    for same in sorted(by_code.values(), key=len, reverse=True):
        found = again(same, WARN, facts)
        yield replace(found, certain=found.certain and found.code not in slow)


def again(same: Sequence[Failure], level: str, facts: Facts) -> Finding:
    last = same[-1]
    message = last.message
    if last.code == "answer-too-late":
        limit = part(facts, "site").get("read_timeout")
        message = f"nginx waited {limit:g} s for an answer" if limit else message
    times = f"{len(same)} requests failed" if len(same) > 1 else "a request failed"
    what = f"{last.status} {last.method} {last.uri}"
    helps = WHAT_HELPS.get(last.code, "toque errors {app}").format(app=facts["app"])
    return Finding(  # relays a code
        last.code, level, f"{times}, last {what}: {message}", last.trace[-12:], help=helps,
        certain=last.certain,
    )  # fmt: skip
