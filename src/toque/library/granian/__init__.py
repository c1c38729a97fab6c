"""granian for ASGI and WSGI apps, from the app's lock or beside it: settings and unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from toque import Cookbook, Recipe
from toque.cookbooks.templates import render

if TYPE_CHECKING:
    from toque.library.python_app import Layout


@dataclass(frozen=True)
class Granian:
    """``threads`` answer in each process of a WSGI app (an ASGI app has one event loop in each);
    what is under way at a stop has ``finish_within_s``."""

    threads: int = 4
    finish_within_s: int = 30


def settings(r: Recipe, here: Layout) -> str:
    """The program that the unit starts."""
    values = {"app": r.app, "here": here, "a": r.attributes(Granian)}
    return render(cookbook.root, "granian.py.j2", values)


def unit(r: Recipe, here: Layout) -> str:
    """The unit that starts it."""
    values = {"app": r.app, "here": here, "a": r.attributes(Granian)}
    return render(cookbook.root, "unit.service.j2", values)


cookbook = Cookbook("granian", attributes=Granian)
