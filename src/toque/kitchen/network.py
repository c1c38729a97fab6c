"""The machines' bridge: made with the first machine, taken away with the last.

Everything is named after the kitchen's tag, so two kitchens on one host do not meet.  What the
host had before (forwarding, inotify instances) is kept in /run, as it is lost with a reboot
anyway, and put back when the last bridge of any kitchen goes.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

from . import addresses
from .process import tool
from .state import locked, replace

SHARED = Path("/run/toque-kitchen")
FORWARD = Path("/proc/sys/net/ipv4/ip_forward")
INOTIFY = Path("/proc/sys/fs/inotify/max_user_instances")
# 128 on a stock host: from about the ninth machine on, systemd inside fails in odd ways.
INOTIFY_WANTED = 1024
LAST_RESORT = "4294967294"  # a metric that every other route beats


@dataclass(frozen=True)
class Network:
    bridge: str
    table: str
    subnet: IPv4Network

    @property
    def gateway(self) -> str:
        return str(addresses.gateway(self.subnet))


def bridge_name(tag: str) -> str:
    return f"tqk{tag}"  # at most 15 characters, IFNAMSIZ


def ensure(tag: str) -> Network:
    """The kitchen's network, made or completed now.  Safe to repeat after a kill at any point."""
    with locked(SHARED / "lock", 60.0):
        _raise_limits()
        bridge = bridge_name(tag)
        subnet = _subnet(bridge)
        if subnet is None:
            tool(["ip", "link", "delete", bridge], check=False)
            _sweep_routes()
            routes = tool(["ip", "-json", "-4", "route", "show", "table", "all"])
            subnet = addresses.free_subnet(addresses.routed(routes))
            # With forwarding on and the bridge gone, packets for a machine would leave by the
            # default route; this catches them.
            tool(["ip", "route", "replace", "unreachable", str(subnet), "metric", LAST_RESORT])
            tool(["ip", "link", "add", bridge, "type", "bridge"])
            tool(["ip", "address", "add", f"{addresses.gateway(subnet)}/24", "dev", bridge])
        tool(["ip", "route", "replace", "unreachable", str(subnet), "metric", LAST_RESORT])
        tool(["ip", "link", "set", bridge, "up"])
        table = f"toque_kitchen_{tag}"
        tool(["nft", "-f", "-"], _rules(table, bridge, subnet))
        FORWARD.write_text("1")
        return Network(bridge, table, subnet)


def remove(tag: str, machines: Iterable[str]) -> None:
    """Take the kitchen's network away unless the address of one of its machines is on it, and put
    the host's settings back when it was the last one.
    """
    if any(addresses.pooled(address) for address in machines):
        return
    if not shutil.which("ip") or not shutil.which("nft"):
        return  # nothing of ours can have been made without them
    with locked(SHARED / "lock", 60.0):
        bridge = bridge_name(tag)
        tool(["nft", "delete", "table", "ip", f"toque_kitchen_{tag}"], check=False)
        tool(["ip", "link", "delete", bridge], check=False)
        _sweep_routes()
        if not any(Path("/sys/class/net").glob("tqk??????")):
            _restore_limits()
    try:
        SHARED.rmdir()
    except OSError:
        pass


def _subnet(bridge: str) -> IPv4Network | None:
    for link in json.loads(tool(["ip", "-json", "-4", "address", "show"])):
        if link.get("ifname") == bridge:
            for info in link["addr_info"]:
                return IPv4Network(f"{info['local']}/{info['prefixlen']}", strict=False)
    return None


def _sweep_routes() -> None:
    """Remove the last-resort routes whose bridge is gone, also those of killed runs."""
    routes = json.loads(tool(["ip", "-json", "-4", "route", "show"]) or "[]")
    bridged = {route["dst"] for route in routes if route.get("dev", "").startswith("tqk")}
    for route in routes:
        if (
            route.get("type") == "unreachable"
            and str(route.get("metric")) == LAST_RESORT
            and route["dst"] not in bridged
        ):
            words = ["unreachable", route["dst"], "metric", LAST_RESORT]
            tool(["ip", "route", "delete", *words], check=False)


def _rules(table: str, bridge: str, subnet: IPv4Network) -> str:
    """One transaction: the table is emptied and filled, or stays as it was."""
    return (
        f"add table ip {table}\n"
        f"delete table ip {table}\n"
        f"table ip {table} {{\n"
        "  chain out {\n"
        "    type nat hook postrouting priority srcnat;\n"
        f'    ip saddr {subnet} oifname != "{bridge}" masquerade\n'
        "  }\n"
        "}\n"
    )


def _raise_limits() -> None:
    kept = SHARED / "before.json"
    if not kept.exists():
        before = {str(path): path.read_text().strip() for path in (FORWARD, INOTIFY)}
        replace(kept, json.dumps(before))
    if int(INOTIFY.read_text()) < INOTIFY_WANTED:
        INOTIFY.write_text(str(INOTIFY_WANTED))


def _restore_limits() -> None:
    kept = SHARED / "before.json"
    if kept.exists():
        for path, value in json.loads(kept.read_text()).items():
            Path(path).write_text(value)
        kept.unlink()
