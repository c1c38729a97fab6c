"""cron"""

from __future__ import annotations

import re

from ..argv import argv
from ..declared import Declared
from ..layout import Doc, Made, call, quoted


def carry(d: Declared) -> list[Made]:
    d.imports.add("Cron")
    if not d.name.fixed or not isinstance(d.name.value, str):
        raise d.no("a job whose name is computed")
    name = quoted(re.sub(r"[^A-Za-z0-9_-]+", "-", d.name.value).strip("-"))
    fields = []
    for one in ("minute", "hour", "day", "month", "weekday"):
        made = d.value(one)
        if made is not None and not made.fixed:
            raise d.no(f"a {one} that is computed")
        fields.append("*" if made is None else str(made.value))
    if not all(re.fullmatch(r"[0-9*,/-]+", one) for one in fields):
        raise d.no(f"the schedule {' '.join(fields)}: numbers, ranges, lists and steps")
    d.note(
        "a file in /etc/cron.d; Chef wrote into the user's crontab, whose entry stays: crontab -e"
    )
    if d.action("create", "delete") == "delete":
        d.asked |= {"command", "user"}
        return [call("Cron", name, absent="True")]
    command = d.one("command")
    if command is None:
        raise d.no("a job without a command")
    more: dict[str, Doc] = {}
    user = d.text("user")
    if user is not None and user.text != '"root"':
        more["user"] = user.text
    return [call("Cron", name, quoted(" ".join(fields)), argv(command, d.scope), **more)]
