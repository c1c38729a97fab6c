"""What looks like a secret by its name is of the type that does not print (SE-3)."""

from __future__ import annotations

import dataclasses
import re
import typing
from collections.abc import Iterator

from toque.fleet.app import App
from toque.fleet.node import Node
from toque.library import granian, gunicorn, nginx, postgresql, python_app, uvicorn, uwsgi
from toque.node.resource import Resource
from toque.node.resources import TYPES
from toque.node.values import Secret

LOOKS = re.compile(r"pass(word|phrase|wd)|secret|token|credential|private|api_?key|verifier", re.I)
# Names that look like one and are none.
PLAIN = {
    "App.secrets": "names, and how each is made",
}


def settings() -> list[type]:
    """Every dataclass that a person fills in: resources, the project file, attributes."""
    attributes = [
        value
        for module in (granian, gunicorn, nginx, postgresql, python_app, uvicorn, uwsgi)
        for value in vars(module).values()
        if isinstance(value, type) and value.__module__.startswith(module.__name__)
        if dataclasses.is_dataclass(value)
    ]
    return [*TYPES.values(), App, Node, *attributes]


def untyped(classes: list[type]) -> Iterator[str]:
    for one in classes:
        hints = typing.get_type_hints(one)
        for field in dataclasses.fields(one):
            name = f"{one.__name__}.{field.name}"
            if (
                LOOKS.search(field.name)
                and name not in PLAIN
                and not takes_secret(hints[field.name])
            ):
                yield name


def takes_secret(hint: object) -> bool:
    """Whether a field of this type may hold a secret, or says only yes or no."""
    inner = typing.get_args(hint)
    return hint in (Secret, bool) or any(takes_secret(one) for one in inner)


def test_fields_that_look_secret_have_the_type() -> None:
    assert list(untyped(settings())) == []


@dataclasses.dataclass(frozen=True)
class Careless(Resource):
    name: str
    admin_password: str = ""


def test_the_rule_sees_a_planted_fault() -> None:
    assert list(untyped([Careless])) == ["Careless.admin_password"]
