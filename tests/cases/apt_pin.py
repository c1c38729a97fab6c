"""Preferences of apt on a real machine, as apt-cache understands them."""

import os

from toque_cases._archive import fetch, trusted
from toque_node.resources.apt_pin import AptPin
from toque_node.resources.package import Package

NOT = {
    "unmanaged": "a preference has no aspect that could be left alone",
    "sensitive": "a preference holds no secret",
    "absent_tool": "the runtime itself writes the file",
}


def present(node):
    with trusted(node) as archive:
        archive.add("case-pinned", "1.0")
        archive.add("case-pinned", "2.0")
        fetch(node, archive)
        pin = AptPin("case", ("case-pin*", "case-else"), "version 1.*", 1001)
        node.makes(pin)
        policy = node.out("apt-cache", "policy", "case-pinned")
        assert "Candidate: 1.0" in policy, policy
        assert "1001" in policy, policy
        node.makes(Package("case-pinned"))
        assert node.out("dpkg-query", "-W", "-f", "${Version}", "case-pinned") == "1.0"
        node.makes(AptPin("case", absent=True))
        outcome = node.makes(Package("case-pinned", upgrade=True))
        assert outcome.diff == ("~ case-pinned 1.0 -> 2.0",)


def absent(node):
    node.put(
        "/etc/apt/preferences.d/case-old.pref", b"Package: x\nPin: origin y\nPin-Priority: 1\n"
    )
    node.makes(AptPin("case-old", absent=True))
    assert not os.path.exists("/etc/apt/preferences.d/case-old.pref")


def every_kind_of_pin_is_taken_by_apt(node):
    pins = (
        "version 1:2.3~rc1*",
        "release a=stable, n=bookworm, o=Debian",
        'origin ""',
        "origin x.y",
    )
    for number, pin in enumerate(pins):
        node.makes(AptPin(f"case-{number}", ("case-any",), pin, 100 + number))
        assert node.run("apt-cache", "policy").stderr == ""
        node.makes(AptPin(f"case-{number}", absent=True))
