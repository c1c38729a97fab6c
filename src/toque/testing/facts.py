"""What nodes of each supported release say of themselves, for recipes that look."""

from __future__ import annotations

from ..node.model import Facts


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
