"""Pinned host keys on a real machine; ssh-keygen looks them up."""

from toque_node.resources.ssh_known_host import SshKnownHost

NOT = {
    "sensitive": "host keys are public",
    "absent_tool": "the file is written by the runtime itself",
}
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB6o7S+Cl71bp+D0WVpaXWFOQc9EAMhhof/CwNZrtCtF"
OTHER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
SYSTEM_WIDE = "/etc/ssh/ssh_known_hosts"


def _looked_up(node, name, path=SYSTEM_WIDE):
    found = node.run("ssh-keygen", "-F", name, "-f", path, check=False).stdout.splitlines()
    return [line.split(" ", 1)[1] for line in found if not line.startswith("#")]


def present(node):
    node.makes(SshKnownHost("case.example", KEY))
    node.makes(SshKnownHost("case.example", KEY, port=2222))
    assert _looked_up(node, "case.example") == [KEY]
    assert _looked_up(node, "[case.example]:2222") == [KEY]
    node.makes(SshKnownHost("case.example", OTHER))
    assert _looked_up(node, "case.example") == [OTHER]
    assert _looked_up(node, "[case.example]:2222") == [KEY]


def absent(node):
    node.makes(SshKnownHost("case-gone.example", KEY))
    node.makes(SshKnownHost("case-gone.example", absent=True))
    assert _looked_up(node, "case-gone.example") == []


def unmanaged(node):
    path = node.tree + "/hashed"
    node.put(path, f"case-left.example,10.9.8.7 {KEY}\ncase-hashed.example {KEY}\n".encode())
    node.run("ssh-keygen", "-H", "-f", path)
    node.put(SYSTEM_WIDE, b"# a note\n" + node.read(path))
    before = node.read(SYSTEM_WIDE)
    node.leaves(SshKnownHost("case-left.example", KEY))
    node.leaves(SshKnownHost("case-hashed.example", KEY))
    assert node.read(SYSTEM_WIDE) == before
    node.makes(SshKnownHost("case-hashed.example", OTHER))
    assert _looked_up(node, "case-hashed.example") == [OTHER]
    assert _looked_up(node, "10.9.8.7") == [KEY]
    assert node.read(SYSTEM_WIDE).startswith(b"# a note\n")


def of_a_user(node):
    node.run("useradd", "--create-home", "case-knows")
    node.makes(SshKnownHost("case.example", KEY, user="case-knows"))
    path = "/home/case-knows/.ssh/known_hosts"
    assert _looked_up(node, "case.example", path) == [KEY]
    assert node.out("stat", "-c", "%U %a", path) == "case-knows 600"
    node.refuses(SshKnownHost("case.example", KEY, user="case-nobody"), "user-missing")
