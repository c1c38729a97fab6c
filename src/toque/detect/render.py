"""``toque.toml`` for what was found: every choice with its reason beside it."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from .answers import Answers
from .found import Detected, Process, Reason

HEAD = """\
# What Toque found in this project, and why.  Change what you want: from now on this file counts.
# Every key: docs/reference/toque-toml
"""
KEPT_HEAD = """\
# Written by `toque up` from the project's own files at each run.  To own it: toque init
"""


@dataclass(frozen=True)
class Place:
    """Where it goes: ``nodes`` maps names to addresses.

    ``cookbook`` is the path of a package of its own; without one the built-in cookbooks do it.
    ``health`` and ``accepts`` are as in App, said by whoever deploys.
    """

    name: str
    branch: str
    nodes: Mapping[str, str]
    domains: Sequence[str] = ()
    cookbook: str = ""
    health: str = ""
    accepts: Sequence[str] = ()


def as_toml(found: Detected, answers: Answers, place: Place, *, head: str = HEAD) -> str:
    """The text of toque.toml.  What it says is read back by ``fleet.project.parse_project``."""
    own = [place.cookbook.rpartition("/")[2]] if place.cookbook else []
    lines = [head]
    lines += ["[stack]", f"name = {_text(place.name)}"]
    lines += [f"cookbooks = {_list([place.cookbook])}"] if own else []
    lines += ["", "[layers.web]", f"setup = {_list(own or setup_of(found))}"]
    lines += [f"deploy = {_list(own or ['python_app'])}", ""]
    if found.database and found.database.parts:
        lines += ["# The app reads a host, which is this machine; others cannot connect."]
        lines += ["[layers.web.attributes.postgresql]", 'listen = "localhost"', ""]
    for name, address in place.nodes.items():
        lines += [f"[nodes.{name}]", f"address = {_text(address)}", 'layer = "web"', ""]
    lines += _app(found, answers, place)
    lines += _tables(found, answers, place)
    return "\n".join(lines).rstrip("\n") + "\n"


def setup_of(found: Detected) -> list[str]:
    """The built-in cookbooks that set up a machine for it, in their order."""
    uwsgi = ["uwsgi"] if found.server.name == "uwsgi" else []
    return ["python_app", *uwsgi, *(["postgresql"] if found.database else []), "nginx"]


def app_name(wanted: str) -> str:
    """A project's name as an app may have: a-z 0-9 -, at most 24, a letter first."""
    plain = re.sub(r"[^a-z0-9]+", "-", wanted.lower()).strip("-")[:24].rstrip("-")
    plain = plain if re.match(r"[a-z]", plain) else f"app-{plain}".rstrip("-")[:24]
    return plain or "app"


def node_name(address: str) -> str:
    """A name for a node that is only known by its address."""
    host = address.rpartition("@")[2].removeprefix("kitchen:").partition(":")[0]
    plain = re.sub(r"[^a-z0-9]+", "-", host.lower()).strip("-")[:31].rstrip("-")
    return plain if re.match(r"[a-z]", plain) else f"node-{plain}".rstrip("-")[:31]


def _app(found: Detected, answers: Answers, place: Place) -> list[str]:
    entry = found.entry
    lines = [f"[apps.{place.name}]", 'repository = "."', 'layer = "web"']
    lines += [f"branch = {_text(place.branch)}"]
    lines += _said(place)
    if found.root != ".":
        lines += [*_why(found.lock.why), f"root = {_text(found.root)}"]
    lines += [*_why(entry.why), f"entry = {_text(entry.target)}"]
    lines += [*_why(found.server.why), f"server = {_text(found.server.name)}"]
    if found.server.name == "granian" and entry.interface == "wsgi":
        lines += ['interface = "wsgi"']  # it serves both, and takes an app for ASGI
    lines += [*_why(found.lock.why), f"lock = {_text(found.lock.path)}"]
    if found.python:
        lines += [
            *_why(found.python.why),
            "# (the node's own Python is used, if it is in that range)",
        ]
    if found.migrate:
        lines += [*_why(found.migrate.why), f"migrate = {_list(shlex.split(found.migrate.value))}"]
    packages = [*found.libraries, *answers.packages]
    if packages:
        for package in packages:
            lines += _why(package.why)
        lines += [f"packages = {_list(dict.fromkeys(p.value for p in packages))}"]
    if found.shared:
        for shared in found.shared:
            lines += _why(shared.why)
        lines += [f"shared = {_list(s.value for s in found.shared)}"]
    needed = [v for v in found.variables if v.needed]
    if needed:
        for variable in needed:
            lines += _why(variable.why)
        lines += [f"requires = {_list(variable.name for variable in needed)}"]
    return [*lines, ""]


