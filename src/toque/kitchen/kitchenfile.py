"""``kitchen.toml``: found, read, and laid over one another; the only file that knows its shape.

Three files may say something, the weakest first: ``toque/kitchen.toml`` in the user's configuration
folder, ``kitchen.toml`` beside the cookbook, ``kitchen.local.toml`` beside that one (which nobody
commits).  Tables are merged key by key; any other value is replaced as a whole.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ..errors import AskedWrongly
from ..fleet.spot import Spot, lines_of
from ..fleet.typed import Source, read

FILE = "kitchen.toml"
LOCAL = "kitchen.local.toml"

Moment = Literal[
    "before_create", "after_create", "before_converge", "after_converge", "before_setup",
    "after_setup", "before_verify", "after_verify", "before_destroy", "after_destroy",
]  # fmt: skip


@dataclass(frozen=True)
class Hook:
    """A command for ``sh``: ``local`` on this host, in the folder of ``kitchen.toml``, or
    ``remote`` as root in the suite's machines, or in ``machine`` only."""

    local: str = ""
    remote: str = ""
    machine: str = ""


Hooks = Mapping[Moment, tuple[Hook, ...]]


@dataclass(frozen=True)
class Kind:
    """What a machine is asked to be; empty fields are for the table around it to say.

    ``options`` are the driver's own words.
    """

    driver: str = ""
    release: str = ""
    packages: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)

    def over(self, below: Kind) -> Kind:
        """This kind, and where it says nothing the one below it."""
        return Kind(
            self.driver or below.driver,
            self.release or below.release,
            self.packages or below.packages,
            {**below.options, **self.options},
        )


@dataclass(frozen=True)
class Platform(Kind):
    """A kind of machine that suites run on; empty ``release`` is the platform's own name."""


@dataclass(frozen=True)
class Part(Kind):
    """One of several machines of a suite; empty ``layer`` is the suite's."""

    layer: str = ""
    attributes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Suite(Kind):
    """One way to try a cookbook.  ``attributes``: cookbook -> attribute -> value.

    ``platforms`` are the only ones it runs on, when there are any; ``exclude`` those it does not.
    A test converges ``twice`` and checks again after a ``reboot`` unless told otherwise.
    """

    run: tuple[str, ...] = ("setup",)
    verify: str = ""
    project: str = ""
    layer: str = ""
    attributes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    platforms: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    twice: bool = True
    reboot: bool = True
    machines: Mapping[str, Part] = field(default_factory=dict)
    hooks: Hooks = field(default_factory=dict)


@dataclass(frozen=True)
class KitchenFile:
    """All of it, as the files together say."""

    driver: str = "auto"
    release: str = "bookworm"
    packages: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    platforms: Mapping[str, Platform] = field(default_factory=dict)
    hooks: Hooks = field(default_factory=dict)
    suites: Mapping[str, Suite] = field(default_factory=dict)

    @property
    def kind(self) -> Kind:
        return Kind(self.driver, self.release, self.packages, self.options)


@dataclass(frozen=True)
class Read:
    """What the ``files``, the weakest first, say together.

    ``origins``: the dotted key of each value -> the place that it is from, or ``default``.
    """

    values: KitchenFile
    folder: Path
    files: tuple[Path, ...]
    origins: Mapping[str, str]
    spot: Spot


def find_file(start: Path) -> Path:
    """The nearest ``kitchen.toml`` in ``start`` or above it.

    Raises ``AskedWrongly("kitchen-no-file")``.
    """
    start = start.absolute()
    for folder in (start, *start.parents):
        if (folder / FILE).is_file():
            return folder / FILE
    raise AskedWrongly(
        "kitchen-no-file",
        f"there is no {FILE} here",
        expected=f"{FILE} in {start} or a folder above it",
        found="none",
        hint="cd into the cookbook's folder",
    )


def load(file: Path, environ: Mapping[str, str]) -> Read:
    """A ``kitchen.toml`` with what lies over and under it."""
    home = Path(environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME", "/root"), ".config"))
    under, over = home / "toque" / FILE, file.with_name(LOCAL)
    files = [path for path in (under, file, over) if path == file or path.is_file()]
    return parse([(path, _text(path)) for path in files], file.parent.absolute())


def parse(texts: Sequence[tuple[Path, str]], folder: Path) -> Read:
    """The texts of files, the weakest first, as values."""
    sources = [_source(file, text, folder) for file, text in texts]
    origins: dict[str, str] = {}
    spot = next(spot for (file, _), (_, spot) in zip(texts, sources) if file.parent == folder)
    values = read(KitchenFile, sources, at=spot, origins=origins)
    if not values.suites:
        raise AskedWrongly(
            "key-missing",
            f"{FILE} has no suite",
            expected="at least one table [suites.NAME]",
            found="none",
            place=str(spot),
        )
    return Read(values, folder, tuple(file for file, _ in texts), origins, spot)


def _source(file: Path, text: str, folder: Path) -> Source:
    name = file.name if file.parent == folder else str(file)
    try:
        return tomllib.loads(text), Spot(name, (), lines_of(text))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise AskedWrongly(
            "bad-toml",
            f"{name} is not valid TOML",
            expected="TOML 1.0",
            found=str(error),
            place=name,
        ) from error


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise AskedWrongly(
            "file-unreadable",
            f"{file.name} cannot be read",
            expected="a readable UTF-8 text",
            found=str(error),
            hint=f"ls -l {file}",
            place=str(file),
        ) from error
