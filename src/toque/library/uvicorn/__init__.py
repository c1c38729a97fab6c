"""uvicorn for ASGI apps, from the app's lock or beside it: settings and unit of one release."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from toque import Cookbook, Recipe
from toque.cookbooks.templates import render

if TYPE_CHECKING:
    from toque.library.python_app import Layout


@dataclass(frozen=True)
class Uvicorn:
    """A worker that stands still for ``answer_within_s`` is replaced; what is under way at a stop
    has ``finish_within_s``."""

    answer_within_s: int = 60
    finish_within_s: int = 30


def settings(r: Recipe, here: Layout) -> str:
    """The program that the unit starts: it opens the socket and hands it to uvicorn."""
    values = {"app": r.app, "here": here, "a": r.attributes(Uvicorn)}
    return render(cookbook.root, "uvicorn.py.j2", values)


def unit(r: Recipe, here: Layout) -> str:
    """The unit that starts it."""
    values = {"app": r.app, "here": here, "a": r.attributes(Uvicorn)}
    return render(cookbook.root, "unit.service.j2", values)


cookbook = Cookbook("uvicorn", attributes=Uvicorn)
