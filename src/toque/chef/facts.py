"""What Ohai says of a machine, as Toque's facts.  Both run on Debian and Ubuntu alone here."""

from __future__ import annotations

from .values import Expr, Path, constant

FAMILY = constant("debian")
# By Chef's name: the field of ``Facts``, and a value for its type.
_FACTS: dict[Path, tuple[str, object]] = {
    ("platform",): ("os", "debian"),
    ("platform_version",): ("release", "12"),
    ("hostname",): ("hostname", "web1"),
    ("machinename",): ("hostname", "web1"),
    ("lsb", "codename"): ("codename", "bookworm"),
    ("lsb", "id"): ("", ""),
    ("kernel", "machine"): ("architecture", "x86_64"),
    ("cpu", "total"): ("cpus", 2),
}
AUTOMATIC = frozenset(
    "platform platform_version platform_family hostname machinename fqdn domain ipaddress "
    "ip6address macaddress kernel cpu memory lsb network filesystem filesystem2 ec2 cloud "
    "cloud_v2 languages virtualization uptime ohai_time os os_version init_package etc "
    "block_device dmi recipes roles chef_packages packages rackspace gce azure vagrant".split()
)


def fact(path: Path) -> Expr | None:
    """The expression for an automatic attribute; None when there is no counterpart."""
    if path == ("platform_family",):
        return FAMILY
    name, sample = _FACTS.get(path, ("", ""))
    return Expr(f"r.facts.{name}", sample) if name else None
