"""How a release's code reaches a node."""

from __future__ import annotations

from collections.abc import Mapping

from ..node.record import dataclass, field
from ..node.values import Blob


@dataclass(frozen=True)
class Source:
    """Either a ``url`` that the node fetches itself, or a git ``bundle`` sent beside the plan.

    ``lock`` is all that the packages follow from, so that plans can tell whether the virtual
    environment changes.  ``beside`` is a requirements file that was made here: the app server that
    the lock has not, or, when ``whole``, the lock itself in another format.  ``own`` are files that
    tell the environment the project's own name, by their paths in it.  ``kept`` means that
    the node has this release already (a rollback): nothing is fetched.

    ``host_keys`` are those that a fetch by SSH may meet, as a known_hosts file; ``login`` is the
    user name that goes with the app's token, when it has one.

    ``migrates`` is whether the node that the plan is for runs the migrations: of all nodes of a
    deployment that share a database, one does.  ``allow_unsafe_migration`` and ``by`` (who asks
    for the deploy) go to that step; none of the three is part of what a release is.  ``scale`` is
    how many processes somebody asked for on that node, by name: the app has these numbers already.
    ``packed`` is the environment as another node has built it.
    """

    lock: bytes
    url: str = ""
    bundle: Blob | None = None
    subject: str = ""
    beside: bytes = b""
    whole: bool = False
    kept: bool = False
    migrates: bool = True
    allow_unsafe_migration: bool = False
    by: str = ""
    host_keys: str = ""
    login: str = ""
    scale: Mapping[str, int] = field(default_factory=dict)
    own: Mapping[str, str] = field(default_factory=dict)
    packed: Blob | None = None


def token_name(app: str) -> str:
    """The name of the secret that lets ``app``'s repository be read over https."""
    return f"{app}/repository-token"
