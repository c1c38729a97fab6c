"""Ruby text to nodes.  What is not understood becomes ``Unknown``; the rest of the file is read."""

from __future__ import annotations

from collections.abc import Sequence

from . import ruby
from .expressions import Expressions
from .ruby import Node
from .tokens import Token, Unreadable, tokens

_OPENERS = frozenset("if unless case while until def class module begin for".split())


def parse(text: str, first: int = 1) -> tuple[Node, ...]:
    """The statements of a file, in order; ``first`` is the number of its first line."""
    found, fault = tokens(text, first)
    parser = _Parser(found)
    statements = parser.statements(frozenset())
    if fault is not None:
        last = first + max(text.count("\n") - text.endswith("\n"), 0)
        statements.append(ruby.Unknown(fault.line, max(last, fault.line), fault.reason))
    return tuple(statements)


def parse_expression(text: str, line: int) -> Node:
    """One expression and nothing else.  Raises ``Unreadable``."""
    found, fault = tokens(text, line)
    if fault is not None:
        raise fault
    return _whole(found, line)


def _whole(found: Sequence[Token], line: int) -> Node:
    kept = [token for token in found if token.kind not in ("newline", "end")]
    parser = _Parser(
        [*kept, Token("newline", "\n", line, line, True), Token("end", "", line, line, True)]
    )
    node = parser.expression()
    if parser.now.kind != "newline":
        raise Unreadable(line, f"{parser.now.value!r} behind an expression")
    return node


class _Parser(Expressions):
    def whole(self, found: Sequence[Token], line: int) -> Node:
        return _whole(found, line)

    def statements(self, enders: frozenset[str]) -> list[Node]:
        """Until a keyword or brace of ``enders``, or the end."""
        found: list[Node] = []
        while True:
            self.skip()
            if self.now.kind == "end" or self.sees(*enders):
                return found
            start, depth = self.at, self.depth
            try:
                node = self.statement()
                if not (self.now.kind in ("newline", "end") or self.sees(";", *enders)):
                    raise self.wrong(f"{self.now.value!r} where a line should end")
                found.append(node)
            except (Unreadable, RecursionError) as error:
                self.no_do, self.depth, self.at = False, depth, start
                self.pass_over()
                if self.at == start:  # nothing to pass over: whoever is around does not fit either
                    raise Unreadable(self.now.line, f"{self.now.value!r} here") from error
                reason = error.reason if isinstance(error, Unreadable) else "nesting, too deep"
                last = max(token.last for token in self.tokens[start : self.at])
                found.append(ruby.Unknown(self.tokens[start].line, last, reason))

    def pass_over(self) -> None:
        """Move to the end of a statement that is not understood."""
        depth, begins = 0, True
        while self.now.kind != "end":
            closes = self.sees("end", "}", ")", "]") or (
                begins and self.sees("else", "elsif", "when")
            )
            if closes and depth == 0 and self.inside:
                return
            token = self.take()
            if (
                token.kind == "keyword"
                and (token.value == "do" or (token.value in _OPENERS and begins))
            ) or (token.kind == "op" and token.value in ("(", "[", "{")):
                depth += 1
            elif token.value in ("end", ")", "]", "}") and token.kind in ("keyword", "op"):
                depth -= 1
            begins = token.kind == "newline" or (
                token.kind == "op" and token.value in (";", "=", "(")
            )
            if token.kind == "newline" and depth <= 0:
                return

    def statement(self) -> Node:
        node = self.expression(commands=True)
        while self.sees("if", "unless"):
            word = self.take().value
            condition = self.expression(commands=True)
            if word == "unless":
                condition = ruby.Negation(condition.line, condition.last, condition)
            node = ruby.Choice(node.line, self.before.last, ((condition, (node,)),), ())
        return node

    def block_of(self, *enders: str) -> tuple[Node, ...]:
        before, self.no_do = self.no_do, False
        self.inside += 1
        try:
            return tuple(self.statements(frozenset(enders)))
        finally:
            self.no_do = before
            self.inside -= 1

    def choice(self, token: Token) -> Node:
        before, self.no_do = self.no_do, False
        try:
            if token.value in ("if", "unless"):
                return self._if(token)
            if token.value == "case":
                return self._case(token)
        finally:
            self.no_do = before
        raise Unreadable(token.line, f"{token.value!r}")

    def _if(self, token: Token) -> Node:
        condition = self.expression(commands=True)
        if token.value == "unless":
            condition = ruby.Negation(condition.line, condition.last, condition)
        if self.sees("then"):
            self.take()
        branches = [(condition, self.block_of("elsif", "else", "end"))]
        while self.sees("elsif"):
            self.take()
            condition = self.expression(commands=True)
            if self.sees("then"):
                self.take()
            branches.append((condition, self.block_of("elsif", "else", "end")))
        otherwise: tuple[Node, ...] = ()
        if self.sees("else"):
            self.take()
            otherwise = self.block_of("end")
        return ruby.Choice(token.line, self.need("end").last, tuple(branches), otherwise)

    def _case(self, token: Token) -> Node:
        if self.now.kind == "newline":
            raise self.wrong("a case without a subject")
        subject = self.expression(commands=True)
        self.skip()
        branches = []
        while self.sees("when"):
            self.take()
            values = self.arguments("")
            if self.sees("then"):
                self.take()
            branches.append((values, self.block_of("when", "else", "end")))
        otherwise: tuple[Node, ...] = ()
        if self.sees("else"):
            self.take()
            otherwise = self.block_of("end")
        last = self.need("end").last
        return ruby.Case(token.line, last, subject, tuple(branches), otherwise)
