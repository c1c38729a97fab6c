"""What recipes are given where there is no machine: facts of each supported release, made-up
releases and secrets.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from ..fleet.app import App
from ..fleet.environment import Environment, database_url, password_name
from ..fleet.release import blank_release
from ..fleet.source import Source
from ..node.model import Facts
from ..node.values import Blob
from .inputs import Inputs

UV = b"uv, in tests"  # what r.uv stands for


def facts_of(os: str, release: str, codename: str, python: str) -> Facts:
    """A small machine with systemd; ``python`` is the version that the release ships."""
    return Facts(
        hostname="test",
        os=os,
        release=release,
        codename=codename,
        architecture="x86_64",
        cpus=2,
        memory_mb=1024,
        addresses=("192.0.2.10",),
        init="systemd",
        init_reason="test",
        python=python,
        machine_id="0123456789abcdef0123456789abcdef",
    )


DEBIAN_11 = facts_of("debian", "11", "bullseye", "3.9.2")
DEBIAN_12 = facts_of("debian", "12", "bookworm", "3.11.2")
DEBIAN_13 = facts_of("debian", "13", "trixie", "3.13.5")
UBUNTU_22_04 = facts_of("ubuntu", "22.04", "jammy", "3.10.12")
UBUNTU_24_04 = facts_of("ubuntu", "24.04", "noble", "3.12.3")
RELEASES = (DEBIAN_11, DEBIAN_12, DEBIAN_13, UBUNTU_22_04, UBUNTU_24_04)


def planted(app: App) -> Environment:
    """An environment of ``app`` whose secrets are made up, and the same every time."""
    secret = {name: f"secret-{app.name}-{name}" for name in app.secrets}
    named = {f"{app.name}/{name}": text for name, text in secret.items()}
    if app.database:
        password = named[password_name(app)] = f"secret-{app.name}-password"
        url = database_url(app, app.database, password)
        secret[app.database.variable] = named[f"{app.name}/{app.database.variable}"] = url
    return Environment(app.name, dict(app.env), secret, named)


def sample_inputs(
    facts: Facts, apps: Sequence[App] = (), app: App | None = None, **given: Any
) -> Inputs:
    """Inputs for a node with ``apps``, or for a deploy of ``app``; what is not ``given``, by the
    names of ``Inputs``, is made up."""
    every = tuple(apps) or ((app,) if app else ())
    made_up: Mapping[str, Any] = {
        "node": "test",
        "stack": "test",
        "release": blank_release(app.name, "0" * 40) if app else None,
        "source": Source(b"", url="https://example.invalid/x") if app else None,
        "uv": Blob(hashlib.sha256(UV).hexdigest(), len(UV)),
        "environments": {one.name: planted(one) for one in every},
    }
    return Inputs(facts=facts, apps=every, app=app, **{**made_up, **given})
