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


def members(node):
    for name in ("case-ann", "case-bob"):
        node.run("useradd", name)
    node.makes(Group("case-team", gid=4711, members=("case-ann",)))
    node.run("gpasswd", "-a", "case-bob", "case-team")
    node.leaves(Group("case-team", members=("case-ann",)))
    node.makes(Group("case-team", members=("case-ann",), append=False))
    assert node.out("getent", "group", "case-team").endswith(":4711:case-ann")
    node.makes(Group("case-team", members=(), append=False))
    assert node.out("getent", "group", "case-team").endswith(":4711:")


def somebodys_primary_group(node):
    node.run("useradd", "--user-group", "case-owner")
    trouble = node.refuses(Group("case-owner", absent=True), "command-failed")
    assert "case-owner" in "".join(trouble["log"])
