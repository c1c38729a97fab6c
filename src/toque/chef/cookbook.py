"""One Chef cookbook as a package of Python: its parts, and how they find each other."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from . import modules, notified, ruby, wishes
from .accounting import Account, Entry, of_ruby
from .adding import Counts
from .attributes import Values, read_file
from .express import path_of, plain
from .facts import AUTOMATIC, fact
from .modules import Module
from .notified import Notified
from .parse import parse
from .paths import identifier, shown
from .recipe import Included, Writer
from .repository import Found, text_of
from .ruby import Node
from .shape import Shape, shape, source
from .shipped import Shipped
from .tokens import Unreadable
from .values import Expr, Path, Scope, local_name
from .wishes import Placing

_MODULES = frozenset({"attributes", "afterwards", "templates", "files", "r", "a"})
_TAG = re.compile(r"<%[-=]*(.*?)-?%>", re.S)
_HEAD = re.compile(r"\A\s*(?:if|elsif|unless)\b|(?:\bdo|\{)\s*\|.*\Z", re.S)


@dataclass(frozen=True)
class Around:
    """The rest of the repository: ``attribute`` gives package, class and expression of another
    cookbook's; ``recipe`` finds a recipe by its Chef name."""

    attribute: Callable[[Path, int], tuple[str, str, Expr]]
    recipe: Callable[[str], tuple[Cookbook, str] | None]


