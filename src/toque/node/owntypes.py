"""Resource types that a cookbook brings itself: their text travels in the plan that names them.

An author's file imports ``toque.node.resource`` and the like, as it does on the controller.  Here
this package may have another name, so ``toque.node`` is made to mean this very one: a second copy
would have classes that nobody else knows.
"""

import sys
from importlib import import_module
from importlib.abc import InspectLoader, Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec
from types import ModuleType
from typing import Any, Dict, Iterator, Mapping, Optional, Type

from .errors import StepFailed
from .resource import Resource
from .resources import TYPES

HERE = __name__.rpartition(".")[0]  # toque_node on a node
SHOWN = "toque.node"


class OwnTypes(Mapping[str, Type[Resource]]):
    """The registry, and the types whose texts a plan brings, each loaded when it is first named."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts
        self._loaded: Dict[str, Type[Resource]] = {}

    def __getitem__(self, kind: str) -> Type[Resource]:
        if kind not in self._texts:
            return TYPES[kind]
        if kind not in self._loaded:
            self._loaded[kind] = _loaded(kind, self._texts[kind])
        return self._loaded[kind]

    def __iter__(self) -> Iterator[str]:
        yield from TYPES
        yield from self._texts

    def __len__(self) -> int:
        return len(TYPES) + len(self._texts)


def _loaded(kind: str, text: str) -> Type[Resource]:
    """The class of ``kind`` in ``text``.  Raises ``StepFailed("own-type-failed")``."""
    if HERE != SHOWN and not any(isinstance(finder, _Renamed) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Renamed())
    spec = ModuleSpec(f"toque_own_types.{kind}", _Text(kind, text), origin=kind)
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look annotations up
    try:
        _Text(kind, text).exec_module(module)
    except Exception as error:  # an author's text may do anything
        import traceback

        raise StepFailed(
            "own-type-failed",
            f"the type {kind} cannot be loaded on this node",
            expected="a module that imports with the node's Python",
            found=f"{type(error).__name__}: {error}, with Python {sys.version.split()[0]}",
            log=traceback.format_exc().splitlines()[-6:],
        ) from error
    for found in vars(module).values():
        if isinstance(found, type) and issubclass(found, Resource) and found.kind == kind:
            return found
    raise StepFailed("own-type-failed", f"the text of {kind} holds no class of that kind")


class _Text(InspectLoader):
    """Loads a module from its text, which tracebacks then quote."""

    def __init__(self, kind: str, text: str) -> None:
        self.kind = kind
        self.text = text

    def get_source(self, fullname: str) -> str:
        return self.text

    def get_code(self, fullname: str) -> Any:
        return self.source_to_code(self.text, f"{self.kind.replace('.', '/resources/')}.py")


class _Renamed(MetaPathFinder, Loader):
    """``toque.node.X`` is this package's own X, the same module and not a copy."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> Optional[ModuleSpec]:
        ours = name in ("toque", SHOWN) or name.startswith(f"{SHOWN}.")
        return ModuleSpec(name, self, is_package=True) if ours else None

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        if module.__name__ != "toque":  # which holds nothing here
            # The import system hands out what stands here when this returns.
            sys.modules[module.__name__] = import_module(HERE + module.__name__[len(SHOWN) :])
