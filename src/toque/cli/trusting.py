"""A machine's host key, confirmed by a person before anything is sent."""

from __future__ import annotations

from pathlib import Path

import click

from .. import bootstrap
from ..errors import AskedWrongly
from ..fleet.node import Node


def trust(node: Node, directory: Path, *, fingerprint: str = "", yes: bool = False) -> str:
    """Pin the key that ``node`` shows now, replacing one pinned before; its fingerprint.

    It has to be ``fingerprint``, or a person says that it is right (``yes`` says it unseen).
    Raises ``AskedWrongly("fingerprint-differs")``.
    """
    where = bootstrap.ssh_target(node, directory)
    key = bootstrap.shown_key(where)
    if fingerprint and key.fingerprint != fingerprint:
        raise AskedWrongly(
            "fingerprint-differs",
            f"{node.name} shows another host key; nothing was pinned",
            expected=fingerprint,
            found=key.fingerprint,
            hint="do not go on before you know why: another machine may be answering",
        )
    if not fingerprint and not yes:
        click.confirm(f"{node.name} shows {key.fingerprint}; is that the one?", abort=True)
    keys = bootstrap.host_keys(directory)
    keys.forget(where.name)
    keys.pin(where.name, key)
    return key.fingerprint
