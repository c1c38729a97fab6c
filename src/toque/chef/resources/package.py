"""package, apt_package, apt_update."""

from __future__ import annotations

from ..declared import Declared
from ..layout import Doc, Made, call
from ..values import Expr


def carry(d: Declared) -> list[Made]:
    d.imports.add("Package")
    action = d.action("install", "upgrade", "remove", "purge")
    wanted = d.value("package_name") or d.name
    if isinstance(wanted.value, tuple) and not wanted.fixed:
        names: list[Doc] = [f"*{wanted.inner}"]
    elif isinstance(wanted.value, tuple):
        names = [f'"{name}"' for name in wanted.value]
    elif isinstance(wanted.value, str):
        names = [wanted.text]
    else:
        raise d.no("packages whose names are not known as texts")
    if not names:
        raise d.no("no package at all")
    more: dict[str, Doc] = {}
    version = d.text("version")
    if version is not None:
        more["versions"] = Made("{", ((f"{_single(d, wanted)}: ", version.text),), "}")
    if action == "upgrade":
        more["upgrade"] = "True"
    if action in ("remove", "purge"):
        more["absent"] = "True"
    if action == "purge":
        more["purge"] = "True"
    for name in ("timeout",):
        d.passed_over(name, "apt is never killed")
    return [call("Package", *names, **more)]


def _single(d: Declared, wanted: Expr) -> str:
    if not isinstance(wanted.value, str):
        raise d.no("versions of several packages")
    return wanted.text


def refreshed(d: Declared) -> list[Made]:
    d.actions("periodic", "update", "nothing")
    d.passed_over("frequency", "")
    d.note("Package fetches apt's index when it has to; nothing stands for this")
    return []
