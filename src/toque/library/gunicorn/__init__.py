"""gunicorn, from the app's own lock file: the settings and the unit of one release."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from toque import Cookbook, Recipe
from toque.cookbooks.templates import render

if TYPE_CHECKING:
    from toque.library.python_app import Layout


@dataclass(frozen=True)
class Gunicorn:
    """``threads`` answer in each of the app's processes; a request may take ``answer_within_s``,
    and one that is under way at a stop has ``finish_within_s``."""

    threads: int = 4
    answer_within_s: int = 60
    finish_within_s: int = 30


def settings(r: Recipe, here: Layout) -> str:
    """gunicorn's own configuration file."""
    values = {"app": r.app, "here": here, "a": r.attributes(Gunicorn)}
    return render(cookbook.root, "gunicorn.conf.py.j2", values)


def unit(r: Recipe, here: Layout) -> str:
    """The unit that starts it."""
    values = {"app": r.app, "here": here, "a": r.attributes(Gunicorn)}
    return render(cookbook.root, "unit.service.j2", values)


cookbook = Cookbook("gunicorn", attributes=Gunicorn)
