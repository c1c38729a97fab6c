"""What programs are given: a value is one whole argument, never shell text, never an option (IN-1).

Each text field of each resource type takes each of a set of awkward values, on a machine in memory
that records every argument list.  A value that its type refuses has gone nowhere, which is as good.
"""

import dataclasses
import itertools
from typing import Any, Dict, Iterator, List, Tuple

import pytest

from openpgp_keys import ED25519, ED25519_FINGERPRINT
from toque.node.memory import MemorySystem
from toque.node.model import Facts
from toque.node.resource import EXISTS, Invalid, Resource
from toque.node.resources import CLASSES, TYPES
from toque.node.system import Result

MARK = "c4n4ry"
PAYLOADS = (
    f"{MARK}; touch /x", f"{MARK}$(touch /x)", f"{MARK}`touch /x`", f"{MARK}' \"x", f"{MARK}\nx",
    f"{MARK} | sh", f"{MARK} && x", f"{MARK}*?", f"-{MARK}", f"--{MARK}=x", f"-o{MARK}=x",
    f"/{MARK}/$(x) y", f"/{MARK}/;x", f"https://{MARK}/$(x)", f"{MARK}%h{{}}", MARK,
)  # fmt: skip
SHELLS = {"sh", "bash", "dash", "ash", "zsh", "ksh", "busybox"}
# Arguments that the author of a cookbook writes: a program and what it is given are theirs.
OWN = {("command", "argv"), ("migration", "argv"), ("command", "unless"), ("command", "only_if"),
       ("file", "check"), ("line", "check"), ("block", "check")}  # fmt: skip
