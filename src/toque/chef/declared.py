"""One resource block of a recipe, and how its properties are asked for.

A property that nobody asks for is an error: a resource is carried over with all that it says, or
not at all.  Only notifications may be listed by themselves.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field
from typing import Protocol

from . import ruby
from .argv import argv
from .express import express, plain
from .layout import Doc, call, quoted, tuple_of
from .ruby import Node
from .tokens import Unreadable
from .values import Expr, Scope, constant


@dataclass(frozen=True)
class Rendered:
    """A template as recipes name it: ``r.render(...)`` and what it is in the package."""

    name: str
    uses: frozenset[str]


class Files(Protocol):
    """What a cookbook has beside its recipes."""

    def template(self, source: str, given: dict[str, Expr], line: int) -> Rendered: ...

    def file(self, source: str, line: int) -> str: ...

    def job(self, source: str, given: dict[str, Expr], line: int) -> Rendered: ...


@dataclass(frozen=True)
class Wish:
    """``notifies`` or ``subscribes``: the verb, ``service[nginx]``, when, and its lines."""

    verb: str
    other: str
    timing: str
    node: Node


@dataclass
class Declared:
    """``name`` is what stands behind the type; ``asked`` are the properties that were used."""

    kind: str
    name: Expr
    node: ruby.Call
    scope: Scope
    files: Files
    properties: dict[str, list[ruby.Call]]
    asked: set[str] = field(default_factory=set)
    notes: list[tuple[int, int, str]] = field(default_factory=list)
    imports: set[str] = field(default_factory=set)
    notifies: list[Wish] = field(default_factory=list)
    subscribes: list[Wish] = field(default_factory=list)

    # --- properties ---------------------------------------------------------------------------

    def one(self, name: str) -> Node | None:
        """The value of a property that is said at most once."""
        self.asked.add(name)
        calls = self.properties.get(name, [])
        if not calls:
            return None
        if len(calls) > 1 or len(calls[0].arguments) != 1 or calls[0].block is not None:
            raise Unreadable(calls[-1].line, f"{name} in this shape")
        return calls[0].arguments[0]

    def value(self, name: str) -> Expr | None:
        node = self.one(name)
        return None if node is None else express(node, self.scope)

    def text(self, name: str) -> Expr | None:
        made = self.value(name)
        if made is not None and not isinstance(made.value, str):
            raise Unreadable(self.properties[name][0].line, f"{name} that is not known as a text")
        return made

    def truth(self, name: str) -> bool:
        """A property that is literally true or false; false when it is not there."""
        made = self.value(name)
        if made is None:
            return False
        if not made.fixed or not isinstance(made.value, bool):
            raise Unreadable(self.properties[name][0].line, f"{name} that is computed")
        return made.value

    def passed_over(self, name: str, reason: str) -> None:
        """A property without a meaning here."""
        if name in self.properties:
            self.asked.add(name)
            for one in self.properties[name]:
                self.notes.append((one.line, one.last, reason))

    def note(self, reason: str) -> None:
        self.notes.append((self.node.line, self.node.last, reason))

    def no(self, reason: str) -> Unreadable:
        return Unreadable(self.node.line, reason)

    @property
    def said(self) -> tuple[str, ...]:
        """The actions as written; none when nothing is said."""
        self.asked.add("action")
        found: list[str] = []
        for one in self.properties.get("action", []):
            for argument in one.arguments:
                items = argument.items if isinstance(argument, ruby.Array) else (argument,)
                for item in items:
                    word = plain(item)
                    if word is None:
                        raise Unreadable(one.line, "an action that is computed")
                    found.append(word)
        return tuple(found)

    def actions(self, default: str, *known: str) -> tuple[str, ...]:
        """What is to be done, all of ``known``."""
        found = self.said or (default,)
        for action in found:
            if action not in (default, *known):
                raise self.no(f"action :{action} of {self.kind}")
        return found

    def action(self, default: str, *known: str) -> str:
        found = self.actions(default, *known)
        if len(found) != 1:
            raise self.no(f"{len(found)} actions at once")
        return found[0]

    def path(self, *names: str) -> Expr:
        """A path of a property, or the name; without a slash at its end, as Toque wants it."""
        made = next((m for n in names if (m := self.text(n)) is not None), self.name)
        return plain_path(made, self)

    def owners(self, mode: int | None = None) -> dict[str, Doc]:
        """owner, group and mode as keyword arguments."""
        found: dict[str, Doc] = {}
        for name in ("owner", "group"):
            made = self.text(name)
            if made is None and name == "owner":
                made = self.text("user")
            if made is not None and made.text != '"root"':
                found[name] = made.text
        wanted = self._mode()
        if wanted is not None and wanted != mode:
            found["mode"] = f"0o{wanted:o}"
        return found

    def _mode(self) -> int | None:
        node = self.one("mode")
        if node is None:
            return None
        made = express(node, self.scope)
        if not made.fixed:
            raise Unreadable(node.line, "a mode that is computed")
        if isinstance(made.value, int) and not isinstance(made.value, bool):
            if isinstance(node, ruby.Literal) and not node.text.startswith("0"):
                raise Unreadable(node.line, f"the mode {node.text}, which Ruby reads as decimal")
            return made.value
        if isinstance(made.value, str) and re.fullmatch(r"0?[0-7]{3,4}", made.value):
            return int(made.value, 8)
        raise Unreadable(node.line, f"the mode {made.text}")

    def variables(self) -> dict[str, Expr]:
        node = self.one("variables")
        if node is None:
            return {}
        if not isinstance(node, ruby.Hash):
            raise Unreadable(node.line, "variables that are computed")
        found: dict[str, Expr] = {}
        for key, item in node.pairs:
            name = key.name if isinstance(key, ruby.Symbol) else getattr(key, "plain", None)
            if not name or not name.isidentifier():
                raise Unreadable(key.line, "a variable without a plain name")
            found[name] = express(item, self.scope)
        return found

    # --- guards -------------------------------------------------------------------------------

    def guards(self) -> list[Doc]:
        """not_if and only_if as guards, in the order of the text."""
        found: list[tuple[int, Doc]] = []
        for name in ("not_if", "only_if"):
            self.asked.add(name)
            for one in self.properties.get(name, []):
                found.append((one.line, self._guard(name, one)))
        return [doc for _, doc in sorted(found, key=lambda pair: pair[0])]

    def _guard(self, name: str, one: ruby.Call) -> Doc:
        self.imports.add("Guard")
        if one.block is not None:
            if len(one.block.body) != 1 or one.arguments:
                raise Unreadable(one.line, f"{name} with code of its own")
            return self._asks(one.block.body[0], name == "only_if")
        more: dict[str, Doc] = {}
        if len(one.arguments) == 2 and isinstance(one.arguments[1], ruby.Hash):
            for key, item in one.arguments[1].pairs:
                word = getattr(key, "name", "")
                if word not in ("user", "cwd"):
                    raise Unreadable(key.line, f"{name} with {word}")
                more[word] = express(item, self.scope).text
        elif len(one.arguments) != 1:
            raise Unreadable(one.line, f"{name} in this shape")
        words = argv(one.arguments[0], self.scope)
        return call("Guard", quoted("succeeds" if name == "only_if" else "fails"), words, **more)

    def _asks(self, node: Node, wanted: bool) -> Doc:
        """``File.exist?(path)`` and its like."""
        while isinstance(node, ruby.Negation):
            node, wanted = node.operand, not wanted
        known = ("exist?", "exists?", "file?", "directory?", "symlink?")
        if (
            isinstance(node, ruby.Call)
            and isinstance(node.target, ruby.Const)
            and node.target.name in ("File", "Dir")
            and node.name in known
            and len(node.arguments) == 1
        ):
            path = plain_path(express(node.arguments[0], self.scope), self)
            if node.name in ("file?", "directory?", "symlink?"):
                sign = {"file?": "-f", "directory?": "-d", "symlink?": "-L"}[node.name]
                words = tuple_of(['"test"', quoted(sign), path.text])
                return call("Guard", '"succeeds"' if wanted else '"fails"', words)
            return call("Guard", '"exists"' if wanted else '"missing"', path.text)
        raise Unreadable(node.line, "a guard with code of its own")


def plain_path(made: Expr, declared: Declared) -> Expr:
    if not isinstance(made.value, str):
        raise declared.no("a path that is not known as a text")
    if not made.value.startswith("/"):
        raise declared.no(f"the path {made.value!r}, which is not absolute")
    wanted = posixpath.normpath(made.value)
    if wanted.startswith("//"):
        wanted = wanted[1:]
    if wanted == made.value:
        return made
    if made.fixed:
        return constant(wanted)
    return Expr(f"normpath({made.text})", wanted)


def declare(node: ruby.Call, scope: Scope, files: Files) -> Declared:
    """Raises ``Unreadable`` for a block that holds something else than properties."""
    if len(node.arguments) != 1:
        raise Unreadable(node.line, f"{node.name} without one name")
    argument = node.arguments[0]
    made = express(argument, scope)
    declared = Declared(node.name, made, node, scope, files, {})
    for one in node.block.body if node.block else ():
        if isinstance(one, ruby.Unknown):
            raise Unreadable(one.line, one.reason)
        if not isinstance(one, ruby.Call) or one.target is not None:
            raise Unreadable(one.line, f"code inside {node.name}")
        if one.bare:
            raise Unreadable(one.line, f"{one.name} without a value")
        if one.name in ("notifies", "subscribes"):
            wish = wish_of(one)
            (declared.notifies if one.name == "notifies" else declared.subscribes).append(wish)
        else:
            declared.properties.setdefault(one.name, []).append(one)
    return declared


def wish_of(one: ruby.Call) -> Wish:
    """A notification; without a verb when it is in another shape."""
    if len(one.arguments) not in (2, 3) or not isinstance(one.arguments[0], ruby.Symbol):
        return Wish("", "", "", one)
    timing = one.arguments[2] if len(one.arguments) == 3 else None
    words = timing.name if isinstance(timing, ruby.Symbol) else "delayed"
    return Wish(one.arguments[0].name, ruby.spoken(one.arguments[1]), words, one)
