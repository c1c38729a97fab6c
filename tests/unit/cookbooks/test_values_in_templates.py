"""Values are never template source: rule IN-6, over every template that comes with Toque.

Each name in a template is given a text that would be evaluated if it were read a second time, by
Jinja2 or by anything else that knows its like.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from pathlib import Path

import jinja2
import pytest
from jinja2 import meta

from source_tree import ROOT, called, modules
from toque.cookbooks import templates
from toque.errors import BadCookbook

Render = Callable[[Path, str, Mapping[str, object]], str]

TEMPLATES = sorted(
    path
    for top in ("src/toque/library", "examples")
    for path in (ROOT / top).rglob("templates/**/*.j2")
)
BENIGN = "benign text"  # with a space, so that it is quoted where the others are
PAYLOADS = (
    "{{7321*9133}}",
    "{{ 7321*9133 }}",
    "{% if 1 %}66862{% endif %}693",
    "{%- set x = 7321*9133 -%}{{x}}",
    "{# gone #}66862{##}693",
    "{{ x.__class__.__mro__ }}",
    "{{ config }}",
    "${7321*9133}",
    "#{7321*9133}",
    "<%= 7321*9133 %>",
    "%s%n%(x)s{0}{x}",
    "$(expr 7321 + 9133)",
    "`expr 7321 + 9133`",
)


class Value(str):
    """A text that also stands for whatever has attributes, items, or is added to."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Value:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __add__(self, other: object) -> Value:
        return self

    def __iter__(self):
        return iter([Pair(self)])


class Pair(Value):
    """One of a list, which a template may also take apart in two."""

    __slots__ = ()

    def __iter__(self):
        return iter([Value(self), Value(self)])


def filled(render: Render, path: Path, text: str) -> str:
    """A template with every name of it given ``text``."""
    environment = jinja2.Environment()
    environment.filters.update(templates.FILTERS)
    names = meta.find_undeclared_variables(environment.parse(path.read_text()))
    root = path.parents[len(path.parts) - 1 - path.parts.index("templates")]
    name = str(path.relative_to(root / "templates"))
    return render(root, name, {one: Value(text) for one in names})


def evaluated(render: Render) -> tuple[int, int, list[str]]:
    """Values that came out as they are, values refused, and what was evaluated."""
    came, refused, wrong = 0, 0, []
    for path in TEMPLATES:
        benign = filled(render, path, BENIGN)
        for payload in PAYLOADS:
            try:
                text = filled(render, path, payload)
            except BadCookbook as error:
                if error.code != "unquotable-value":
                    wrong.append(f"{path.name}: {payload!r}: {error.code}")
                refused += 1
                continue
            came += 1
            if text.replace(payload, BENIGN) != benign:
                wrong.append(f"{path.name}: {payload!r}")
    return came, refused, wrong


def test_no_value_is_evaluated_in_any_template(record_property) -> None:
    came, refused, wrong = evaluated(templates.render)

    counted = f"{came} as they are, {refused} refused, evaluated {len(wrong)}"
    record_property("figure", f"{len(TEMPLATES)} templates x {len(PAYLOADS)} values: {counted}")
    assert TEMPLATES
    assert came > len(TEMPLATES)
    assert wrong == []


def test_rendering_twice_is_caught() -> None:
    """The broken twin: what was rendered is taken for a template again."""

    def twice(root: Path, name: str, values: Mapping[str, object]) -> str:
        once = templates.render(root, name, values)
        try:
            return jinja2.Environment(undefined=jinja2.Undefined).from_string(once).render(values)
        except jinja2.TemplateError as error:
            return f"broken: {error}"

    assert evaluated(twice)[2]


def test_no_source_makes_a_template_of_a_text() -> None:
    """Templates are files of a cookbook; nothing hands Jinja2 a text."""
    makers = {"from_string", "Template", "compile_expression", "NativeEnvironment"}
    found = [
        f"{path}:{node.lineno}"
        for path, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and called(node) in makers
    ]

    assert found == []


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_value_of_an_author_is_written_once(tmp_path: Path, payload: str) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "x.j2").write_text("{{ a }}{% set b = a %}{{ b }}{{ c['k'] }}\n")

    text = templates.render(tmp_path, "x.j2", {"a": payload, "c": {"k": payload}})

    assert text == payload * 3 + "\n"
