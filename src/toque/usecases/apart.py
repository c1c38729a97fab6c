"""Recipes of other people, compiled by a process that has nothing to steal.

A project that names directories under ``untrusted``, or whose cookbooks have dependencies, imports
none of its cookbooks: they import one another, so trusted ones beside them are compiled there too.
Secrets go there as markers and are filled in here.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from ..cookbooks.answer import read_explained, read_plan
from ..cookbooks.compile import Compiled
from ..cookbooks.explain import Explained
from ..cookbooks.inputs import Inputs
from ..cookbooks.job import Job, Markers, encode_job, secrets_of
from ..node.values import Blob
from .definitions import Definitions
from .site import Site


@dataclass(frozen=True)
class Apart:
    """``recipes`` are names of cookbooks and their events, ``around`` the names of the others of
    the node's layer."""

    site: Site
    definitions: Definitions
    recipes: tuple[tuple[str, str], ...]
    around: tuple[str, ...]

    @property
    def names(self) -> set[str]:
        """The cookbooks that run."""
        return {name for name, _ in self.recipes}

    def compiled(self, name: str, inputs: Inputs, offered: Mapping[str, Blob]) -> Compiled:
        """The plan called ``name``.  Raises what compiling here would raise, and ``BadCookbook``:
        ``cookbook-answer-wrong``, ``cookbook-broke-limits``."""
        markers = Markers(secrets_of(inputs), secrets.token_hex(16))
        answer = self._done(self._job(name, inputs), markers)
        return read_plan(answer, markers, offered, inputs.facts)

    def explained(self, cookbook: str, inputs: Inputs) -> tuple[Explained, ...]:
        """Every attribute of ``cookbook``."""
        markers = Markers({}, secrets.token_hex(16))
        return read_explained(self._done(self._job("", inputs, cookbook), markers))

    def _job(self, name: str, inputs: Inputs, explain: str = "") -> Job:
        return Job(name, self.definitions.sources, self.recipes, self.around, inputs, explain)

    def _done(self, job: Job, markers: Markers) -> bytes:
        readable = [folder for source in job.sources for folder in source.folders]
        return self.site.apart(encode_job(job, markers), readable, self.definitions.packages)
