"""One address for the nodes of an app: nginx passes visitors on to those that are in.

A layer names it for ``setup`` and for ``configure``, and an app names the layer as its
``balancer``.  Both write down who is in; a deploy converges ``configure`` before and after it
switches a node, so that visitors are with the others meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from toque import Cookbook, Drained, Package, Recipe
from toque.cookbooks.templates import render
from toque.fleet.balanced import Balanced, Member
from toque.library import nginx


@dataclass(frozen=True)
class Balancer:
    """``port`` is where visitors come, as nginx's; members are reached at ``member_port``, by the
    address that ``toque.toml`` has for a node unless ``addresses`` names another one.

    A member that is taken out has ``drain_s`` seconds for requests that are under way.
    """

    member_port: int = 80
    addresses: Mapping[str, str] = field(default_factory=dict)
    connect_within_s: int = 2
    answer_within_s: int = 80  # more than a member's own limit, so that its message wins
    drain_s: float = 15.0


def setup(r: Recipe) -> None:
    """nginx, and the site of each app that names this node's layer as its balancer.

    Those who are out have finished when this is done.
    """
    a = r.attributes(Balancer)
    r.include(nginx.install)
    r.add(Package("iproute2"))  # ss, which tells who is connected
    for one in r.balanced:
        nginx.site(r, one.app, site_text(r, one))
    r.include(nginx.run)
    for one in r.balanced:
        gone = tuple(_server(a, member) for member in one.members if member.out)
        if gone:
            r.add(Drained(one.app.name, addresses=gone, within_s=a.drain_s))


def site_text(r: Recipe, one: Balanced) -> str:
    """The site of an app that others serve, by ``templates/site.conf.j2``."""
    a = r.attributes(Balancer)
    servers = [(_server(a, member), member) for member in one.members]
    values = {"app": one.app, "a": a, "servers": servers, "port": nginx.port(r),
              "largest_body": r.attributes(nginx.Nginx).largest_body}  # fmt: skip
    return render(cookbook.root, "site.conf.j2", values)


def _server(a: Balancer, member: Member) -> str:
    address = a.addresses.get(member.node, member.address)
    shown = f"[{address.strip('[]')}]" if ":" in address else address
    return f"{shown}:{member.port or a.member_port}"


cookbook = Cookbook("balancer", attributes=Balancer, events={"setup": setup, "configure": setup})
