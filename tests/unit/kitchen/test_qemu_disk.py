"""What the initrd of driver qemu is made of."""

from __future__ import annotations

import stat
from pathlib import Path

from toque.kitchen.drivers.qemu_disk import archive, archive_of, in_order

DEPENDENCIES = """\
kernel/drivers/net/virtio_net.ko.xz: kernel/net/core/failover.ko.xz kernel/v/virtio.ko.xz
kernel/net/core/failover.ko.xz:
kernel/v/virtio.ko.xz: kernel/v/virtio_ring.ko.xz
kernel/v/virtio_ring.ko.xz:
kernel/v/virtio-blk.ko.xz: kernel/v/virtio_ring.ko.xz kernel/v/virtio.ko.xz
kernel/sound/other.ko.xz:
"""


def test_a_module_comes_after_those_it_needs_and_once() -> None:
    found = in_order(DEPENDENCIES, ["virtio_blk", "virtio_net", "ext4"])

    assert [Path(file).name.split(".")[0] for file in found] == [
        "virtio_ring",
        "virtio",
        "virtio-blk",
        "failover",
        "virtio_net",
    ]


def test_an_archive_holds_names_modes_and_contents_of_root() -> None:
    made = archive([("a", stat.S_IFDIR | 0o700, b""), ("a/b", stat.S_IFREG | 0o600, b"text!")])

    assert entries(made) == [("a", 0o40700, b""), ("a/b", 0o100600, b"text!")]
    assert len(made) % 4 == 0


def test_a_tree_keeps_its_modes_and_links(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir(mode=0o755)
    (tmp_path / "etc/key").write_text("secret")
    (tmp_path / "etc/key").chmod(0o600)
    (tmp_path / "etc/link").symlink_to("key")

    found = {name: (mode, data) for name, mode, data in entries(archive_of(tmp_path))}

    assert found["machine/etc/key"] == (stat.S_IFREG | 0o600, b"secret")
    assert found["machine/etc/link"] == (stat.S_IFLNK | 0o777, b"key")
    assert stat.S_ISDIR(found["machine/etc"][0])


def entries(made: bytes) -> list[tuple[str, int, bytes]]:
    """What is in a newc archive, read as cpio(5) says; every entry has to be root's."""
    found: list[tuple[str, int, bytes]] = []
    at = 0
    while True:
        assert made[at : at + 6] == b"070701"
        fields = [int(made[at + 6 + 8 * n : at + 14 + 8 * n], 16) for n in range(13)]
        assert fields[2:4] == [0, 0]
        end = at + 110 + fields[11]
        name = made[at + 110 : end - 1].decode()
        start = -(-end // 4) * 4
        at = -(-(start + fields[6]) // 4) * 4
        if name == "TRAILER!!!":
            assert at == len(made)
            return found
        found.append((name, fields[1], made[start : start + fields[6]]))
