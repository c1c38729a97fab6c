"""Recipes in, a plan out; nothing outside this process is touched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from ..errors import BadCookbook, ToqueError, nearest
from ..node.model import Facts, Guard, Plan, Step
from ..node.resource import Invalid, Resource
from ..node.values import Blob
from ..node.wire import encode_value
from .cookbook import Cookbook
from .fieldtypes import misfits, unwritable
from .guards import check_guards
from .inputs import Inputs
from .order import arrange
from .owntypes import own_types
from .place import last_lines, place_of_traceback
from .recipe import Added, Recipe
from .timelimit import TooSlow, time_limit


@dataclass(frozen=True)
class Compiled:
    """A plan and what travels beside it.

    ``secrets`` maps names to texts: those in the plan and those a recipe was handed, so that all
    can be masked.  ``blobs`` are the bytes the plan refers to, by SHA-256.
    """

    plan: Plan
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    blobs: Mapping[str, Blob] = field(default_factory=dict)
    resources: Mapping[str, Resource] = field(default_factory=dict, repr=False)

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(step.id for step in self.plan.steps)

    def step(self, id: str) -> Step:
        """The step called ``id``.  Raises ``KeyError`` that names the nearest one."""
        for step in self.plan.steps:
            if step.id == id:
                return step
        raise KeyError(f"no step {id!r}; {nearest(id, self.ids) or 'there are ' + str(self.ids)}")

    def resource(self, id: str) -> Resource:
        """What the step was made from."""
        self.step(id)
        return self.resources[id]


def compile_plan(name: str, recipes: Sequence[tuple[Cookbook, str]], inputs: Inputs) -> Compiled:
    """The plan that the recipes of ``(cookbook, event)`` make, in that order.

    A cookbook without a recipe for its event is an error.  Raises ``BadCookbook``, and
    ``AskedWrongly`` for attributes that do not fit.
    """
    chosen = [(cookbook, cookbook.recipe(event)) for cookbook, event in recipes]
    recipe = Recipe(inputs, [cookbook for cookbook, _ in chosen] or [Cookbook("none")])
    try:
        with time_limit(inputs.limit_s):
            for cookbook, function in chosen:
                recipe.run(cookbook, function)
    except (ToqueError, KeyboardInterrupt):
        raise
    except BaseException as error:  # SystemExit too: a recipe does not end this process
        raise _for_author(recipe, error, inputs.limit_s) from error
    return assemble(name, recipe.added, recipe.secrets, facts=inputs.facts)


def assemble(
    name: str, added: Sequence[Added], handed_out: Mapping[str, str], *, facts: Facts
) -> Compiled:
    """The plan of what was added: validated, deduplicated, checked and encoded."""
    for one in added:
        _validate(one)
        check_guards(one.resource.id, one.when, one.place, facts)
    secrets = dict(handed_out)
    named: dict[str, str] = {}  # where each secret is used first
    blobs: dict[str, Blob] = {}
    steps = []
    ordered = arrange(added)
    for one in ordered:
        steps.append(
            Step(
                id=one.resource.id,
                kind=one.resource.kind,
                fields=_encoded(one, secrets, named, blobs),
                place=one.place,
                when=_encoded_guards(one, secrets, named, blobs),
                notify=one.notify,
                retries=one.retries,
                retry_wait_s=one.retry_wait_s,
                sensitive=one.sensitive,
            )
        )
    resources = {one.resource.id: one.resource for one in ordered}
    plan = Plan(name, tuple(steps), own_types(ordered))
    return Compiled(plan, secrets, blobs, resources)


def _validate(added: Added) -> None:
    try:
        added.resource.validate()
    except Invalid as error:
        raise _bad_field(_called(added.resource), error, added.place) from error
    except (TypeError, ValueError, AttributeError) as error:
        # A check met a value of another type than the one it is for, e.g. mode="0644".
        raise _wrong_type(added, misfits(added.resource), f"{error}, with ") from error
    if wrong := misfits(added.resource):
        raise _wrong_type(added, wrong)
    for name in unwritable(added.resource):
        value = getattr(added.resource, name)
        expected = "text that UTF-8 can hold, without half of a surrogate pair"
        raise _bad_field(_called(added.resource), Invalid(name, expected, value), added.place)


def _called(resource: Resource) -> str:
    """Its id; only its kind when a wrong value is in what the id is made of."""
    try:
        return resource.id
    except (TypeError, AttributeError):
        return resource.kind


def _wrong_type(added: Added, wrong: Mapping[str, str], error: str = "") -> BadCookbook:
    given = {f.name: getattr(added.resource, f.name) for f in fields(added.resource)}
    found = ", ".join(f"{name}={given[name]!r}" for name in wrong or given)
    known = ", ".join(f"{name}: {words}" for name, words in wrong.items())
    return BadCookbook(
        "bad-resource-field",
        f"a field of {_called(added.resource)} has a wrong type",
        expected=known or "values of the types that the resource declares",
        found=(found if wrong else error + found)[:500],
        hint="write a mode as a number, such as 0o644" if "mode" in wrong else "",
        place=added.place,
    )


def _bad_field(what: str, error: Invalid, place: str) -> BadCookbook:
    return BadCookbook(
        "bad-resource-field",
        f"{what} cannot have this {error.field}",
        expected=error.expected,
        found=f"{error.field}={error.found!r}",
        place=place,
    )


def _encoded_guards(
    added: Added, secrets: dict[str, str], named: dict[str, str], blobs: dict[str, Blob]
) -> tuple[Guard, ...]:
    met: dict[str, str] = {}
    encoded = tuple(
        replace(guard, env=encode_value(guard.env, met, blobs)) if guard.env else guard
        for guard in added.when
    )
    _meet(added, met, secrets, named)
    return encoded


def _encoded(
    added: Added, secrets: dict[str, str], named: dict[str, str], blobs: dict[str, Blob]
) -> Mapping[str, Any]:
    met: dict[str, str] = {}
    encoded = {}
    for one in fields(added.resource):
        try:
            value = getattr(added.resource, one.name)
            encoded[one.name] = encode_value(value, met, blobs)
        except TypeError as error:
            raise BadCookbook(
                "bad-resource-field",
                f"{added.resource.id} cannot have this {one.name}",
                expected="text, numbers, true or false, bytes, secrets, lists and tables of them",
                found=str(error),
                place=added.place,
            ) from error
    _meet(added, met, secrets, named)
    return encoded


def _meet(
    added: Added, met: Mapping[str, str], secrets: dict[str, str], named: dict[str, str]
) -> None:
    """Put the secrets of a step to those of the plan, and where they are used to ``named``."""
    for secret, text in met.items():
        before = named.setdefault(secret, added.place)
        if secrets.setdefault(secret, text) != text:
            raise BadCookbook(
                "secret-name-clash",
                f"two different secrets are called '{secret}'",
                expected=f"the same text as at {before}"
                if before != added.place
                else "the text that Toque has handed out under this name",
                found=f"another one in {added.resource.id} at {added.place}",
                place=added.place,
            )


def _for_author(recipe: Recipe, error: BaseException, limit_s: float) -> BadCookbook:
    """What a recipe raised, as an error that names the place in the cookbook."""
    cookbook = recipe.current
    place = place_of_traceback(error.__traceback__, cookbook.root)
    if isinstance(error, TooSlow):
        return BadCookbook(
            "recipe-too-slow",
            f"a recipe of {cookbook.name} was still running after {limit_s:g} s",
            expected="a recipe that only declares, in milliseconds",
            found="a loop or a wait at this place",
            place=place,
            log=last_lines(error),
        )
    if isinstance(error, Invalid):
        return _bad_field("a resource", error, place)
    if isinstance(error, AttributeError) and type(error.obj) in recipe.attribute_types:
        known = list(getattr(type(error.obj), "__dataclass_fields__", ()))
        return BadCookbook(
            "unknown-attribute",
            f"{type(error.obj).__name__} has no attribute '{error.name}'",
            expected=f"one of {', '.join(known)}",
            found=str(error.name),
            hint=nearest(str(error.name), known),
            place=place,
        )
    return BadCookbook(
        "recipe-raised",
        f"a recipe of {cookbook.name} raised {type(error).__name__}: {error}",
        expected="a recipe that runs to its end",
        found=type(error).__name__,
        place=place,
        log=last_lines(error),
    )
