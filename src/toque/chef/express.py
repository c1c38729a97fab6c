"""Ruby expressions as Python or Jinja2."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Sequence
from typing import Any

from . import methods, ruby
from .layout import escaped, literal, quoted, text_of
from .ruby import Node
from .values import UNKNOWN, Expr, Path, Scope, constant, no


def express(node: Node, scope: Scope) -> Expr:
    """Raises ``Unreadable`` for what has no counterpart."""
    for kind, make in _KINDS.items():
        if isinstance(node, kind):
            made: Expr = make(node, scope)
            return made
    raise no(node, f"{type(node).__name__.lower()} as a value")


def path_of(node: Node) -> Path | None:
    """The keys of ``node['a'][:b]``, when all are literal."""
    keys: list[str] = []
    while isinstance(node, ruby.Index):
        key = plain(node.key)
        if key is None:
            return None
        keys.append(key)
        node = node.target
    root = isinstance(node, ruby.Call) and node.bare and node.name == "node"
    return tuple(reversed(keys)) if root and keys else None


def plain(node: Node) -> str | None:
    """A symbol's or a text's own words."""
    if isinstance(node, ruby.Symbol):
        return node.name
    return node.plain if isinstance(node, ruby.Text) else None


def _text(node: ruby.Text, scope: Scope) -> Expr:
    if node.plain is not None:
        return constant(node.plain)
    return joined(
        [part if isinstance(part, str) else express(part, scope) for part in node.parts],
        scope,
        node,
    )


def joined(parts: Sequence[str | Expr], scope: Scope, node: Node) -> Expr:
    """Texts and values as one text."""
    value: Any = ""
    for part in parts:
        piece = part if isinstance(part, str) else part.value
        if isinstance(piece, bool) or piece is None or isinstance(piece, (tuple, dict)):
            raise no(node, f"a text with {piece!r} in it")
        value = UNKNOWN if UNKNOWN in (value, piece) else f"{value}{piece}"
    fixed = all(isinstance(part, str) or part.fixed for part in parts)
    if fixed:
        return constant(value)
    expressions = [part for part in parts if isinstance(part, Expr)]
    if len(parts) == 1 and isinstance(expressions[0].value, str):
        return expressions[0]
    if scope.jinja:
        pieces = [quoted(part, double=True) if isinstance(part, str) else part.inner
                  for part in parts]  # fmt: skip
        return Expr(" ~ ".join(pieces), value, loose=True)
    for part in expressions:
        if "\\" in part.text or ('"' in part.text and "'" in part.text):
            raise no(node, f"{part.text} inside a text")
    body = "".join(
        escaped(part, '"').replace("{", "{{").replace("}", "}}") if isinstance(part, str)
        else "{" + part.text.replace('"', "'") + "}" for part in parts
    )  # fmt: skip
    return Expr(f'f"{body}"', value)


def _symbol(node: ruby.Symbol, scope: Scope) -> Expr:
    return constant(node.name)


def _literal(node: ruby.Literal, scope: Scope) -> Expr:
    return constant(node.value)


def _array(node: ruby.Array, scope: Scope) -> Expr:
    items = [express(item, scope) for item in node.items]
    known = all(item.value is not UNKNOWN for item in items)
    value = tuple(item.value for item in items) if known else UNKNOWN
    comma = "," if len(items) == 1 else ""
    text = f"({', '.join(item.text for item in items)}{comma})"
    return Expr(text, value, all(item.fixed for item in items))


def _hash(node: ruby.Hash, scope: Scope) -> Expr:
    pairs = []
    for key, item in node.pairs:
        name = plain(key)
        if name is None:
            raise no(key, "a key that is no plain text")
        pairs.append((name, express(item, scope)))
    known = all(item.value is not UNKNOWN for _, item in pairs)
    value = {name: item.value for name, item in pairs} if known else UNKNOWN
    text = ", ".join(f"{quoted(name)}: {item.text}" for name, item in pairs)
    return Expr(f"{{{text}}}", value, all(item.fixed for _, item in pairs))


def _index(node: ruby.Index, scope: Scope) -> Expr:
    path = path_of(node)
    if path is not None:
        return scope.attribute(path, node.line)
    target, key = express(node.target, scope), express(node.key, scope)
    if not isinstance(target.value, (dict, tuple)) or key.value is UNKNOWN:
        raise no(node, "a look-up in something that is not known")
    try:
        value = target.value[key.value]
    except (KeyError, IndexError, TypeError):
        raise no(node, f"a key that {target.text} does not have") from None
    fixed = target.fixed and key.fixed
    return Expr(f"{target.inner}[{key.text}]", value, fixed)


def _instance(node: ruby.Instance, scope: Scope) -> Expr:
    if scope.instances is not None and node.name in scope.instances:
        return scope.instances[node.name]
    raise no(node, f"@{node.name}, which nothing gives")


def _negation(node: ruby.Negation, scope: Scope) -> Expr:
    inner = truth(express(node.operand, scope), node, jinja=scope.jinja)
    value = UNKNOWN if inner.value is UNKNOWN else not inner.value
    if inner.fixed:
        return constant(value)
    opposite = {" is not None": " is None", " is None": " is not None",
                " is not none": " is none", " is none": " is not none"}  # fmt: skip
    for sign, other in opposite.items():
        if inner.text.endswith(sign) and not re.search(r" (and|or|if) ", inner.text):
            return Expr(inner.text.removesuffix(sign) + other, value, loose=True)
    return Expr(f"not {inner.inner}", value, loose=True)


def truth(expr: Expr, node: Node, *, jinja: bool) -> Expr:
    """As a condition: only nil and false are false in Ruby, "" and 0 are not."""
    if isinstance(expr.value, bool):
        return expr
    if expr.fixed:
        return Expr(str(expr.value is not None), expr.value is not None, fixed=True)
    if expr.value is UNKNOWN:
        raise no(node, f"the truth of {expr.text}, whose type is not known")
    none = "none" if jinja else "None"
    return Expr(f"{expr.inner} is not {none}", expr.value is not None, loose=True)


_PYTHON = {"&&": "and", "||": "or"}


def _operation(node: ruby.Operation, scope: Scope) -> Expr:
    left, right = express(node.left, scope), express(node.right, scope)
    operator = node.operator
    fixed = left.fixed and right.fixed
    if operator in _PYTHON:
        left = truth(left, node.left, jinja=scope.jinja)
        right = truth(right, node.right, jinja=scope.jinja)
        return _both(left, right, operator)
    if operator in ("==", "!="):
        value = UNKNOWN if UNKNOWN in (left.value, right.value) else left.value == right.value
        if operator == "!=" and value is not UNKNOWN:
            value = not value
        word = {"==": "is", "!=": "is not"}[operator] if right.value is None else operator
        other = "none" if right.value is None and scope.jinja else right.inner
        if fixed:
            return constant(value)
        value = True if value is UNKNOWN else value
        return Expr(f"{left.inner} {word} {other}", value, loose=True)
    numbers = all(type(x.value) in (int, float) for x in (left, right))
    if operator in ("<", ">", "<=", ">=") and numbers:
        value = {
            "<": left.value < right.value,
            ">": left.value > right.value,
            "<=": left.value <= right.value,
            ">=": left.value >= right.value,
        }[operator]
        return Expr(f"{left.inner} {operator} {right.inner}", value, fixed, loose=True)
    if operator in ("+", "-", "*") and numbers:
        value = {
            "+": left.value + right.value,
            "-": left.value - right.value,
            "*": left.value * right.value,
        }[operator]
        return Expr(f"{left.inner} {operator} {right.inner}", value, fixed, loose=True)
    if operator == "+" and all(isinstance(x.value, str) for x in (left, right)):
        return joined([left, right], scope, node)
    raise no(node, f"the operator {operator} here")


def _both(left: Expr, right: Expr, operator: str) -> Expr:
    """A fixed side decides, or leaves the other one."""
    for one, other in ((left, right), (right, left)):
        if one.fixed:
            decides = bool(one.value) == (operator == "||")
            return one if decides else other
    value = bool(left.value and right.value if operator == "&&" else left.value or right.value)
    sides = [
        x.inner if re.search(r" (and|or|if|not) |^not ", x.text) else x.text for x in (left, right)
    ]
    return Expr(f" {_PYTHON[operator]} ".join(sides), value, loose=True)


def _choice(node: ruby.Choice, scope: Scope) -> Expr:
    if len(node.branches) != 1 or len(node.otherwise) != 1 or len(node.branches[0][1]) != 1:
        raise no(node, "a condition as a value")
    condition = truth(express(node.branches[0][0], scope), node, jinja=scope.jinja)
    then, other = express(node.branches[0][1][0], scope), express(node.otherwise[0], scope)
    if condition.fixed:
        return then if condition.value else other
    value = then.value if condition.value else other.value
    return Expr(f"{then.inner} if {condition.text} else {other.inner}", value, loose=True)


def _call(node: ruby.Call, scope: Scope) -> Expr:
    if node.block is not None:
        raise no(node, f"{node.name} with a block")
    if node.target is None:
        return _own_call(node, scope)
    if isinstance(node.target, ruby.Const):
        if node.target.name == "File" and node.name == "join" and node.arguments:
            return _joined_path(node, scope)
        part = node.name in ("dirname", "basename") and len(node.arguments) == 1
        if node.target.name == "File" and part and not scope.jinja:
            return _path_part(node, scope)
        raise no(node, f"{node.target.name}.{node.name}")
    if node.name == "to_s" and not node.arguments:
        return methods.text_of_number(express(node.target, scope), scope, node)
    target = express(node.target, scope)
    arguments = [express(argument, scope) for argument in node.arguments]
    return methods.method(node, target, arguments, scope)


def _own_call(node: ruby.Call, scope: Scope) -> Expr:
    if node.bare and node.name in scope.names:
        return scope.names[node.name]
    if node.name in ("platform_family?", "platform?") and node.arguments:
        words = [express(argument, scope).value for argument in node.arguments]
        if node.name == "platform_family?":
            return Expr(str("debian" in words), "debian" in words, fixed=True)
        return _one_of(scope.attribute(("platform",), node.line), words, scope)
    raise no(node, f"{node.name}")


def _one_of(target: Expr, words: Sequence[Any], scope: Scope) -> Expr:
    if target.fixed:
        return constant(target.value in words)
    if len(words) == 1:
        return Expr(f"{target.inner} == {quoted(str(words[0]))}", True, loose=True)
    return Expr(f"{target.inner} in {text_of(literal(tuple(words)))}", True, loose=True)


def _joined_path(node: ruby.Call, scope: Scope) -> Expr:
    """``File.join`` puts exactly one slash between its parts."""
    parts: list[str | Expr] = []
    for number, argument in enumerate(node.arguments):
        part = express(argument, scope)
        if not isinstance(part.value, str):
            raise no(node, "File.join of other things than texts")
        ends = (number > 0 and part.value.startswith("/")) or (
            number < len(node.arguments) - 1 and part.value.endswith("/")
        )
        if ends and not part.fixed:
            raise no(node, f"File.join with {part.text}, which has slashes at its ends")
        parts += ["/"] if number else []
        if part.fixed:
            word = part.value.lstrip("/") if number else part.value
            parts.append(word.rstrip("/") if number < len(node.arguments) - 1 else word)
        else:
            parts.append(part)
    return joined(_merged(parts), scope, node)


def _path_part(node: ruby.Call, scope: Scope) -> Expr:
    """``File.dirname``, which takes no notice of slashes at the end."""
    path = express(node.arguments[0], scope)
    if not isinstance(path.value, str):
        raise no(node, f"File.{node.name} of something that is not known as a text")
    value = getattr(posixpath, node.name)(path.value.rstrip("/") or "/")
    if path.fixed:
        return constant(value)
    if path.value.endswith("/"):
        raise no(node, f"File.{node.name} of {path.text}, which ends with a slash")
    return Expr(f"{node.name}({path.text})", value)


def _merged(parts: Sequence[str | Expr]) -> list[str | Expr]:
    found: list[str | Expr] = []
    for part in parts:
        if isinstance(part, str) and found and isinstance(found[-1], str):
            found[-1] += part
        else:
            found.append(part)
    return found


_KINDS: dict[type[Node], Callable[[Any, Scope], Expr]] = {
    ruby.Text: _text,
    ruby.Symbol: _symbol,
    ruby.Literal: _literal,
    ruby.Array: _array,
    ruby.Hash: _hash,
    ruby.Index: _index,
    ruby.Instance: _instance,
    ruby.Negation: _negation,
    ruby.Operation: _operation,
    ruby.Choice: _choice,
    ruby.Call: _call,
}
