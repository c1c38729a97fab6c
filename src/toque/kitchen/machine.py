"""What the kitchen knows about a throwaway machine: frozen values and their JSON form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# What a program inside starts with, whatever this host's environment is.
ENVIRONMENT = (
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME=/root",
    "LANG=C.UTF-8",
)
STANDARD_PORTS: Mapping[str, int] = {"ssh": 22, "http": 80, "postgres": 5432}


@dataclass(frozen=True)
class Spec:
    """What a machine is asked to be, before anything of it exists.

    ``driver`` is a driver's own name, never ``auto``.  ``packages`` are preinstalled in the image
    beyond what the driver needs; they are part of the image's identity.  ``options`` are what only
    this driver knows, such as an address or a region; each driver says which it takes.  One that is
    ``layered`` may begin from the layer that its namesake began from, where its driver keeps some.
    """

    name: str
    driver: str
    release: str = "bookworm"
    packages: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    layered: bool = field(default=False, compare=False)  # how it begins is not what it is

    def as_json(self) -> dict[str, object]:
        return {
            "name": self.name,
            "driver": self.driver,
            "release": self.release,
            "packages": list(self.packages),
            "options": dict(self.options),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Spec:
        return cls(
            name=value["name"],
            driver=value["driver"],
            release=value["release"],
            packages=tuple(value["packages"]),
            options=dict(value.get("options", {})),  # records of older versions have none
        )


@dataclass(frozen=True)
class Machine:
    """A machine and how to reach it.

    ``key`` is the private key that logs in as ``user``; ``host_key`` is the public half of the
    machine's own key, ``ssh-ed25519 AAAA...``, to be pinned.  ``root`` is its file tree as this
    host sees it.  ``ports`` maps a purpose to the port that this host reaches at ``address``.
    ``image`` is the identity of the image it began as.
    """

    name: str
    driver: str
    release: str
    address: str
    ssh_port: int
    key: Path
    host_key: str
    root: Path
    ports: Mapping[str, int]
    created: str
    image: str
    user: str = "root"

    @property
    def folder(self) -> Path:
        """Where everything of this machine lies on this host."""
        return self.root.parent

    def as_json(self) -> dict[str, object]:
        return {
            "name": self.name,
            "driver": self.driver,
            "release": self.release,
            "address": self.address,
            "ssh_port": self.ssh_port,
            "user": self.user,
            "key": str(self.key),
            "host_key": self.host_key,
            "root": str(self.root),
            "ports": dict(self.ports),
            "created": self.created,
            "image": self.image,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Machine:
        return cls(
            name=value["name"],
            driver=value["driver"],
            release=value["release"],
            address=value["address"],
            ssh_port=value["ssh_port"],
            user=value["user"],
            key=Path(value["key"]),
            host_key=value["host_key"],
            root=Path(value["root"]),
            ports=dict(value["ports"]),
            created=value["created"],
            image=value["image"],
        )


@dataclass(frozen=True)
class Verdict:
    """Whether a driver can work on this host, found by trying; ``reason`` is one line."""

    driver: str
    works: bool
    reason: str

    def as_json(self) -> dict[str, object]:
        return {"driver": self.driver, "works": self.works, "reason": self.reason}
