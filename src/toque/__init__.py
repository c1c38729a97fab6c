"""What a cookbook author imports; each name is loaded when it is first used.

``import toque`` alone costs nothing, so that the command line stays quick.
"""

from importlib import import_module

__version__ = "0.1.0"

TYPE_CHECKING = False  # as in typing, importing which takes as long as all the rest before ssh

if TYPE_CHECKING:
    from .cookbooks.cookbook import Cookbook
    from .cookbooks.recipe import Recipe
    from .node.model import Action, Facts, Guard
    from .node.nft import FirewallRule
    from .node.resources.apt_pin import AptPin
    from .node.resources.apt_repository import AptRepository
    from .node.resources.archive import Archive
    from .node.resources.block import Block
    from .node.resources.certificate import Certificate
    from .node.resources.checkout import Checkout
    from .node.resources.command import Command
    from .node.resources.cron import Cron
    from .node.resources.current import Current
    from .node.resources.deploy_key import DeployKey
    from .node.resources.directory import Directory
    from .node.resources.download import Download
    from .node.resources.drained import Drained
    from .node.resources.earlier import Earlier
    from .node.resources.file import File
    from .node.resources.firewall import Firewall
    from .node.resources.git import Git
    from .node.resources.group import Group
    from .node.resources.hostname import Hostname
    from .node.resources.http_check import HttpCheck
    from .node.resources.inspection import Inspection
    from .node.resources.instance import Instance
    from .node.resources.intact import Intact
    from .node.resources.limits import Limits
    from .node.resources.line import Line
    from .node.resources.link import Link
    from .node.resources.locale import Locale
    from .node.resources.log import Log
    from .node.resources.migration import Migration
    from .node.resources.mount import Mount
    from .node.resources.original import Original
    from .node.resources.package import Package
    from .node.resources.port_check import PortCheck
    from .node.resources.postgres_database import PostgresDatabase
    from .node.resources.postgres_extension import PostgresExtension
    from .node.resources.postgres_grant import PostgresGrant
    from .node.resources.postgres_role import PostgresRole
    from .node.resources.processes import Processes
    from .node.resources.reboot import Reboot
    from .node.resources.releases import Releases
    from .node.resources.retired import Retired
    from .node.resources.service import Service
    from .node.resources.ssh_known_host import SshKnownHost
    from .node.resources.sudoers import Sudoers
    from .node.resources.swap_file import SwapFile
    from .node.resources.sysctl import Sysctl
    from .node.resources.timer import Timer
    from .node.resources.timezone import Timezone
    from .node.resources.tree import Tree
    from .node.resources.unit import Unit
    from .node.resources.user import User
    from .node.resources.venv import Venv
    from .node.resources.watched import Watched
    from .node.resources.web_address import WebAddress
    from .node.resources.workers import Workers
    from .node.values import Secret

_HOME = {
    "Action": "node.model",
    "AptPin": "node.resources.apt_pin",
    "AptRepository": "node.resources.apt_repository",
    "Archive": "node.resources.archive",
    "Block": "node.resources.block",
    "Certificate": "node.resources.certificate",
    "Checkout": "node.resources.checkout",
    "Command": "node.resources.command",
    "Cookbook": "cookbooks.cookbook",
    "Cron": "node.resources.cron",
    "Current": "node.resources.current",
    "DeployKey": "node.resources.deploy_key",
    "Directory": "node.resources.directory",
    "Download": "node.resources.download",
    "Drained": "node.resources.drained",
    "Facts": "node.model",
    "Earlier": "node.resources.earlier",
    "File": "node.resources.file",
    "Firewall": "node.resources.firewall",
    "FirewallRule": "node.nft",
    "Git": "node.resources.git",
    "Group": "node.resources.group",
    "Guard": "node.model",
    "Hostname": "node.resources.hostname",
    "HttpCheck": "node.resources.http_check",
    "Inspection": "node.resources.inspection",
    "Instance": "node.resources.instance",
    "Intact": "node.resources.intact",
    "Limits": "node.resources.limits",
    "Line": "node.resources.line",
    "Link": "node.resources.link",
    "Locale": "node.resources.locale",
    "Log": "node.resources.log",
    "Migration": "node.resources.migration",
    "Mount": "node.resources.mount",
    "Original": "node.resources.original",
    "Package": "node.resources.package",
    "PortCheck": "node.resources.port_check",
    "PostgresDatabase": "node.resources.postgres_database",
    "PostgresExtension": "node.resources.postgres_extension",
    "PostgresGrant": "node.resources.postgres_grant",
    "PostgresRole": "node.resources.postgres_role",
    "Processes": "node.resources.processes",
    "Reboot": "node.resources.reboot",
    "Recipe": "cookbooks.recipe",
    "Releases": "node.resources.releases",
    "Retired": "node.resources.retired",
    "Secret": "node.values",
    "Service": "node.resources.service",
    "SshKnownHost": "node.resources.ssh_known_host",
    "Sudoers": "node.resources.sudoers",
    "SwapFile": "node.resources.swap_file",
    "Sysctl": "node.resources.sysctl",
    "Timer": "node.resources.timer",
    "Timezone": "node.resources.timezone",
    "Tree": "node.resources.tree",
    "Unit": "node.resources.unit",
    "User": "node.resources.user",
    "Venv": "node.resources.venv",
    "Watched": "node.resources.watched",
    "WebAddress": "node.resources.web_address",
    "Workers": "node.resources.workers",
}

__all__ = [
    "Action",
    "AptPin",
    "AptRepository",
    "Archive",
    "Block",
    "Certificate",
    "Checkout",
    "Command",
    "Cookbook",
    "Cron",
    "Current",
    "DeployKey",
    "Directory",
    "Download",
    "Drained",
    "Earlier",
    "Facts",
    "File",
    "Firewall",
    "FirewallRule",
    "Git",
    "Group",
    "Guard",
    "Hostname",
    "HttpCheck",
    "Inspection",
    "Instance",
    "Intact",
    "Limits",
    "Line",
    "Link",
    "Locale",
    "Log",
    "Migration",
    "Mount",
    "Original",
    "Package",
    "PortCheck",
    "PostgresDatabase",
    "PostgresExtension",
    "PostgresGrant",
    "PostgresRole",
    "Processes",
    "Reboot",
    "Recipe",
    "Releases",
    "Retired",
    "Secret",
    "Service",
    "SshKnownHost",
    "Sudoers",
    "SwapFile",
    "Sysctl",
    "Timer",
    "Timezone",
    "Tree",
    "Unit",
    "User",
    "Venv",
    "Watched",
    "WebAddress",
    "Workers",
    "__version__",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'toque' has no attribute {name!r}")
    value: object = getattr(import_module(f"toque.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
