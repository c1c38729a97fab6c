"""What machines of driver qemu boot from, made once of an image's file tree.

    <cache>/images/qemu-N-IMAGE/disk.qcow2   the tree as ext4; machines are overlays on it
    <cache>/images/qemu-N-IMAGE/vmlinuz, initrd

The initrd is our own: busybox and the few modules a virtual disk and network need.  Debian's
takes 5 s longer to start where the processor is emulated.  A machine's initrd is this one and
an archive of its identity, which goes onto its disk at the first boot.
"""

from __future__ import annotations

import lzma
import shutil
import stat
from collections.abc import Iterable
from pathlib import Path

from ..driver import Progress
from ..process import tool
from ..state import locked

# Raise it when the text of this file changes what a disk or an initrd holds.
NUMBER = 1
PACKAGES = ("linux-image-cloud-amd64", "udev", "busybox-static")
SIZE = "8G"  # of the file system; the files are sparse
MODULES = ("virtio_pci", "virtio_blk", "virtio_net", "ext4")
# Where QEMU's user network has the machine, its way out and its name server (qemu(1), -netdev).
ADDRESS, GATEWAY, RESOLVER = "10.0.2.15/24", "10.0.2.2", "10.0.2.3"
IDENTITY = "machine"  # the folder of a machine's own files in the initrd
DONE = "etc/toque-kitchen"

INIT = f"""\
#!/bin/busybox sh
b=/bin/busybox
$b mount -t devtmpfs dev /dev
$b mount -t proc proc /proc
$b mount -t sysfs sys /sys
for module in $($b cat /modules/order); do $b insmod /modules/$module; done
tries=0
while [ ! -b /dev/vda ] && [ $tries -lt 100 ]; do $b sleep 0.1; tries=$((tries + 1)); done
$b mount -t ext4 /dev/vda /root || $b poweroff -f
$b ip link set eth0 up
$b ip addr add {ADDRESS} dev eth0
$b ip route add default via {GATEWAY}
if [ ! -e /root/{DONE} ]; then
    $b cp -a /{IDENTITY}/. /root/ && $b sync && $b touch /root/{DONE} || $b poweroff -f
fi
$b mount --move /dev /root/dev
$b umount /sys /proc
exec $b switch_root /root /sbin/init
"""


def ensure(image: Path, progress: Progress) -> Path:
    """The folder with the disk, the kernel and the initrd of an image, made now if need be."""
    place = image.with_name(f"qemu-{NUMBER}-{image.name}")
    with locked(place.with_name(f".{place.name}.lock"), 1800.0):
        if not place.is_dir():
            progress(f"image {place.name}: making a disk of {image.name}")
            staging = place.with_name(f".building-{place.name}")
            shutil.rmtree(staging, ignore_errors=True)
            staging.mkdir()
            _make(image, staging)
            staging.rename(place)
    return place


def _make(image: Path, staging: Path) -> None:
    raw = staging / "raw"
    options = ["-q", "-t", "ext4", "-d", str(image), "-E", "root_owner=0:0"]
    tool(["mke2fs", *options, str(raw), SIZE])
    disk = str(staging / "disk.qcow2")
    tool(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", str(raw), disk])
    raw.unlink()
    kernel = max((image / "boot").glob("vmlinuz-*"))
    shutil.copyfile(kernel, staging / "vmlinuz")
    release = kernel.name.removeprefix("vmlinuz-")
    (staging / "initrd").write_bytes(_initrd(image, image / "usr/lib/modules" / release))


def _initrd(image: Path, modules: Path) -> bytes:
    files = in_order((modules / "modules.dep").read_text(), MODULES)
    entries = [(folder, stat.S_IFDIR | 0o755, b"") for folder in FOLDERS]
    entries.append(("bin/busybox", stat.S_IFREG | 0o755, (image / "bin/busybox").read_bytes()))
    entries.append(("init", stat.S_IFREG | 0o755, INIT.encode()))
    names = []
    for file in files:
        data = (modules / file).read_bytes()
        if file.endswith(".xz"):
            file, data = file.removesuffix(".xz"), lzma.decompress(data)
        names.append(Path(file).name)
        entries.append((f"modules/{names[-1]}", stat.S_IFREG | 0o644, data))
    entries.append(("modules/order", stat.S_IFREG | 0o644, " ".join(names).encode()))
    return archive(entries)


FOLDERS = ("bin", "dev", "modules", "proc", "root", "sys")


def in_order(dependencies: str, wanted: Iterable[str]) -> list[str]:
    """The files of the wanted modules, each after those it needs; ``dependencies`` is the text
    of modules.dep.  One that is not there is built into the kernel."""
    needs = {}
    for line in dependencies.splitlines():
        file, _, others = line.partition(":")
        needs[file] = others.split()
    by_name = {Path(file).name.split(".")[0].replace("-", "_"): file for file in needs}
    found: list[str] = []

    def add(file: str) -> None:
        for other in needs[file]:
            add(other)
        if file not in found:
            found.append(file)

    for name in wanted:
        if name in by_name:
            add(by_name[name])
    return found


def archive_of(tree: Path) -> bytes:
    """The files under a tree as the initrd's folder of a machine's own files."""
    entries = [(IDENTITY, stat.S_IFDIR | 0o755, b"")]
    for path in sorted(tree.rglob("*")):
        name = f"{IDENTITY}/{path.relative_to(tree)}"
        if path.is_symlink():
            entries.append((name, stat.S_IFLNK | 0o777, str(path.readlink()).encode()))
        else:
            data = b"" if path.is_dir() else path.read_bytes()
            entries.append((name, path.stat().st_mode, data))
    return archive(entries)


def archive(entries: Iterable[tuple[str, int, bytes]]) -> bytes:
    """Names, modes and contents as a cpio archive of form newc, all of it root's; the kernel
    reads several of them one after the other (Documentation/driver-api/early-userspace)."""
    made = bytearray()
    for number, (name, mode, data) in enumerate([*entries, ("TRAILER!!!", 0, b"")], 1):
        path = name.encode() + b"\0"
        fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(path), 0)
        made += b"070701" + b"".join(b"%08X" % field for field in fields) + path
        made += b"\0" * (-len(made) % 4)
        made += data
        made += b"\0" * (-len(made) % 4)
    return bytes(made)
