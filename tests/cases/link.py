"""Links on a real machine."""

import os

from toque_node.resources.link import Link

NOT = {
    "unmanaged": "a link has one aspect, its target, and it is always managed",
    "sensitive": "a link holds no secret",
    "absent_tool": "links are made by the runtime itself",
}


def present(node):
    link = node.tree + "/current"
    node.makes(Link(link, "releases/1"))
    assert os.readlink(link) == "releases/1"
    node.makes(Link(link, "releases/2"))
    assert node.out("readlink", link) == "releases/2"


def absent(node):
    link = node.tree + "/old"
    os.symlink("/nowhere", link)
    node.makes(Link(link, absent=True))
    assert not os.path.lexists(link)


def directory_in_its_place(node):
    os.mkdir(node.tree + "/taken")
    trouble = node.refuses(Link(node.tree + "/taken", "x"), "wrong-kind")
    assert "Directory(" in trouble["hint"]
