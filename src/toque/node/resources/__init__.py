"""The registry of resource types: one file per type, imported when a plan first names it."""

from importlib import import_module
from typing import Dict, Iterator, Mapping, Type

from ..model import Plan
from ..resource import Resource

CLASSES: Dict[str, str] = {
    "apt_pin": "AptPin",
    "apt_repository": "AptRepository",
    "archive": "Archive",
    "block": "Block",
    "certificate": "Certificate",
    "checkout": "Checkout",
    "command": "Command",
    "cron": "Cron",
    "current": "Current",
    "deploy_key": "DeployKey",
    "directory": "Directory",
    "download": "Download",
    "drained": "Drained",
    "earlier": "Earlier",
    "file": "File",
    "firewall": "Firewall",
    "git": "Git",
    "group": "Group",
    "hostname": "Hostname",
    "http_check": "HttpCheck",
    "inspection": "Inspection",
    "instance": "Instance",
    "intact": "Intact",
    "limits": "Limits",
    "line": "Line",
    "link": "Link",
    "locale": "Locale",
    "log": "Log",
    "migration": "Migration",
    "mount": "Mount",
    "original": "Original",
    "package": "Package",
    "port_check": "PortCheck",
    "postgres_database": "PostgresDatabase",
    "postgres_extension": "PostgresExtension",
    "postgres_grant": "PostgresGrant",
    "postgres_role": "PostgresRole",
    "processes": "Processes",
    "reboot": "Reboot",
    "releases": "Releases",
    "retired": "Retired",
    "service": "Service",
    "ssh_known_host": "SshKnownHost",
    "sudoers": "Sudoers",
    "swap_file": "SwapFile",
    "sysctl": "Sysctl",
    "timer": "Timer",
    "timezone": "Timezone",
    "tree": "Tree",
    "unit": "Unit",
    "user": "User",
    "venv": "Venv",
    "watched": "Watched",
    "web_address": "WebAddress",
    "workers": "Workers",
}


class Types(Mapping[str, Type[Resource]]):
    """Kinds to classes; the module of a kind has its name."""

    def __init__(self) -> None:
        self._found: Dict[str, Type[Resource]] = {}  # asked for once a step

    def __getitem__(self, kind: str) -> Type[Resource]:
        if kind not in self._found:
            name = CLASSES[kind]
            self._found[kind] = getattr(import_module(f".{kind}", __name__), name)
        return self._found[kind]

    def __iter__(self) -> Iterator[str]:
        return iter(CLASSES)

    def __len__(self) -> int:
        return len(CLASSES)


TYPES = Types()


def types_of(plan: Plan) -> Mapping[str, Type[Resource]]:
    """The types that a plan's steps can be of, those included whose texts it brings itself."""
    if not plan.types:
        return TYPES
    from ..owntypes import OwnTypes  # only who has such types pays for loading them

    return OwnTypes(plan.types)
