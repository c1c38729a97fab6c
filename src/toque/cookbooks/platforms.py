"""Which systems cookbooks are for: ``platforms`` under ``[tool.toque]`` of their manifests.

platforms = ["debian 12", "ubuntu"]      one release of Debian, each of Ubuntu
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ..errors import AskedWrongly
from ..node.model import Facts
from .manifest import Manifest, named


def check_platforms(
    manifests: Sequence[Manifest], cookbooks: Collection[str], facts: Facts, node: str
) -> None:
    """Raise ``AskedWrongly("platform-not-supported")`` when one of the ``cookbooks``, or one that
    they need, is not for the system that ``facts`` tell of.  A manifest may name none: any will do.
    """
    for one in _reached(manifests, cookbooks):
        if not _suits(one.platforms, facts):
            raise AskedWrongly(
                "platform-not-supported",
                f"{one.name} is not for the system of {node}",
                expected=f"one of {', '.join(one.platforms)}",
                found=f"{facts.os} {facts.release}".strip() or "a system without os-release",
                hint="name another node; or add the system to platforms, with a test for it",
                place=str(one.file),
            )


def _suits(platforms: Collection[str], facts: Facts) -> bool:
    return not platforms or bool({facts.os, f"{facts.os} {facts.release}"}.intersection(platforms))


def _reached(manifests: Sequence[Manifest], cookbooks: Collection[str]) -> list[Manifest]:
    """The manifests of these cookbooks, and of what they need among the same manifests."""
    by_name = {one.name: one for one in manifests}
    found = [one for one in manifests if not one.modules.keys().isdisjoint(cookbooks)]
    for one in found:  # grows meanwhile
        needs = (by_name.get(named(need)) for need in one.needs)
        found += [need for need in needs if need is not None and need not in found]
    return found
