import pytest

from init_fakes import Systemctl, converge, verbs
from toque.node.errors import NotReady, StepFailed
from toque.node.fstab import FSTAB, MOUNTS
from toque.node.memory import MemorySystem
from toque.node.resource import Invalid
from toque.node.resources.mount import Mount
from toque.node.system import Result

DATA = Mount("/srv/data", "/dev/sdb1", "ext4", ("noatime", "nofail"), passno=2)
LINE = b"/dev/sdb1 /srv/data ext4 noatime,nofail 0 2\n"


class Kernel:
    """mount, umount and what they leave in mountinfo; ``refuses`` are their words."""

    def __init__(self, fstab=b"", mounted=()):
        self.system = Systemctl().on(MemorySystem(files={FSTAB: fstab}))
        self.system.put("/srv/data", kind="directory")
        self.mounted = list(mounted)
        self.refuses = b""
        self.system.programs.update(mount=self.mount, umount=self.umount)
        self.tell()

    def mount(self, argv, stdin, user):
        kind, options, device, path = argv[2], argv[4], argv[6], argv[7]
        if self.refuses:
            return Result(argv, 32, b"", self.refuses)
        self.mounted = [entry for entry in self.mounted if entry[0] != path]
        self.mounted.append((path, options.replace("remount,", "") + ",rw", kind, device))
        return self.tell(argv)

    def umount(self, argv, stdin, user):
        if self.refuses:
            return Result(argv, 32, b"", self.refuses)
        self.mounted = [entry for entry in self.mounted if entry[0] != argv[2]]
        return self.tell(argv)

    def tell(self, argv=()):
        lines = [f"1 2 0:3 / {p} {o} - {k} {d} rw" for p, o, k, d in self.mounted]
        self.system.put(MOUNTS, "\n".join(lines).encode())
        return Result(argv, 0)


def test_a_disk_is_mounted_then_stored_and_systemd_is_told():
    kernel = Kernel()

    assert "exists" in converge(DATA, kernel.system)
    assert kernel.system.read(FSTAB) == LINE
    assert [call[0] for call in kernel.system.calls] == ["mount", "systemctl"]
    assert verbs(kernel.system, "systemctl") == ["daemon-reload"]
    assert converge(DATA, kernel.system) == frozenset()


def test_a_disk_that_cannot_be_mounted_is_not_stored():
    kernel = Kernel()
    kernel.refuses = b"mount: special device /dev/sdb1 does not exist."

    with pytest.raises(StepFailed) as caught:
        converge(DATA, kernel.system)

    assert caught.value.code == "mount-failed"
    assert "does not exist" in caught.value.log[0]
    assert kernel.system.read(FSTAB) == b""


def test_changed_options_are_given_to_what_is_mounted():
    kernel = Kernel(LINE, [("/srv/data", "rw", "ext4", "/dev/sdb1")])

    assert converge(DATA, kernel.system) == {"options"}
    assert kernel.system.calls[0][4] == "remount,noatime,nofail"


def test_another_disk_in_its_place_is_unmounted_first():
    kernel = Kernel(b"", [("/srv/data", "rw,noatime", "xfs", "/dev/sdz")])

    assert DATA.found(kernel.system)["mounted"] == "/dev/sdz (xfs)"
    converge(DATA, kernel.system)
    assert [call[0] for call in kernel.system.calls][:2] == ["umount", "mount"]


def test_a_busy_one_stays_and_its_users_are_named():
    kernel = Kernel(LINE, [("/srv/data", "rw,noatime", "ext4", "/dev/sdb1")])
    kernel.refuses = b"umount: /srv/data: target is busy."
    kernel.system.put("/proc/7/cwd", kind="link", target="/srv/data/x")
    kernel.system.put("/proc/7/comm", b"postgres\n")

    with pytest.raises(StepFailed) as caught:
        converge(Mount("/srv/data", absent=True), kernel.system)

    assert caught.value.code == "mount-busy"
    assert caught.value.found == "postgres (7, /srv/data/x)"
    assert kernel.system.read(FSTAB) == LINE


def test_an_absent_one_is_unmounted_and_forgotten():
    kernel = Kernel(LINE + b"/dev/a / ext4\n", [("/srv/data", "rw", "ext4", "/dev/sdb1")])

    assert converge(Mount("/srv/data", absent=True), kernel.system) == {"exists"}
    assert kernel.system.read(FSTAB) == b"/dev/a / ext4\n"
    assert kernel.mounted == []


@pytest.mark.parametrize("mounted", [None, False])
def test_one_that_is_not_to_be_mounted_is_only_stored(mounted):
    kernel = Kernel()

    converge(Mount("/srv/data", "/dev/sdb1", "ext4", mounted=mounted), kernel.system)

    assert kernel.system.read(FSTAB) == b"/dev/sdb1 /srv/data ext4 defaults 0 0\n"
    assert kernel.mounted == []


def test_a_device_by_another_name_is_taken_for_the_same():
    kernel = Kernel(b"", [("/srv/data", "rw", "ext4", "/dev/sdb1")])

    for device in ("UUID=abc", "/dev/disk/by-label/data", "/dev/mapper/x"):
        assert Mount("/srv/data", device, "ext4").found(kernel.system)["mounted"] is True


def test_the_directory_may_come_with_an_earlier_step():
    kernel = Kernel()
    kernel.system.remove("/srv/data")

    with pytest.raises(NotReady) as caught:
        converge(DATA, kernel.system)

    assert caught.value.code == "directory-missing"


def test_what_is_shown_is_what_changes():
    found = {"fstab": "old line", "mounted": False, "options": []}

    assert DATA.show(found, frozenset({"fstab", "mounted", "options"})) == [
        "- fstab: old line",
        "+ fstab: " + LINE.decode().strip(),
        "~ mounted: False -> True",
    ]
    assert DATA.show({**found, "mounted": True}, frozenset({"options"})) == [
        "~ options: [] -> ['noatime', 'nofail']"
    ]
    assert Mount("/x", absent=True).show({}, frozenset({"exists"})) == ["- /x"]


@pytest.mark.parametrize(
    "fields",
    [
        {"path": "srv"},
        {"path": "/"},
        {"path": "/srv/../etc"},
        {"path": "/srv/"},
        {"device": ""},
        {"device": "--all"},
        {"device": "/dev/a\n/dev/b / ext4"},
        {"type": "swap"},
        {"type": "ext4,x"},
        {"options": ()},
        {"options": ("rw,suid",)},
        {"options": ("a b",)},
        {"passno": 3},
    ],
)
def test_what_is_no_mount_is_refused_before_it_travels(fields):
    given = {"path": "/srv/data", "device": "/dev/sdb1", "type": "ext4", **fields}

    with pytest.raises(Invalid):
        Mount(**given).validate()
