"""Finding and importing cookbooks: from a directory, an installed distribution, the library.

``sources.py`` says where a directory has them; each package has ``cookbook = Cookbook(...)``.
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
from .manifest import GROUP
from .place import last_lines, place_in_file, place_of_traceback
from .sources import Source, sources_of

LIBRARY = "toque.library"


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
    found = load_paths([path])
    return tuple(found[name] for name in sorted(found))


def names_in(path: Path) -> tuple[str, ...]:
    """What the cookbooks of a directory are called; those with a manifest are not imported."""
    sources = sources_of([path])
    named = {name for source in sources for _, name in source.names}
    plain = [source for source in sources if not source.names]
    return tuple(sorted(named | set(load_sources(plain))))


def load_paths(paths: Sequence[Path]) -> Mapping[str, Cookbook]:
    """The cookbooks of several directories, by name.  Raises ``BadCookbook``."""
    return load_sources(sources_of(paths))


def load_sources(sources: Sequence[Source]) -> Mapping[str, Cookbook]:
    """The cookbooks of packages, by name; those beside each other may import one another.

    Raises ``BadCookbook``: ``cookbook-missing`` when none of them is one, ``cookbook-name-taken``,
    ``cookbook-import``, ``cookbook-manifest``.
    """
    found: dict[str, Cookbook] = {}
    bases = tuple(dict.fromkeys(source.base for source in sources))
    for source in sources:
        for package in () if source.library else source.packages:
            module = _imported(Path(source.base), package, bases)
            cookbook = getattr(module, "cookbook", None)
            if not isinstance(cookbook, Cookbook):
                continue
            _check_name(cookbook, dict(source.names).get(package, cookbook.name))
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
    if sources and not found:
        packages = [str(folder) for source in sources for folder in source.folders]
        raise BadCookbook(
            "cookbook-missing",
            f"there is no cookbook in {', '.join(bases)}",
            expected="<package>/__init__.py with cookbook = Cookbook(...)",
            found=f"packages {', '.join(packages)}" if packages else "no package",
        )
    return found


def _check_name(cookbook: Cookbook, name: str) -> None:
    """Raise ``BadCookbook`` unless the manifest has the cookbook's own name."""
    if cookbook.name != name:
        raise BadCookbook(
            "cookbook-manifest",
            f"the manifest of {cookbook.name} calls it {name}",
            expected=f"{cookbook.name} = ... under the entry points for {GROUP}",
            found=f"{name} = ...",
            hint="write the same name in both",
            place=cookbook.place,
        )


def find(name: str, loaded: Mapping[str, Cookbook]) -> Cookbook:
    """A cookbook by name: of those loaded, else built in, else installed.

    Raises ``AskedWrongly("unknown-cookbook")``, and ``BadCookbook`` when it cannot be imported.
    """
    if name in loaded:
        return loaded[name]
    if name.isidentifier() and _exists(f"{LIBRARY}.{name}"):
        return _cookbook_in(_import(f"{LIBRARY}.{name}"), name)
    from importlib.metadata import entry_points  # slow to import, and asked for last

    for point in entry_points(group=GROUP, name=name):
        return _cookbook_in(_import(point.module), name)
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


def _imported(base: Path, package: str, bases: Sequence[str]) -> ModuleType:
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
    path = sys.path
    # Only while importing: cookbooks beside each other may import one another.
    sys.path = [str(base), *(other for other in bases if other != str(base)), *path]
    try:
        importlib.invalidate_caches()
        module = _import(package, base / package)
    finally:
        sys.path = path
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
