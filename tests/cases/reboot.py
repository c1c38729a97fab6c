"""What asks for a reboot on a real machine; tests/machine/test_reboot.py really reboots one."""

import os

from toque_node.resources.reboot import ASKED, Reboot

NOT = {
    "sensitive": "a reboot holds no secret",
    "absent_tool": "the step only asks; systemctl, which reboots, is there where systemd runs",
}


def present(node):
    node.put("/run/case-required")
    outcome = node.makes(Reboot(needed="/run/case-required"))
    assert outcome.diff == ("+ reboot at the end of the run",)
    assert os.path.exists(ASKED)
    assert node.walk(Reboot(needed="/run/case-required"), check=True).status.value == "would-change"
    os.unlink(ASKED)
    os.unlink("/run/case-required")


def absent(node):
    node.leaves(Reboot(needed="/run/case-not-required"))
    assert not os.path.exists(ASKED)


def unmanaged(node):
    """Without a need nothing is asked, until another step asks."""
    reboot = Reboot(needed="/run/case-not-required")
    node.perform(reboot, "request")
    assert os.path.exists(ASKED)
    os.unlink(ASKED)