def _said(place: Place) -> list[str]:
    """What whoever deploys has said of the app."""
    lines = [f"domains = {_list(place.domains)}"] if place.domains else []
    lines += [f"health = {_text(place.health)}"] if place.health else []
    return [*lines, *([f"accepts = {_list(place.accepts)}"] if place.accepts else [])]


def _tables(found: Detected, answers: Answers, place: Place) -> list[str]:
    app = f"apps.{place.name}"
    lines: list[str] = []
    if found.build:
        lines += [f"[{app}.build]", *_why(found.build.why)]
        lines += [f"command = {_list(shlex.split(found.build.command))}"]
        lines += [f"writes = {_list([found.build.folder])}"]
        needed = [
            v.name
            for v in found.variables
            if v.name in answers.generated or (v.needed and v.name not in answers.plain)
        ]
        if needed:
            lines += ["# it loads the settings, which may stop without these"]
            lines += [f"variables = {_list(needed)}"]
        lines += [""]
    if found.static:
        lines += [f"[{app}.static]"]
        for static in found.static:
            lines += [*_why(static.why), f"{_text(static.url)} = {_text(static.folder)}"]
        lines += [""]
    if answers.plain:
        lines += [f"[{app}.env]"]
        for name, chosen in answers.plain.items():
            lines += [*_why(chosen.why), f"{name} = {_text(chosen.value)}"]
        lines += [""]
    if answers.generated:
        lines += [f"[{app}.secrets]"]
        for name, why in answers.generated.items():
            lines += [*_why(why), f'{name} = "generate"']
        lines += [""]
    if found.database:
        database = found.database
        lines += [f"[{app}.database]", *_why(database.why)]
        lines += [f"name = {_text(place.name.replace('-', '_'))}"]
        lines += [
            f"variable = {_text(database.variable)}",
            f"scheme = {_text(database.scheme)}",
        ]
        lines += [f"parts.{part} = {_text(name)}" for part, name in database.parts.items()]
        lines += [""]
    lines += [line for process in found.processes for line in _process(process, app)]
    return lines


def _process(process: Process, app: str) -> list[str]:
    """A worker; of what keeps a schedule by itself there may never be two."""
    if not process.words:
        return [*_why(process.why), f"# ({commented(process.name)} needs a shell: not started)", ""]
    name = re.sub(r"[^a-z0-9]+", "_", process.name.lower()).strip("_")[:24] or "worker"
    name = name if name[0].isalpha() else f"w{name}"[:24]
    lines = [f"[{app}.workers.{name}]", *_why(process.why), f"command = {_list(process.words)}"]
    return [*lines, *(['rule = "one"'] if process.kind == "schedule" else []), ""]


def _why(reason: Reason) -> list[str]:
    return [f"# {commented(str(reason))}"]


def commented(text: str) -> str:
    """Words of the project as they may stand in a comment: on one line, nothing invisible."""
    return "".join(c if c.isprintable() else "?" for c in text)[:160]


def _list(values: Iterable[str]) -> str:
    return "[" + ", ".join(_text(value) for value in values) + "]"


def _text(value: str) -> str:
    """A basic string of TOML; JSON's escapes are among those that TOML knows."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
