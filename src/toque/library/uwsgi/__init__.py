"""Debian's uWSGI with its plugin for Debian's Python: the settings and the unit of one release."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from toque import Cookbook, Package, Recipe
from toque.cookbooks.templates import render

if TYPE_CHECKING:
    from toque.library.python_app import Layout


@dataclass(frozen=True)
class Uwsgi:
    """``threads`` answer in each of the app's processes; a request may take ``answer_within_s``,
    and one that is under way at a stop has ``finish_within_s``."""

    packages: tuple[str, ...] = ("uwsgi-core", "uwsgi-plugin-python3")
    threads: int = 4
    answer_within_s: int = 60
    finish_within_s: int = 30


def setup(r: Recipe) -> None:
    """The program.  Debian's package starts nothing by itself."""
    r.add(Package(*r.attributes(Uwsgi).packages))


def settings(r: Recipe, here: Layout) -> str:
    """uWSGI's own configuration file."""
    values = {"app": r.app, "here": here, "a": r.attributes(Uwsgi)}
    return render(cookbook.root, "uwsgi.ini.j2", values)


def unit(r: Recipe, here: Layout) -> str:
    """The unit that starts it."""
    values = {"app": r.app, "here": here, "a": r.attributes(Uwsgi)}
    return render(cookbook.root, "unit.service.j2", values)


cookbook = Cookbook("uwsgi", attributes=Uwsgi, events={"setup": setup})
