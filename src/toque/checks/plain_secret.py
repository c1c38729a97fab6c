"""A secret that is written as an ordinary variable."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .rule import Rule, Seen
from .subject import Subject

NAME = re.compile(
    r"(?:^|_)(?:SECRET|PASSWORD|PASSWD|PASSPHRASE|TOKEN|API_?KEY|ACCESS_KEY|PRIVATE_KEY|CREDENTIALS?)"
    r"(?:_KEY)?$",
    re.I,
)
ENV_FILE = re.compile(r"(?:^|/)(?:\.env(?:\.[\w-]+)?|[\w-]+\.env)$")
SAMPLE = re.compile(r"example|sample|template|dist$|default", re.I)
LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*$")
# What stands for a value instead of being one: a reference, a blank to be filled in.
NONE = re.compile(
    r"|\$.*|<.*>|\{\{.*\}\}|\*+|x+|\.+|change-?_?me.*|todo|none|null|your[-_ ].*|/.*", re.I
)
MEND = "remove the line, then: toque env set {name} --secret"


def look(subject: Subject) -> Iterator[Seen]:
    for app in subject.apps.values():
        for name, value in app.env.items():
            if _is_secret(name, value):
                spot = subject.spot / "apps" / app.name / "env" / name
                where = subject.where(str(spot)) or (subject.spot.file, 1)
                what = f"{name} of app {app.name} stands here for everybody to read"
                yield Seen(*where, what, MEND.format(name=name))
    for file in subject.files:
        if not ENV_FILE.search(file.path) or SAMPLE.search(file.path.rpartition("/")[2]):
            continue
        for number, line in enumerate(file.text.splitlines(), 1):
            found = LINE.fullmatch(line)
            if found and _is_secret(found[1], found[2].strip("\"'")):
                what = f"{found[1]} stands here for everybody to read"
                yield Seen(file.path, number, what, MEND.format(name=found[1]))


def _is_secret(name: str, value: str) -> bool:
    return bool(NAME.search(name)) and not NONE.fullmatch(value)


RULE = Rule(
    "plain-secret",
    "warning",
    "A secret is written as an ordinary variable",
    "It is in the repository and its history, and shown in plans and by toque env list.",
    look,
)
