from hypothesis import given
from hypothesis import strategies as st

from toque.node import fstab
from toque.node.fstab import Line, Mounted
from toque.node.memory import MemorySystem

MOUNTINFO = b"""\
294 273 0:58 / / rw,relatime shared:64 - overlay toque rw,lowerdir=/a:/b
320 294 0:99 / /srv/a\\040b ro,nodev shared:1 master:2 - tmpfs tmpfs rw,size=4k
321 294 8:1 / /data rw,noatime - ext4 /dev/sda1 ro
322 294 8:2 / /data rw,noatime - ext4 /dev/sda2 rw
"""
SWAPS = b"Filename Type Size Used Priority\n/a\\040swap file 8188 0 -2\n/dev/sdb partition 9 0 -3\n"


def put(text, mine, line):
    system = MemorySystem(files={fstab.FSTAB: text})
    fstab.put(system, mine, line)
    return system.read(fstab.FSTAB)


def test_what_is_mounted_is_what_was_mounted_last():
    found = fstab.mounts(MemorySystem(files={fstab.MOUNTS: MOUNTINFO}))

    assert found["/"] == Mounted("toque", "overlay", ("rw", "relatime"))
    assert found["/srv/a b"] == Mounted("tmpfs", "tmpfs", ("ro", "nodev"))
    assert found["/data"] == Mounted("/dev/sda2", "ext4", ("rw", "noatime"))


def test_a_file_system_that_is_read_only_as_a_whole_is_so_everywhere():
    found = fstab.mounts(MemorySystem(files={fstab.MOUNTS: MOUNTINFO.splitlines(True)[2]}))

    assert found["/data"].options == ("ro", "noatime")


def test_swap_files_by_their_names():
    assert fstab.swaps(MemorySystem(files={fstab.SWAPS: SWAPS})) == ["/a swap", "/dev/sdb"]
    assert fstab.swaps(MemorySystem()) == []


def test_one_line_takes_the_place_of_all_that_mean_the_same():
    text = b"# mine\n/dev/a\t/srv ext4 noatime 0 2\n\n/dev/b /home ext4\n/dev/c /srv xfs\n"
    new = Line("/dev/d", "/srv", "ext4")

    after = put(text, lambda line: line.path == "/srv", new)

    assert after == b"# mine\n/dev/d /srv ext4 defaults 0 0\n\n/dev/b /home ext4\n"
    assert put(after, lambda line: line.path == "/srv", None) == (b"# mine\n\n/dev/b /home ext4\n")


def test_short_and_odd_lines_are_read_as_mount_does():
    assert fstab.line_of("/dev/a /srv ext4") == Line("/dev/a", "/srv", "ext4")
    assert fstab.line_of("/dev/a /srv ext4 ro 0 2") == Line("/dev/a", "/srv", "ext4", "ro", 2)
    assert fstab.line_of("  # /dev/a /srv ext4") is None
    assert fstab.line_of("") is None


CHARACTERS = st.characters(exclude_categories=["C", "Z"]) | st.sampled_from(" \t\n\\#")


@given(st.text(CHARACTERS, min_size=1))
def test_any_name_comes_back_from_its_line(name):
    line = Line(name, "/srv", "ext4")

    assert fstab.line_of(line.text) == line
