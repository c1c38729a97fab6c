"""Frozen dataclasses that cost a quarter of what ``dataclasses.dataclass`` takes to define one.

That compiles six functions for each class, 0.4 ms; thirty classes are a tenth of all the CPU time
that a run takes on a node that is as it should be.  Here all classes share the six below.  For
type checkers, ``dataclasses.fields``, ``replace`` and subclasses they are frozen dataclasses.
What runs on a node takes ``field``, ``fields`` and ``replace`` from here, too: see ``_Late``.
Not for classes with ``field(init=False)`` or ``InitVar``, of which we have none.

Every frozen dataclass of ``node`` is made here, so that nobody has to ask which of them a run
imports; so are those that the controller needs before it can start ssh.
"""

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any, Callable, Dict, NoReturn, Tuple


class _Late(ModuleType):
    """``inspect`` for ``dataclasses``, which asks it about classes without a docstring only.

    Importing it takes 5 ms, as long as all other modules of an ordinary run on a node together.
    """

    def __getattr__(self, name: str) -> Any:
        import inspect

        return getattr(inspect, name)


_early = "inspect" not in sys.modules and "dataclasses" not in sys.modules
if _early:
    sys.modules["inspect"] = _Late("inspect")
import dataclasses  # noqa: E402
from dataclasses import MISSING, FrozenInstanceError, field, fields, replace  # noqa: E402

if _early:
    del sys.modules["inspect"]

__all__ = ["dataclass", "field", "fields", "replace"]

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(*, frozen, init=True):
        """The decorator; ``frozen`` is always True, and is said where it always was."""

        def made(cls):
            cls.__doc__ = cls.__doc__ or cls.__name__  # else ``inspect`` is asked for one
            # It wants to hear "frozen" below a frozen one, and then makes two of the six itself.
            below = any(dataclasses.is_dataclass(base) for base in cls.__bases__)
            cls = dataclasses.dataclass(init=False, repr=False, eq=False, frozen=below)(cls)
            cls.__dataclass_params__.frozen = frozen
            for name, function in SHARED.items():
                if name not in cls.__dict__:
                    setattr(cls, name, function)
            if init:
                cls.__init__ = _initializer(cls)
            return cls

        return made


def _initializer(cls: Any) -> Callable[..., None]:
    fields = dataclasses.fields(cls)
    names = tuple(field.name for field in fields)
    count = len(names)
    blank: Dict[str, Any] = {field.name: field.default for field in fields}
    factories = [(f.name, f.default_factory) for f in fields if f.default_factory is not MISSING]
    made = {name for name, _ in factories}
    checked = hasattr(cls, "__post_init__")
    required = frozenset(name for name in names if blank[name] is MISSING and name not in made)

    def initialize(self: Any, /, *values: Any, **named: Any) -> None:
        given = named
        if values:
            given = dict(zip(names, values))
            if len(values) > count or not given.keys().isdisjoint(named):
                raise TypeError(_refused(cls, names, values, named))
            given.update(named)
        filled = {**blank, **given}  # in the order of the fields
        if len(filled) > count:
            raise TypeError(_refused(cls, names, values, named))
        if len(given) < count:
            if not required <= given.keys():
                lacking = sorted(required - given.keys())
                raise TypeError(f"{cls.__qualname__}.__init__() missing arguments: {lacking}")
            for name, factory in factories:
                if name not in given:
                    filled[name] = factory()
        object.__setattr__(self, "__dict__", filled)
        if checked:
            self.__post_init__()

    return initialize


def _refused(cls: Any, names: Tuple[str, ...], values: Tuple[Any, ...], named: Any) -> str:
    at = f"{cls.__qualname__}.__init__()"
    for name in named:
        if name not in names:
            from difflib import get_close_matches  # only for who made a mistake

            close = "".join(f"; did you mean {n!r}?" for n in get_close_matches(name, names, n=1))
            return f"{at} got an unexpected keyword argument {name!r}{close}"
        if name in names[: len(values)]:
            return f"{at} got multiple values for argument {name!r}"
    return f"{at} takes {len(names)} values but {len(values)} were given"


def _compared(self: Any) -> Tuple[Any, ...]:
    return tuple(getattr(self, f.name) for f in dataclasses.fields(self) if f.compare)


def _equal(self: Any, other: Any) -> Any:
    if other.__class__ is not self.__class__:
        return NotImplemented
    return _compared(self) == _compared(other)


def _hash(self: Any) -> int:
    return hash(_compared(self))


def _repr(self: Any) -> str:
    shown = (f"{f.name}={getattr(self, f.name)!r}" for f in dataclasses.fields(self) if f.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _no_setting(self: Any, name: str, value: Any) -> NoReturn:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _no_deleting(self: Any, name: str) -> NoReturn:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


SHARED: Dict[str, Callable[..., Any]] = {
    "__eq__": _equal,
    "__hash__": _hash,
    "__repr__": _repr,
    "__setattr__": _no_setting,
    "__delattr__": _no_deleting,
}
