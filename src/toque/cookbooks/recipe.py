"""What a recipe function is given: it reads values here and adds resources."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from ..errors import BadCookbook, nearest
from ..fleet.app import App
from ..fleet.balanced import Balanced
from ..fleet.release import Release
from ..fleet.source import Source
from ..node.model import Action, Facts, Guard
from ..node.resource import Resource
from ..node.values import Blob, Secret
from .attributes import resolve
from .cookbook import Cookbook, RecipeFunction, cookbook_of
from .envfile import encode_env
from .inputs import Inputs
from .place import place_in_file, place_of
from .sets import layers_of, reached
from .templates import names_in, render

R = TypeVar("R", bound=Resource)
MOST_RETRIES = 100
T = TypeVar("T")


@dataclass(frozen=True)
class Added:
    """One call of ``Recipe.add``."""

    resource: Resource
    place: str
    notify: tuple[Action, ...] = ()
    when: tuple[Guard, ...] = ()
    retries: int = 0
    retry_wait_s: float = 2.0
    sensitive: bool = False


class CookbookTree(NamedTuple):
    """The files of a directory by their relative paths, and those that are executable."""

    files: Mapping[str, bytes]
    executable: tuple[str, ...]


class Recipe:
    """Collects resources in the order they are added.

    One object serves all recipes of one plan; templates, files and attributes are always those of
    the cookbook whose recipe is running.
    """

    def __init__(self, inputs: Inputs, cookbooks: Sequence[Cookbook]) -> None:
        self._inputs = inputs
        self._cookbooks = [cookbooks[0]]
        roots = (*cookbooks, *inputs.around)
        self._layers = (*layers_of(roots), *inputs.layers)
        self._reached = {cookbook.name for row in reached(roots) for cookbook in row}
        self._done: set[RecipeFunction] = set()
        self._attributes: dict[type[Any], Any] = {}
        self.added: list[Added] = []
        self.secrets: dict[str, str] = {}  # texts handed out, so that they can be masked

    @property
    def facts(self) -> Facts:
        """What the node is."""
        return self._inputs.facts

    def port(self, purpose: str, usual: int) -> int:
        """The port for ``http``, ``postgres`` and so on: ``usual``, unless this machine was given
        another one (a kitchen machine that shares its host's network)."""
        given = self._inputs.facts.extra.get("ports", {})
        return int(given.get(purpose, usual))

    @property
    def node(self) -> str:
        return self._inputs.node

    @property
    def stack(self) -> str:
        return self._inputs.stack

    @property
    def apps(self) -> tuple[App, ...]:
        """The apps that run on this node."""
        return tuple(self._inputs.apps)

    @property
    def balanced(self) -> tuple[Balanced, ...]:
        """The apps that this node passes visitors on to, with the nodes that serve them."""
        return tuple(self._inputs.balanced)

    def balancers(self, app: App) -> tuple[str, ...]:
        """The addresses from which visitors of ``app`` come when balancers pass them on."""
        return tuple(self._inputs.balancers.get(app.name, ()))

    @property
    def app(self) -> App:
        """The app being deployed.  Raises ``BadCookbook`` outside deploy and undeploy."""
        if self._inputs.app is None:
            raise self._not_here("app", place_of(sys._getframe(1)))
        return self._inputs.app

    @property
    def release(self) -> Release:
        """The release being deployed.  Raises ``BadCookbook`` outside deploy."""
        if self._inputs.release is None:
            raise self._not_here("release", place_of(sys._getframe(1)))
        return self._inputs.release

    @property
    def source(self) -> Source:
        """How the release's code reaches the node.  Raises ``BadCookbook`` outside deploy."""
        if self._inputs.source is None:
            raise self._not_here("source", place_of(sys._getframe(1)))
        return self._inputs.source

    @property
    def uv(self) -> Blob:
        """The program that builds virtual environments, for ``File(..., content=r.uv)``."""
        return self._inputs.uv or Blob("0" * 64)

    def attributes(self, kind: type[T]) -> T:
        """The attributes of the cookbook that declares ``kind``, all layers applied."""
        if kind not in self._attributes:
            place = place_of(sys._getframe(1))
            owner = self._owner(kind, place)
            self._check_reached(owner, place)
            self._attributes[kind] = resolve(kind, owner.name, self._layers)
        found: T = self._attributes[kind]
        return found

    def environment(self, app: App | None = None) -> Mapping[str, str | Secret]:
        """All variables of ``app`` (the one being deployed), secrets as ``Secret``."""
        chosen = app or self.app
        values = self._inputs.environments[chosen.name].values()
        for value in values.values():
            if isinstance(value, Secret):
                self.secrets[value.name] = value.reveal()
        return values

    @property
    def digests(self) -> Mapping[str, str]:
        """Keyed digests of the variables of the app being deployed; they may be shown."""
        return self._inputs.environments[self.app.name].digests

    def env_file(self, name: str, values: Mapping[str, str | Secret]) -> Secret:
        """The text of an environment file that systemd and /bin/sh read byte for byte.

        It is one secret called ``name``, for ``File(..., content=...)``.
        """
        return encode_env(name, values, place=place_of(sys._getframe(1)))

    def secret(self, name: str) -> Secret:
        """A secret by name, such as ``thena/SECRET_KEY``.  Raises ``BadCookbook``."""
        known = {**self._inputs.secrets}
        for environment in self._inputs.environments.values():
            known.update(environment.named)
        if name not in known:
            raise BadCookbook(
                "unknown-secret",
                f"there is no secret '{name}' for this node",
                expected=f"one of {', '.join(sorted(known))}" if known else "a declared secret",
                found=name,
                hint=nearest(name, sorted(known)),
                place=place_of(sys._getframe(1)),
            )
        self.secrets[name] = known[name]
        return Secret(name, known[name])

    def render(self, template: str, **values: object) -> str:
        """The text of ``templates/<template>``; every name it uses has to be passed."""
        return render(self._root, template, values, place=place_of(sys._getframe(1)))

    def file(self, name: str) -> bytes:
        """The bytes of ``files/<name>``."""
        folder = self._root / "files"
        there = names_in(folder)
        if name not in there:
            raise BadCookbook(
                "cookbook-file-missing",
                f"there is no file '{name}'",
                expected=f"a file in {folder}",
                found=f"only {', '.join(there)}" if there else "no files at all",
                hint=nearest(name, there),
                place=place_of(sys._getframe(1)),
            )
        return (folder / name).read_bytes()

    def tree(self, name: str) -> CookbookTree:
        """All files below ``files/<name>``, for ``Tree("/srv/pages", *r.tree("pages"))``."""
        folder = self._root / "files" / name
        there = names_in(folder)
        if not there:
            tops = sorted({n.split("/")[0] for n in names_in(self._root / "files") if "/" in n})
            raise BadCookbook(
                "cookbook-file-missing",
                f"there is no directory '{name}' with files",
                expected=f"a directory in {self._root / 'files'}",
                found=f"only {', '.join(tops)}" if tops else "no directories at all",
                hint=nearest(name, tops),
                place=place_of(sys._getframe(1)),
            )
        return CookbookTree(
            {one: (folder / one).read_bytes() for one in there},
            tuple(one for one in there if (folder / one).stat().st_mode & 0o100),
        )

    def add(
        self,
        resource: R,
        *,
        notify: Action | Sequence[Action] = (),
        when: Guard | Sequence[Guard] = (),
        retries: int = 0,
        retry_wait_s: float = 2.0,
        sensitive: bool = False,
    ) -> R:
        """Add a resource after those already there; returns it.

        ``notify`` is owed to later resources when this one changes; ``when`` must all hold on the
        node for the step to run.  A step that fails is tried again up to ``retries`` times (100
        at most), ``retry_wait_s`` seconds apart.  Of a ``sensitive`` step neither differences nor
        a program's output are shown, nor kept.
        """
        place = place_of(sys._getframe(1))
        if not isinstance(resource, Resource):
            raise BadCookbook(
                "not-a-resource",
                "only resources can be added",
                expected="a resource, such as File(...)",
                found=f"the class {resource.__name__}"
                if isinstance(resource, type)
                else type(resource).__name__,
                place=place,
            )
        # A text is a sequence, too, of letters.
        words: Sequence[object] = (notify,) if isinstance(notify, (Action, str)) else notify
        actions = tuple(word for word in words if isinstance(word, Action))
        guards = (when,) if isinstance(when, Guard) else tuple(when)
        if len(actions) < len(words):
            raise BadCookbook(
                "not-an-action",
                f"{resource.id} notifies something that is not an action",
                expected="a resource's verb, such as nginx.reload",
                found=", ".join(repr(word) for word in words if not isinstance(word, Action)),
                place=place,
            )
        if not 0 <= retries <= MOST_RETRIES or retry_wait_s < 0:
            raise BadCookbook(
                "bad-retries",
                f"{resource.id} cannot be tried again like this",
                expected=f"retries from 0 to {MOST_RETRIES}, retry_wait_s of 0 or more seconds",
                found=f"retries={retries!r}, retry_wait_s={retry_wait_s!r}",
                place=place,
            )
        self.added.append(
            Added(resource, place, actions, guards, retries, float(retry_wait_s), sensitive)
        )
        return resource

    def include(self, function: RecipeFunction) -> None:
        """Run another recipe here, once per plan; a second time does nothing."""
        if function in self._done:
            return
        owner = cookbook_of(function.__module__) or self._cookbooks[-1]
        self._check_reached(owner, place_of(sys._getframe(1)))
        self.run(owner, function)

    def run(self, cookbook: Cookbook, function: RecipeFunction) -> None:
        """Run ``function`` as a recipe of ``cookbook``, unless it already ran."""
        if function in self._done:
            return
        self._done.add(function)
        self._cookbooks.append(cookbook)
        called: Callable[[Recipe], object] = function  # its type is a promise that is looked at
        self._check_added(function, called(self))
        # Left as it is after an error, so that the compiler can name the cookbook.
        self._cookbooks.pop()

    @property
    def attribute_types(self) -> frozenset[type[Any]]:
        """The attribute classes that recipes have asked for, nested ones included."""
        return frozenset(type(one) for top in self._attributes.values() for one in _all(top))

    @property
    def current(self) -> Cookbook:
        """The cookbook whose recipe is running."""
        return self._cookbooks[-1]

    @property
    def _root(self) -> Path:
        return self._cookbooks[-1].root

    def _owner(self, kind: type[Any], place: str) -> Cookbook:
        for cookbook in reversed(self._cookbooks):
            if cookbook.attributes is kind:
                return cookbook
        owner = cookbook_of(kind.__module__, kind)
        if owner is None:
            raise BadCookbook(
                "attributes-without-cookbook",
                f"no cookbook has {kind.__name__} as its attributes",
                expected=f"Cookbook(..., attributes={kind.__name__}) where the class stands",
                found=f"none in {kind.__module__}",
                place=place,
            )
        return owner

    def _check_added(self, function: RecipeFunction, returned: object) -> None:
        """What a recipe returns or yields makes no step, and an empty plan looks like success."""
        added = [one.resource for one in self.added]
        several = returned if isinstance(returned, (list, tuple, set)) else [returned]
        left = [one for one in several if isinstance(one, Resource) and one not in added]
        unrun = isinstance(returned, (Generator, Coroutine))
        if not left and not unrun:
            return
        if isinstance(returned, Coroutine):
            returned.close()  # Python would tell of it as well, later and elsewhere
        code = getattr(function, "__code__", None)
        raise BadCookbook(
            "resource-not-added",
            "a recipe hands resources back instead of adding them"
            if left
            else "a recipe with yield or async does nothing when it is called",
            expected="r.add(...) around each resource, and nothing returned",
            found=", ".join(type(one).__name__ for one in left) or f"a {type(returned).__name__}",
            hint=f"write r.add({type(left[0]).__name__}(...))"
            if left
            else "write r.add(...) where yield or await stands, and def for async def",
            place=place_in_file(code.co_filename, code.co_firstlineno)
            if code
            else self.current.place,
        )

    def _check_reached(self, cookbook: Cookbook, place: str) -> None:
        """What a cookbook sets counts from the start or not at all, so it has to be known then."""
        if not cookbook.sets or cookbook.name in self._reached:
            return
        wanted = f"{cookbook.name} to be named by the layer"
        if cookbook.attributes:
            announced = f"sets={{{cookbook.attributes.__name__}: {{}}}}"
            wanted = f"{announced} in the cookbook at {self._cookbooks[0].place}"
        raise BadCookbook(
            "attributes-not-reached",
            f"{cookbook.name} sets attributes of others, and nobody has announced it",
            expected=wanted,
            found=f"used at {place}; what it sets stands at {cookbook.place}",
            place=place,
        )

    def _not_here(self, what: str, place: str) -> BadCookbook:
        return BadCookbook(
            "no-app-here",
            f"this recipe asks for r.{what}, and no app is being deployed",
            expected="r.app and r.release in deploy recipes, r.apps elsewhere",
            found="another event",
            place=place,
        )


def _all(value: object) -> Iterator[object]:
    """A dataclass value and the dataclass values inside it."""
    names = getattr(value, "__dataclass_fields__", ())
    if names:
        yield value
    for name in names:
        yield from _all(getattr(value, name))
