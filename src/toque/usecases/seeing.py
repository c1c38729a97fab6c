"""What is seen of an app on its nodes: logs, failures, state, and what is wrong.

A node only tells facts; what they mean is said here, by ``toque.doctor``, together
with what this machine sees of the site: its names, its clock, and whether it answers from here.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ..doctor.diagnosis import Diagnosis, diagnose
from ..errors import Failed, Unreachable
from ..fleet.app import App
from ..node.finding import REFUSE, WARN, Finding
from ..node.probe import Question, visit
from ..ports import Transport
from .answers import Event, events, raise_refused
from .place import Place

CLIENT_S = 2.0  # a site that takes longer to accept us counts as not reachable from here


@dataclass(frozen=True)
class Bypassed:
    """What the hello app and the app answered on sockets of the same kind."""

    release: str
    hello: str
    app: str
    finding: Finding | None

    def as_json(self) -> dict[str, Any]:
        return {"release": self.release, "hello": self.hello, "app": self.app}


def see(transport: Transport, question: Mapping[str, Any], wanted: str) -> Event:
    """The answer to one question.  Raises ``Unreachable``, ``Failed``."""
    import json

    with transport.open(["see", json.dumps(question)]) as channel:
        for event in events(channel):
            if event.get("type") == wanted:
                return event
            _raise_trouble(event)
        raise Unreachable(
            "no-answer",
            f"{transport.name} ended without an answer",
            hint="run the same command again; toque node list says how the node is reached",
            log=channel.stderr_tail,
        )


def logs(
    transport: Transport,
    app: App,
    since: float,
    *,
    sources: Sequence[str] = (),
    follow: bool = False,
    most: int = 2000,
) -> Iterator[Mapping[str, Any]]:
    """Lines of all logs since ``since``, by time; with ``follow`` for as long as one listens."""
    import json

    question = {
        "what": "logs", "app": app.name, "since": since, "sources": list(sources),
        "follow": follow, "most": most,
    }  # fmt: skip
    with transport.open(["see", json.dumps(question)]) as channel:
        try:
            for event in events(channel):
                if event.get("type") == "end":
                    return
                _raise_trouble(event)
                yield from _entries(event)
        finally:
            if follow:
                channel.terminate()


def _entries(event: Event) -> list[Mapping[str, Any]]:
    found = event.get("entries")
    return [
        entry
        for entry in (found if isinstance(found, list) else ())
        if isinstance(entry, dict)
        and isinstance(entry.get("at"), (int, float))
        and 0 <= entry["at"] < 1e11
        and all(isinstance(entry.get(name), str) for name in ("source", "text"))
    ]


def errors(transport: Transport, app: App, since: float, most: int) -> list[Mapping[str, Any]]:
    """The last failures of requests, oldest first."""
    question = {"what": "errors", "app": app.name, "since": since, "most": most}
    told = see(transport, question, "errors")
    with parsing("errors"):
        return [failure(one) for one in told["errors"]]


def failure(told: Mapping[str, Any]) -> dict[str, Any]:
    """One failure as a node tells it, each part of the type that it has to have."""
    texts = ("code", "message", "method", "uri", "request", "release")
    return {
        "at": float(told["at"]),
        "status": int(told["status"]),
        "certain": bool(told["certain"]),
        "visited": bool(told["visited"]),
        "trace": [str(line) for line in told["trace"]],
        **{name: str(told[name]) for name in texts},
    }


@contextmanager
def parsing(what: str) -> Iterator[None]:
    """What a node says is hostile until parsed: a wrong shape is the node's fault, not our bug."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, ArithmeticError) as error:
        raise Unreachable(
            "node-speaks-wrongly",
            f"the node sent {what} that nobody can read",
            found=f"{type(error).__name__}: {error}"[:500],
        ) from error


def status(transport: Transport, apps: Sequence[App]) -> Event:
    """How a node and its apps are."""
    return see(transport, {"what": "status", "apps": [app.name for app in apps]}, "status")


