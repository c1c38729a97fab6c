"""Compiling as a job: what a process of its own is told, and the work it does.

Inputs go in as JSON, secrets as markers; ``answer.py`` reads what comes out.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import sys
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Union

from ..errors import AskedWrongly, BadCookbook, ToqueError
from ..fleet.environment import Environment
from ..node.wire import plan_json
from .compile import Compiled, compile_plan
from .explain import explain_cookbook
from .inputs import Inputs
from .load import check_tables, find, load_sources
from .sources import Source

FAMILIES: Mapping[str, type[ToqueError]] = {"asked": AskedWrongly, "cookbook": BadCookbook}


@dataclass(frozen=True)
class Job:
    """``recipes`` are names of cookbooks and their events, ``around`` the names of the others of
    the node's layer, ``sources`` where the project's cookbooks are.

    ``name`` is the plan's; with ``explain``, a cookbook's name, its attributes are explained
    instead, and no recipe runs.
    """

    name: str
    sources: tuple[Source, ...]
    recipes: tuple[tuple[str, str], ...]
    around: tuple[str, ...]
    inputs: Inputs
    explain: str = ""


class Markers:
    """Texts that stand for secrets where their own may not be.

    A marker holds a ``$``, which an environment file writes as ``\\$``: so it is seen afterwards
    how the secret has to be written.  ``token`` is random, so no other text looks like one.
    """

    def __init__(self, secrets: Mapping[str, str], token: str) -> None:
        self.token = token
        self.texts = tuple(secrets.values())
        self.names = {name: f"@{token}${at}@" for at, name in enumerate(secrets)}

    def of(self, name: str) -> str:
        return self.names[name]


def secrets_of(inputs: Inputs) -> dict[str, str]:
    """Every secret that recipes can ask for, by name."""
    named = dict(inputs.secrets)
    for environment in inputs.environments.values():
        named.update(environment.named)
        named.update({f"{environment.app}/{k}": text for k, text in environment.secret.items()})
    return named


def encode_job(job: Job, markers: Markers) -> bytes:
    """The job as JSON, without any secret's text."""
    environments = {
        app: Environment(
            one.app,
            one.plain,
            {name: markers.of(f"{one.app}/{name}") for name in one.secret},
            {name: markers.of(name) for name in one.named},
            one.digests,
        )
        for app, one in job.inputs.environments.items()
    }
    secrets = {name: markers.of(name) for name in job.inputs.secrets}
    bare = replace(job.inputs, environments=environments, secrets=secrets, around=())
    return json.dumps(_encoded(replace(job, inputs=bare))).encode()


def work(data: bytes) -> bytes:
    """Do a job, in the process that may run its cookbooks; the answer as JSON."""
    job = _decoded(Job, json.loads(data))
    try:
        answer = _explained(job) if job.explain else _compiled(job)
    except ToqueError as error:
        family = next((name for name, kind in FAMILIES.items() if isinstance(error, kind)), "")
        answer = {"error": {**error.trouble.as_json(), "family": family or "cookbook"}}
    return json.dumps(answer).encode()


def _compiled(job: Job) -> dict[str, Any]:
    sys.path += [source.base for source in job.sources if source.library]  # also for recipes
    loaded = load_sources(job.sources)
    around = tuple(find(name, loaded) for name in job.around)
    check_tables(job.inputs.layers, loaded)
    recipes = [(find(name, loaded), event) for name, event in job.recipes]
    made = compile_plan(job.name, recipes, replace(job.inputs, around=around))
    return compiled_json(made)


def compiled_json(made: Compiled) -> dict[str, Any]:
    """A compiled plan as data; texts of secrets are in it as they are."""
    return {
        "plan": plan_json(made.plan),
        "secrets": dict(made.secrets),
        "blobs": {sha256: blob.size for sha256, blob in made.blobs.items()},
    }


def _explained(job: Job) -> dict[str, Any]:
    loaded = load_sources(job.sources)
    every = explain_cookbook(job.explain, job.around, job.inputs.layers, loaded)
    return {"explained": [dataclasses.asdict(one) for one in every]}


def _encoded(value: Any) -> Any:
    """Plain data of dataclasses, mappings, sequences and bytes; ``_decoded`` knows the types."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = [field for field in dataclasses.fields(value) if field.init]
        return {field.name: _encoded(getattr(value, field.name)) for field in fields}
    if isinstance(value, Mapping):
        if all(isinstance(key, str) for key in value):
            return {key: _encoded(item) for key, item in value.items()}
        return [[_encoded(key), _encoded(item)] for key, item in value.items()]
    if isinstance(value, (list, tuple)):
        return [_encoded(item) for item in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    return str(value)  # a date of TOML


def _decoded(annotation: Any, data: Any) -> Any:
    """The value of type ``annotation`` that ``_encoded`` made ``data`` of."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if data is None:
        return None
    if origin in (Union, types.UnionType):
        return _decoded(next(one for one in arguments if one is not type(None)), data)
    if dataclasses.is_dataclass(annotation):
        hints = typing.get_type_hints(annotation)
        make: Any = annotation
        return make(**{name: _decoded(hints[name], item) for name, item in data.items()})
    if isinstance(origin, type) and issubclass(origin, Mapping):
        pairs = data.items() if isinstance(data, dict) else data
        key, item = arguments
        return {_decoded(key, k): _decoded(item, v) for k, v in pairs}
    if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
        return tuple(_decoded(arguments[0], item) for item in data)
    if origin is tuple:
        return tuple(_decoded(one, item) for one, item in zip(arguments, data))
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return tuple(_decoded(arguments[0], item) for item in data)
    return base64.b64decode(data) if annotation is bytes else data
