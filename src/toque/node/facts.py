"""What this machine is.  Works without /proc (a chroot) and starts no process."""

import os
import sys
from typing import TYPE_CHECKING, Any, Dict, List, Tuple

if TYPE_CHECKING:
    from .model import Facts


def gather(root: str = "/") -> "Facts":
    """The facts of this machine; ``root`` lets tests read another tree's os-release."""
    from .wire import facts_from

    return facts_from(look(root))


def look(root: str = "/") -> Dict[str, Any]:
    """The same as they travel.  A controller waits for them: nothing else of ours is imported."""
    release = _os_release(os.path.join(root, "etc/os-release"))
    init, reason = _init(root)
    machine = os.uname()
    return {
        "hostname": machine.nodename,
        "os": release.get("ID", ""),
        "release": release.get("VERSION_ID", ""),
        "codename": release.get("VERSION_CODENAME", ""),
        "architecture": machine.machine,
        "cpus": os.cpu_count() or 1,
        "memory_mb": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
        "addresses": list(_addresses()),
        "init": init,
        "init_reason": reason,
        "python": "{}.{}.{}".format(*sys.version_info[:3]),
        "machine_id": _first_line(os.path.join(root, "etc/machine-id")),
        "extra": {},
    }


def _init(root: str) -> Tuple[str, str]:
    """sd_booted(3): systemd runs when /run/systemd/system is a directory; scripts prove nothing."""
    marker = os.path.join(root, "run/systemd/system")
    if os.path.isdir(marker):
        return "systemd", "/run/systemd/system exists"
    return "supervisor", "/run/systemd/system does not exist"


def _os_release(path: str) -> Dict[str, str]:
    values = {}
    try:
        with open(path, encoding="utf-8") as file:
            for line in file:
                name, equals, value = line.strip().partition("=")
                if equals:
                    values[name] = value.strip("\"'")
    except FileNotFoundError:
        pass
    return values


def _addresses() -> Tuple[str, ...]:
    """IPv4 addresses of the interfaces, loopback left out (SIOCGIFADDR, netdevice(7))."""
    import fcntl
    import socket
    import struct

    found: List[str] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            request = struct.pack("256s", name.encode()[:15])
            try:
                answer = fcntl.ioctl(probe.fileno(), 0x8915, request)
            except OSError:
                continue
            address = socket.inet_ntoa(answer[20:24])
            if not address.startswith("127."):
                found.append(address)
    return tuple(found)


def boot() -> str:
    """What tells this boot of the machine from any other: random(4)."""
    return _first_line("/proc/sys/kernel/random/boot_id")


def _first_line(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.readline().strip()
    except OSError:
        return ""
