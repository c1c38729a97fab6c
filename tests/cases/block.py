"""One marked block in a file of somebody else, on a real machine."""

from toque_node.resources.block import Block

TEXT = b"first\nraw \xff\x00 bytes\nlast\n"
MADE = b"# BEGIN toque our\nx\ny\n# END toque our\n"


def _put(node, data=TEXT):
    path = node.tree + "/conf"
    node.put(path, data, 0o640)
    node.run("chown", "daemon:www-data", path)
    return path


def present(node):
    path = _put(node)
    node.makes(Block(path, "our", "x\ny\n", after="^first"))
    assert node.read(path) == TEXT.replace(b"first\n", b"first\n" + MADE)
    node.makes(Block(path, "our", "z\n", after="^first"))
    assert node.out("sed", "-n", "3p", path) == "z"


def absent(node):
    path = _put(node, TEXT + MADE)
    node.makes(Block(path, "our", absent=True))
    assert node.read(path) == TEXT


def unmanaged(node):
    """All other lines, the owner and the mode."""
    path = _put(node)
    node.makes(Block(path, "our", "x\ny\n"))
    assert node.read(path) == TEXT + MADE
    assert node.out("stat", "-c", "%U:%G %a", path) == "daemon:www-data 640"


def sensitive(node):
    path = _put(node)
    node.makes(Block(path, "our", node.secret("line one of it\nline two of it\n")))
    assert node.read(path).endswith(b"line two of it\n# END toque our\n")


def absent_tool(node):
    path = _put(node)
    with node.without("visudo"):
        node.refuses(Block(path, "our", "x", check=("visudo", "-cf", "{}")), "program-missing")
        node.refuses(Block(path, "our", "x", check=("visudo", "-c")), "program-missing")
    assert node.read(path) == TEXT


def damaged(node):
    path = _put(node, TEXT + MADE[:-17])
    node.refuses(Block(path, "our", "x"), "block-damaged")
