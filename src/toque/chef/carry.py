"""A whole repository of Chef cookbooks, file by file, into Toque's."""

from __future__ import annotations

import re
from collections.abc import Mapping

from . import kitchen, metadata, modules
from .accounting import Account, Entry
from .adding import Counts
from .attributes import no_value
from .carried import Carried
from .cookbook import Around, Cookbook
from .paths import identifier
from .report import as_markdown
from .repository import cookbooks, text_of, unread
from .tokens import Unreadable
from .values import Expr, Path

_SAID = {
    "libraries": "Ruby of its own: Python beside the recipes",
    "resources": "a resource type of its own: docs/guides/cookbook, a resource type of your own",
    "providers": "a resource type of its own: docs/guides/cookbook, a resource type of your own",
    "definitions": "a definition: a function that takes r",
    "test": "checks of a machine: pytest files in checks/, docs/guides/kitchen",
    "spec": "tests of recipes: toque.testing, docs/guides/cookbook",
    "roles": "a role: a layer of toque.toml",
    "environments": "an environment: attributes of the stack or a layer in toque.toml",
    "recipes": "only recipes/*.rb are read",
    "attributes": "only attributes/*.rb are read",
    "templates": "a template for one system or host alone; r.facts decides in a recipe",
}


def carry(
    files: Mapping[str, bytes], name: str, closed: Mapping[str, str] | None = None
) -> Carried:
    """``files`` of a repository by their paths; ``name`` is that of its directory.  ``closed`` are
    paths that were not opened, with the reason."""
    shut = {path: "not read: it may hold secrets" for path in files if unread(path)}
    files = {path: data for path, data in files.items() if path not in shut}
    found = cookbooks(files, name)
    here = {one.name for one in found}
    made = [Cookbook(one, _inside(files, one.folder, [o.folder for o in found])) for one in found]
    by_name = {one.found.name: one for one in made}
    for one in made:
        one.read()
    _once(made)
    reads = {path for one in made for path in one.reads()}
    for one in made:
        one.settle(reads)
    accounts: list[Account] = []
    entries = [Entry(path, 0, 0, why, "") for path, why in {**shut, **(closed or {})}.items()]
    for one in made:
        one.write(_around(made, one, by_name))
        _metadata(one, here)
        accounts += one.accounts
        entries += one.entries
    entries += _never_run(made)
    suites = kitchen.Suites()
    _rest(files, made, suites, accounts, entries)
    for account in accounts:
        entries += account.close()
    written = {
        f"{one.found.package}/{path}": data for one in made for path, data in one.made.items()
    }
    counts = Counts()
    for one in made:
        counts = counts.plus(one.counts)
    carried = Carried(
        tuple(one.found.package for one in made),
        written,
        tuple(accounts),
        tuple(sorted(set(entries))),
        counts,
    )
    for one in made:
        if one.checks:
            path = f"checks/{one.found.package}/test_{one.found.package}.py"
            written[path] = modules.checks(one.found.name, one.checks).encode()
    if made:
        written["toque.toml"] = kitchen.stack(made, suites).encode()
        written["kitchen.toml"] = kitchen.suites_toml(made, suites).encode()
        written["FROM-CHEF.md"] = as_markdown(carried).encode()
    return carried


def _never_run(made: list[Cookbook]) -> list[Entry]:
    """Recipes that no event runs: a run list named them, and Toque has none."""
    included = {name for one in made for name in one.includes()}
    return [
        Entry(
            f"{one.found.folder}recipes/{recipe}.rb",
            0,
            0,
            "no event runs it: include it, or make it an event in __init__.py",
            "",
            left=False,
        )
        for one in made
        for recipe in one.recipes
        if recipe != "default" and f"{one.found.name}::{recipe}" not in included
    ]


def _once(made: list[Cookbook]) -> None:
    """An attribute that several cookbooks set is that of its own one; the others are listed."""
    for one in made:
        kept = []
        for given in one.values.given:
            others = [other for other in made if other is not one and other.sets(given.path)]
            if others and identifier(given.path[0].lower()) != one.found.package:
                reason = f"{others[0].found.name} sets it, too: Cookbook(sets=...) or toque.toml"
                given.account.left(given.node.line, given.node.last, reason)
            else:
                kept.append(given)
        one.values.given = kept


def _rest(
    files: Mapping[str, bytes],
    made: list[Cookbook],
    suites: kitchen.Suites,
    accounts: list[Account],
    entries: list[Entry],
) -> None:
    """What is in no cookbook, or in a part of one that is only named."""
    here = {one.found.name for one in made}
    handled = {one.found.folder + path for one in made for path in one.handled}
    for path in sorted(set(files) - handled):
        last = path.rpartition("/")[2]
        if last == "Berksfile":
            accounts.append(metadata.berksfile(path, text_of(files[path]), here))
        elif last in (".kitchen.yml", "kitchen.yml", ".kitchen.yaml"):
            accounts.append(kitchen.read(path, text_of(files[path]), made, suites))
        else:
            entries.append(_only_named(path))


def _inside(files: Mapping[str, bytes], folder: str, folders: list[str]) -> dict[str, bytes]:
    """The files of one cookbook, without those of cookbooks in it."""
    below = [other for other in folders if other != folder and other.startswith(folder)]
    return {
        path[len(folder) :]: data
        for path, data in files.items()
        if path.startswith(folder) and not any(path.startswith(one) for one in below)
    }


def _around(made: list[Cookbook], own: Cookbook, by_name: Mapping[str, Cookbook]) -> Around:
    def read(path: Path, line: int) -> tuple[str, str, Expr]:
        for other in made:
            if other is not own and (known := other.shape.read(path)) is not None:
                return other.found.package, other.shape.kind, Expr(known[0], known[1])
        raise Unreadable(line, no_value(path))

    return Around(read, lambda asked: _recipe(asked, by_name))


def _recipe(asked: str, by_name: Mapping[str, Cookbook]) -> tuple[Cookbook, str] | None:
    cookbook, _, recipe = asked.partition("::")
    other = by_name.get(cookbook)
    recipe = recipe or "default"
    return (other, recipe) if other is not None and recipe in other.recipes else None


def _metadata(one: Cookbook, here: set[str]) -> None:
    for last in ("metadata.rb", "metadata.json"):
        if last in one.files:
            text = text_of(one.files[last])
            account = metadata.read(one.found.folder + last, text, here)
            one.accounts.append(account)
            one.handled.add(last)


def _only_named(path: str) -> Entry:
    for part in path.split("/")[:-1]:
        if part in _SAID:
            return Entry(path, 0, 0, _SAID[part], "")
    last = path.rpartition("/")[2]
    if re.match(
        r"(?i)(readme|license|licence|changelog|contributing|notice|\.git|\.rubocop|\.foodcritic"
        r"|\.travis|chefignore|gemfile|rakefile|thorfile|guardfile|vagrantfile|\.yo-rc"
        r"|\.delivery|\.editorconfig|testing|codeowners|\.mdlrc|\.overcommit)",
        last,
    ):
        return Entry(path, 0, 0, "of the repository, not of a machine", "", left=False)
    return Entry(path, 0, 0, "not known what it is", "")
