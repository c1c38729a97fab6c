"""template, file, cookbook_file."""

from __future__ import annotations

import posixpath
import re

from ..declared import Declared
from ..layout import Doc, Made, call, quoted
from ..values import Expr

_JOB = re.compile(r"/etc/init/([\w.@-]+)\.conf")  # of Upstart


def template(d: Declared) -> list[Made]:
    path = d.path("path")
    action = d.action("create", "create_if_missing", "delete")
    if action == "delete":
        return _absent(d, path)
    source = _source(d, path, ".erb")
    given = d.variables()
    job = _JOB.fullmatch(path.value) if path.fixed else None
    if job is not None:
        return [_unit(d, job[1], source, given)]
    made = d.files.template(source, given, d.node.line)
    return [_file(d, path, _render(made.name, made.uses, given), action)]


def _render(name: str, uses: frozenset[str], given: dict[str, Expr]) -> Doc:
    values: dict[str, Doc] = {key: value.text for key, value in given.items()}
    if "node" in uses:
        values["node"] = "a"
    if "facts" in uses:
        values["facts"] = "r.facts"
    return call("r.render", quoted(name), **values)


def _unit(d: Declared, name: str, source: str, given: dict[str, Expr]) -> Made:
    made = d.files.job(source, given, d.node.line)
    d.imports.add("Unit")
    for one in ("owner", "group", "mode", "user"):
        d.passed_over(one, "a unit is for root to write and for all to read")
    d.note(f"Upstart's job is the unit {name}.service")
    return call("Unit", quoted(f"{name}.service"), content=_render(made.name, made.uses, given))


def plain(d: Declared) -> list[Made]:
    path = d.path("path")
    action = d.action("create", "create_if_missing", "delete")
    if action == "delete":
        return _absent(d, path)
    content = d.text("content")
    if content is None:  # Chef makes an empty one, and leaves what is in it alone
        return [_file(d, path, '""', "create_if_missing")]
    return [_file(d, path, content.text, action)]


def shipped(d: Declared) -> list[Made]:
    path = d.path("path")
    action = d.action("create", "create_if_missing", "delete")
    if action == "delete":
        return _absent(d, path)
    source = _source(d, path, "")
    name = d.files.file(source, d.node.line)
    return [_file(d, path, call("r.file", quoted(name)), action)]


def _source(d: Declared, path: Expr, ending: str) -> str:
    for name in ("cookbook", "local", "helpers", "helper"):
        if name in d.properties:
            raise d.no(f"{name}, a source outside of this cookbook")
    source = d.text("source")
    if source is None:
        return posixpath.basename(str(path.value)) + ending
    if not source.fixed:
        raise d.no("a source that is computed")
    return str(source.value)


def _file(d: Declared, path: Expr, content: Doc, action: str) -> Made:
    d.imports.add("File")
    more = d.owners(0o644)
    if action == "create_if_missing":
        more["create_only"] = "True"
    backup = d.value("backup")
    if backup is not None:
        if not backup.fixed or not (backup.value is False or isinstance(backup.value, int)):
            raise d.no("a number of backups that is computed")
        more["backups"] = str(int(backup.value))
    verify = d.one("verify")
    if verify is not None:
        raise d.no("verify: check=(...) takes an argument list, {} stands for the new file")
    return call("File", path.text, content=content, **more)


def _absent(d: Declared, path: Expr) -> list[Made]:
    d.imports.add("File")
    for name in list(d.properties):
        if name in ("source", "owner", "group", "mode", "variables", "content", "backup"):
            d.asked.add(name)  # they say nothing about a file that goes
    return [call("File", path.text, absent="True")]
