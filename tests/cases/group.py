"""Groups on a real machine."""

from toque_node.resources.group import Group

NOT = {
    "unmanaged": "what is not named is never looked at; see test_accounts for gid and members",
    "sensitive": "a group holds no secret",
}


def present(node):
    node.makes(Group("case-group"))
    assert node.out("getent", "group", "case-group").startswith("case-group:")


def absent(node):
    node.run("groupadd", "case-gone")
    node.makes(Group("case-gone", absent=True))
    assert node.run("getent", "group", "case-gone", check=False).returncode == 2


def absent_tool(node):
    with node.without("groupadd"):
        node.refuses(Group("case-late"), "program-missing")
    assert node.run("getent", "group", "case-late", check=False).returncode == 2
