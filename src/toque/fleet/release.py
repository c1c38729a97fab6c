"""A release: one immutable build of an app at a commit, named by its content."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass

from .app import App

# What of an app's settings is built into a release; the rest may change without a new one.
BUILT_IN = ("root", "server", "entry", "lock", "python", "processes")


@dataclass(frozen=True)
class Release:
    """``commit`` is the full id; ``environment`` the digest of variables and settings."""

    id: str
    app: str
    commit: str
    environment: str


def release_of(app: App, commit: str, variables: Mapping[str, str], *, salt: str = "") -> Release:
    """The release of ``commit`` with ``variables`` (secrets included, as text).

    ``salt`` is a secret of the project, so that a release id that anybody may read tells nothing
    about a weak secret.
    """
    settings = {name: getattr(app, name) for name in BUILT_IN}
    canonical = json.dumps([sorted(variables.items()), settings], sort_keys=True)
    digest = hmac.new(salt.encode(), canonical.encode(), hashlib.sha256).hexdigest()[:6]
    return Release(f"{commit[:12]}-{digest}", app.name, commit, digest)
