"""Files on a real machine."""

import contextlib
import os

from toque_node.resources.file import File

BACKUPS = "/var/lib/toque/backups"


def _what(node, path):
    return node.out("stat", "-c", "%U:%G %a %s", path)


def present(node):
    path = node.tree + "/a"
    node.makes(File(path, "one\n", "daemon", "www-data", 0o640))
    assert _what(node, path) == "daemon:www-data 640 4"
    node.makes(File(path, "two\n", "daemon", "www-data", 0o640))
    assert node.read(path) == b"two\n"
    node.makes(File(path, b"\xff\x00", "root", "root", 0o4755))
    assert _what(node, path) == "root:root 4755 2"


def absent(node):
    node.put(node.tree + "/a", b"x")
    node.makes(File(node.tree + "/a", absent=True))
    assert os.listdir(node.tree) == []


def unmanaged(node):
    path = node.tree + "/a"
    node.put(path, b"theirs", 0o604)
    node.run("chown", "daemon:games", path)
    node.leaves(File(path, owner=None, group=None, mode=None))
    node.makes(File(path, "ours", owner=None, group=None, mode=None))
    assert _what(node, path) == "daemon:games 604 4"
    node.makes(File(path, owner="root", group=None, mode=None))
    assert _what(node, path) == "root:games 604 4"
    assert node.read(path) == b"ours"


def sensitive(node):
    path = node.tree + "/key"
    node.put(path, b"the old secret")
    outcome = node.makes(File(path, node.secret(), mode=0o600))
    assert "secret" not in "".join(outcome.diff).replace("a secret", ""), outcome.diff
    assert node.run("cat", path, user="daemon", check=False).returncode != 0
    assert node.run("grep", "-r", "the old secret", BACKUPS, check=False).returncode != 0


def absent_tool(node):
    path = node.tree + "/a"
    node.put(path, b"old")
    with node.without("visudo"):
        node.refuses(File(path, "new", check=("visudo", "-cf", "{}")), "program-missing")
        node.refuses(File(path, "new", check=("visudo", "-c")), "program-missing")
    assert node.read(path) == b"old"


def blob(node):
    data = bytes(range(256)) * 5000
    node.makes(File(node.tree + "/b", node.blob(data), mode=0o755))
    assert node.read(node.tree + "/b") == data


def create_only(node):
    path = node.tree + "/a"
    node.makes(File(path, "first\n", create_only=True))
    node.put(path, b"theirs\n")
    node.leaves(File(path, "first\n", create_only=True))
    node.makes(File(path, "first\n", mode=0o600, create_only=True))
    assert node.read(path) == b"theirs\n"


def backups(node):
    path = node.tree + "/a"
    node.put(path, b"by hand", 0o666)
    for number in range(4):
        node.makes(File(path, str(number), backups=2))
    folder = BACKUPS + "/" + path[1:].replace("/", "%2F")
    assert sorted(os.listdir(folder)) == ["000003", "000004"]
    assert node.read(folder + "/000004") == b"2"
    assert _what(node, folder + "/000004") == "root:root 600 1"
    assert _what(node, BACKUPS).startswith("root:root 700 ")
    assert node.run("ls", folder, user="daemon", check=False).returncode != 0


def directory_in_its_place(node):
    os.mkdir(node.tree + "/a")
    trouble = node.refuses(File(node.tree + "/a", "x"), "wrong-kind")
    assert trouble["found"] == "a directory"
    node.refuses(File(node.tree + "/a", absent=True), "wrong-kind")


def directory_of_it_is_a_file(node):
    node.put(node.tree + "/a", b"x")
    node.refuses(File(node.tree + "/a/b", "x"), "wrong-kind")
    assert node.read(node.tree + "/a") == b"x"


def link_fifo_and_device_in_its_place(node):
    os.symlink("/etc/passwd", node.tree + "/link")
    os.mkfifo(node.tree + "/fifo")
    for name in ("link", "fifo"):
        node.refuses(File(node.tree + "/" + name, "x"), "wrong-kind")
    before = node.read("/etc/passwd")
    node.refuses(File("/dev/null", "x"), "wrong-kind")
    assert node.read("/etc/passwd") == before


def check_that_refuses(node):
    path = node.tree + "/sudoers"
    node.put(path, b"# old\n", 0o440)
    for check in (("grep", "good", "{}"), ("grep", "good", path)):
        trouble = node.refuses(File(path, "bad\n", mode=0o440, check=check), "check-failed")
        assert trouble["found"] == "status 1"
        assert node.read(path) == b"# old\n"
    assert os.listdir(node.tree) == ["sudoers"]


@contextlib.contextmanager
def _small_disk(node):
    """A file system of 256 KiB at ``tree/disk``."""
    disk = node.tree + "/disk"
    os.mkdir(disk)
    node.run("mount", "-t", "tmpfs", "-o", "size=256k", "none", disk)
    try:
        yield disk
    finally:
        node.run("umount", disk)


def full_disk_in_the_middle_of_a_write(node):
    with _small_disk(node) as disk:
        node.put(disk + "/a", b"old")
        trouble = node.refuses(File(disk + "/a", b"x" * 300_000), "disk-full")
        assert "No space left on device" in trouble["message"]
        assert "df -h" in trouble["hint"]
        assert node.read(disk + "/a") == b"old"
        assert os.listdir(disk) == ["a"]
        node.makes(File(disk + "/a", b"x" * 3000))


def immutable_file(node):
    path = node.tree + "/a"
    node.put(path, b"old")
    node.run("chattr", "+i", path)
    try:
        trouble = node.refuses(File(path, "new"), "path-failed")
        assert "Operation not permitted" in trouble["message"]
        assert "lsattr -d " + path in trouble["hint"]
        node.refuses(File(path, absent=True), "path-failed")
        node.refuses(File(path, mode=0o600), "path-failed")
    finally:
        node.run("chattr", "-i", path)
    assert node.read(path) == b"old"
    assert os.listdir(node.tree) == ["a"]
