"""What needs no container: the log that podman keeps of a terminal, and who is on the bridge."""

from __future__ import annotations

import pytest

from toque.kitchen.addresses import pooled
from toque.kitchen.drivers.podman import printed


def test_parts_of_a_line_are_joined():
    log = (
        "2026-11-24T01:46:17.88+00:00 stdout F Debian GNU/Linux 12 web console\n"
        "2026-11-24T01:46:17.88+00:00 stdout F \n"
        "2026-11-24T01:46:17.88+00:00 stdout P web\n"
        "2026-11-24T01:46:17.88+00:00 stdout P  login:\n"
    )

    assert printed(log) == "Debian GNU/Linux 12 web console\n\nweb login:"


@pytest.mark.parametrize(
    ("address", "is_ours"),
    [("10.213.0.2", True), ("127.0.0.1", False), ("web.example.org", False), ("::1", False)],
)
def test_an_address_of_the_bridge_is_told_from_others(address: str, is_ours: bool):
    assert pooled(address) is is_ours
