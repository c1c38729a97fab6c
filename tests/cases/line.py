"""One line in a file of somebody else, on a real machine."""

import os

from toque_node.resources.line import Line

TEXT = b"# Port 21\r\nPort 22\nraw \xff\x00 bytes\nlast without an end"


def _put(node):
    path = node.tree + "/conf"
    node.put(path, TEXT, 0o640)
    node.run("chown", "daemon:www-data", path)
    return path


def _owner(node, path):
    return node.out("stat", "-c", "%U:%G %a", path)


def present(node):
    path = _put(node)
    node.makes(Line(path, "Port 2222", match="^Port "))
    assert node.out("grep", "-anx", "Port 2222", path) == "2:Port 2222"
    node.makes(Line(path, "New", after="^Port"))
    assert node.out("grep", "-anx", "New\r", path) == "3:New", "as the first line ends"


def absent(node):
    path = _put(node)
    node.makes(Line(path, match="Port", absent=True))
    assert node.read(path) == b"raw \xff\x00 bytes\nlast without an end"


def unmanaged(node):
    """All other lines, the owner and the mode."""
    path = _put(node)
    node.makes(Line(path, "Port 2222", match="^Port "))
    assert node.read(path) == TEXT.replace(b"Port 22\n", b"Port 2222\n")
    assert _owner(node, path) == "daemon:www-data 640"


def sensitive(node):
    path = _put(node)
    outcome = node.makes(Line(path, node.secret(), match="^Port "))
    assert "Port" not in "".join(outcome.diff)


def absent_tool(node):
    path = _put(node)
    with node.without("visudo"):
        for check in (("visudo", "-cf", "{}"), ("visudo", "-c")):
            node.refuses(Line(path, "x", check=check), "program-missing")
    assert node.read(path) == TEXT
    assert os.listdir(node.tree) == ["conf"]


def ambiguous(node):
    path = _put(node)
    trouble = node.refuses(Line(path, "Port 2", match="Port"), "line-ambiguous")
    assert trouble["found"] == "lines 1, 2"
    node.refuses(Line(path, "x", before="^nothing"), "anchor-missing")


def directory_or_link_in_its_place(node):
    os.mkdir(node.tree + "/d")
    os.symlink("/etc/passwd", node.tree + "/l")
    before = node.read("/etc/passwd")
    for name in ("d", "l"):
        node.refuses(Line(f"{node.tree}/{name}", "x"), "wrong-kind")
    assert node.read("/etc/passwd") == before


def immutable_file(node):
    path = _put(node)
    node.run("chattr", "+i", path)
    try:
        trouble = node.refuses(Line(path, "x"), "path-failed")
        assert "lsattr" in trouble["hint"]
    finally:
        node.run("chattr", "-i", path)
    assert node.read(path) == TEXT
