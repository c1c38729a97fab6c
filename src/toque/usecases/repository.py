"""An app's repository as a node sees it: who is let in, how far, and what a revision holds.

A remote repository is read by the node that runs the app, as its deploy user, with its key or
token; the machine that toque runs on needs no access of its own.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

from ..errors import Failed, Unreachable
from ..fleet import forges
from ..fleet.app import App
from ..fleet.source import token_name
from ..node import git
from ..node.applayout import deploy_key_path, known_hosts_path
from ..ports import Transport
from .answers import Event, events, raise_refused
from .converge import StepError
from .forgehosts import host_keys
from .place import Place
from .site import LocalRepository, Site

NEXT = ".next"  # behind the path of a key: the one that a rotation has made
# What a failed stage of a check ends the program with (docs/reference/exit-status.md).
STATUSES: Mapping[str, int] = {
    "name": 11,
    "port": 12,
    "host key": 13,
    "authentication": 14,
    "repository": 15,
    "revision": 16,
    "submodules": 17,
}


@dataclass(frozen=True)
class Stage:
    """One stage of a check, as the node tells it."""

    name: str
    good: bool
    said: str
    hint: str
    log: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        told = {"stage": self.name, "good": self.good, "said": self.said}
        return told if self.good else {**told, "hint": self.hint, "log": list(self.log)}


@dataclass(frozen=True)
class PublicKey:
    """The public half of a deploy key: its line, and its fingerprint as forges show it."""

    line: str
    fingerprint: str


class NodeRepository:
    """A repository that a node reads for us, over one connection while the block lasts.

    Its methods raise ``Failed`` with the code that the node gives, and ``Unreachable``.
    """

    prefix = ""

    def __init__(self, transport: Transport, opening: Mapping[str, Any]) -> None:
        self._transport = transport
        self._opening = opening

    def __enter__(self) -> Self:
        self._channel = self._transport.open(["repository"])
        self._channel.send(json.dumps(self._opening).encode())
        self._events = events(self._channel)
        return self

    def __exit__(self, *why: object) -> None:
        self._channel.terminate()

    def resolve(self, ref: str) -> str:
        """The full id of a branch, tag or commit."""
        commit = str(self._ask(do="resolve", ref=ref)["commit"])
        if not re.fullmatch("[0-9a-f]{40}", commit):
            raise self._wrong()
        return commit

    def read(self, commit: str, path: str) -> bytes | None:
        found = self._ask(do="read", commit=commit, path=path)["bytes"]
        return None if found is None else base64.b64decode(found)

    def read_all(self, commit: str, paths: Sequence[str]) -> Mapping[str, bytes | None]:
        return {path: self.read(commit, path) for path in paths}

    def names(self, commit: str, path: str) -> list[str]:
        return [str(name) for name in self._ask(do="names", commit=commit, path=path)["names"]]

    def containing(self, commit: str, words: Sequence[str]) -> list[str]:
        told = self._ask(do="containing", commit=commit, words=list(words))["names"]
        return [str(name) for name in told]

    def subject(self, commit: str) -> str:
        return str(self._ask(do="subject", commit=commit)["subject"])

    def check(self, ref: str, *, submodules: bool) -> tuple[Stage, ...]:
        """How far a deploy of ``ref`` would get; the last stage is the first that failed."""
        told = self._ask(do="check", ref=ref, submodules=submodules)["stages"]
        stages = tuple(
            Stage(
                str(one["stage"]), one["good"] is True, str(one["said"]), str(one["hint"]),
                tuple(str(line) for line in one["log"]),
            )
            for one in told
        )  # fmt: skip
        if not stages or any(stage.name not in STATUSES for stage in stages):
            raise self._wrong()
        return stages

    def key(self, path: str) -> PublicKey | None:
        """The public half of a private key on the node; None when there is none."""
        told = self._ask(do="key", path=path)["key"]
        return None if told is None else PublicKey(str(told["line"]), str(told["fingerprint"]))

    def _ask(self, **order: object) -> Event:
        self._channel.send(json.dumps(order).encode())
        try:
            for event in self._events:
                raise_refused(event)
                if event.get("type") == "failed":
                    raise _relayed(event, self._transport.name)
                if event.get("type") == "repository":
                    return event
        except (KeyError, TypeError, ValueError) as error:
            raise self._wrong() from error
        raise Unreachable(
            "no-answer",
            f"{self._transport.name} ended without an answer about the repository",
            hint="run the same command again",
            log=self._channel.stderr_tail,
        )

    def _wrong(self) -> Unreachable:
        return Unreachable(
            "node-speaks-wrongly", "the node sent something else than was asked of the repository"
        )


def _relayed(event: Event, node: str) -> StepError:
    error = Failed(
        "step-failed",
        f"{node}: {event['message']}",
        expected=str(event.get("expected", "")),
        found=str(event.get("found", "")),
        hint=str(event.get("hint", "")),
        log=[str(line) for line in event.get("log", ())],
    )
    code = str(event["code"])
    plain = re.fullmatch(r"[a-z][a-z0-9-]{1,60}", code)
    return StepError(error, "repository", code if plain else "step-failed")


def opening(site: Site, app: App) -> dict[str, Any]:
    """The order that names an app's repository, with what it takes to read it."""
    token = site.store.get(token_name(app.name)) or ""
    return {
        "do": "open",
        "app": app.name,
        "user": app.deploy_user,
        "url": app.repository if app.remote else "",
        "mirror": f"{app.home}/repo.git",
        "key_path": deploy_key_path(app.name),
        "known_hosts": known_hosts_path(app.name),
        "host_keys": host_keys(site.state),
        "token": token,
        "login": login_of(app),
    }


def login_of(app: App) -> str:
    """The user name that goes with the token of a remote app."""
    return forges.login_at(git.address(app.repository).host) if app.remote else ""


def on_node(site: Site, app: App, place: Place) -> NodeRepository:
    """The repository of ``app`` as ``place`` sees it."""
    return NodeRepository(place.transport, opening(site, app))


@contextmanager
def opened(site: Site, app: App, place: Place) -> Iterator[LocalRepository | NodeRepository]:
    """The repository of ``app``: on this machine, or read by ``place``."""
    if not app.remote:
        yield site.open_repository(site.project.repository(app))
        return
    with on_node(site, app, place) as repository:
        yield repository
