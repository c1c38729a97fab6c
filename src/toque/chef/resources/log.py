"""log"""

from __future__ import annotations

from ..declared import Declared
from ..layout import Made, call


def carry(d: Declared) -> list[Made]:
    d.imports.add("Log")
    d.action("write")
    d.passed_over("level", "a Log is always told")
    made = d.text("message") or d.name
    if not isinstance(made.value, str):
        raise d.no("a message that is not known as a text")
    return [call("Log", made.text)]