def doctor(place: Place, app: App, since: float) -> tuple[Diagnosis, Mapping[str, Any]]:
    """What is wrong with ``app`` on one node, and the facts that say so."""
    question = {
        "what": "doctor", "app": app.name, "user": app.user, "host": app.host,
        "page": app.health, "domains": list(app.domains), "since": since,
    }  # fmt: skip
    began = time.time()
    told = see(place.transport, question, "doctor")["facts"]
    facts = dict(told) if isinstance(told, dict) else {}
    with parsing("facts"):
        facts["clock"] = {"skew_s": _skew(float(facts["at"]), began, time.time())}
        facts["client"] = _from_here(place, app, facts)
        facts["client_names"] = _names(app.domains)
        if place.host:
            facts["addresses"] = [*facts.get("addresses", ()), place.host]
        return diagnose(facts), facts


def _skew(said: float, began: float, ended: float) -> float:
    """By how much the node's clock is ahead, when its answer came between two moments of ours."""
    return 0.0 if began <= said <= ended else said - (ended if said > ended else began)


def _from_here(place: Place, app: App, facts: Mapping[str, Any]) -> dict[str, Any]:
    """The page as a visitor gets it who is where we are; nothing where no answer would tell more.

    A site that does not answer well on its own machine is not asked from afar.
    """
    through = facts.get("through", {})
    site = facts.get("site", {})
    if not place.host or not 0 < int(through.get("status") or 500) < 500:
        return {}
    port = int(place.ports.get("http", site.get("port", 80)))
    began = time.monotonic()
    host = app.host if port == 80 else f"{app.host}:{port}"
    answer = visit(Question(f"http://{host}{app.health}", at=place.host), timeout_s=CLIENT_S)
    took = round(time.monotonic() - began, 3)
    return {
        "status": answer.status, "fault": answer.fault, "reason": answer.reason, "seconds": took,
    }  # fmt: skip


def _names(domains: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for domain in domains:
        try:
            rows = socket.getaddrinfo(domain, 80, type=socket.SOCK_STREAM)
            found[domain] = {"addresses": sorted({str(row[4][0]) for row in rows})}
        except (socket.gaierror, UnicodeError) as error:
            found[domain] = {"error": str(error)}
    return found


def bypass(place: Place, app: App) -> Bypassed:
    """The hello app under the same unit, beside the release; then everything as before."""
    question = {"what": "bypass", "app": app.name, "host": app.host}
    said = see(place.transport, question, "bypass").get("said")
    said = said if isinstance(said, dict) else {}
    release, hello, own = (str(said.get(name, "")) for name in ("release", "hello", "app"))
    log = tuple(str(line) for line in said.get("log", ()))
    if not said.get("works"):
        finding: Finding | None = Finding(
            "server-at-fault", REFUSE,
            "not even the hello app answers under the app's unit: the fault is not the app's",
            (f"hello app: {hello}", *log[-8:]),
            help=f"journalctl -u '{app.name}-*' -n 50",
        )  # fmt: skip
    elif said.get("app_works"):
        finding = None
    else:
        finding = Finding(
            "app-at-fault", WARN, "nginx and app server fine, fault is in the app",
            (f"hello app: {hello}", f"the app: {own}"), help=f"toque errors {app.name} --last",
        )  # fmt: skip
    return Bypassed(release, hello, own, finding)


def _raise_trouble(event: Event) -> None:
    raise_refused(event)
    trouble = event.get("trouble")
    if event.get("type") != "seen" or not isinstance(trouble, dict):
        return
    if trouble.get("code") == "app-not-here":
        raise Failed(
            "app-not-here",
            str(trouble.get("message", "")),
            expected=str(trouble.get("expected", "")),
            hint=str(trouble.get("hint", "")),
        )
    raise Failed(
        "not-seen",
        f"the node could not look: {trouble.get('message', '')}",
        hint=str(trouble.get("hint", "")),
        log=[str(line) for line in trouble.get("log", ())],
    )
