"""One Chef cookbook as a package of Python: what is in it, and how its parts find each other."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from . import ruby
from .accounting import Account, Entry, of_ruby
from .attributes import Shape, Values, identifier, read_file, shape, shown, source
from .declared import Rendered, declare
from .erb import Template
from .erb import carry as carry_template
from .express import Expr, Path, Scope, path_of, plain
from .facts import AUTOMATIC, fact
from .layout import Doc, quoted
from .parse import parse
from .recipe import Counts, Included, Writer, carry
from .repository import Found, text_of
from .ruby import Node
from .tokens import Unreadable
from .upstart import as_unit
from .wishes import VERBS, Notifier, Placing, Target, place

_MODULES = frozenset({"attributes", "afterwards", "templates", "files"})
_KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----")
_TAG = re.compile(r"<%[-=]*(.*?)-?%>", re.S)


@dataclass
class Cookbook:
    """``files`` are by their paths in the cookbook."""

    found: Found
    files: Mapping[str, bytes]
    accounts: list[Account] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    made: dict[str, bytes] = field(default_factory=dict)
    counts: Counts = field(default_factory=Counts)
    values: Values = field(init=False)
    shape: Shape = field(init=False)
    recipes: dict[str, tuple[Node, ...]] = field(default_factory=dict)
    recipe_accounts: dict[str, Account] = field(default_factory=dict)
    handled: set[str] = field(default_factory=set)
    _templates: dict[tuple[str, bool], tuple[Template, str, tuple[str, ...]]] = field(
        default_factory=dict
    )

    # --- reading ------------------------------------------------------------------------------

    def read(self) -> None:
        """Attributes and recipes, as values and nodes."""
        self.values = Values(self.found.name)
        for path in self._ruby("attributes"):
            account = self._account(path)
            read_file(self.values, account, parse(text_of(self.files[path])))
        for path in self._ruby("recipes"):
            name = path.removeprefix("recipes/").removesuffix(".rb")
            self.recipe_accounts[name] = self._account(path)
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
                    code = re.sub(
                        r"\A\s*(?:if|elsif|unless)\b|\bdo\s*\|.*\Z", "", match[1], flags=re.S
                    )
                    nodes += parse(code)
        paths = {p for node in nodes for one in ruby.walk(node) if (p := path_of(one)) is not None}
        inner = {path_of(one.target) for node in nodes for one in ruby.walk(node)
                 if isinstance(one, ruby.Index) and plain(one.key) is not None}  # fmt: skip
        return {path for path in paths if path not in inner}

    def settle(self, reads: Iterable[Path]) -> None:
        self.shape = shape(self.found.package, self.values, reads)

    # --- names --------------------------------------------------------------------------------

    def function(self, recipe: str) -> str:
        name = identifier(recipe.lower())
        return f"{name}_recipe" if name in _MODULES or name == self.found.package else name

    @property
    def prefix(self) -> str:
        return self.found.package

    # --- what recipes ask for -----------------------------------------------------------------

    def template(self, source: str, given: dict[str, Expr], line: int) -> Rendered:
        return self._rendered(source, given, line, carry_template, ".j2")

    def job(self, source: str, given: dict[str, Expr], line: int) -> Rendered:
        return self._rendered(source, given, line, as_unit, ".service.j2")

    def _rendered(
        self, source: str, given: dict[str, Expr], line: int,
        make: Callable[..., Template], ending: str,
    ) -> Rendered:  # fmt: skip
        path = next((p for p in (f"templates/default/{source}", f"templates/{source}")
                     if p in self.files), None)  # fmt: skip
        if path is None:
            raise Unreadable(line, f"there is no template {source}")
        key = (path, ending == ".j2")
        signs = tuple(
            f"{name}: {type(value.value).__name__}" for name, value in sorted(given.items())
        )
        instances = {name: Expr(name, value.value) for name, value in given.items()}
        taken = {"node", "facts"} & set(given)
        if taken:
            raise Unreadable(line, f"a variable called {taken.pop()}")
        if key not in self._templates:
            text = text_of(self.files[path])
            made = make(self.found.folder + path, text, self._in_template, instances)
            name = (
                re.sub(r"(\.conf)?\.erb\Z" if ending != ".j2" else r"\.erb\Z", "", source) + ending
            )
            self._templates[key] = (made, name, signs)
            self.handled.add(path)
            self.accounts.append(made.account)
            if made.whole:
                self.made[f"templates/{name}"] = made.text.encode()
        made, name, before = self._templates[key]
        if not made.whole:
            raise Unreadable(line, f"the template {source}: {made.account.entries[0].reason}")
        if before != signs:
            raise Unreadable(line, f"the template {source} with other variables than before")
        return Rendered(name, made.uses)

    def _in_template(self, path: Path, line: int) -> Expr:
        if path[0] in AUTOMATIC:
            found = fact(path)
            if found is None:
                raise Unreadable(line, f"no counterpart for {shown(path)}")
            return Expr(found.text.removeprefix("r."), found.value, found.fixed)
        known = self.shape.read(path)
        if known is None:
            raise Unreadable(line, no_value(path))
        return Expr(f"node.{known[0]}", known[1])

    def file(self, source: str, line: int) -> str:
        path = next((p for p in (f"files/default/{source}", f"files/{source}")
                     if p in self.files), None)  # fmt: skip
        if path is None:
            raise Unreadable(line, f"there is no file {source}")
        if _KEY.search(self.files[path]):
            raise Unreadable(
                line, f"{source} holds a private key, which is a secret: r.secret(NAME)"
            )
        self.made[f"files/{source}"] = self.files[path]
        self.handled.add(path)
        return source

    # --- writing ------------------------------------------------------------------------------

    def write(
        self,
        others: Callable[[Path, int], tuple[str, str, Expr]],
        include: Callable[[str], tuple[Cookbook, str] | None],
    ) -> None:
        """``others`` reads an attribute of another cookbook: its package, its class, the rest."""
        placing, services, lines = self._placing(others)
        seen: dict[tuple[str, str], str] = {}
        writers: dict[str, tuple[Writer, list[str], set[str]]] = {}
        for name, body in self.recipes.items():
            writers[name] = self._writer(name, placing, services, lines, seen, others, include)
            writer, heads, used = writers[name]
            code = writer.top(body)
            module = self.function(name)
            self.made[f"{module}.py"] = self._module(
                writer, module, code, heads, used, f"recipes/{name}.rb"
            ).encode()
        late = sorted(
            placing.late, key=lambda k: (placing.targets[k].recipe, placing.targets[k].index)
        )
        if late:
            self._write_late(late, writers, placing, services, lines, seen, others, include)
        for writer, _, _ in writers.values():
            self.counts.all += writer.counts.all
            self.counts.whole += writer.counts.whole
            self.counts.partly += writer.counts.partly
        self._init(bool(late))
        if self.shape.leaves:
            self.made["attributes.py"] = source(self.shape, self.found.name).encode()

    def _write_late(self, late, writers, placing, services, lines, seen, others, include) -> None:  # type: ignore[no-untyped-def]
        code: list[str] = []
        first, heads, used = self._writer("", placing, services, lines, seen, others, include)
        for recipe in dict.fromkeys(placing.targets[key].recipe for key in late):
            writer, _, _ = self._writer(recipe, placing, services, lines, {}, others, include)
            writer.attribute = first.attribute
            keys = [key for key in late if placing.targets[key].recipe == recipe]
            code += writer.late(self.recipes[recipe], keys)
            first.imports |= writer.imports
            first.modules |= writer.modules
        text = self._module(first, "afterwards", first._tidy(code), heads, used, "")
        self.made["afterwards.py"] = text.encode()

    def _writer(self, recipe, placing, services, lines, seen, others, include):  # type: ignore[no-untyped-def]
        heads: list[str] = []
        used: set[str] = set()
        account = self.recipe_accounts.get(recipe) or of_ruby("", "")

        def attribute(path: Path, line: int) -> Expr:
            if path[0] in AUTOMATIC:
                found = fact(path)
                if found is None:
                    raise Unreadable(line, f"no counterpart for {shown(path)}")
                return found
            known = self.shape.read(path)
            if known is not None:
                used.add("")
                return Expr(f"a.{known[0]}", known[1])
            package, kind, made = others(path, line)
            used.add(f"{package}.{kind}")
            return Expr(f"{package}_a.{made.text}", made.value)

        def included(name: str) -> Included | None:
            got = include(name)
            if got is None:
                return None
            other, recipe_name = got
            function = other.function(recipe_name)
            if other is self:
                return Included(f"from .{function} import {function}", function)
            alias = f"{other.found.package}_{function}"
            return Included(
                f"from {other.found.package}.{function} import {function} as {alias}", alias
            )

        writer = Writer(
            recipe, account, self, attribute, included, placing, seen, services,
            {n: x.strip() for n, x in enumerate(account.lines, 1) if x.strip().startswith("#")},
            first_lines=lines,
        )  # fmt: skip
        return writer, heads, used

    def _module(
        self,
        writer: Writer,
        function: str,
        code: list[str],
        heads: list[str],
        used: set[str],
        file: str,
    ) -> str:
        what = (
            f"{file} of {self.found.name}"
            if file
            else f"What other recipes of {self.found.name} notify"
        )
        text = "\n".join(code)
        first: list[str] = []
        absolute: set[str] = {x for x in writer.modules if not x.startswith("from .")}
        local: set[str] = {x for x in writer.modules if x.startswith("from .")}
        if re.search(
            r"(?<![\w.])a\.", "\n".join(x for x in code if not x.lstrip().startswith("#"))
        ) or ("node=a" in text):
            first.append(f"    a = r.attributes({self.shape.kind})")
            local.add(f"from .attributes import {self.shape.kind}")
        for one in sorted(used - {""}):
            package, _, kind = one.partition(".")
            if re.search(rf"(?<![\w.]){package}_a\.", text):
                first.append(f"    {package}_a = r.attributes({kind})")
                absolute.add(f"from {package}.attributes import {kind}")
        paths = [
            n
            for n in ("basename", "dirname", "normpath")
            if re.search(rf"(?<![\w.]){n}\(", _code(code))
        ]
        if paths:
            absolute.add(f"from posixpath import {', '.join(paths)}")
        names = {
            n
            for n in writer.imports
            if n[0].isupper() and re.search(rf"(?<![\w.]){n}\(", _code(code))
        }
        standard = sorted(x for x in absolute if x.startswith("from posixpath"))
        theirs = sorted(absolute - set(standard))
        ours = f"from toque import {', '.join(sorted({*names, 'Recipe'}))}"
        if len(ours) > 100:
            ours = (
                "from toque import (\n"
                + "".join(f"    {n},\n" for n in sorted({*names, "Recipe"}))
                + ")"
            )
        blocks = [standard, sorted([*theirs, ours], key=_import_order), sorted(local)]
        imports = "\n\n".join("\n".join(block) for block in blocks if block)
        body = first + ([""] if first and code else []) + code
        if not any(x.strip() and not x.lstrip().startswith("#") for x in body):
            body += ["    pass"]
        return (
            f'"""{what}."""\n\n{imports}\n\n\ndef {function}(r: Recipe) -> None:\n'
            + "\n".join(body)
            + "\n"
        )

    def _init(self, late: bool) -> None:
        package, name = self.found.package, self.found.name
        default = "default" in self.recipes
        lines = [
            f'"""The cookbook {name}, carried over from Chef.  FROM-CHEF.md lists what was not."""',
            "",
        ]
        lines += [
            "from toque import Cookbook, Recipe" if late else "from toque import Cookbook",
            "",
        ]
        local = []
        if late:
            local.append("from .afterwards import afterwards")
        if self.shape.leaves:
            local.append(f"from .attributes import {self.shape.kind}")
        if default:
            local.append("from .default import default")
        lines += sorted(local) + ([""] if local else [])
        setup = "default"
        if late:
            setup = "setup"
            lines += ["", "def setup(r: Recipe) -> None:", "    r.include(default)",
                      "    r.include(afterwards)", "", ""]  # fmt: skip
        parts = [quoted(package)]
        parts += [f"attributes={self.shape.kind}"] if self.shape.leaves else []
        parts += [f'events={{"setup": {setup}}}'] if default else []
        one = f"cookbook = Cookbook({', '.join(parts)})"
        if len(one) > 100:
            one = "cookbook = Cookbook(\n" + "".join(f"    {p},\n" for p in parts) + ")"
        self.made["__init__.py"] = "\n".join([*lines, one, ""]).encode()

    # --- notifications ------------------------------------------------------------------------

    def _placing(self, others):  # type: ignore[no-untyped-def]
        """Where targets of notifications stand, and what is said of each service in all places."""
        targets: dict[str, Target] = {}
        services: dict[str, dict[str, Doc]] = {}
        lines: dict[str, int] = {}
        clash: set[str] = set()
        placing = Placing({})
        for recipe, body in self.recipes.items():
            writer, _, _ = self._writer(recipe, placing, {}, {}, {}, others, lambda _: None)
            scope = Scope(writer.attribute)
            for index, node in enumerate(body):
                if not isinstance(node, ruby.Call) or node.name not in VERBS or not node.arguments:
                    continue
                name = plain(node.arguments[0])
                key = f"{node.name if node.name != 'sh' else 'bash'}[{name}]"
                if name is None:
                    continue
                try:
                    declared = declare(node, scope, self)
                    made, _ = carry(declared)
                except Unreadable:
                    continue
                action = f"Service({quoted(name)}).{{}}"
                if node.name != "service":
                    words = dict(made[0].items)
                    named = words.get("name=")
                    action = f'Action({quoted("command:" + name)}, "{{}}")'
                    if named is None and made[0].items[0][1]:
                        action = f'Action({quoted("command:" + name)}, "{{}}")'
                else:
                    fields = {k.removesuffix("="): v for m in made if m.opening == "Service("
                              for k, v in m.items if k}  # fmt: skip
                    before = services.setdefault(key, {})
                    if any(before.get(k, v) != v for k, v in fields.items()):
                        clash.add(key)
                    before.update(fields)
                if key not in targets and (node.name != "service" or made[0].opening == "Service("):
                    verbs = VERBS[node.name]
                    targets[key] = Target(key, recipe, index, verbs, action)
                    lines[key] = node.line
        for key in clash:
            services.pop(key)
        return place(targets, self._wishes(), self.recipes, self._reached()), services, lines

    def _wishes(self) -> list[Notifier]:
        found: list[Notifier] = []
        keys: dict[str, tuple[str, int, int]] = {}
        subscribed: list[tuple[str, int, ruby.Call, str]] = []
        scope = Scope(_no_attribute)
        for recipe, body in self.recipes.items():
            for index, top in enumerate(body):
                for node in ruby.walk(top):
                    if not isinstance(node, ruby.Call) or node.block is None or not node.arguments:
                        continue
                    name = plain(node.arguments[0])
                    key = f"{node.name}[{name}]" if name is not None else ""
                    if key:
                        keys.setdefault(key, (recipe, index, node.line))
                    for one in node.block.body:
                        if not isinstance(one, ruby.Call) or one.target is not None:
                            continue
                        if one.name == "notifies":
                            wish = _plain_wish(one, scope)
                            found.append(Notifier(recipe, index, node.line, key, wish.other, wish))
                        elif one.name == "subscribes":
                            subscribed.append((recipe, index, one, key))
        for recipe, index, one, key in subscribed:
            wish = _plain_wish(one, scope)
            at = keys.get(wish.other)
            if at is None:
                found.append(Notifier(recipe, index, one.line, "", "", wish))
            else:
                found.append(Notifier(at[0], at[1], at[2], wish.other, key, wish))
        return found

    def _reached(self) -> frozenset[str]:
        reached: set[str] = set()
        open_ = ["default"]
        while open_:
            name = open_.pop()
            if name in reached or name not in self.recipes:
                continue
            reached.add(name)
            for node in ruby.walk(self.recipes[name]):
                if isinstance(node, ruby.Call) and node.name == "include_recipe":
                    for argument in node.arguments:
                        cookbook, _, recipe = (plain(argument) or "").partition("::")
                        if cookbook == self.found.name:
                            open_.append(recipe or "default")
        return frozenset(reached)

    # --- what nobody asked for ----------------------------------------------------------------

    def finish(self) -> None:
        """Templates that no recipe uses, and files of which only the name is listed."""
        for path in sorted(set(self.files) - self.handled):
            if path.startswith(("templates/default/", "templates/")) and path.endswith(".erb"):
                name = path.removeprefix("templates/").removeprefix("default/")
                if "/" not in name:
                    try:
                        self.template(name, {}, 1)
                    except Unreadable:
                        pass
            elif path.startswith("files/"):
                self._unasked_file(path)

    def _unasked_file(self, path: str) -> None:
        name = path.removeprefix("files/").removeprefix("default/")
        if _KEY.search(self.files[path]):
            self._named(path, "a private key: not copied; r.secret(NAME)")
        elif path.startswith("files/default/") or "/" not in name:
            self.made[f"files/{name}"] = self.files[path]
        else:
            self._named(path, "no recipe that was carried over asks for it")
        self.handled.add(path)

    def _named(self, path: str, reason: str) -> None:
        self.entries.append(Entry(self.found.folder + path, 0, 0, reason, ""))


def _code(lines: Iterable[str]) -> str:
    return "\n".join(line for line in lines if not line.lstrip().startswith("#"))


def _import_order(statement: str) -> str:
    return statement.split()[1]


def _plain_wish(one: ruby.Call, scope: Scope):  # type: ignore[no-untyped-def]
    from .declared import _wish

    return _wish(one, scope)


def _no_attribute(path: Path, line: int) -> Expr:
    raise Unreadable(line, "computed")


def no_value(path: Path) -> str:
    if path[0] in ("deploy", "opsworks"):
        return f"{shown(path)} is OpsWorks's own: r.app, r.environment() or toque.toml have it"
    return f"{shown(path)} has no default in this repository"