@dataclass
class Cookbook:
    """``files`` are by their paths in the cookbook; ``made`` is what to write, in the package."""

    found: Found
    files: Mapping[str, bytes]
    accounts: list[Account] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    made: dict[str, bytes] = field(default_factory=dict)
    counts: Counts = field(default_factory=Counts)
    recipes: dict[str, tuple[Node, ...]] = field(default_factory=dict)
    handled: set[str] = field(default_factory=set)
    checks: list[tuple[str, str]] = field(default_factory=list)
    values: Values = field(init=False)
    shape: Shape = field(init=False)
    shipped: Shipped = field(init=False)
    _recipe_accounts: dict[str, Account] = field(default_factory=dict)

    # --- reading ------------------------------------------------------------------------------

    def read(self) -> None:
        """Attributes and recipes, as values and nodes."""
        self.values = Values(self.found.name)
        for path in self._ruby("attributes"):
            read_file(self.values, self._account(path), parse(text_of(self.files[path])))
        for path in self._ruby("recipes"):
            name = path.removeprefix("recipes/").removesuffix(".rb")
            self._recipe_accounts[name] = self._account(path)
            self.recipes[name] = parse(text_of(self.files[path]))

    def _ruby(self, folder: str) -> list[str]:
        """default.rb first, as Chef reads attributes; then by name."""
        found = [path for path in self.files if re.fullmatch(rf"{folder}/[^/]+\.rb", path)]
        return sorted(found, key=lambda path: (not path.endswith("/default.rb"), path))

    def _account(self, path: str) -> Account:
        account = of_ruby(self.found.folder + path, text_of(self.files[path]))
        self.accounts.append(account)
        self.handled.add(path)
        return account

    def reads(self) -> set[Path]:
        """The attributes that recipes and templates ask for."""
        nodes: list[Node] = [node for body in self.recipes.values() for node in body]
        for path, data in self.files.items():
            if path.startswith("templates/"):
                for match in _TAG.finditer(text_of(data)):
                    nodes += parse(_HEAD.sub("", match[1]))
        below = [one for node in nodes for one in ruby.walk(node)]
        inner = {path_of(one.target) for one in below
                 if isinstance(one, ruby.Index) and plain(one.key) is not None}  # fmt: skip
        return {p for one in below if (p := path_of(one)) is not None} - inner

    def settle(self, reads: Iterable[Path]) -> None:
        """Give the attributes their shape, when it is known what the repository reads."""
        asked = set(reads)
        self.values.drop_unread(self.found.package, {path[0] for path in asked})
        self.shape = shape(self.found.package, self.values, asked)
        self.shipped = Shipped(self.files, self.found.folder, self.shape.read)

    def sets(self, path: Path) -> bool:
        """Whether it sets this attribute, something above it or something below."""
        return any(one.path[: len(path)] == path[: len(one.path)] for one in self.values.given)

    def function(self, recipe: str) -> str:
        """The name of a recipe's module and of the function in it."""
        name = identifier(recipe.lower())
        taken = name in _MODULES or name == self.found.package
        return f"{name}_recipe" if taken else name

    # --- writing ------------------------------------------------------------------------------

    def write(self, around: Around) -> None:
        scope = Scope(self._reader(around, {}))
        known = notified.targets(self.recipes, scope, self.shipped)
        placing = wishes.place(
            known.targets, notified.wishes(self.recipes), self.recipes, self._reached()
        )
        seen: dict[tuple[str, str], str] = {}
        for name, body in self.recipes.items():
            module = Module(self.function(name), f"recipes/{name}.rb of {self.found.name}",
                            self.shape.kind)  # fmt: skip
            writer = self._writer(name, module, around, placing=placing, known=known, seen=seen)
            module.code = writer.top(body)
            self._keep(module, writer)
            self.counts = self.counts.plus(writer.counts)
            if name in self._reached():
                self.checks += writer.checks
        if placing.late:
            self._write_late(around, placing, known)
        self.made["__init__.py"] = modules.init(
            self.found.name,
            self.found.package,
            self.shape.kind if self.shape.leaves else "",
            default="default" in self.recipes,
            late=bool(placing.late),
        ).encode()
        if self.shape.leaves:
            self.made["attributes.py"] = source(self.shape, self.found.name).encode()
        for path, reason in self.shipped.finish().items():
            self.entries.append(Entry(self.found.folder + path, 0, 0, reason, ""))
            self.handled.add(path)
        self.made |= self.shipped.made
        self.accounts += self.shipped.accounts
        self.handled |= self.shipped.handled

    def _keep(self, module: Module, writer: Writer) -> None:
        module.resources |= writer.imports
        module.statements |= writer.modules
        self.made[f"{module.function}.py"] = module.source().encode()

    def _write_late(self, around: Around, placing: Placing, known: Notified) -> None:
        """What is notified by other recipes than its own runs after all of them."""
        module = Module("afterwards", f"What several recipes of {self.found.name} notify",
                        self.shape.kind)  # fmt: skip
        for name in self.recipes:
            keys = [key for key in placing.late if placing.targets[key].recipe == name]
            if not keys:
                continue
            writer = self._writer(name, module, around, placing=placing, known=known, seen={})
            keys.sort(key=lambda key: placing.targets[key].index)
            module.code += writer.late(self.recipes[name], keys)
            self.checks += writer.checks
            self._keep(module, writer)
        module.code = module.code[1:] if module.code and not module.code[0] else module.code
        self.made["afterwards.py"] = module.source().encode()

    def _writer(
        self,
        recipe: str,
        module: Module,
        around: Around,
        *,
        placing: Placing,
        known: Notified,
        seen: dict[tuple[str, str], str],
    ) -> Writer:
        account = self._recipe_accounts[recipe]
        comments = {number: line.strip() for number, line in enumerate(account.lines, 1)
                    if line.strip().startswith("#")}  # fmt: skip
        return Writer(
            recipe=recipe,
            account=account,
            files=self.shipped,
            attribute=self._reader(around, module.others),
            include=lambda name: self._included(around, recipe, name),
            placing=placing,
            notified=known,
            seen=seen,
            comments=comments,
        )

    def _reader(self, around: Around, others: dict[str, str]) -> Callable[[Path, int], Expr]:
        def attribute(path: Path, line: int) -> Expr:
            if path[0] in AUTOMATIC:
                found = fact(path)
                if found is None:
                    raise Unreadable(line, f"no counterpart for {shown(path)}")
                return found
            known = self.shape.read(path)
            if known is not None:
                return Expr(f"a.{known[0]}", known[1])
            package, kind, made = around.attribute(path, line)
            others[package] = kind
            return Expr(f"{package}_a.{made.text}", made.value)

        return attribute

    def _included(self, around: Around, recipe: str, name: str) -> Included | None:
        got = around.recipe(name)
        if got is None:
            return None
        other, theirs = got
        function = other.function(theirs)
        if other is self:
            if recipe in self._reached(theirs):
                raise Unreadable(0, f"{name} includes this recipe")
            alias = f"{function}_recipe" if function in self._variables else function
            more = f" as {alias}" if alias != function else ""
            return Included(f"from .{function} import {function}{more}", alias)
        package = other.found.package
        alias = f"{package}_{function}"
        return Included(f"from {package}.{function} import {function} as {alias}", alias)

    @property
    def _variables(self) -> frozenset[str]:
        """What recipes call their variables."""
        found: set[str] = set()
        for node in (one for body in self.recipes.values() for one in ruby.walk(body)):
            if isinstance(node, ruby.Assignment) and isinstance(node.target, ruby.Call):
                found.add(local_name(node.target.name))
            elif isinstance(node, ruby.Call) and node.block is not None:
                found |= {local_name(name) for name in node.block.parameters}
        return frozenset(found)

    def _reached(self, start: str = "default") -> frozenset[str]:
        """The recipes of this cookbook that one includes, itself included."""
        reached: set[str] = set()
        waiting = [start]
        while waiting:
            name = waiting.pop()
            if name in reached or name not in self.recipes:
                continue
            reached.add(name)
            for asked in _includes(self.recipes[name]):
                cookbook, _, recipe = asked.partition("::")
                if cookbook == self.found.name:
                    waiting.append(recipe or "default")
        return frozenset(reached)

    def includes(self) -> list[str]:
        """What all its recipes include, by Chef's names."""
        return [name for body in self.recipes.values() for name in _includes(body)]


def _includes(body: tuple[Node, ...]) -> list[str]:
    return [
        name
        for node in ruby.walk(body)
        if isinstance(node, ruby.Call) and node.name == "include_recipe"
        for argument in node.arguments
        if (name := plain(argument))
    ]
