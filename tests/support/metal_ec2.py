"""The driver ``ec2`` with throwaway machines of this host as the metal under moto's instances.

Moto's instances are only written down.  Here each has a machine of the driver ``nspawn``, which is
told what its instance was told, as by cloud-init, and loses its power when that is stopped.  They
are in the kitchen that METAL_DIR names.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from toque.kitchen import api
from toque.kitchen.drivers.ec2 import Ec2
from toque.kitchen.machine import Machine, Spec

TOLD = "/etc/told"


def kitchen_of(environ: Mapping[str, str]) -> api.Kitchen:
    return api.Kitchen.from_environment({**environ, "TOQUE_KITCHEN_DIR": environ["METAL_DIR"]})


def user_data(client: Any, instance: str) -> dict[str, Any]:
    """What an instance is told at its first boot."""
    shown = client.describe_instance_attribute(InstanceId=instance, Attribute="userData")
    text = base64.b64decode(shown["UserData"]["Value"]).decode()
    assert text.startswith("#cloud-config\n")
    told: dict[str, Any] = json.loads(text.partition("\n")[2])
    return told


def booted(kitchen: api.Kitchen, name: str, told: Mapping[str, Any]) -> Machine:
    """The metal of an instance, running, and told once."""
    machine = api.create(kitchen, name, driver="nspawn")
    if api.execute(kitchen, name, ["test", "-e", TOLD]).returncode != 0:
        for path, text in (
            ("/etc/ssh/ssh_host_ed25519_key", told["ssh_keys"]["ed25519_private"]),
            ("/etc/ssh/ssh_host_ed25519_key.pub", told["ssh_keys"]["ed25519_public"]),
            ("/root/.ssh/authorized_keys", "\n".join(told["ssh_authorized_keys"])),
            (TOLD, ""),
        ):
            api.execute(kitchen, name, ["tee", path], f"{text}\n".encode())
        api.execute(kitchen, name, ["systemctl", "restart", "ssh"])
    return machine


@dataclass(frozen=True)
class Metal(Ec2):
    name: str = "metal"
    settle_s: float = 0.0

    def _reached(self, spec: Spec, machine: Machine, instance: Mapping[str, Any]) -> Machine:
        told = user_data(self._account(machine).client, instance["InstanceId"])
        metal = booted(kitchen_of(self.environ), machine.name, told)
        return replace(machine, address=metal.address)

    def _stop(self, machine: Machine, **how: bool) -> None:
        super()._stop(machine, **how)
        (api.power_cut if how else api.stop)(kitchen_of(self.environ), machine.name)

    def sweep(self) -> None:
        super().sweep()
        metal = kitchen_of(self.environ)
        for name in set(metal.store.names()) - set(self.store.names()):
            api.destroy(metal, name)
