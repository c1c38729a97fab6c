"""What the expressions of a recipe are, as far as its text tells.

Only what is certain counts: a name that may be two things is unknown, and nothing is said of it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from .source import Module, called

Scope = Mapping[str, "Kind | None"]
RECIPE = ("toque.cookbooks.recipe", "Recipe")
SECRET = ("toque.node.values", "Secret")
MANY = ("tuple", "list", "set", "frozenset", "Tuple", "List", "Sequence", "Iterable", "Iterator")
DEEPEST = 12


@dataclass(frozen=True)
class Kind:
    """An instance of the class ``ref`` (module and name), or several of them."""

    ref: tuple[str, str]
    many: bool = False


@dataclass(frozen=True)
class Shape:
    """The names that instances of a class have; ``open`` when there may be others.

    ``fields`` are those with a default or without, by their line; ``kinds`` and ``returns`` what
    attributes are and what methods return, where that is known.
    """

    names: frozenset[str]
    open: bool
    fields: Mapping[str, int] = field(default_factory=dict)
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    returns: Mapping[str, Kind] = field(default_factory=dict)


class Shapes:
    """The classes of some modules, by name."""

    def __init__(self, modules: Mapping[str, Module]) -> None:
        self.modules = modules
        self._shapes: dict[tuple[str, str], Shape] = {}

    def definition(self, module: Module, expr: ast.AST) -> tuple[Module, ast.AST] | None:
        """Where what an expression names is defined: a class, a function, an assignment."""
        found = self._named(module, expr)
        if isinstance(found, str):
            return None
        return found

    def origin(self, module: Module, expr: ast.AST) -> str:
        """The dotted name that an expression has by the imports of its module: ``toque.File``."""
        if isinstance(expr, ast.Attribute):
            before = self.origin(module, expr.value)
            return f"{before}.{expr.attr}" if before else ""
        if not isinstance(expr, ast.Name):
            return ""
        node = self._binding(module, expr.id)
        if isinstance(node, ast.ImportFrom):
            names = {alias.asname or alias.name: alias.name for alias in node.names}
            return f"{module.absolute(node)}.{names[expr.id]}"
        if isinstance(node, ast.Import):
            whole = {alias.asname: alias.name for alias in node.names if alias.asname}
            return whole.get(expr.id, expr.id)
        return ""

    def is_toque(self, module: Module, expr: ast.AST, name: str) -> bool:
        """Whether an expression names Toque's own ``name``, such as ``Command``."""
        origin = self.origin(module, expr)
        return origin.startswith("toque.") and origin.rpartition(".")[2] == name

    def class_of(self, module: Module, expr: ast.AST) -> tuple[str, str] | None:
        found = self.definition(module, expr)
        if found and isinstance(found[1], ast.ClassDef):
            return found[0].name, found[1].name
        return None

    def shape(self, ref: tuple[str, str]) -> Shape:
        if ref not in self._shapes:
            self._shapes[ref] = Shape(frozenset(), True)  # of one that is its own base
            self._shapes[ref] = self._made(ref)
        return self._shapes[ref]

    def kind(
        self, module: Module, expr: ast.AST | None, scope: Scope, depth: int = 0
    ) -> Kind | None:
        """What an expression is."""
        if expr is None or depth > DEEPEST:
            return None
        if isinstance(expr, ast.Name):
            if expr.id in scope:
                return scope[expr.id]
            found = self.definition(module, expr)
            if found and isinstance(found[1], (ast.Assign, ast.AnnAssign)):
                return self._assigned(found[0], found[1], depth)
        elif isinstance(expr, ast.Attribute):
            owner = self.kind(module, expr.value, scope, depth + 1)
            if owner and not owner.many:
                return self.shape(owner.ref).kinds.get(expr.attr)
            found = self.definition(module, expr) if owner is None else None
            if found and isinstance(found[1], (ast.Assign, ast.AnnAssign)):
                return self._assigned(found[0], found[1], depth)
        elif isinstance(expr, ast.Call):
            return self._returned(module, expr, scope, depth)
        elif isinstance(expr, ast.Subscript) and not isinstance(expr.slice, ast.Slice):
            owner = self.kind(module, expr.value, scope, depth + 1)
            return Kind(owner.ref) if owner and owner.many else None
        elif isinstance(expr, (ast.BoolOp, ast.IfExp)):
            parts = expr.values if isinstance(expr, ast.BoolOp) else [expr.body, expr.orelse]
            kinds = {self.kind(module, part, scope, depth + 1) for part in parts}
            return kinds.pop() if len(kinds) == 1 else None
        return None

    def scope(self, module: Module, function: ast.AST, owner: str = "") -> Scope:
        """What the names of a function are; ``owner`` is the class whose method it is."""
        found: dict[str, Kind | None] = dict.fromkeys(_asked_about(function))
        expected: dict[ast.AST, Kind | None] = {}
        placed = [node for node in ast.walk(function) if hasattr(node, "lineno")]
        for node in sorted(placed, key=lambda one: (one.lineno, vars(one)["col_offset"])):
            name, kind = "", None
            if isinstance(node, ast.arg):
                name, kind = node.arg, self._parameter(module, node, owner)
            elif isinstance(node, ast.ExceptHandler):
                name = node.name or ""
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                name, kind = node.id, expected.get(node)
            else:
                expected |= self._targets(module, node, found)
            if name:
                found[name] = kind if found.get(name, kind) == kind else None
        return found

    def _targets(self, module: Module, node: ast.AST, known: Scope) -> dict[ast.AST, Kind | None]:
        """What the plain names are that a node stores to."""
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            return {node.targets[0]: self.kind(module, node.value, known)}
        if isinstance(node, ast.AnnAssign):
            return {node.target: self.annotated(module, node.annotation)}
        if isinstance(node, ast.NamedExpr):
            return {node.target: self.kind(module, node.value, known)}
        loops = [node] if isinstance(node, ast.For) else getattr(node, "generators", [])
        return {loop.target: _one(self.kind(module, loop.iter, known)) for loop in loops}

    def functions(self, module: Module) -> Iterator[tuple[ast.AST, Scope]]:
        """Each outermost function and method with its scope, and the rest of the module."""
        for node in module.tree.body:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield node, self.scope(module, node)
            elif isinstance(node, ast.ClassDef):
                for below in node.body:
                    method = isinstance(below, (ast.FunctionDef, ast.AsyncFunctionDef))
                    yield below, self.scope(module, below, node.name) if method else {}
            else:
                yield node, {}

    def annotated(self, module: Module, expr: ast.AST | None) -> Kind | None:
        """What an annotation says; nothing for one that leaves a choice."""
        if isinstance(expr, ast.Constant) and isinstance(expr.value, str):
            try:
                expr = ast.parse(expr.value, mode="eval").body
            except SyntaxError:
                return None
        if isinstance(expr, (ast.Name, ast.Attribute)):
            ref = self.class_of(module, expr)
            return Kind(ref) if ref else None
        if isinstance(expr, ast.BinOp):
            sides = [side for side in (expr.left, expr.right) if not _is_none(side)]
            return self.annotated(module, sides[0]) if len(sides) == 1 else None
        if isinstance(expr, ast.Subscript):
            name = expr.value.attr if isinstance(expr.value, ast.Attribute) else ""
            name = expr.value.id if isinstance(expr.value, ast.Name) else name
            inner = expr.slice.elts if isinstance(expr.slice, ast.Tuple) else [expr.slice]
            if name == "Optional":
                return self.annotated(module, inner[0])
            if name in MANY and (len(inner) == 1 or isinstance(inner[1], ast.Constant)):
                one = self.annotated(module, inner[0])
                return Kind(one.ref, many=True) if one and not one.many else None
        return None

    def _named(
        self, module: Module, expr: ast.AST, depth: int = 0
    ) -> tuple[Module, ast.AST] | str | None:
        """A definition, or the name of a module, or nothing that is known."""
        if depth > DEEPEST:
            return None
        if isinstance(expr, ast.Attribute):
            before = self._named(module, expr.value, depth + 1)
            return self._member(before, expr.attr, depth) if isinstance(before, str) else None
        if not isinstance(expr, ast.Name):
            return None
        node = self._binding(module, expr.id)
        if isinstance(node, ast.Import):
            return self.origin(module, expr)
        if isinstance(node, ast.ImportFrom):
            name = next(a.name for a in node.names if (a.asname or a.name) == expr.id)
            return self._member(module.absolute(node), name, depth)
        return (module, node) if node is not None else None

    def _member(self, module: str, name: str, depth: int) -> tuple[Module, ast.AST] | str | None:
        there = self.modules.get(module)
        if there is not None and name in there.bindings:
            found = self._named(there, ast.Name(name), depth + 1)
            if found is not None:
                return found
        return f"{module}.{name}" if f"{module}.{name}" in self.modules else None

    def _binding(self, module: Module, name: str) -> ast.AST | None:
        """What a name of a module stands for, also by ``from x import *``."""
        found = module.bindings.get(name)
        star = module.bindings.get("*")
        if found is None and isinstance(star, ast.ImportFrom):
            there = self.modules.get(module.absolute(star))
            if there is not None and name in there.bindings:
                return ast.ImportFrom(star.module, [ast.alias(name)], star.level)
        return found

    def _made(self, ref: tuple[str, str]) -> Shape:
        module = self.modules[ref[0]]
        node = module.bindings[ref[1]]
        if not isinstance(node, ast.ClassDef):
            return Shape(frozenset(), True)
        names: set[str] = set()
        fields: dict[str, int] = {}
        kinds: dict[str, Kind | None] = {}
        returns: dict[str, Kind | None] = {}
        is_open = bool(node.keywords)
        for base in node.bases:
            above = self.class_of(module, base)
            if above is None:
                is_open = is_open or not (isinstance(base, ast.Name) and base.id == "object")
                continue
            shape = self.shape(above)
            is_open = is_open or shape.open
            names |= shape.names
            fields.update(dict.fromkeys(shape.fields, 0))
            kinds.update(shape.kinds)
            returns.update(shape.returns)
        for below in node.body:
            if isinstance(below, ast.AnnAssign) and isinstance(below.target, ast.Name):
                names.add(below.target.id)
                fields[below.target.id] = below.lineno
                kinds[below.target.id] = self.annotated(module, below.annotation)
            elif isinstance(below, (ast.FunctionDef, ast.AsyncFunctionDef)):
                names.add(below.name)
                is_open = is_open or below.name in ("__getattr__", "__getattribute__")
                which = kinds if _is_property(below) else returns
                which[below.name] = self.annotated(module, below.returns)
                names |= set(_own(below))
            elif isinstance(below, (ast.Assign, ast.ClassDef)):
                targets = below.targets if isinstance(below, ast.Assign) else []
                names |= {*_stored(*targets), getattr(below, "name", "")}
        return Shape(
            frozenset(names),
            is_open,
            fields,
            {name: kind for name, kind in kinds.items() if kind},
            {name: kind for name, kind in returns.items() if kind},
        )

    def _assigned(
        self, module: Module, node: ast.Assign | ast.AnnAssign, depth: int
    ) -> Kind | None:
        if isinstance(node, ast.AnnAssign):
            return self.annotated(module, node.annotation)
        plain = len(node.targets) == 1 and isinstance(node.targets[0], ast.Name)
        return self.kind(module, node.value, {}, depth + 1) if plain else None

    def _returned(self, module: Module, call: ast.Call, scope: Scope, depth: int) -> Kind | None:
        if isinstance(call.func, ast.Attribute):
            owner = self.kind(module, call.func.value, scope, depth + 1)
            if owner == Kind(RECIPE) and called(call) == "attributes" and len(call.args) == 1:
                ref = self.class_of(module, call.args[0])
                return Kind(ref) if ref else None
            if owner and not owner.many:
                return self.shape(owner.ref).returns.get(called(call))
        found = self.definition(module, call.func)
        if found and isinstance(found[1], ast.ClassDef):
            return Kind((found[0].name, found[1].name))
        if found and isinstance(found[1], ast.FunctionDef):
            return self.annotated(found[0], found[1].returns)
        return None

    def _parameter(self, module: Module, node: ast.arg, owner: str) -> Kind | None:
        if node.annotation is not None:
            return self.annotated(module, node.annotation)
        if owner and node.arg == "self":
            return Kind((module.name, owner))
        known = RECIPE[0] in self.modules
        return Kind(RECIPE) if node.arg == "r" and known else None  # as every recipe calls it


def _stored(*targets: ast.AST | None) -> Iterator[str]:
    for target in targets:
        for node in ast.walk(target) if target is not None else ():
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id


def _asked_about(function: ast.AST) -> Iterator[str]:
    """Names of which a function asks what they are: they may be more than their annotation."""
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and called(node) in ("isinstance", "hasattr") and node.args:
            if isinstance(node.args[0], ast.Name):
                yield node.args[0].id
        elif isinstance(node, ast.Match) and isinstance(node.subject, ast.Name):
            yield node.subject.id


def _own(method: ast.AST) -> Iterator[str]:
    """What a method makes of ``self``."""
    for node in ast.walk(method):
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.ctx, ast.Store)
            and isinstance(node.value, ast.Name)
            and node.value.id == "self"
        ):
            yield node.attr


def _one(kind: Kind | None) -> Kind | None:
    return Kind(kind.ref) if kind and kind.many else None


def _is_property(method: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    names = [ast.unparse(one).rpartition(".")[2] for one in method.decorator_list]
    return "property" in names or "cached_property" in names


def _is_none(expr: ast.AST) -> bool:
    return isinstance(expr, ast.Constant) and expr.value is None
