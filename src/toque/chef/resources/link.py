"""link"""

from __future__ import annotations

from ..declared import Declared
from ..layout import Made, call


def carry(d: Declared) -> list[Made]:
    d.imports.add("Link")
    path = d.path("target_file")
    kind = d.value("link_type")
    if kind is not None and kind.value != "symbolic":
        raise d.no("a hard link")
    target = d.text("to")
    if d.action("create", "delete") == "delete":
        return [call("Link", path.text, absent="True")]
    if target is None:
        raise d.no("a link to nowhere")
    return [call("Link", path.text, target.text)]