ID, COMMIT = "0123456789ab-0123ab", "c" * 40
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO7KvIuMXqjXFWBSDTYdFTmiMlxmMpl8Y5Zcb2Vrg6Cg"
SAMPLES: Dict[str, Dict[str, Any]] = {
    "apt_pin": {"name": "a", "packages": ("a",), "pin": "version 1", "priority": 500},
    "apt_repository": {
        "name": "a", "uris": ("https://a.example",), "suites": ("stable",),
        "components": ("main",), "signed_by": ED25519, "fingerprints": (ED25519_FINGERPRINT,),
    },
    "archive": {"path": "/srv/x", "source": "/srv/x.tar", "sha256": "0" * 64, "owner": "app"},
    "block": {"path": "/etc/a", "name": "a", "text": "b", "check": ("true",)},
    "certificate": {"path": "/etc/c", "key_path": "/etc/k", "names": ("a.example",)},
    "checkout": {
        "path": f"/srv/www/a/releases/{ID}", "app": "a", "release_id": ID, "commit": COMMIT,
        "mirror": "/srv/www/a/repo.git", "user": "app", "group": "app", "venv": "/srv/v",
        "socket": "/run/a.sock", "url": "https://a.example/a.git", "key_path": "/etc/key",
        "known_hosts": "/etc/hosts", "refs": "refs/heads/main",
    },
    "command": {"argv": ("true", "x"), "user": "app", "unless": ("false",), "env": {"A": "b"}},
    "cron": {"name": "a", "schedule": "@daily", "command": ("a", "b"), "environment": {"A": "b"}},
    "current": {
        "path": "/srv/www/a/current", "release": f"releases/{ID}", "unit": f"a-{ID}.service",
        "app": "a",
    },
    "deploy_key": {
        "path": "/etc/key", "user": "app", "comment": "app@web1", "successor": "/etc/next",
    },
    "earlier": {"app": "a", "release": ID, "count": 1},
    "inspection": {
        "release": f"/srv/www/a/releases/{ID}", "app": "a", "entry": "a:b", "code": "/srv/www/a",
        "python": "/usr/bin/python3", "user": "app", "environment_file": "/etc/a.env",
        "settings": "/etc/a.py", "current": "/srv/www/a/current", "shared": "/srv/www/a/shared",
        "host": "a.example", "server": "gunicorn",
    },
    "intact": {"app": "a", "release": ID},
    "original": {"path": "/etc/a"},
    "drained": {"name": "a", "addresses": ("10.0.0.1:80",), "within_s": 0.0},
    "directory": {"path": "/srv/d", "owner": "app", "group": "app", "parents": True},
    "download": {
        "path": "/srv/f", "url": "https://a.example/f", "sha256": "0" * 64, "timeout_s": 0.01,
    },
    "file": {"path": "/etc/f", "content": "x", "owner": "app", "check": ("true",)},
    "firewall": {"rules": (), "otherwise": "drop"},
    "git": {
        "path": "/srv/g", "url": "https://a.example/a.git", "revision": "refs/heads/main",
        "user": "app", "key_path": "/etc/key", "known_hosts": "/etc/hosts", "submodules": True,
    },
    "group": {"name": "new", "members": ("app",)},
    "hostname": {"name": "web1"},
    "http_check": {"url": "https://a.example/", "timeout_s": 0.01},
    "instance": {
        "unit": f"a-{ID}.service", "socket": "/run/a.sock", "host": "a", "group": "app",
        "release": f"/srv/www/a/releases/{ID}", "current": "/srv/www/a/current", "timeout_s": 0.01,
    },
    "limits": {"name": "a", "domain": "app", "soft": {"nofile": 5}},
    "line": {"path": "/etc/a", "line": "b", "check": ("true",)},
    "link": {"path": "/etc/l", "target": "x"},
    "locale": {"name": "de_CH.UTF-8"},
    "log": {"message": "x"},
    "migration": {
        "app": "a", "release": ID, "commit": COMMIT, "argv": ("/v/bin/alembic", "upgrade", "head"),
        "user": "app", "cwd": "/srv/www/a", "python": "/v/bin/python", "by": "ann",
        "environment_file": "/etc/a.env", "current": "/srv/www/a/current",
    },
    "mount": {"path": "/mnt/a", "device": "/dev/a", "type": "ext4", "options": ("ro",)},
    "package": {"names": ("nginx",), "versions": {"nginx": "1"}, "answers": {"nginx/a": "c"}},
    "port_check": {"port": 22, "address": "a", "timeout_s": 0.01},
    "postgres_database": {"name": "a", "owner": "b"},
    "postgres_extension": {"name": "a", "database": "b", "version": "1", "schema": "c"},
    "postgres_grant": {
        "role": "a", "database": "b", "privileges": ("SELECT",), "on": "tables", "names": ("t",),
    },
    "postgres_role": {"name": "a", "password": "x"},
    "reboot": {},
    "processes": {
        "app": "a", "release": ID, "units": {f"a-{ID}-mail-1.service": "[Service]\n"},
    },
    "releases": {"app": "a", "current": ID, "user": "app", "keep": 1},
    "watched": {"app": "a", "release": ID, "log": "/l", "user": "u"},
    "retired": {"app": "a", "keep_unit": f"a-{ID}.service", "drain_s": 0.01},
    "service": {"name": "a", "running": True, "enabled": True},
    "ssh_known_host": {"host": "a.example", "public_key": KEY, "user": "app"},
    "sudoers": {"name": "a", "who": "app", "commands": (("/bin/a", "b"),)},
    "swap_file": {"path": "/swap", "size_mib": 1},
    "sysctl": {"name": "vm.swappiness", "value": "1"},
    "timer": {"name": "a", "schedule": "daily", "command": ("/bin/a", "b"), "user": "app"},
    "timezone": {"name": "Europe/Zurich"},
    "tree": {"path": "/srv/t", "files": {"a": "b"}, "owner": "app"},
    "unit": {"name": "a.service", "content": "[Service]\nExecStart=/bin/a\n"},
    "user": {
        "name": "new", "group": "app", "groups": ("app",), "home": "/srv/h", "shell": "/bin/sh",
        "comment": "c", "password_hash": "$6$x", "authorized_keys": (KEY,),
    },
    "venv": {
        "path": "/srv/www/a/venvs/k", "app": "a", "release": f"/srv/www/a/releases/{ID}",
        "user": "app", "group": "app",
    },
    "web_address": {"port": 80, "names": ("a.example",), "ours": ("a",)},
    "workers": {"app": "a", "release": ID},
}  # fmt: skip


class Everything(dict):
    """Every program is installed and does well."""

    def get(self, name, default=None):
        said = f"100644 blob {COMMIT}\ta.py\0".encode() if name == "git" else b""
        return lambda argv, stdin, user: Result(argv, 0, said)


def machine() -> MemorySystem:
    system = MemorySystem(
        facts=Facts(os="debian", release="12", codename="bookworm", init="systemd"),
        files={
            "/etc/passwd": b"root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n",
            "/etc/group": b"root:x:0:\napp:x:1000:\n",
            "/etc/shadow": b"app:!:1::::::\n",
            "/var/lib/dpkg/status": b"Package: a\nStatus: install ok installed\nVersion: 1\n\n",
            "/etc/fstab": b"",
            "/proc/swaps": b"Filename\n",
            "/etc/a": b"x\n",
            "/usr/local/lib/toque/uv": b"",
            f"/srv/www/a/releases/{ID}/x": b"",
            "/home/app/x": b"",
        },
    )
    system.programs = Everything()
    return system


