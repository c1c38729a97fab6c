"""Templates of Embedded Ruby as Jinja2.

Chef renders with Erubis, whose rule is: a statement alone on its line takes the line with it, and
``-%>`` takes the line's end.  The project's Jinja2 takes the end of a line behind each block, so
blocks that share their line say ``+``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import ruby
from .accounting import Account, of_text
from .express import express, truth
from .parse import parse, parse_expression
from .tokens import Unreadable
from .values import UNKNOWN, Expr, Path, Scope, is_free

# The pattern of Erubis: spaces before, kind, code, closing sign, spaces and line end behind.
_TAG = re.compile(r"(^[ \t]*)?<%(=+|-|#|%)?(.*?)([-=])?%>([ \t]*\r?\n)?", re.M | re.S)
_EACH = re.compile(r"\A\s*(.+?)\.each(_with_index|_pair)?\s+do\s*\|\s*([\w\s,]+?)\s*\|\s*\Z", re.S)
_EACH_BRACE = re.compile(
    r"\A\s*(.+?)\.each(_with_index|_pair)?\s*\{\s*\|\s*([\w\s,]+?)\s*\|\s*\Z", re.S
)


@dataclass
class Translated:
    """The text in Jinja2 and the names of ``node`` and ``facts`` that it uses."""

    text: str
    account: Account
    uses: frozenset[str] = frozenset()
    whole: bool = True


@dataclass
class _Writer:
    account: Account
    scope: Scope
    out: list[str] = field(default_factory=list)
    open: list[tuple[str, Mapping[str, Expr]]] = field(default_factory=list)

    def text(self, text: str) -> None:
        """Text that is the same in both; Jinja2's own signs are quoted."""
        self.out.append(re.sub(r"\{[{%#]", lambda m: f'{{{{ "{m[0]}" }}}}', text))


def carry(
    file: str,
    source: str,
    attribute: Callable[[Path, int], Expr],
    instances: Mapping[str, Expr] | None,
) -> Translated:
    """``instances`` are the variables that recipes give, None when nobody uses the template."""
    account = of_text(file, source)
    uses: set[str] = set()

    def read(path: Path, line: int) -> Expr:
        made = attribute(path, line)
        uses.add(made.text.partition(".")[0])
        return made

    scope = Scope(read, {}, instances or {}, jinja=True)
    writer = _Writer(account, scope)
    account.carried(1, len(account.lines))
    at = 0
    try:
        if "\r" in source:
            raise Unreadable(source[: source.index("\r")].count("\n") + 1, "a carriage return")
        for match in _TAG.finditer(source):
            writer.text(source[at : match.start()])
            at = match.end()
            first = source.count("\n", 0, match.start()) + 1
            last = first + match[0].rstrip("\n").count("\n")
            _tag(writer, match, first, last)
        if "<%" in source[at:]:
            raise Unreadable(source.count("\n", 0, at) + 1, "a tag that does not end")
        if writer.open:
            raise Unreadable(len(account.lines), "a block that does not end")
    except Unreadable as error:
        account.left(1, max(len(account.lines), 1), f"line {error.line}: {error.reason}")
        return Translated("", account, whole=False)
    writer.text(source[at:])
    return Translated("".join(writer.out), account, frozenset(uses & {"node", "facts"}))


def _tag(writer: _Writer, match: re.Match[str], first: int, last: int) -> None:
    before, kind, code, closing, behind = match.groups()
    if kind == "%":
        writer.text(f"{before or ''}<%{code}{closing or ''}%>{behind or ''}")
        return
    if kind == "#":
        _alone(writer, "", before, behind, "")
        return
    if kind and kind.startswith("="):
        writer.text(before or "")
        writer.out.append(_value(writer, code, first, last))
        writer.text("" if closing else behind or "")
        return
    block = _statement(writer, code.strip(), first)
    _alone(writer, block, before, behind, closing or "")


def _alone(
    writer: _Writer, block: str, before: str | None, behind: str | None, closing: str
) -> None:
    """A statement: the whole line goes with it when it is alone there."""
    alone = before is not None and behind is not None
    if not block:
        if not alone:
            writer.text((before or "") + (behind or ""))
        return
    if alone:
        writer.out.append(f"{{% {block} %}}\n")
        return
    writer.text(before or "")
    begins = "+" if before is not None else ""
    ends = "" if behind is None else "+"
    writer.out.append(f"{{%{begins} {block} {ends}%}}")
    if behind is not None:
        writer.text(behind)


