"""directory"""

from __future__ import annotations

from ..declared import Declared
from ..layout import Doc, Made, call


def carry(d: Declared) -> list[Made]:
    d.imports.add("Directory")
    path = d.path("path")
    recursive = d.truth("recursive")
    if d.action("create", "delete") == "delete":
        more: dict[str, Doc] = {"absent": "True"}
        more |= {"recursive": "True"} if recursive else {}
        for name in ("owner", "group", "mode"):
            d.asked.add(name)
        return [call("Directory", path.text, **more)]
    more = d.owners(0o755)
    more |= {"parents": "True"} if recursive else {}
    return [call("Directory", path.text, **more)]
