"""Limits of sessions on a real machine; a session says what it has."""

import os

from toque_node.resources.limits import Limits

NOT = {
    "unmanaged": "the file is made from the fields as a whole",
    "sensitive": "limits hold no secret",
    "absent_tool": "the file is written by the runtime itself",
}


def present(node):
    node.run("useradd", "case-limits")
    node.makes(Limits("case", "case-limits", soft={"nofile": 321}, hard={"nofile": 654}))
    assert node.out("stat", "-c", "%U:%G %a", "/etc/security/limits.d/case.conf") == "root:root 644"
    words = ("/bin/sh", "-c", "ulimit -Sn; ulimit -Hn")
    assert node.out("runuser", "-u", "case-limits", "--", *words).split() == ["321", "654"]


def absent(node):
    node.put("/etc/security/limits.d/case-gone.conf", b"* - core 0\n")
    node.makes(Limits("case-gone", absent=True))
    assert not os.path.exists("/etc/security/limits.d/case-gone.conf")
