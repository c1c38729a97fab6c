"""All that rules look at, as one value: texts, syntax trees, and plans that were made of them."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from ..errors import Trouble
from ..fleet.app import App
from ..fleet.spot import Spot
from ..node.model import Step
from .shapes import Shapes
from .source import Module, argument, called, text_of


@dataclass(frozen=True)
class Text:
    """A text and its path, from the folder of the project."""

    path: str
    text: str


@dataclass(frozen=True)
class Book:
    """One package with a cookbook in it; ``base`` is what its paths begin with before its name.

    ``templates`` are by the name that recipes use, ``files`` are such names and their paths;
    ``broken`` are texts that are no Python: path, line and message.
    """

    package: str
    base: str = ""
    modules: tuple[Module, ...] = ()
    templates: Mapping[str, Text] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    broken: tuple[tuple[str, int, str], ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """Of all texts that errors and plans speak of."""
        modules = [module.path for module in self.modules]
        templates = [text.path for text in self.templates.values()]
        return (*modules, *templates, *(path for path, _, _ in self.broken))


@dataclass(frozen=True)
class Sample:
    """What compiling came to for a made-up node: steps and texts of secrets, or a trouble.

    ``label`` names the recipes, ``release`` the system of the node.
    """

    label: str
    release: str
    steps: tuple[Step, ...] = ()
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    trouble: Trouble | None = None


@dataclass(frozen=True)
class Subject:
    """``around`` are modules of others, to look names up in, ``importable`` the top names that can
    be imported here (None when that is not known).  ``files`` are texts of the project that rules
    may want, ``harmless`` paths of those whose keys are said to protect nothing.  ``unloaded`` are
    packages that cannot be imported.
    """

    books: tuple[Book, ...] = ()
    around: Mapping[str, Module] = field(default_factory=dict)
    importable: frozenset[str] | None = None
    files: tuple[Text, ...] = ()
    harmless: frozenset[str] = frozenset()
    apps: Mapping[str, App] = field(default_factory=dict)
    spot: Spot = field(default_factory=lambda: Spot("toque.toml"))
    unloaded: Mapping[str, Trouble] = field(default_factory=dict)
    samples: tuple[Sample, ...] = ()

    @cached_property
    def modules(self) -> tuple[Module, ...]:
        """The project's own."""
        return tuple(module for book in self.books for module in book.modules)

    @cached_property
    def shapes(self) -> Shapes:
        return Shapes({**self.around, **{module.name: module for module in self.modules}})

    @cached_property
    def _paths(self) -> Mapping[str, str]:
        """Paths by what errors and plans call a file: from the folder of its top package."""
        return {path.removeprefix(book.base): path for book in self.books for path in book.paths}

    def is_there(self, module: str) -> bool:
        """Whether a module of the project is in its files, broken or not, or is a plain folder."""
        file = module.replace(".", "/")
        below = any(path.startswith(f"{file}/") for path in self._paths)
        return below or f"{file}.py" in self._paths

    def where(self, place: str) -> tuple[str, int] | None:
        """The path and line that an error or a plan means; None for a place of somebody else."""
        file, _, line = place.rpartition(":")
        if not line.isdigit():
            file, line = place.partition(" ")[0], "1"
        path = self._paths.get(file) or (file if file == self.spot.file else None)
        return (path, int(line)) if path else None

    def home(self, name: str) -> tuple[str, int]:
        """Where a package or a cookbook of that name is made; the project's settings for others."""
        for module in self.modules:
            for node in ast.walk(module.tree):
                if not isinstance(node, ast.Call) or called(node) != "Cookbook":
                    continue
                if text_of(argument(node, "name", 0)) == name:
                    return module.path, node.lineno
        paths = (module.path for module in self.modules if module.name == name)
        return next(paths, self.spot.file), 1

    def statement(self, path: str, line: int) -> tuple[int, int]:
        """The first and last line of the statement at a line, or only that line."""
        for module in self.modules:
            if module.path == path:
                return module.statement(line)
        return line, line

    def outer(self, path: str, line: int) -> tuple[int, int]:
        """The first and last line of the definition at a line, or only that line."""
        for module in self.modules:
            if module.path == path:
                return module.outer(line)
        return line, line

    def steps(self) -> Sequence[tuple[Sample, Step]]:
        return [(sample, step) for sample in self.samples for step in sample.steps]
