"""Rules of sudo on a real machine; sudo itself says what they allow."""

import os

from toque_node.resources.sudoers import Sudoers

NOT = {
    "unmanaged": "the file is made from the fields as a whole",
    "sensitive": "a rule holds no secret",
}
TRUE = "/usr/bin/true"


def _allowed(node, *argv):
    return node.run("sudo", "-n", "-U", "case-sudo", "-l", *argv, check=False).returncode == 0


def present(node):
    node.run("useradd", "case-sudo")
    node.makes(Sudoers("case-true", "case-sudo", ((TRUE, "a:b", "*"), (TRUE,)), password=False))
    assert node.out("stat", "-c", "%U:%G %a", "/etc/sudoers.d/case-true") == "root:root 440"
    assert node.run("sudo", "-n", TRUE, user="case-sudo").returncode == 0
    assert _allowed(node, TRUE, "a:b", "*")
    assert not _allowed(node, TRUE, "a:b", "c")
    assert not _allowed(node, TRUE, "more")
    assert not _allowed(node, "/usr/bin/id")
    node.run("visudo", "--check")


def absent(node):
    node.put("/etc/sudoers.d/case-gone", b"root ALL=(ALL) ALL\n", 0o440)
    node.makes(Sudoers("case-gone", absent=True))
    assert not os.path.exists("/etc/sudoers.d/case-gone")


def absent_tool(node):
    with node.without("visudo"):
        node.refuses(Sudoers("case-late", "root", "ALL"), "program-missing")
    assert not os.path.exists("/etc/sudoers.d/case-late")


def refused_by_visudo(node):
    old = b"# the old rule\n"
    node.put("/etc/sudoers.d/case-refused", old, 0o440)
    with node.without("visudo"):
        node.put("/usr/local/sbin/visudo", b"#!/bin/sh\necho it says no; exit 1\n", 0o755)
        trouble = node.refuses(Sudoers("case-refused", "root", "ALL"), "check-failed")
        os.unlink("/usr/local/sbin/visudo")
    assert trouble["log"] == ["it says no"], trouble
    assert node.read("/etc/sudoers.d/case-refused") == old
    left = [name for name in os.listdir("/etc/sudoers.d") if name.startswith(".toque")]
    assert not left, left
