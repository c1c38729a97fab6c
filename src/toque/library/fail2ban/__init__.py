"""Addresses that guess at SSH are kept out for a while, by nftables and from the journal."""

from __future__ import annotations

from dataclasses import dataclass

from toque import Command, Cookbook, File, Package, Recipe, Service

SERVICE = Service("fail2ban", running=True, enabled=True)


@dataclass(frozen=True)
class Fail2ban:
    """``allow`` are addresses and networks that are never kept out: name the one you come from.

    ``attempts`` within ``within_s`` seconds keep an address out for ``ban_s``, and longer each time
    it comes back, up to ``longest_ban_s``.  ``ports`` are those that it is kept out of: of SSH
    alone, so that an office behind one address can still see its site.
    """

    allow: tuple[str, ...] = ()
    attempts: int = 5
    within_s: int = 600
    ban_s: int = 600
    longest_ban_s: int = 86400
    ports: tuple[int, ...] = (22,)


def setup(r: Recipe) -> None:
    """The package with a jail for sshd alone; a restart keeps who is out."""
    a = r.attributes(Fail2ban)
    systemd = "/run/systemd/system"
    r.add(
        Command(
            ("test", "-d", systemd),
            name="systemd runs here, whose journal fail2ban reads",
            creates=systemd,
        )
    )
    r.add(Package("fail2ban", "python3-systemd", "nftables"))
    r.add(
        File(
            "/etc/fail2ban/jail.d/toque.local",
            content=r.render("jail.local.j2", a=a),
            check=("fail2ban-client", "--test"),
        ),
        notify=SERVICE.restart,
    )
    r.add(SERVICE)


cookbook = Cookbook("fail2ban", attributes=Fail2ban, events={"setup": setup})
