"""Finding and importing cookbooks: from a directory, an installed distribution, the library.

A directory holds packages, ``<dir>/<package>/__init__.py`` or ``<dir>/src/<package>/...``, each
with ``cookbook = Cookbook(...)``.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType

from ..errors import AskedWrongly, BadCookbook, nearest
from ..fleet.attribute_layer import AttributeLayer
from ..fleet.typed import check_some
from .cookbook import Cookbook
from .place import last_lines, place_in_file, place_of_traceback

GROUP = "toque.cookbooks"
LIBRARY = "toque.library"
_NOT_COOKBOOKS = ("test", "tests", "docs", "examples", "src")


def load(path: Path) -> Cookbook:
    """The one cookbook in a directory.  Raises ``BadCookbook``."""
    found = load_all(path)
    if len(found) > 1:
        raise BadCookbook(
            "cookbook-ambiguous",
            f"{path} holds several cookbooks",
            expected="one cookbook, or one of them by name",
            found=", ".join(c.name for c in found),
        )
    return found[0]


def load_all(path: Path) -> tuple[Cookbook, ...]:
    """All cookbooks in a directory, by name.  Raises ``BadCookbook``."""
    path = path.resolve()
    base, packages = _packages(path)
    found = []
    for package in packages:
        module = _imported(base, package)
        cookbook = getattr(module, "cookbook", None)
        if isinstance(cookbook, Cookbook):
            found.append(cookbook)
    if not found:
        raise BadCookbook(
            "cookbook-missing",
            f"there is no cookbook in {path}",
            expected="<package>/__init__.py with cookbook = Cookbook(...)",
            found=f"packages {', '.join(packages)}" if packages else "no package",
        )
    return tuple(sorted(found, key=lambda c: c.name))


def load_paths(paths: Sequence[Path]) -> Mapping[str, Cookbook]:
    """The cookbooks of several directories, by name."""
    found: dict[str, Cookbook] = {}
    for path in paths:
        for cookbook in load_all(path):
            before = found.setdefault(cookbook.name, cookbook)
            if before.root != cookbook.root:
                raise BadCookbook(
                    "cookbook-name-taken",
                    f"two cookbooks are called {cookbook.name}",
                    expected=f"only the one at {before.root}",
                    found=f"another at {cookbook.root}",
                    hint="give one of them another name, or take it out of [stack] cookbooks",
                    place=cookbook.place,
                )
    return found


def package_folders(path: Path) -> tuple[Path, ...]:
    """The folders that hold the code of a directory's cookbooks; nothing is imported."""
    base, packages = _packages(path.resolve())
    return tuple(base / package for package in packages)


def find(name: str, loaded: Mapping[str, Cookbook]) -> Cookbook:
    """A cookbook by name: of those loaded, else installed, else built in.

    Raises ``AskedWrongly("unknown-cookbook")``, and ``BadCookbook`` when it cannot be imported.
    """
    if name in loaded:
        return loaded[name]
    from importlib.metadata import entry_points  # slow to import, and asked for last

    for point in entry_points(group=GROUP, name=name):
        return _cookbook_in(_import(point.module), name)
    if name.isidentifier() and _exists(f"{LIBRARY}.{name}"):
        return _cookbook_in(_import(f"{LIBRARY}.{name}"), name)
    raise _unknown(name, loaded)


def check_known(name: str, loaded: Mapping[str, Cookbook], *, place: str) -> None:
    """Raise ``AskedWrongly("unknown-cookbook")`` unless ``find`` would find it; imports nothing."""
    if name in loaded or (name.isidentifier() and _exists(f"{LIBRARY}.{name}")):
        return
    from importlib.metadata import entry_points

    if name not in entry_points(group=GROUP).names:
        raise _unknown(name, loaded, place)


def check_tables(layers: Sequence[AttributeLayer], loaded: Mapping[str, Cookbook]) -> None:
    """Attributes of a cookbook that there is not are a mistake, not something to pass over.

    What is set for this run is compared with its attribute class, used by a recipe or not.
    Raises ``AskedWrongly``: ``unknown-cookbook``, ``unknown-key``, ``wrong-type``.
    """
    for layer in layers:
        for name, table in layer.tables.items():
            spot = layer.spot / name
            check_known(name, loaded, place=str(spot))
            kind = find(name, loaded).attributes if layer.name == "run" else None
            if kind is not None:
                check_some(kind, table, spot)


