"""Values of Ruby, calls among them: what stands between the words that order statements."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from . import ruby
from .cursor import Cursor
from .ruby import Node
from .tokens import Token, Unreadable

_BINARY = (
    ("||",), ("&&",), ("==", "!=", "=~", "!~", "===", "<=>"), ("<", ">", "<=", ">="), ("<<", ">>"),
    ("+", "-"), ("*", "/", "%"), ("**",),
)  # fmt: skip
_ASSIGN = ("=", "||=", "&&=", "+=", "-=", "*=", "/=")
_STARTS = frozenset("name const ivar number text words symbol regex shell label".split())
_DEEPEST = 60
_CONSTANTS = {"nil": None, "true": True, "false": False}


class Expressions(Cursor, ABC):
    """Whoever reads statements says how the three are read in which there are some."""

    @abstractmethod
    def block_of(self, *enders: str) -> tuple[Node, ...]:
        """The statements until one of these words."""

    @abstractmethod
    def choice(self, token: Token) -> Node:
        """``if``, ``unless`` or ``case``, which has just been taken."""

    @abstractmethod
    def whole(self, found: Sequence[Token], line: int) -> Node:
        """One expression and nothing else: what is interpolated into a text."""

    def expression(self, *, commands: bool = False) -> Node:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self.wrong("nesting, too deep")
        try:
            return self._words(commands)
        finally:
            self.depth -= 1

    def _words(self, commands: bool) -> Node:
        """``not``, ``and``, ``or``: weaker than everything else."""
        if self.sees("not"):
            first = self.take()
            inner = self.expression(commands=commands)
            return ruby.Negation(first.line, inner.last, inner)
        node = self._assigned(commands)
        while self.sees("and", "or"):
            operator = {"and": "&&", "or": "||"}[self.take().value]
            right = self._assigned(commands)
            node = ruby.Operation(node.line, right.last, operator, node, right)
        return node

    def _assigned(self, commands: bool) -> Node:
        node = self._ternary(commands)
        if self.now.kind == "op" and self.now.value in _ASSIGN:
            if not isinstance(node, (ruby.Call, ruby.Index, ruby.Instance)):
                raise self.wrong("an assignment to something else than a name")
            operator = self.take().value
            self.skip_newlines()
            value = self.expression(commands=True)
            return ruby.Assignment(node.line, value.last, node, operator, value)
        return node

    def _ternary(self, commands: bool) -> Node:
        node = self._binary(0, commands)
        if not self.sees("?"):
            return node
        self.take()
        self.skip_newlines()
        yes = self._ternary(False)
        self.skip_newlines()
        self.need(":")
        self.skip_newlines()
        no = self._ternary(False)
        return ruby.Choice(node.line, no.last, ((node, (yes,)),), (no,))

    def _binary(self, level: int, commands: bool) -> Node:
        if level == len(_BINARY):
            return self._unary(commands)
        node = self._binary(level + 1, commands)
        while self.now.kind == "op" and self.now.value in _BINARY[level]:
            operator = self.take().value
            self.skip_newlines()
            right = self._binary(level + 1, False)
            node = ruby.Operation(node.line, right.last, operator, node, right)
        return node

    def _unary(self, commands: bool) -> Node:
        if self.sees("!"):
            first = self.take()
            inner = self._unary(False)
            return ruby.Negation(first.line, inner.last, inner)
        if self.sees("-") and self.tokens[self.at + 1].kind == "number":
            first = self.take()
            number = self._number(self.take())
            value = -(number.value or 0)
            return ruby.Literal(first.line, number.last, value, f"-{number.text}")
        return self._postfix(self._primary(commands), commands)

    def _postfix(self, node: Node, commands: bool) -> Node:
        while True:
            if self.now.kind == "newline" and self._chained():
                self.skip_newlines()
            if self.sees("[") and (not self.now.spaced or isinstance(node, ruby.Index)):
                self.take()
                self.skip_newlines()
                key = self._outside(self.expression)
                self.skip_newlines()
                node = ruby.Index(node.line, self.need("]").last, node, key)
            elif self.sees(".", "&."):
                if self.take().value == "&.":
                    raise self.wrong("&.")
                self.skip_newlines()
                word = self.take()
                if word.kind not in ("name", "const", "keyword", "label"):
                    raise self.wrong(f"a call of {word.value!r}")
                if word.kind == "label":
                    raise self.wrong("a label behind a dot")
                node = self._call(word, node, node.line, commands)
            elif self.sees("::"):
                self.take()
                word = self.take()
                if word.kind != "const" or not isinstance(node, ruby.Const):
                    raise self.wrong("a constant of something else")
                node = ruby.Const(node.line, word.last, f"{node.name}::{word.value}")
            else:
                return node

    def _chained(self) -> bool:
        """Whether the next line begins with a dot."""
        at = self.at
        while self.tokens[at].kind == "newline":
            at += 1
        return self.tokens[at].kind == "op" and self.tokens[at].value in (".", "&.")

    def _outside(self, read: Callable[[], Node]) -> Node:
        before, self.no_do = self.no_do, False
        try:
            return read()
        finally:
            self.no_do = before

    def _call(self, word: Token, target: Node | None, line: int, commands: bool) -> Node:
        arguments: tuple[Node, ...] = ()
        if self.sees("(") and not self.now.spaced:
            self.take()
            before, self.no_do = self.no_do, False
            arguments = self.arguments(")")
            self.no_do = before
            self.need(")")
        elif self._argument_begins(commands):
            before, self.no_do = self.no_do, True
            arguments = self.arguments("")
            self.no_do = before
        block = self._block()
        return ruby.Call(line, self.before.last, target, word.value, arguments, block)

    def _argument_begins(self, commands: bool) -> bool:
        """Whether arguments without parentheses follow; a name alone may be a variable."""
        token = self.now
        if not token.spaced or not commands:
            return False
        if token.kind in _STARTS:
            return True
        if token.kind == "keyword":
            return token.value in ("nil", "true", "false", "not", "case") or False
        after = self.tokens[min(self.at + 1, len(self.tokens) - 1)]
        if token.value in ("[", "::", "!", "->"):
            return True
        return token.value in ("-", "*", "&", ":") and not after.spaced

    def _block(self) -> ruby.Block | None:
        if self.sees("do") and not self.no_do:
            close = "end"
        elif self.sees("{"):
            close = "}"
        else:
            return None
        first = self.take()
        names: list[str] = []
        self_newline = self.at
        self.skip_newlines()
        if self.sees("|"):
            self.take()
            while not self.sees("|"):
                word = self.take()
                if word.kind != "name":
                    raise self.wrong("a block's parameter of another kind")
                names.append(word.value)
                if self.sees(","):
                    self.take()
            self.take()
        else:
            self.at = self_newline
        body = self.block_of(close)
        return ruby.Block(first.line, self.need(close).last, tuple(names), body)

    def arguments(self, close: str) -> tuple[Node, ...]:
        """Expressions by commas; pairs at the end are one hash."""
        found: list[Node] = []
        pairs: list[tuple[Node, Node]] = []
        while True:
            if close:
                self.skip_newlines()
                if self.sees(close):
                    break
            self._one(found, pairs)
            if close:
                self.skip_newlines()
            if not self.sees(","):
                break
            self.take()
            self.skip_newlines()
        if pairs:
            found.append(ruby.Hash(pairs[0][0].line, pairs[-1][1].last, tuple(pairs)))
        return tuple(found)

    def _one(self, found: list[Node], pairs: list[tuple[Node, Node]]) -> None:
        token = self.now
        if token.kind == "label":
            self.take()
            self.skip_newlines()
            key: Node = ruby.Symbol(token.line, token.last, token.value)
            pairs.append((key, self.expression()))
            return
        if self.sees("*", "&", "**"):
            raise self.wrong("a list spread into arguments")
        node = self.expression()
        if (self.sees(":") and isinstance(node, ruby.Text) and not self.now.spaced) or self.sees(
            "=>"
        ):
            self.take()
        elif pairs:
            raise self.wrong("a value behind named ones")
        else:
            found.append(node)
            return
        self.skip_newlines()
        pairs.append((node, self.expression()))

    def _primary(self, commands: bool) -> Node:  # noqa: C901, PLR0912 - one case a kind of token
        token = self.take()
        line, last = token.line, token.last
        if token.kind == "text":
            return self._text(token)
        if token.kind == "symbol":
            return ruby.Symbol(line, last, token.value)
        if token.kind == "number":
            return self._number(token)
        if token.kind == "words":
            if "#{" in token.value:
                raise Unreadable(line, "an interpolation in a list of words")
            words = token.value.split()
            return ruby.Array(line, last, tuple(ruby.Text(line, last, (word,)) for word in words))
        if token.kind == "ivar":
            return ruby.Instance(line, last, token.value)
        if token.kind == "const":
            return ruby.Const(line, last, token.value)
        if token.kind == "name":
            return self._call(token, None, line, commands)
        if token.kind == "keyword":
            return self._constant(token) if token.value in _CONSTANTS else self.choice(token)
        if token.kind == "op" and token.value == "::":
            word = self.take()
            return ruby.Const(line, word.last, word.value)
        if token.kind == "op" and token.value == "(":
            self.skip_newlines()
            node = self._outside(lambda: self.expression(commands=True))
            self.skip_newlines()
            self.need(")")
            return node
        if token.kind == "op" and token.value == "[":
            before, self.no_do = self.no_do, False
            items = self.arguments("]")
            self.no_do = before
            return ruby.Array(line, self.need("]").last, items)
        if token.kind == "op" and token.value == "{":
            before, self.no_do = self.no_do, False
            pairs = self.arguments("}")
            self.no_do = before
            last = self.need("}").last
            if not pairs:
                return ruby.Hash(line, last, ())
            if len(pairs) != 1 or not isinstance(pairs[0], ruby.Hash):
                raise Unreadable(line, "a hash of another shape")
            return ruby.Hash(line, last, pairs[0].pairs)
        raise Unreadable(line, f"{token.value.strip() or token.kind!r} here")

    def _text(self, token: Token) -> Node:
        parts: list[str | Node] = []
        first, last = token.line, token.last
        while True:
            for part in token.parts:
                parts.append(part if isinstance(part, str) else self.whole(part, token.line))
            if self.now.kind != "text" or not self.now.value or self.now.line != last:
                return ruby.Text(first, last, tuple(parts))
            token = self.take()  # texts beside each other are one
            last = token.last

    def _number(self, token: Token) -> ruby.Literal:
        text = token.value.replace("_", "")
        try:
            if "." in text:
                value: int | float = float(text)
            elif len(text) > 1 and text[0] == "0" and text.isdigit():
                value = int(text, 8)
            else:
                value = int(text, 0)
        except ValueError:
            raise Unreadable(token.line, f"the number {text}") from None
        return ruby.Literal(token.line, token.last, value, token.value)

    def _constant(self, token: Token) -> ruby.Literal:
        return ruby.Literal(token.line, token.last, _CONSTANTS[token.value], token.value)
