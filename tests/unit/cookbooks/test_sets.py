"""What a cookbook sets of those that it includes."""

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import pytest

from toque import Cookbook, Log, Recipe
from toque.cookbooks.sets import layers_of
from toque.errors import BadCookbook, ToqueError
from toque.testing import compile_recipe


@dataclass(frozen=True)
class Web:
    size: int = 1
    hosts: tuple[str, ...] = ("default",)
    limits: Mapping[str, int] = field(default_factory=lambda: {"open": 10})


@dataclass(frozen=True)
class Between:
    name: str = "between"


@dataclass(frozen=True)
class Top:
    name: str = "top"


Module = Callable[..., Cookbook]


@pytest.fixture
def module() -> Iterator[Module]:
    """``module(Cookbook(...))`` has it stand in an imported module of its own."""
    made = []

    def make(cookbook: Cookbook) -> Cookbook:
        holder = ModuleType(f"holder_of_{cookbook.name}")
        holder.cookbook = cookbook  # type: ignore[attr-defined]
        sys.modules[holder.__name__] = holder
        made.append(holder.__name__)
        if cookbook.attributes is not None:
            cookbook.attributes.__module__ = holder.__name__
        for recipe in cookbook.events.values():
            recipe.__module__ = holder.__name__
        return cookbook

    yield make
    for name in made:
        del sys.modules[name]


def say(r: Recipe) -> None:
    a = r.attributes(Web)
    r.add(Log(f"{a.size} {','.join(a.hosts)} {sorted(a.limits.items())}"))


def said(cookbook: Cookbook, **tables: Any) -> str:
    (step,) = compile_recipe(cookbook, attributes=tables or None).plan.steps
    return str(step.fields["message"])


def test_including_cookbook_is_stronger_than_the_default_and_weaker_than_the_stack(
    module: Module,
) -> None:
    web = module(Cookbook("web", Web, {"setup": say}))
    sets = {Web: {"size": 2, "hosts": ["a"], "limits": {"files": 5}}}
    top = Cookbook("top", events={"setup": lambda r: r.include(say)}, sets=sets)

    assert said(web) == "1 default [('open', 10)]"
    assert said(top) == "2 a [('files', 5), ('open', 10)]"
    assert said(top, web={"size": 3}) == "3 a [('files', 5), ('open', 10)]"


def test_outer_cookbook_wins_over_the_one_it_includes(module: Module) -> None:
    module(Cookbook("web", Web, {"setup": say}))
    module(Cookbook("between", Between, {"setup": say}, {Web: {"size": 2, "hosts": ["b"]}}))
    top = Cookbook("top", events={"setup": say}, sets={Between: {}, Web: {"size": 3}})

    assert said(top) == "3 b [('open', 10)]"
    assert [layer.name for layer in layers_of([top])] == ["cookbook between", "cookbook top"]


@pytest.mark.parametrize(
    ("table", "words"),
    [({"sise": 2}, "did you mean 'size'?"), ({"size": "2"}, "a whole number")],
)
def test_key_or_value_that_does_not_fit_names_the_cookbook(
    module: Module, table: dict[str, Any], words: str
) -> None:
    module(Cookbook("web", Web, {"setup": say}))

    with pytest.raises(BadCookbook) as caught:
        said(Cookbook("top", events={"setup": say}, sets={Web: table}))

    trouble = caught.value.trouble
    assert trouble.code == "attributes-set-wrong"
    assert words in (trouble.hint, trouble.expected)
    assert "test_sets.py:" in trouble.place


def test_cookbooks_side_by_side_have_to_agree(module: Module) -> None:
    module(Cookbook("web", Web, {"setup": say}))
    one = Cookbook("one", sets={Web: {"size": 2, "limits": {"a": 1}}})
    other = Cookbook("other", sets={Web: {"size": 2, "limits": {"a": 2}}})

    with pytest.raises(BadCookbook) as caught:
        layers_of([one, other])

    trouble = caught.value.trouble
    assert trouble.code == "attributes-set-twice"
    assert "web.limits.a" in trouble.message
    assert one.place in trouble.expected
    assert other.place in trouble.found
    assert len(layers_of([one, Cookbook("other", sets={Web: {"size": 2}})])) == 2


def test_cookbook_that_nobody_announced_is_an_error_naming_both_places(module: Module) -> None:
    module(Cookbook("web", Web, {"setup": say}))
    between = module(Cookbook("between", Between, {"setup": say}, {Web: {"size": 2}}))
    top = Cookbook("top", events={"setup": lambda r: r.include(between.events["setup"])})

    with pytest.raises(ToqueError) as caught:
        compile_recipe(top)

    trouble = caught.value.trouble
    assert trouble.code == "attributes-not-reached"
    assert "sets={Between: {}}" in trouble.expected
    assert between.place in trouble.found
    assert trouble.place in trouble.found


def test_class_of_no_cookbook_cannot_be_set() -> None:
    with pytest.raises(BadCookbook) as caught:
        layers_of([Cookbook("top", sets={Top: {}})])

    assert caught.value.code == "attributes-without-cookbook"