def _unknown(name: str, loaded: Mapping[str, Cookbook], place: str = "") -> AskedWrongly:
    from importlib.metadata import entry_points

    names = sorted({*loaded, *entry_points(group=GROUP).names, *library_names()})
    return AskedWrongly(
        "unknown-cookbook",
        f"there is no cookbook '{name}'",
        expected=f"one of {', '.join(names)}",
        found=name,
        hint=nearest(name, names) or "name its directory in [stack] cookbooks of toque.toml",
        place=place,
    )


def library_names() -> tuple[str, ...]:
    """The built-in cookbooks."""
    if not _exists(LIBRARY):
        return ()
    folders = importlib.import_module(LIBRARY).__path__
    return tuple(sorted(p.parent.name for f in folders for p in Path(f).glob("*/__init__.py")))


def _packages(path: Path) -> tuple[Path, list[str]]:
    """The folder to import from, and the names of packages in it."""
    if not path.is_dir():
        raise BadCookbook(
            "cookbook-missing",
            f"there is no directory {path}",
            expected="a directory that holds a cookbook",
            found="a file" if path.exists() else "nothing",
        )
    if (path / "__init__.py").is_file():
        return path.parent, [path.name]
    for base in (path, path / "src"):
        names = sorted(
            p.parent.name
            for p in base.glob("*/__init__.py")
            if p.parent.name.isidentifier() and p.parent.name not in _NOT_COOKBOOKS
        )
        if names:
            return base, names
    return path, []


def _imported(base: Path, package: str) -> ModuleType:
    there = sys.modules.get(package)
    if there is not None and _home(there) != base / package:
        if not isinstance(getattr(there, "cookbook", None), Cookbook):
            raise BadCookbook(
                "cookbook-name-taken",
                f"a cookbook cannot be called {package}, another module has that name",
                expected="a package name of its own",
                found=f"{package} in {_home(there)}",
                place=place_in_file(str(base / package / "__init__.py"), 1),
            )
        for name in [n for n in sys.modules if n == package or n.startswith(f"{package}.")]:
            del sys.modules[name]
    # Only while importing: cookbooks beside each other may import one another.
    sys.path.insert(0, str(base))
    try:
        importlib.invalidate_caches()
        module = _import(package, base / package)
    finally:
        sys.path.remove(str(base))
    if _home(module) != base / package:
        raise BadCookbook(
            "cookbook-name-taken",
            f"a cookbook cannot be called {package}, another module has that name",
            expected="a package name of its own",
            found=f"{package} in {_home(module)}",
        )
    return module


def _import(module: str, root: Path | None = None) -> ModuleType:
    try:
        return importlib.import_module(module)
    except BadCookbook:
        raise
    except (KeyboardInterrupt, MemoryError):
        raise
    except BaseException as error:  # SystemExit too: a cookbook does not end this process
        place = place_of_traceback(error.__traceback__, root or Path("/"))
        if isinstance(error, SyntaxError) and error.filename:
            place = place_in_file(error.filename, error.lineno or 1)
        raise BadCookbook(
            "cookbook-import",
            f"cookbook {module} cannot be imported: {type(error).__name__}: {error}",
            expected="a package that imports without errors",
            found=type(error).__name__,
            place=place,
            log=last_lines(error),
        ) from error


def _cookbook_in(module: ModuleType, name: str) -> Cookbook:
    cookbook = getattr(module, "cookbook", None)
    if isinstance(cookbook, Cookbook):
        return cookbook
    raise BadCookbook(
        "cookbook-missing",
        f"{module.__name__} holds no cookbook",
        expected="cookbook = Cookbook(...)",
        found=f"no cookbook '{name}'",
    )


def _exists(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _home(module: ModuleType) -> Path:
    return Path(getattr(module, "__file__", None) or "/").resolve().parent
