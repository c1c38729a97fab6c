"""The machine's name on a real machine, which has one of its own."""

import os
import socket

from toque_node.resources.hostname import Hostname

NOT = {
    "absent": "a machine always has a name",
    "unmanaged": "the name now, at boot and in /etc/hosts is one declaration",
    "sensitive": "a name is no secret",
}


def present(node):
    before = os.uname().nodename
    node.makes(Hostname("case.example.com"))
    assert os.uname().nodename == "case.example.com"
    assert node.out("cat", "/etc/hostname") == "case.example.com"
    assert socket.gethostbyname("case.example.com") == "127.0.1.1"
    assert socket.gethostbyname("case") == "127.0.1.1"
    node.makes(Hostname(before))
    assert node.out("hostnamectl", "--static") == before
    assert node.out("sudo", "-n", "true") == ""


def changed_by_hand(node):
    before = os.uname().nodename
    node.walk(Hostname(before))
    node.run("hostname", "other")
    assert node.makes(Hostname(before)).diff == ("~ live: other -> " + before,)


def absent_tool(node):
    with node.without("hostname"):
        node.refuses(Hostname("case-late"), "program-missing")
