"""Databases that an app's own URLs lead to, or do not.  Pure."""

from typing import Any, Dict, Iterator, Mapping, Sequence, Tuple

from ..finding import REFUSE, WARN, Finding
from .served import Served

# State to what is said, and what helps.
STATES: Dict[str, Tuple[str, str]] = {
    "refused": ("nobody answers at {where}", "systemctl status postgresql; is the host right?"),
    "starting": ("the server at {where} is starting or stopping", "run the deploy again"),
    "full": ("the server at {where} has no connection left", "SHOW max_connections"),
    "auth": (
        "{user} is not let in at {where}",
        "set {name} anew; peer: the user must be the app's",
    ),
    "no-database": ("there is no database {database}", "toque setup, with [apps.{app}.database]"),
    "no-role": ("there is no role {user}", "toque setup, with [apps.{app}.database]"),
    "name": ("the name {host} has no address", "getent hosts {host}, on the node"),
    "timeout": ("{where} does not answer in time", "is a firewall between them?"),
    "error": ("{where} cannot be used", ""),
}


def database_findings(asked: Sequence[Mapping[str, Any]], served: Served) -> Iterator[Finding]:
    for one in asked:
        if one["state"] == "ok":
            continue
        if one["state"] == "url":
            yield Finding(
                "database-url-wrong",
                "refuse",
                f"{one['name']} is no URL that its driver understands",
                (one["said"],) if one["said"] else (),
                help="postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with %XX for what is special",
            )
            continue
        words, help = STATES[one["state"]]
        said = words.format(**one)
        yield Finding(
            "database-unreachable",
            _level(one),
            f"{one['name']}: {said}",
            (one["said"],) if one["said"] else (),
            help=help.format(app=served.app, **one),
        )


def _level(one: Mapping[str, Any]) -> str:
    """A cache that is down is often lived with, and a database for tests not used; others are."""
    spared = one["kind"].startswith("redis") or one["name"].startswith("TEST")
    return WARN if spared else REFUSE
