"""A release: one immutable build of an app at a commit, named by its content."""

from __future__ import annotations

import hashlib
import hmac

from ..node.record import dataclass


@dataclass(frozen=True)
class Release:
    """``commit`` is the full id; ``id`` is ``<12 hex of it>-<6 hex of what the deploy writes>``."""

    id: str
    app: str
    commit: str

    @property
    def content(self) -> str:
        """The part of the id that tells two releases of one commit apart."""
        return self.id.rpartition("-")[2]


def blank_release(app: str, commit: str) -> Release:
    """A release whose content is not known yet, to compile its plan a first time."""
    return Release(f"{commit[:12]}-000000", app, commit)


def release_of(app: str, commit: str, content: bytes, *, salt: str) -> Release:
    """The release of ``commit`` whose deploy writes ``content``, secrets included.

    ``salt`` is a secret of the project, so that a release id that anybody may read tells nothing
    about a weak secret.
    """
    digest = hmac.new(salt.encode(), content, hashlib.sha256).hexdigest()[:6]
    return Release(f"{commit[:12]}-{digest}", app, commit)
