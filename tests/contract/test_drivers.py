"""Every driver keeps the same promises; where one does not work it is skipped, saying why.

What is particular to nspawn and chroot is in tests/machine/test_kitchen.py.
"""

from __future__ import annotations

import pytest

from toque.kitchen.contract import DriverContract


class TestMemory(DriverContract):
    driver = "memory"
    lacks = frozenset({"processes", "programs"})


@pytest.mark.machine
class TestNspawn(DriverContract):
    driver = "nspawn"


@pytest.mark.machine
class TestChroot(DriverContract):
    driver = "chroot"
    lacks = frozenset({"boot-id"})
