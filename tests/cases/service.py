"""Services on a real machine with systemd."""

import time

from toque_node.resources.service import Service
from toque_node.resources.unit import Unit

NOT = {"sensitive": "what runs is no secret"}
SLEEP = "[Service]\nExecStart=/bin/sleep infinity\n"
INSTALL = "[Install]\nWantedBy=multi-user.target\n"


def _unit(node, name, text=SLEEP + INSTALL):
    node.walk(Unit(name + ".service", text))
    return name


def present(node):
    name = _unit(node, "case-up")
    node.makes(Service(name, running=True, enabled=True))
    assert node.out("systemctl", "is-active", name) == "active"
    assert node.out("systemctl", "is-enabled", name) == "enabled"


def absent(node):
    name = _unit(node, "case-down")
    node.run("systemctl", "enable", "--now", name)
    node.makes(Service(name, running=False, enabled=False))
    assert node.run("systemctl", "is-active", name, check=False).returncode != 0
    assert node.run("systemctl", "is-enabled", name, check=False).returncode != 0
    node.leaves(Service("case-never-was", running=False, enabled=False))


def unmanaged(node):
    name = _unit(node, "case-half")
    node.makes(Service(name, running=True))
    assert node.run("systemctl", "is-enabled", name, check=False).stdout.strip() == "disabled"
    node.leaves(Service(name))


def restart_and_reload(node):
    reload = f"ExecReload=/bin/touch {node.tree}/reloaded\n"
    name = _unit(node, "case-again", SLEEP + reload + INSTALL)
    service = Service(name, running=True)
    node.walk(service)
    before = node.out("systemctl", "show", "-p", "MainPID", name)
    node.perform(service, "reload")
    assert node.read(node.tree + "/reloaded") == b""
    assert node.out("systemctl", "show", "-p", "MainPID", name) == before
    node.perform(service, "restart")
    assert node.out("systemctl", "show", "-p", "MainPID", name) != before


def masked(node):
    name = _unit(node, "case-mask")
    node.run("systemctl", "mask", "--runtime", name)
    node.run("rm", "/etc/systemd/system/case-mask.service")
    node.run("systemctl", "daemon-reload")
    trouble = node.refuses(Service(name, running=True), "service-masked")
    assert "unmask" in trouble["hint"], trouble
    node.refuses(Service(name, enabled=True), "service-masked")
    node.leaves(Service(name, running=False, enabled=False))


def failed_before(node):
    """One that gave up starts again when what it lacked is there."""
    text = f"[Service]\nExecStart=/bin/cat {node.tree}/wanted\nRemainAfterExit=yes\n"
    name = _unit(node, "case-fail", text + "StartLimitBurst=1\n")
    trouble = node.refuses(Service(name, running=True), "service-failed")
    assert f"{node.tree}/wanted: " in " ".join(trouble["log"]), trouble  # in whatever language
    node.put(node.tree + "/wanted")
    node.makes(Service(name, running=True))


def without_an_install_section(node):
    name = _unit(node, "case-static", SLEEP)
    trouble = node.refuses(Service(name, enabled=True), "service-failed")
    assert "[Install]" in trouble["expected"] + trouble["hint"], trouble


def start_that_takes_too_long(node):
    text = "[Service]\nType=notify\nTimeoutStartSec=1\nExecStart=/bin/sleep infinity\n"
    name = _unit(node, "case-slow", text)
    began = time.monotonic()
    trouble = node.refuses(Service(name, running=True), "service-failed")
    assert "timeout" in trouble["found"], trouble
    assert time.monotonic() - began < 30


def missing_unit(node):
    trouble = node.refuses(Service("case-nosuch", running=True), "unit-missing")
    assert "case-nosuch.service" in trouble["message"], trouble


def absent_tool(node):
    with node.without("systemctl"):
        assert node.found(Service("case-up", running=True)) == "program-missing"