def made(kind: str, fields: Dict[str, Any]) -> Resource:
    """A valid resource.  Raises for what its type refuses."""
    rest = dict(fields)
    resource = TYPES[kind](*rest.pop("names"), **rest) if kind == "package" else TYPES[kind](**rest)
    resource.validate()
    return resource


def with_payload(kind: str, field: str, payload: str) -> Iterator[Dict[str, Any]]:
    """The fields of the sample with the payload in one, in each way in which it can be there."""
    sample = SAMPLES[kind]
    old = sample.get(field, dataclass_default(kind, field))
    texts: List[object] = [payload]
    if isinstance(old, tuple):
        texts = [(payload,), (*old, payload), (payload, *old)]
    elif isinstance(old, dict):
        texts = [{**old, "A": payload}, {payload: "x"}]
    elif isinstance(old, (bool, int, float)):
        return
    for text in texts:
        yield {**sample, field: text}


def dataclass_default(kind: str, name: str) -> object:
    (field,) = [f for f in dataclasses.fields(TYPES[kind]) if f.name == name]
    if field.default is not dataclasses.MISSING:
        return field.default
    return () if field.default_factory is dataclasses.MISSING else field.default_factory()


def calls_of(resource: Resource) -> List[Tuple[str, ...]]:
    """Every argument list that comes of looking, fixing and each verb, whatever else happens."""
    system = machine()
    wanted = resource.wanted()
    keys = frozenset({EXISTS, *(wanted or {})})
    tries = [
        lambda: type(resource).prefetch(system, [resource]),
        lambda: resource.found(system),
        lambda: resource.fix(system, keys),
        lambda: resource.fix(system, keys - {EXISTS}),
        *(lambda verb=verb: resource.perform(system, verb) for verb in resource.verbs),
    ]
    for attempt in tries:
        try:
            attempt()
        except Exception:  # noqa: BLE001 - made-up programs answer nonsense
            continue
    return system.calls


def faults(kind: str, field: str, payload: str, argv: Tuple[str, ...]) -> Iterator[str]:
    """What is wrong with an argument list."""
    for number, word in enumerate(argv):
        if MARK not in word:
            continue
        if payload not in word and not payload.startswith(word):  # a directory above a path
            yield f"{payload!r} was cut apart"
        before = argv[:number]
        shell = any(w.rsplit("/", 1)[-1] in SHELLS for w in before)
        if shell and before[-1].startswith("-") and before[-1].endswith("c"):
            yield f"{payload!r} is in the text of a shell"
        option = word == payload and word.startswith("-") and "--" not in before
        if option and (kind, field) not in OWN:
            yield f"{payload!r} can be taken for an option"


def test_every_type_has_a_sample_that_is_right() -> None:
    assert set(SAMPLES) == set(CLASSES)
    for kind, sample in SAMPLES.items():
        made(kind, sample)


def test_value_is_one_whole_argument(record_property) -> None:
    wrong: List[object] = []
    fields, refused, given, seen = 0, 0, 0, 0
    for kind in CLASSES:
        for field, payload in itertools.product(dataclasses.fields(TYPES[kind]), PAYLOADS):
            fields += payload == PAYLOADS[0]
            for values in with_payload(kind, field.name, payload):
                try:
                    resource = made(kind, values)
                except (Invalid, TypeError, ValueError, AttributeError):
                    refused += 1
                    continue
                given += 1
                for argv in calls_of(resource):
                    bad = list(faults(kind, field.name, payload, argv))
                    wrong += [(kind, field.name, argv, bad)] * bool(bad)
                    seen += sum(MARK in word for word in argv)
    record_property(
        "figure",
        f"{fields} fields x {len(PAYLOADS)} payloads: {given} given, {refused} refused, "
        f"{seen} arguments with one, shells carrying data 0",
    )
    assert wrong == []
    assert given > 1000 < refused
    assert seen > 500


@pytest.mark.parametrize(
    ("argv", "wrong"),
    [
        (("sh", "-c", f"echo -{MARK}"), True),
        (("/bin/bash", "-ec", f"x -{MARK}"), True),
        (("useradd", f"-{MARK}"), True),
        (("useradd", MARK), True),
        (("useradd", "--", f"-{MARK}"), False),
        (("useradd", f"--home=-{MARK}"), False),
        (("sh", "-c", 'x "$1"', "sh", f" -{MARK}"), False),
    ],
)
def test_the_rule_sees_a_planted_fault(argv: Tuple[str, ...], wrong: bool) -> None:
    assert bool(list(faults("user", "name", f"-{MARK}", argv))) == wrong