def _value(writer: _Writer, code: str, first: int, last: int) -> str:
    made = express(parse_expression(code.strip(), first), writer.scope)
    if isinstance(made.value, bool):
        return f"{{{{ {made.inner} | lower }}}}"
    if made.value is None:
        return f'{{{{ {made.inner} if {made.inner} is not none else "" }}}}'
    if isinstance(made.value, (tuple, dict)):
        raise Unreadable(first, f"a list or a hash as text: {code.strip()}")
    if made.value is UNKNOWN:
        raise Unreadable(first, f"the type of {code.strip()} is not known")
    return f"{{{{ {made.text} }}}}"


def _statement(writer: _Writer, code: str, line: int) -> str:
    """One statement as a block; an empty one for a comment."""
    word = code.split(None, 1)[0] if code.split() else ""
    if not code or code.startswith("#"):
        return ""
    if word in ("if", "unless"):
        writer.open.append(("if", writer.scope.names))
        return f"if {_condition(writer, code[len(word) :], line, word == 'unless')}"
    if word == "elsif":
        _need(writer, "if", line)
        return f"elif {_condition(writer, code[5:], line, False)}"
    if word == "else":
        _need(writer, "if", line)
        return "else"
    if code in ("end", "}"):
        if not writer.open:
            raise Unreadable(line, "an end of nothing")
        kind, names = writer.open.pop()
        writer.scope = Scope(writer.scope.attribute, names, writer.scope.instances, jinja=True)
        return f"end{kind}"
    if each := _EACH.match(code) or _EACH_BRACE.match(code):
        return _each(writer, each, line)
    return _assigned(writer, code, line)


def _need(writer: _Writer, kind: str, line: int) -> None:
    if not writer.open or writer.open[-1][0] != kind:
        raise Unreadable(line, "an else of nothing")


def _condition(writer: _Writer, code: str, line: int, negated: bool) -> str:
    code = re.sub(r"\s+then\s*\Z", "", code)
    node = parse_expression(code.strip(), line)
    if negated:
        node = ruby.Negation(node.line, node.last, node)
    made = truth(express(node, writer.scope), node, jinja=True)
    return made.text


def _each(writer: _Writer, each: re.Match[str], line: int) -> str:
    target = express(parse_expression(each[1], line), writer.scope)
    names = [name.strip() for name in each[3].split(",")]
    if taken := [name for name in names if not is_free(name)]:
        raise Unreadable(line, f"a variable called {taken[0]}")
    writer.open.append(("for", writer.scope.names))
    given, made = loop(target, names, each[2] or "", line, jinja=True)
    writer.scope = writer.scope.with_names(given)
    return made


def loop(
    target: Expr, names: list[str], way: str, line: int, *, jinja: bool
) -> tuple[dict[str, Expr], str]:
    """The names inside a loop with their types, and its head without the colon."""
    if way == "_with_index":
        raise Unreadable(line, "each_with_index")
    if isinstance(target.value, dict) and len(names) == 2:
        samples = [*target.value.items()] or [("", UNKNOWN)]
        key, value = names
        one = _sample([item for _, item in samples])
        items = f"{target.inner}.items()"
        return {key: Expr(key, str(samples[0][0])), value: Expr(value, one)}, (
            f"for {key}, {value} in {items}"
        )
    if isinstance(target.value, tuple) and len(names) == 1:
        one = _sample(target.value) if target.value else ""
        return {names[0]: Expr(names[0], one)}, f"for {names[0]} in {target.text}"
    raise Unreadable(line, "a loop over something that is not known")


def _sample(items: Sequence[Any]) -> Any:
    """One value for all: of mappings, the keys that each has."""
    if len({type(item) for item in items}) != 1:
        return UNKNOWN
    if not isinstance(items[0], dict):
        return items[0]
    return {
        key: _sample([item[key] for item in items])
        for key in items[0]
        if all(key in item for item in items)
    }


def _assigned(writer: _Writer, code: str, line: int) -> str:
    statements = parse(code, line)
    if len(statements) == 1 and isinstance(statements[0], ruby.Assignment):
        node = statements[0]
        if isinstance(node.target, ruby.Call) and node.target.bare and node.operator == "=":
            made = express(node.value, writer.scope)
            if writer.open:
                raise Unreadable(line, "a variable that is set inside a block")
            name = node.target.name
            if not is_free(name):
                raise Unreadable(line, f"a variable called {name}")
            writer.scope = writer.scope.with_names({name: Expr(name, made.value)})
            return f"set {name} = {made.text}"
    raise Unreadable(line, f"the statement {code.splitlines()[0][:60]}")
