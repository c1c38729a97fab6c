"""A directory with all its files, on a real machine."""

import os

from toque_node.resources.tree import Tree

NOT = {
    "sensitive": "a tree takes no secret; File does",
    "absent_tool": "trees are made by the runtime itself",
}
FILES = {"index.html": "<p>\n", "css/a.css": b"a {}\n", "bin/run": "#!/bin/sh\necho ran\n"}


def _tree(node, **more):
    return Tree(node.tree + "/www", FILES, ("bin/run",), **more)


def present(node):
    node.makes(_tree(node, owner="daemon", group="www-data"))
    listed = node.out("find", node.tree + "/www", "-printf", "/%P %u:%g %m\n")
    assert sorted(listed.splitlines()) == [
        "/ daemon:www-data 755",
        "/bin daemon:www-data 755",
        "/bin/run daemon:www-data 755",
        "/css daemon:www-data 755",
        "/css/a.css daemon:www-data 644",
        "/index.html daemon:www-data 644",
    ]
    assert node.out(node.tree + "/www/bin/run", user="games") == "ran"


def absent(node):
    """What is not in the tree goes with purge, and links are not followed."""
    node.makes(_tree(node))
    node.put(node.tree + "/kept/file", b"x")
    node.put(node.tree + "/www/css/old/deep/b.css", b"x")
    os.symlink(node.tree + "/kept", node.tree + "/www/way-out")
    os.mkfifo(node.tree + "/www/css/fifo")
    node.leaves(_tree(node))
    node.makes(_tree(node, purge=True))
    files = node.out("find", node.tree + "/www", "-type", "f", "-printf", "%P\n")
    assert sorted(files.splitlines()) == sorted(FILES)
    assert node.read(node.tree + "/kept/file") == b"x"


def unmanaged(node):
    node.makes(_tree(node))
    node.put(node.tree + "/www/css/theirs.css", b"x", 0o600)
    node.leaves(_tree(node))
    assert node.read(node.tree + "/www/css/theirs.css") == b"x"


def put_right(node):
    node.makes(_tree(node))
    os.chmod(node.tree + "/www/bin/run", 0o644)
    node.put(node.tree + "/www/index.html", b"other")
    os.unlink(node.tree + "/www/css/a.css")
    node.makes(_tree(node))
    node.run("cmp", "-", node.tree + "/www/css/a.css", stdin=b"a {}\n")
    assert os.access(node.tree + "/www/bin/run", os.X_OK)


def another_kind_in_its_place(node):
    os.mkdir(node.tree + "/www")
    os.symlink("/etc", node.tree + "/www/css")
    before = sorted(os.listdir("/etc"))
    for purge in (False, True):
        node.refuses(_tree(node, purge=purge), "wrong-kind")
    os.unlink(node.tree + "/www/css")
    os.makedirs(node.tree + "/www/index.html")
    node.refuses(_tree(node, purge=True), "wrong-kind")
    assert sorted(os.listdir("/etc")) == before


def full_disk(node):
    os.mkdir(node.tree + "/disk")
    node.run("mount", "-t", "tmpfs", "-o", "size=64k", "none", node.tree + "/disk")
    try:
        big = Tree(node.tree + "/disk/t", {"a": "x", "b": b"\xff" * 100_000})
        outcome = node.walk(big)
        assert outcome.trouble["code"] == "disk-full", outcome
        assert sorted(os.listdir(node.tree + "/disk/t")) == ["a"]
        node.makes(Tree(node.tree + "/disk/t", {"a": "x", "b": b"\xff"}))
    finally:
        node.run("umount", node.tree + "/disk")
