"""What each variable of a project gets: what is generated, known, left to its default, or asked.

``Answers`` says it for all of them; a value that only a person knows has none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .found import Chosen, Detected, Reason, Variable
from .variables import is_database, is_generated

_HOSTS = re.compile(r"(^|_)(ALLOWED|TRUSTED)_HOSTS$")
_DEBUG = re.compile(r"(^|_)DEBUG$")
_REDIS = re.compile(r"(^|_)(REDIS|BROKER|CELERY_BROKER|RESULT_BACKEND|CACHE|RQ_REDIS)(_URL|_URI)?$")
_REDIS_HOST = re.compile(r"(^|_)(REDIS|KV)_HOST$")
_OFF = {"1": "0", "true": "false", "True": "False", "on": "off", "yes": "no", "y": "n", "t": "f"}
REDIS = "redis://127.0.0.1:6379/0"


@dataclass(frozen=True)
class Answers:
    """``plain`` by variable, ``generated`` secrets, and what is ``unknown``: needed, no answer.

    ``packages`` are the system's that an answer counts on.
    """

    plain: Mapping[str, Chosen] = field(default_factory=dict)
    generated: Mapping[str, Reason] = field(default_factory=dict)
    unknown: tuple[Variable, ...] = ()
    packages: tuple[Chosen, ...] = ()


def answers(found: Detected, hosts: Sequence[str]) -> Answers:
    """The answers for a site that visitors reach by the names ``hosts``."""
    plain: dict[str, Chosen] = {}
    generated: dict[str, Reason] = {}
    unknown: list[Variable] = []
    packages: list[Chosen] = []
    if folders := [folder for folder in (found.entry.folder, *found.imports) if folder]:
        plain["PYTHONPATH"] = Chosen(":".join(folders), Reason("imports begin there"))
    closed = any("ALLOWED_HOSTS" in note.words for note in found.notes)
    for variable in found.variables:
        name = variable.name
        if found.database is not None and name in found.database.variables:
            continue
        if is_generated(variable):
            generated[name] = variable.why
        elif _HOSTS.search(name):
            plain[name] = Chosen(",".join(dict.fromkeys(("localhost", *hosts))), variable.why)
        elif _DEBUG.search(name) and (off := _off(variable)) and not closed:
            plain[name] = Chosen(off, variable.why)
        elif _REDIS.search(name) and _on_this_machine(variable) and "redis" in found.lock.packages:
            plain[name] = Chosen(REDIS, variable.why)
            packages = [Chosen("redis-server", variable.why)]
        elif _REDIS_HOST.search(name) and _on_this_machine(variable):
            if not variable.needed and "redis" in found.lock.packages:
                packages = [Chosen("redis-server", variable.why)]
            elif variable.needed:
                unknown.append(variable)
        elif variable.needed:
            unknown.append(variable)
    return Answers(plain, generated, tuple(unknown), tuple(packages))


def _off(variable: Variable) -> str:
    """What turns debugging off, written as the default that turns it on; "" when it is off."""
    if variable.needed:
        return "false"
    return _OFF.get(variable.default, "")


def _on_this_machine(variable: Variable) -> bool:
    default = variable.default
    return (
        variable.needed or "localhost" in default or "127.0.0.1" in default or "//redis" in default
    )


def shown(variable: Variable) -> str:
    """A variable that somebody has to give, with where it is read."""
    kind = "a database's URL" if is_database(variable.name) else variable.why.words
    return f"{variable.name} ({variable.why.path}:{variable.why.line} {kind})"
