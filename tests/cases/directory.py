"""Directories on a real machine."""

import os

from toque_node.resources.directory import Directory

NOT = {
    "sensitive": "a directory has no content that could be secret",
    "absent_tool": "directories are made by the runtime itself",
}


def _what(node, path):
    return node.out("stat", "-c", "%F %U:%G %a", path)


def present(node):
    path = node.tree + "/d"
    node.makes(Directory(path, "daemon", "www-data", 0o2750))
    assert _what(node, path) == "directory daemon:www-data 2750"
    node.makes(Directory(path, mode=0o700))
    assert _what(node, path) == "directory root:root 700"
    node.makes(Directory(path + "/a/b", parents=True, owner="daemon"))
    assert _what(node, path + "/a") == "directory root:root 755"


def absent(node):
    os.makedirs(node.tree + "/d/e")
    node.refuses(Directory(node.tree + "/d", absent=True), "directory-not-empty")
    node.makes(Directory(node.tree + "/d", absent=True, recursive=True))
    assert os.listdir(node.tree) == []


def unmanaged(node):
    path = node.tree + "/d"
    os.mkdir(path)
    node.run("chown", "daemon:games", path)
    os.chmod(path, 0o1771)
    node.leaves(Directory(path, None, None, None))
    node.makes(Directory(path, "root", None, None))
    assert _what(node, path) == "directory root:games 1771"


def file_in_its_place(node):
    node.put(node.tree + "/d", b"x")
    node.refuses(Directory(node.tree + "/d"), "wrong-kind")
    node.refuses(Directory(node.tree + "/d/e"), "wrong-kind")
    assert node.read(node.tree + "/d") == b"x"


def immutable_directory(node):
    path = node.tree + "/d"
    os.mkdir(path)
    node.run("chattr", "+i", path)
    try:
        trouble = node.refuses(Directory(path + "/e"), "path-failed")
        assert "Operation not permitted" in trouble["message"]
        node.refuses(Directory(path, absent=True), "path-failed")
    finally:
        node.run("chattr", "-i", path)
    assert os.listdir(path) == []


def removal_does_not_follow_links(node):
    node.put(node.tree + "/kept/file", b"x")
    os.mkdir(node.tree + "/d")
    os.symlink(node.tree + "/kept", node.tree + "/d/link")
    node.makes(Directory(node.tree + "/d", absent=True, recursive=True))
    assert os.listdir(node.tree + "/kept") == ["file"]
