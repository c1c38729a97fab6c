"""remote_file"""

from __future__ import annotations

from ..declared import Declared
from ..layout import Made, call


def carry(d: Declared) -> list[Made]:
    d.imports.add("Download")
    d.action("create")
    path = d.path("path")
    source = d.text("source")
    checksum = d.text("checksum")
    if source is None or not str(source.value).startswith(("https://", "http://")):
        raise d.no("a source that is no address of the web")
    if checksum is None:
        raise d.no("no checksum: Download wants the SHA-256, so that a plan says which bytes")
    if len(str(checksum.value)) != 64:
        raise d.no("a checksum that is no SHA-256")
    more = d.owners(0o644)
    return [call("Download", path.text, source.text, checksum.text, **more)]
