"""Mounts on a real machine: tmpfs and bind mounts; a disk or loop device it does not have."""

import os
import subprocess

from toque_node.resources.mount import Mount

NOT = {"sensitive": "a password for a share belongs into its credentials file, not the options"}


def _findmnt(node, path, column):
    return node.out("findmnt", "-n", "-o", column, "--mountpoint", path)


def present(node):
    path = node.tree + "/with space"
    os.mkdir(path)
    node.makes(Mount(path, "tmpfs", "tmpfs", ("size=1m", "noexec", "mode=0700")))
    assert _findmnt(node, path, "FSTYPE") == "tmpfs"
    assert {"noexec", "size=1024k"} <= set(_findmnt(node, path, "OPTIONS").split(","))
    node.run("umount", path)
    node.run("mount", path)  # by its line in fstab, as a boot does
    assert node.out("findmnt", "--verify", "--tab-file", "/etc/fstab")
    node.makes(Mount(path, "tmpfs", "tmpfs", ("size=2m", "noexec", "nodev", "mode=0700")))
    assert {"nodev", "size=2048k"} <= set(_findmnt(node, path, "OPTIONS").split(","))
    node.run("mount", "-o", "remount,exec", path)
    node.makes(Mount(path, "tmpfs", "tmpfs", ("size=2m", "noexec", "nodev", "mode=0700")))
    assert "noexec" in _findmnt(node, path, "OPTIONS")


def bind(node):
    source, path = node.tree + "/from", node.tree + "/to"
    os.mkdir(source)
    os.mkdir(path)
    node.put(source + "/here", b"x")
    node.makes(Mount(path, source, "none", ("bind", "ro")))
    assert node.read(path + "/here") == b"x"
    assert node.run("touch", path + "/new", check=False).returncode != 0


def absent(node):
    path = node.tree + "/gone"
    os.mkdir(path)
    node.makes(Mount(path, "tmpfs", "tmpfs"))
    node.makes(Mount(path, absent=True))
    assert not os.path.ismount(path) and os.path.isdir(path)
    assert path not in node.out("cat", "/etc/fstab")
    node.leaves(Mount(path, absent=True))


def unmanaged(node):
    path = node.tree + "/later"
    os.mkdir(path)
    node.makes(Mount(path, "tmpfs", "tmpfs", ("noauto",), mounted=None))
    assert not os.path.ismount(path)
    node.run("mount", path)
    node.leaves(Mount(path, "tmpfs", "tmpfs", ("noauto",), mounted=None))
    node.makes(Mount(path, "tmpfs", "tmpfs", ("noauto",), mounted=False))
    assert not os.path.ismount(path)


def other_lines_stay(node):
    before = node.read("/etc/fstab")
    node.put("/etc/fstab", before + b"# mine\n/dev/nosuch /mnt ext4 noauto 0 2\n")
    path = node.tree + "/one"
    os.mkdir(path)
    node.makes(Mount(path, "tmpfs", "tmpfs"))
    node.makes(Mount(path, absent=True))
    assert node.read("/etc/fstab") == before + b"# mine\n/dev/nosuch /mnt ext4 noauto 0 2\n"
    node.put("/etc/fstab", before)


def busy(node):
    path = node.tree + "/busy"
    os.mkdir(path)
    mount = Mount(path, "tmpfs", "tmpfs")
    node.makes(mount)
    with subprocess.Popen(["sleep", "60"], cwd=path) as process:
        try:
            trouble = node.refuses(Mount(path, absent=True), "mount-busy")
            assert f"sleep ({process.pid}, {path})" in trouble["found"], trouble
            assert "busy" in " ".join(trouble["log"]), trouble
            node.leaves(mount)
        finally:
            process.kill()
    os.mkdir(path + "/below")
    node.run("mount", "-t", "tmpfs", "tmpfs", path + "/below")
    trouble = node.refuses(Mount(path, absent=True), "mount-busy")
    assert f"a mount at {path}/below" in trouble["found"], trouble
    node.run("umount", path + "/below")
    node.makes(Mount(path, absent=True))


def something_else_is_mounted(node):
    path = node.tree + "/taken"
    os.mkdir(path)
    node.run("mount", "-t", "ramfs", "ramfs", path)
    outcome = node.makes(Mount(path, "tmpfs", "tmpfs"))
    assert "~ mounted: ramfs (ramfs) -> True" in outcome.diff, outcome


def device_that_cannot_be_mounted(node):
    path, before = node.tree + "/disk", node.read("/etc/fstab")
    os.mkdir(path)
    trouble = node.refuses(Mount(path, "/dev/nosuch", "ext4"), "mount-failed")
    assert "/dev/nosuch" in " ".join(trouble["log"]), trouble
    node.refuses(Mount(node.tree + "/nowhere", "tmpfs", "tmpfs"), "directory-missing")
    assert node.read("/etc/fstab") == before


def absent_tool(node):
    path = node.tree + "/late"
    os.mkdir(path)
    with node.without("mount"):
        node.refuses(Mount(path, "tmpfs", "tmpfs"), "program-missing")
    assert path not in node.out("cat", "/etc/fstab")
