"""Archives on a real machine, made by its own tar and read back with its own tools."""

import hashlib
import os

from toque_node.resources.archive import Archive

NOT = {
    "unmanaged": "an archive's directory is managed whole",
    "sensitive": "an archive holds no secret",
}


def _packed(node, word="one", packing="z"):
    """A tar of a small project; its path and digest."""
    top = node.tree + "/made-" + word
    node.put(top + "/bin/run", b"#!/bin/sh\necho " + word.encode() + b"\n", 0o755)
    node.put(top + "/doc/a", word.encode())
    if not os.path.lexists(top + "/run"):
        os.symlink("bin/run", top + "/run")
    path = node.tree + "/" + word + ".tar"
    node.run("tar", f"-c{packing}f", path, "-C", node.tree, "made-" + word)
    with open(path, "rb") as file:
        return path, hashlib.sha256(file.read()).hexdigest()


def _archive(node, packed, **more):
    return Archive(node.tree + "/proj", packed[0], packed[1], **{"strip": 1, **more})


def present(node):
    one, two = _packed(node, "one"), _packed(node, "two", "")
    node.makes(_archive(node, one, owner="daemon", group="www-data", mode=0o750))
    assert node.out("stat", "-c", "%U:%G %a", node.tree + "/proj") == "daemon:www-data 750"
    node.run("diff", "-r", "--exclude=.toque*", node.tree + "/proj", node.tree + "/made-one")
    node.makes(_archive(node, two))
    assert node.out(node.tree + "/proj/run", user="games") == "two"
    assert not [name for name in os.listdir(node.tree) if name.startswith(".toque")]


def absent(node):
    one = _packed(node)
    node.makes(_archive(node, one))
    node.makes(Archive(node.tree + "/proj", absent=True))
    assert sorted(os.listdir(node.tree)) == ["made-one", "one.tar"]


def absent_tool(node):
    one, two = _packed(node, "one"), _packed(node, "two")
    node.makes(_archive(node, one))
    with node.without("tar", "gzip", "unzip"):
        node.makes(_archive(node, two))
    with node.without("sync"):
        node.refuses(_archive(node, one), "program-missing")
    assert node.out(node.tree + "/proj/run") == "two"


def blob(node):
    path, _ = _packed(node)
    node.makes(Archive(node.tree + "/proj", node.blob(node.read(path)), strip=1))
    assert node.out(node.tree + "/proj/run") == "one"


def drift(node):
    one = _packed(node)
    node.makes(_archive(node, one))
    run = node.tree + "/proj/bin/run"
    was = os.stat(run)
    node.put(run, b"#!/bin/sh\necho ONE\n", 0o755)  # as long as before, and as old
    os.utime(run, ns=(was.st_atime_ns, was.st_mtime_ns))
    assert _archive(node, one).found(node.system())["drifted"] == ("bin/run",)
    node.makes(_archive(node, one))
    assert node.out(run) == "one"
    node.put(node.tree + "/proj/doc/cache", b"x")
    node.leaves(_archive(node, one))


def full_disk(node):
    """Nothing of the new one is left, and the old one serves on."""
    disk = node.tree + "/disk"
    os.mkdir(disk)
    node.run("mount", "-t", "tmpfs", "-o", "size=256k", "none", disk)
    try:
        one, two = _packed(node, "one"), _packed(node, "two")
        node.makes(Archive(disk + "/proj", *one, strip=1))
        node.put(node.tree + "/made-two/big", os.urandom(400_000))
        two = _packed(node, "two")
        node.refuses(Archive(disk + "/proj", *two, strip=1), "disk-full")
        assert node.out(disk + "/proj/run") == "one"
        assert os.listdir(disk) == ["proj"]
    finally:
        node.run("umount", disk)


def directory_of_somebody_else(node):
    one = _packed(node)
    node.put(node.tree + "/proj/theirs", b"x")
    node.refuses(_archive(node, one), "directory-not-ours")
    node.refuses(Archive(node.tree + "/proj", absent=True), "directory-not-ours")
    os.rename(node.tree + "/proj", node.tree + "/moved")
    node.put(node.tree + "/proj", b"a file")
    node.refuses(_archive(node, one), "wrong-kind")


def hostile(node):
    """What GNU tar packs without a word: a hard link, a FIFO, a link that leads out."""
    top = node.tree + "/made-bad"
    for number, spoil in enumerate((
        lambda: os.link(top + "/a", top + "/b"),
        lambda: os.mkfifo(top + "/fifo"),
        lambda: os.symlink("/etc", top + "/out"),
        lambda: os.symlink("../../etc", top + "/out"),
    )):  # fmt: skip
        node.run("rm", "-rf", top)
        node.put(top + "/a", b"x")
        spoil()
        bad = node.tree + f"/bad{number}.tar"
        node.run("tar", "-cf", bad, "-C", node.tree, "made-bad")
        packed = bad, hashlib.sha256(node.read(bad)).hexdigest()
        node.refuses(_archive(node, packed), "archive-unsafe")
    assert not os.path.exists(node.tree + "/proj")
