"""Every driver keeps the same promises; where one does not work it is skipped, saying why.

What is particular to nspawn and chroot is in tests/machine/test_kitchen.py.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from toque.kitchen import api
from toque.kitchen.contract import DriverContract, traces
from toque.kitchen.identity import greets
from toque.kitchen.process import until


class TestMemory(DriverContract):
    driver = "memory"
    lacks = frozenset({"processes", "programs"})


@pytest.mark.machine
class TestNspawn(DriverContract):
    driver = "nspawn"


@pytest.mark.machine
class TestPodman(DriverContract):
    driver = "podman"


@pytest.mark.machine
class TestChroot(DriverContract):
    driver = "chroot"
    lacks = frozenset({"boot-id"})


@pytest.mark.machine
@pytest.mark.timeout(300)
def test_machines_of_two_drivers_share_a_network_that_goes_with_the_last(tmp_path: Path) -> None:
    environ = {**os.environ, "TOQUE_KITCHEN_DIR": str(tmp_path / "state")}
    kitchen = api.Kitchen.from_environment(environ)
    for name in ("nspawn", "podman"):
        verdict = kitchen.drivers.verdict(name)
        if not verdict.works:
            pytest.skip(f"driver {name} does not work here: {verdict.reason}")
    try:
        first = api.create(kitchen, "first", driver="nspawn")
        second = api.create(kitchen, "second", driver="podman")
        reach = "import socket, sys; print(socket.create_connection((sys.argv[1], 22)).recv(4))"

        asked = api.execute(kitchen, "second", ["python3", "-c", reach, first.address])
        assert asked.stdout == b"b'SSH-'\n", asked.stderr
        api.destroy(kitchen, "first")

        assert greets(second.address, 22)
        api.execute(kitchen, "second", ["systemctl", "reboot"])  # from inside, it comes back
        driver = kitchen.driver(second)
        assert until(lambda: not driver.running(second), 30.0)
        assert until(lambda: driver.running(second) and greets(second.address, 22), 30.0)
    finally:
        for name in kitchen.store.names():
            api.destroy(kitchen, name)
    assert traces(kitchen.store) == []


@pytest.mark.machine
@pytest.mark.timeout(600)
class TestQemu(DriverContract):
    driver = "qemu"
    lacks = frozenset({"neighbours"})
