"""Kitchen files, which are YAML, as values that know their lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from .tokens import Unreadable

_PLAIN = ("int", "float", "bool", "null")  # any other scalar is a text: a date, too


@dataclass(frozen=True)
class Value:
    """A text, number, true, false, None, dict of values or list of values, with its lines."""

    data: Any
    first: int
    last: int

    @property
    def plain(self) -> Any:
        """Without lines."""
        if isinstance(self.data, dict):
            return {key: value.plain for key, value in self.data.items()}
        return [value.plain for value in self.data] if isinstance(self.data, list) else self.data


def read(text: str) -> Value:
    """Raises ``Unreadable``; also for Ruby inside, and for aliases, which can be without end."""
    ruby = next((n for n, line in enumerate(text.split("\n"), 1) if "<%" in line), 0)
    if ruby:
        raise Unreadable(ruby, "Ruby inside YAML")
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent):
                raise Unreadable(_line(event.start_mark), "an alias")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        return _value(node) if node is not None else Value({}, 1, 1)
    except yaml.MarkedYAMLError as error:
        line = _line(error.problem_mark or error.context_mark)
        raise Unreadable(line, error.problem or "no YAML") from error
    except yaml.YAMLError as error:
        raise Unreadable(1, str(error).splitlines()[0]) from error
    except RecursionError:
        raise Unreadable(1, "nesting, too deep") from None


def _line(mark: Any) -> int:
    """The line of one of PyYAML's marks, which may be missing."""
    return mark.line + 1 if mark else 1


def _value(node: yaml.Node) -> Value:
    first = node.start_mark.line + 1
    if not node.tag.startswith("tag:yaml.org,2002:"):
        raise Unreadable(first, f"a value of the kind {node.tag}")
    if isinstance(node, yaml.MappingNode):
        table = dict(_pairs(node))
        return Value(table, first, max((one.last for one in table.values()), default=first))
    if isinstance(node, yaml.SequenceNode):
        items = [_value(item) for item in node.value]
        return Value(items, first, max((one.last for one in items), default=first))
    end = node.end_mark  # of a block text it is where the next line begins
    last = max(first, end.line + bool(end.column))
    plain = node.tag.rpartition(":")[2] in _PLAIN
    return Value(yaml.safe_load(node.value) if plain else node.value, first, last)


def _pairs(node: yaml.MappingNode) -> Iterator[tuple[str, Value]]:
    seen = set()
    for key, below in node.value:
        line = key.start_mark.line + 1
        name = str(_value(key).plain)
        if name in seen:
            raise Unreadable(line, f"{name} twice")
        seen.add(name)
        value = _value(below)
        yield name, Value(value.data, line, value.last)
