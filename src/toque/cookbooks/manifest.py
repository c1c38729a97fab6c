"""A cookbook's manifest: its ``pyproject.toml``, read as data; nothing of it is run.

    [project]
    name = "web-cookbook"
    version = "1.2"
    dependencies = ["toque>=0.1", "spice>=2,<3", "db-cookbook"]

    [project.entry-points."toque.cookbooks"]
    web = "web_cookbook"

    [tool.toque]
    platforms = ["debian 12", "debian 13"]

    [tool.uv.sources]
    spice = { git = "https://forge.example/spice.git", tag = "v2.1" }

``[tool.uv.sources]`` is uv's own table: it says where a dependency comes from that no index has.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import BadCookbook

FILE = "pyproject.toml"
GROUP = "toque.cookbooks"
_NAME = re.compile(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)")
_DIRECT = re.compile(r"\s*[A-Za-z0-9._-]+\s*(?:\[[^\]]*\])?\s*@\s*(\S+)")
_PLATFORM = re.compile(r"[a-z][a-z0-9._-]*( [0-9][0-9.]*)?")  # ID, VERSION_ID: os-release(5)
_CLAUSE = re.compile(r"\s*(>=|<=|==|!=|~=|>|<)\s*([0-9]+(?:\.[0-9]+)*)(\.\*)?\s*")


@dataclass(frozen=True)
class Manifest:
    """``modules`` maps names of cookbooks to the packages that hold them; none for a plain library.
    ``needs`` are the dependencies as they are written, ``sources`` uv's table of where to get them.
    ``platforms`` are the systems that the cookbooks are for, any when there are none.
    """

    name: str
    version: str
    folder: Path
    modules: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    sources: Mapping[str, Any] = field(default_factory=dict)
    platforms: tuple[str, ...] = ()

    @property
    def file(self) -> Path:
        return self.folder / FILE

    @property
    def base(self) -> Path:
        """The folder that its packages are imported from: its ``src``, itself, or the one it is in
        when it is the package."""
        wanted = [f"{package}/__init__.py" for package in self.packages] or ["*/__init__.py"]
        source = self.folder / "src"
        if all(any(source.glob(one)) for one in wanted):
            return source
        flat = self.packages == (self.folder.name,) and (self.folder / "__init__.py").is_file()
        return self.folder.parent if flat else self.folder

    @property
    def packages(self) -> tuple[str, ...]:
        """The top packages of its cookbooks."""
        return tuple(sorted({module.partition(".")[0] for module in self.modules.values()}))

    def source(self, need: str) -> Mapping[str, Any]:
        """Where a dependency comes from; empty for an index."""
        table = {normal(name): value for name, value in self.sources.items()}
        given = table.get(named(need))
        return given if isinstance(given, Mapping) else {}

    def path_of(self, need: str) -> Path | None:
        """The folder of a dependency that is a path, else None."""
        given = self.source(need).get("path")
        if given is None and (direct := _DIRECT.match(need)):
            given = direct[1].removeprefix("file://") if _is_file(direct[1]) else None
        return (self.folder / Path(str(given))).resolve() if given is not None else None

    def said(self) -> tuple[str, ...]:
        """What is asked for, one line a dependency, the same wherever the cookbook lies."""
        lines = []
        for need in self.needs:
            if self.path_of(need) is not None:
                lines.append(f"{named(need)} from a path")
                continue
            source = self.source(need)
            words = [
                f"{key} {source[key]}" for key in sorted(source, key=lambda k: (k != "git", k))
            ]
            lines.append(" ".join([re.sub(r"\s+", " ", need.strip()), *words]))
        return tuple(sorted(lines))


def normal(name: str) -> str:
    """A distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def named(need: str) -> str:
    """The name that a dependency begins with."""
    found = _NAME.match(need)
    return normal(found[1]) if found else ""


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest in ``folder``; None where there is none.  Raises ``BadCookbook``."""
    file = folder / FILE
    try:
        text = file.read_text(encoding="utf-8")
        data = tomllib.loads(text)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, RecursionError) as error:  # not TOML, not UTF-8
        raise _bad(file, "TOML 1.0 in UTF-8", str(error)) from error
    project = data.get("project")
    if not isinstance(project, dict):
        return None  # settings of tools alone
    return parse_manifest(project, data, folder)


def parse_manifest(project: Mapping[str, Any], data: Mapping[str, Any], folder: Path) -> Manifest:
    """The manifest that is in the tables of a ``pyproject.toml``.  Raises ``BadCookbook``."""
    file = folder / FILE
    name, version = project.get("name"), project.get("version")
    if not isinstance(name, str) or not normal(name):
        raise _bad(file, 'name = "..." in [project]', repr(name))
    modules = _table(_table(project, "entry-points", file), GROUP, file)
    if not all(isinstance(m, str) and m.partition(".")[0].isidentifier() for m in modules.values()):
        raise _bad(file, f'cookbook = "package" in [project.entry-points."{GROUP}"]', repr(modules))
    needs = project.get("dependencies", [])
    if not isinstance(needs, list) or not all(isinstance(n, str) and named(n) for n in needs):
        raise _bad(file, 'dependencies = ["NAME>=VERSION", ...] in [project]', repr(needs))
    if "dependencies" in project.get("dynamic", []):
        raise _bad(file, "dependencies that are written down", "dynamic dependencies")
    tools = _table(data, "tool", file)
    sources = _table(_table(tools, "uv", file), "sources", file)
    if not all(isinstance(one, Mapping) for one in sources.values()):
        raise _bad(file, "one place for each name in [tool.uv.sources]", repr(dict(sources)))
    version = version if isinstance(version, str) and version.strip() else "0"
    platforms = _platforms(_table(tools, "toque", file), file)
    return Manifest(
        normal(name), version, folder.resolve(), modules, tuple(needs), dict(sources), platforms
    )


def _platforms(ours: Mapping[str, Any], file: Path) -> tuple[str, ...]:
    """What ``[tool.toque]`` says, which has one key."""
    given = ours.get("platforms", [])
    known = ours.keys() <= {"platforms"} and isinstance(given, list)
    if not known or not all(isinstance(p, str) and _PLATFORM.fullmatch(p) for p in given):
        raise _bad(file, 'platforms = ["debian", "ubuntu 24.04"] in [tool.toque]', repr(dict(ours)))
    return tuple(given)


def closure(manifests: Sequence[Manifest]) -> tuple[Manifest, ...]:
    """These, and those that they name by path, each once.  Raises ``BadCookbook``:
    ``cookbook-name-taken``, ``path-dependency-missing``, ``cookbook-cycle``."""
    found: dict[str, Manifest] = {}
    waiting = list(manifests)
    while waiting:
        one = waiting.pop(0)
        before = found.setdefault(one.name, one)
        if before.folder != one.folder:
            raise BadCookbook(
                "cookbook-name-taken",
                f"two distributions are called {one.name}",
                expected=f"only the one of {before.file}",
                found=f"another in {one.file}",
                hint="give one of them another name in its pyproject.toml",
                place=f"{one.file}",
            )
        if before is not one:
            continue
        for need in one.needs:
            if (path := one.path_of(need)) is not None:
                waiting.append(_at_path(one, need, path))
    _no_cycle(found)
    return tuple(found[name] for name in sorted(found))


def foreign(manifests: Iterable[Manifest]) -> bool:
    """Whether any needs something that is neither Toque nor one of them: then a lock says what."""
    names = {one.name for one in manifests} | {"toque"}
    return any(named(need) not in names for one in manifests for need in one.needs)


def check_toque(manifests: Iterable[Manifest], version: str) -> None:
    """Raise ``BadCookbook("toque-too-old")`` for a cookbook that asks for another Toque."""
    for one in manifests:
        for need in one.needs:
            if named(need) == "toque" and not _suits(need, version):
                raise BadCookbook(
                    "toque-too-old",
                    f"{one.name} asks for another Toque",
                    expected=need,
                    found=f"Toque {version}",
                    hint="uv tool upgrade toque; or change that line",
                    place=str(one.file),
                )


def _suits(need: str, version: str) -> bool:
    """Whether a version meets the clauses of a dependency; what cannot be read is met."""
    rest = _NAME.sub("", need, count=1).partition(";")[0].strip().strip("()")
    ours = _numbers(version)
    for clause in filter(None, rest.split(",")):
        found = _CLAUSE.fullmatch(clause)
        if found is None:
            continue
        sign, theirs, star = found[1], _numbers(found[2]), found[3]
        same = ours[: len(theirs)] == theirs
        equal = same if star else _padded(ours) == _padded(theirs)
        met = {
            ">=": _padded(ours) >= _padded(theirs),
            "<=": _padded(ours) <= _padded(theirs),
            ">": _padded(ours) > _padded(theirs),
            "<": _padded(ours) < _padded(theirs),
            "==": equal,
            "!=": not equal,
            "~=": _padded(ours) >= _padded(theirs) and ours[: len(theirs) - 1] == theirs[:-1],
        }[sign]
        if not met:
            return False
    return True


def _numbers(version: str) -> tuple[int, ...]:
    found = re.match(r"[0-9]+(?:\.[0-9]+)*", version)
    return tuple(int(part) for part in found[0].split(".")) if found else (0,)


def _padded(numbers: tuple[int, ...]) -> tuple[int, ...]:
    return (*numbers, *(0,) * (8 - len(numbers)))


def _at_path(asker: Manifest, need: str, path: Path) -> Manifest:
    there = read_manifest(path)
    if there is None or there.name != named(need):
        raise BadCookbook(
            "path-dependency-missing",
            f"{asker.name} needs {named(need)} from a path where it is not",
            expected=f"{path}/{FILE} of {named(need)}",
            found=there.name if there else "no pyproject.toml with a [project]",
            hint=f"correct the path in [tool.uv.sources] of {asker.file}",
            place=str(asker.file),
        )
    return there


def _no_cycle(found: Mapping[str, Manifest]) -> None:
    """Raise ``BadCookbook("cookbook-cycle")`` for cookbooks that need one another."""
    done: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        if name in way:
            around = (*way[way.index(name) :], name)
            raise BadCookbook(
                "cookbook-cycle",
                f"cookbooks need one another in a circle: {' -> '.join(around)}",
                expected="one of them to need nothing of the others",
                found=", ".join(str(found[one].file) for one in around[:-1]),
                hint="move what both need to a cookbook of its own",
                place=str(found[name].file),
            )
        if name in done:
            return
        for need in found[name].needs:
            if named(need) in found:
                visit(named(need), (*way, name))
        done.add(name)

    for name in sorted(found):
        visit(name, ())


def _is_file(url: str) -> bool:
    return url.startswith("file://") or "://" not in url


def _table(data: Mapping[str, Any], key: str, file: Path) -> Mapping[str, Any]:
    found = data.get(key, {})
    if not isinstance(found, Mapping):
        raise _bad(file, f"a table {json.dumps(key)}", repr(found))
    return found


def _bad(file: Path, expected: str, found: str) -> BadCookbook:
    return BadCookbook(
        "cookbook-manifest",
        "the manifest of a cookbook cannot be used",
        expected=expected,
        found=found[:300],
        hint="toque's guide to cookbooks shows a whole one",
        place=str(file),
    )
