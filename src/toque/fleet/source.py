"""How a release's code reaches a node."""

from __future__ import annotations

from ..node.record import dataclass
from ..node.values import Blob


@dataclass(frozen=True)
class Source:
    """Either a ``url`` that the node fetches itself, or a git ``bundle`` sent beside the plan.

    ``lock`` is the lock file's bytes at the commit, so that plans can tell whether the virtual
    environment changes.  ``kept`` means that the node has this release already (a rollback):
    nothing is fetched.
    """

    lock: bytes
    url: str = ""
    bundle: Blob | None = None
    subject: str = ""
    kept: bool = False
