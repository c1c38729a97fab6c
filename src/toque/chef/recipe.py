"""One recipe as a module of Python."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from . import ruby
from .accounting import Account
from .adding import Counts, carry, checked, resources_in
from .attributes import OTHER
from .declared import Declared, Files, declare
from .erb import loop
from .express import express, path_of, truth
from .layout import Doc, Made, call, lines_of, quoted, text_of, tuple_of, visible
from .resources import REASONS, TYPES
from .ruby import Node
from .tokens import Unreadable
from .values import Expr, Path, Scope, local_name
from .wishes import Placing

if TYPE_CHECKING:
    from .notified import Notified

SYSTEMS = ("debian", "ubuntu")
_REPLACED = {
    "apt": "Package fetches apt's index when it has to; nothing stands for this",
    "build-essential": "",
}


@dataclass(frozen=True)
class Included:
    """A recipe that another includes: ``statement`` imports it, ``name`` is the function."""

    statement: str
    name: str


@dataclass
class Writer:
    """``attribute`` reads ``node[...]`` and may import; ``include`` finds a recipe by its name."""

    recipe: str
    account: Account
    files: Files
    attribute: Callable[[Path, int], Expr]
    include: Callable[[str], Included | None]
    placing: Placing
    notified: Notified
    seen: dict[tuple[str, str], str]
    comments: Mapping[int, str]
    imports: set[str] = field(default_factory=set)  # names of toque
    modules: set[str] = field(default_factory=set)  # whole statements
    counts: Counts = field(default_factory=Counts)
    checks: list[tuple[str, str]] = field(default_factory=list)  # kind and name, for all machines

    # --- bodies -------------------------------------------------------------------------------

    def top(self, body: Sequence[Node]) -> list[str]:
        """The statements of the recipe, in the order that notifications need."""
        scope = Scope(self.attribute)
        order = self.placing.orders.get(self.recipe, list(range(len(body))))
        late = {t.index for t in self.placing.targets.values()
                if t.recipe == self.recipe and t.key in self.placing.late}  # fmt: skip
        lines: list[str] = []
        written: dict[int, list[str]] = {}
        for index, node in enumerate(body):  # names are known from where they are set
            made, scope = self.statement(node, scope, 4, index)
            written[index] = self._above(body, index) + made
        for position, index in enumerate(order):
            if index in late:
                continue
            if position > 0 and order[position - 1] > index:
                behind = body[order[position - 1]]
                self.account.noted(
                    body[index].line,
                    body[index].last,
                    f"stands behind line {behind.line} now, which notifies it",
                )
            lines += written[index]
        return self._tidy(lines)

    def late(self, body: Sequence[Node], keys: Iterable[str]) -> list[str]:
        """Those statements that run after all recipes."""
        lines: list[str] = []
        for key in keys:
            target = self.placing.targets[key]
            node = body[target.index]
            made, _ = self.statement(node, Scope(self.attribute), 4, target.index)
            lines += self._above(body, target.index) + made
            self.account.noted(node.line, node.last, "runs after all recipes, as others notify it")
        return lines

    def _tidy(self, lines: list[str]) -> list[str]:
        while lines and not lines[0]:
            lines = lines[1:]
        return [x for n, x in enumerate(lines) if x or (n and lines[n - 1])]

    def _above(
        self, body: Sequence[Node], index: int, indent: int = 4, start: int = 0
    ) -> list[str]:
        """The comments and at most one blank line before a statement."""
        first = body[index - 1].last + 1 if index else start + 1
        found: list[str] = []
        for number in range(first, body[index].line):
            text = self.comments.get(number, "")
            if text and text != "#":
                found.append(visible(f"{' ' * indent}{text}"))
            elif not found or found[-1]:
                found.append("")
        return found

    def body(
        self, nodes: Sequence[Node], scope: Scope, indent: int, index: int, start: int
    ) -> list[str]:
        """A nested body; never empty."""
        lines = self._inline(nodes, scope, indent, index, start)
        code = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
        return lines if code else [*lines, f"{' ' * indent}pass"]

    def _inline(
        self, nodes: Sequence[Node], scope: Scope, indent: int, index: int, start: int
    ) -> list[str]:
        """Statements one after the other."""
        lines: list[str] = []
        for number, node in enumerate(nodes):
            made, scope = self.statement(node, scope, indent, index)
            lines += self._above(nodes, number, indent, start) + made
        return self._tidy(lines)

    # --- statements ---------------------------------------------------------------------------

    def statement(
        self, node: Node, scope: Scope, indent: int, index: int
    ) -> tuple[list[str], Scope]:
        self.account.carried(node.line, node.last)
        try:
            if isinstance(node, ruby.Unknown):
                raise Unreadable(node.line, node.reason)
            if isinstance(node, ruby.Assignment):
                return self._assignment(node, scope, indent)
            if isinstance(node, ruby.Choice):
                return self._choice(node, scope, indent, index), scope
            if isinstance(node, ruby.Case):
                return self._case(node, scope, indent, index), scope
            if isinstance(node, ruby.Call):
                return self._call(node, scope, indent, index), scope
            raise Unreadable(node.line, "a value by itself")
        except Unreadable as error:
            self.counts.all += resources_in(node)
            return self.left(node.line, node.last, error.reason, indent), scope

    def left(self, first: int, last: int, reason: str, indent: int) -> list[str]:
        """List lines, and say so where they would stand."""
        entry = self.account.left(first, last, reason)
        space = " " * indent
        words = [f"{space}# TODO(chef): {entry.place}: {reason}"]
        text = entry.text.split("\n")
        margin = min((len(x) - len(x.lstrip()) for x in text if x.strip()), default=0)
        return [visible(line) for line in words] + [
            visible(f"{space}#   {line[margin:]}").rstrip() for line in text
        ]

    def _assignment(
        self, node: ruby.Assignment, scope: Scope, indent: int
    ) -> tuple[list[str], Scope]:
        target = node.target
        if not (isinstance(target, ruby.Call) and target.bare and node.operator == "="):
            raise Unreadable(
                node.line,
                "sets an attribute while recipes run: Cookbook(sets=...) or "
                "toque.toml do it before",
            )
        made = express(node.value, scope)
        name = local_name(target.name)
        lines = lines_of(made.text, indent, f"{name} = ")
        return lines, scope.with_names({target.name: Expr(name, made.value)})

    def _choice(self, node: ruby.Choice, scope: Scope, indent: int, index: int) -> list[str]:
        branches: list[tuple[str, Sequence[Node], int]] = []
        conditions = [truth(express(c, scope), node, jinja=False) for c, _ in node.branches]
        for made, (condition, body) in zip(conditions, node.branches, strict=True):
            if made.fixed and made.value:
                return self._chain(branches, body, node, scope=scope, indent=indent, index=index)
            if not made.fixed:
                branches.append((made.text, body, condition.last))
        return self._chain(branches, node.otherwise, node, scope=scope, indent=indent, index=index)

    def _case(self, node: ruby.Case, scope: Scope, indent: int, index: int) -> list[str]:
        subject = express(node.subject, scope)
        system = path_of(node.subject) == ("platform",)
        branches: list[tuple[str, Sequence[Node], int]] = []
        open_systems = set(SYSTEMS)
        for wanted, body in node.branches:
            words = [express(one, scope) for one in wanted]
            if not all(word.fixed for word in words):
                raise Unreadable(wanted[0].line, "a case that is computed")
            values = [word.value for word in words]
            if subject.fixed:
                if subject.value in values:
                    return self._chain(
                        branches, body, node, scope=scope, indent=indent, index=index
                    )
                continue
            if system:
                values = [value for value in values if value in SYSTEMS]
                open_systems -= set(values)
                if not values:
                    continue
                if not open_systems:  # both of them have been named
                    return self._chain(
                        branches, body, node, scope=scope, indent=indent, index=index
                    )
            if len(values) == 1:
                text = f"{subject.inner} == {text_of(_literal(values[0]))}"
            else:
                text = f"{subject.inner} in {tuple_of([_literal(v) for v in values]).flat}"
            branches.append((text, body, wanted[-1].last))
        return self._chain(branches, node.otherwise, node, scope=scope, indent=indent, index=index)

    def _chain(
        self,
        branches: Sequence[tuple[str, Sequence[Node], int]],
        otherwise: Sequence[Node],
        node: ruby.Choice | ruby.Case,
        *,
        scope: Scope,
        indent: int,
        index: int,
    ) -> list[str]:
        """if, elif, else; bodies that can never be reached are listed."""
        used = [body for _, body, _ in branches] + [otherwise]
        everything = [*(body for _, body in node.branches), node.otherwise]
        lines: list[str] = []
        word = "if"
        for text, body, start in branches:
            lines.append(f"{' ' * indent}{word} {text}:")
            lines += self.body(body, scope, indent + 4, index, start)
            word = "elif"
        if otherwise and branches:
            lines.append(f"{' ' * indent}else:")
            lines += self.body(otherwise, scope, indent + 4, index, otherwise[0].line - 1)
        elif otherwise:
            lines += self._inline(otherwise, scope, indent, index, otherwise[0].line - 1)
        for body in everything:
            if body and not any(body is one for one in used):
                self.account.left(body[0].line, body[-1].last, OTHER)
                self.counts.all += sum(resources_in(one) for one in body)
        return lines

    def _call(self, node: ruby.Call, scope: Scope, indent: int, index: int) -> list[str]:
        if node.name == "each" and node.target is not None and node.block is not None:
            target = express(node.target, scope)
            names = [local_name(name) for name in node.block.parameters]
            given, head = loop(target, names, "", node.line, jinja=False)
            given = {old: given[new] for old, new in zip(node.block.parameters, names, strict=True)}
            inner = self.body(
                node.block.body, scope.with_names(given), indent + 4, index, node.block.line
            )
            return [f"{' ' * indent}{head}:", *inner]
        if node.target is not None:
            raise Unreadable(node.line, f".{node.name}, which is Ruby of its own")
        if node.name == "include_recipe":
            return self._include(node, scope, indent)
        if node.name not in TYPES:
            raise Unreadable(
                node.line, REASONS.get(node.name, f"there is no type {node.name} here")
            )
        return self._resource(node, scope, indent, index)

    def _include(self, node: ruby.Call, scope: Scope, indent: int) -> list[str]:
        lines: list[str] = []
        for argument in node.arguments:
            made = express(argument, scope)
            if not made.fixed or not isinstance(made.value, str):
                raise Unreadable(node.line, "a recipe whose name is computed")
            cookbook = made.value.partition("::")[0]
            try:
                found = self.include(made.value)
            except Unreadable as error:
                raise Unreadable(node.line, error.reason) from None
            if found is not None:
                self.modules.add(found.statement)
                lines.append(f"{' ' * indent}r.include({found.name})")
            elif cookbook == "apt":
                self.account.noted(node.line, node.last, _REPLACED["apt"])
            elif cookbook == "build-essential":
                self.imports.add("Package")
                lines.append(f'{" " * indent}r.add(Package("build-essential"))')
            else:
                raise Unreadable(node.line, f"the cookbook {cookbook} is not in this repository")
        return lines

    # --- resources ----------------------------------------------------------------------------

    def _resource(self, node: ruby.Call, scope: Scope, indent: int, index: int) -> list[str]:
        names = node.arguments
        if node.name == "apt_update" and not names:
            node = ruby.Call(
                node.line,
                node.last,
                None,
                node.name,
                (ruby.Text(node.line, node.line, ("all",)),),
                node.block,
            )
        declared = declare(node, scope, self.files)
        made, more = carry(declared)
        lines: list[str] = []
        if not made and (declared.notifies or declared.subscribes):
            raise declared.no("a notification of what Toque does by itself")
        notify, listed = self._notify(node, index, declared, scope, indent)
        for number, plain_one in enumerate(made):
            one = self._merged(declared, plain_one)
            if one is None:
                if extra_words := sorted({*more, *(["notify"] if notify else [])}):
                    raise declared.no(f"declared elsewhere, and here with {', '.join(extra_words)}")
                continue
            extra = dict(more)
            if notify and number == 0:
                extra["notify"] = notify[0] if len(notify) == 1 else tuple_of(notify)
            if not self._first_time(declared, one, extra, indent):
                continue
            lines += lines_of(call("r.add", one, **extra), indent)
            if indent == 4 and "when" not in extra:
                self.checks += checked(one)
        self.imports |= declared.imports
        for first, last, reason in declared.notes:
            if reason:
                self.account.noted(first, last, reason)
        self.counts.all += 1
        self.counts.whole += not listed
        self.counts.partly += bool(listed)
        return [*listed, *lines]

    def _merged(self, declared: Declared, one: Made) -> Made | None:
        """A service that is declared several times is added once, with all that is said of it."""
        key = f"service[{ruby.spoken(declared.node.arguments[0])}]"
        if one.opening != "Service(" or key not in self.notified.services:
            return one
        target = self.notified.targets[key]
        if (target.recipe, self.notified.lines[key]) != (self.recipe, declared.node.line):
            known = self.notified.services[key]
            if any(known.get(name.removesuffix("=")) != value for name, value in one.items[1:]):
                raise declared.no(f"{key} is declared elsewhere, with other words")
            declared.note(f"{key} is declared once, with what is said here, in {target.recipe}")
            return None
        return call("Service", one.items[0][1], **dict(self.notified.services[key]))

    def _first_time(
        self, declared: Declared, one: Made, extra: Mapping[str, Doc], indent: int
    ) -> bool:
        """Whether it is not there already; raises when it is, and says something else."""
        if indent != 4 or not one.items or not declared.name.fixed or one.opening == "Package(":
            return True
        name = next((text_of(item) for key, item in one.items if key == "name="), None)
        key = (one.opening, name or text_of(one.items[0][1]))
        text = call("r.add", one, **dict(extra)).flat
        before = self.seen.setdefault(key, text)
        if before == text:
            return True
        raise declared.no(
            f"{declared.kind} {declared.name.value} is declared before, with other words"
        )

    def _notify(
        self, node: ruby.Call, index: int, declared: Declared, scope: Scope, indent: int
    ) -> tuple[list[Doc], list[str]]:
        """Actions that this one owes, and the lines for those that cannot be."""
        found: list[Doc] = []
        listed: list[str] = []
        mine = [
            one
            for one in self.placing.wishes.get((self.recipe, index), [])
            if one.line == node.line
        ]
        for one in mine:
            target = self.placing.targets[one.target]
            action = target.action.format(one.wish.verb)
            if action not in found:
                found.append(action)
            self.imports.add(action.partition("(")[0])
            if one.wish.timing in ("immediately", "immediate", "before"):
                declared.notes.append(
                    (
                        one.wish.node.line,
                        one.wish.node.last,
                        f":{one.wish.timing} is answered where {one.target} stands",
                    )
                )
        for wish in (*declared.notifies, *declared.subscribes):
            reason = self.placing.refused.get(id(wish.node))
            if reason:
                listed += self.left(wish.node.line, wish.node.last, reason, indent)
        return found, listed


def _literal(value: object) -> Doc:
    return quoted(value) if isinstance(value, str) else repr(value)
