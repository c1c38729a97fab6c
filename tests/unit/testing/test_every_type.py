"""Each resource type converges in memory, and a second time changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from toque import (
    AptPin,
    Archive,
    Block,
    Certificate,
    Command,
    Cron,
    Directory,
    Download,
    File,
    Firewall,
    FirewallRule,
    Git,
    Group,
    Hostname,
    HttpCheck,
    Limits,
    Line,
    Link,
    Locale,
    Log,
    Mount,
    Package,
    PortCheck,
    PostgresDatabase,
    PostgresExtension,
    PostgresGrant,
    PostgresRole,
    Reboot,
    Service,
    SshKnownHost,
    Sudoers,
    SwapFile,
    Sysctl,
    Timer,
    Timezone,
    Tree,
    Unit,
    User,
    WebAddress,
)
from toque.node.resource import Resource
from toque.node.resources import CLASSES
from toque.testing import converge

from .conftest import Plan

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJUSr1UH7OXW2ACCEQoU5T0Oov+2UlU3tT6rNSHWj8JH"
SERVER = (Package("postgresql-15"), Service("postgresql", running=True))
SAMPLES: dict[str, Callable[[], Sequence[Resource]]] = {
    "apt_pin": lambda: [AptPin("nginx", packages=("nginx",), pin="version 1.*", priority=900)],
    "archive": lambda: [Archive("/opt/x", "/srv/x.tar.gz", sha256="0" * 64)],
    "block": lambda: [File("/etc/b", content="", create_only=True), Block("/etc/b", "a", "x\n")],
    "certificate": lambda: [Certificate("/etc/c.pem", "/etc/c.key", names=("a.example",))],
    "command": lambda: [Command(("do", "it"), once="it")],
    "cron": lambda: [Package("cron"), Cron("job", "0 3 * * *", ("/bin/true",))],
    "directory": lambda: [Directory("/srv/a")],
    "download": lambda: [Download("/opt/x", "https://a.example/x", "0" * 64)],
    "file": lambda: [File("/etc/a", content="x")],
    "firewall": lambda: [Firewall((FirewallRule("accept", ports=(22,)),))],
    "git": lambda: [Git("/opt/x", "https://a.example/x.git", "refs/heads/main", "backup")],
    "group": lambda: [Group("crew")],
    "hostname": lambda: [Hostname("web1")],
    "http_check": lambda: [HttpCheck("http://a.example/")],
    "limits": lambda: [Limits("web", domain="www-data", both={"nofile": 1000})],
    "line": lambda: [File("/etc/l", content="", create_only=True), Line("/etc/l", "x")],
    "link": lambda: [Link("/srv/way", target="/etc")],
    "locale": lambda: [Locale("de_DE.UTF-8")],
    "log": lambda: [Log("here")],
    "mount": lambda: [Directory("/mnt/x"), Mount("/mnt/x", device="tmpfs", type="tmpfs")],
    "package": lambda: [Package("nginx-light")],
    "port_check": lambda: [PortCheck(80)],
    "postgres_database": lambda: [*SERVER, PostgresDatabase("a")],
    "postgres_extension": lambda: [*SERVER, PostgresExtension("hstore", "a")],
    "postgres_grant": lambda: [*SERVER, PostgresGrant("a", "b", ("CONNECT",))],
    "postgres_role": lambda: [*SERVER, PostgresRole("a", password="secret")],
    "reboot": lambda: [Reboot()],
    "service": lambda: [Package("memcached"), Service("memcached", running=False)],
    "ssh_known_host": lambda: [SshKnownHost("a.example", public_key=KEY)],
    "sudoers": lambda: [Package("sudo"), Sudoers("web", "www-data", (("/bin/true",),))],
    "swap_file": lambda: [SwapFile("/swap", size_mib=64)],
    "sysctl": lambda: [Sysctl("vm.swappiness", 10)],
    "timer": lambda: [Timer("backup", "daily", ("/bin/true",))],
    "timezone": lambda: [Timezone("Europe/Paris")],
    "tree": lambda: [Tree("/srv/t", files={"a": "x", "b/c": "y"})],
    "unit": lambda: [Unit("a.service", content="[Service]\nExecStart=/a\n")],
    "user": lambda: [User("thena", system=True)],
    "web_address": lambda: [WebAddress(names=("a.example",))],
}
LATER = {
    "apt_repository": "needs a signing key: see its own tests",
    "checkout": "part of a deploy: tests of the example converge one",
    "current": "part of a deploy",
    "deploy_key": "made by a command of its own: see its tests",
    "drained": "part of a deploy behind a balancer",
    "earlier": "part of a deploy",
    "inspection": "part of a deploy",
    "instance": "part of a deploy",
    "intact": "part of a deploy",
    "original": "part of a removal",
    "migration": "part of a deploy",
    "processes": "part of a deploy",
    "releases": "part of a deploy",
    "retired": "part of a deploy",
    "watched": "part of a deploy",
    "venv": "part of a deploy",
    "workers": "part of a deploy",
}
QUIET = {
    "http_check",
    "port_check",
    "log",
    "reboot",
    "web_address",
}  # they only look, or have nothing to do


def test_every_type_is_tried() -> None:
    assert {*SAMPLES, *LATER} == set(CLASSES)


@pytest.mark.parametrize("kind", SAMPLES)
def test_type_converges_twice(plan: Plan, kind: str) -> None:
    made = plan(*SAMPLES[kind]())

    first = converge(made)
    again = converge(made, first.machine)

    assert again.changed == ()
    assert any(id.startswith(f"{kind}:") for id in first.changed) == (kind not in QUIET)
