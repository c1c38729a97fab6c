import os

import pytest

from init_fakes import converge
from toque.node.errors import StepFailed
from toque.node.fstab import FSTAB, SWAPS
from toque.node.memory import MemorySystem
from toque.node.model import Facts
from toque.node.realsystem import RealSystem
from toque.node.resource import Invalid
from toque.node.resources.swap_file import MIB, SwapFile
from toque.node.system import Result

PATH = "/swapfile"
LINE = b"/swapfile none swap sw 0 0\n"


class Kernel:
    """dd, mkswap, swapon, swapoff; a file that is swapped to can be neither moved nor removed."""

    def __init__(self, free_mib=4096):
        self.system = MemorySystem(files={FSTAB: b""})
        self.used = []
        self.refuses = {}  # (program, path) to its words
        said = f"Avail\n{free_mib}\n".encode()
        self.system.programs.update(
            df=lambda argv, stdin, user: Result(argv, 0, said),
            dd=self.dd,
            mkswap=self.mkswap,
            test=lambda argv, stdin, user: Result(argv, 0),
            swapon=self.swap,
            swapoff=self.swap,
        )
        for name in ("rename", "remove"):
            setattr(self.system, name, self.guarded(getattr(self.system, name)))
        self.tell()

    def guarded(self, act):
        def guarded(path, *rest):
            assert path not in self.used, f"{act.__name__} of a file that is swapped to"
            act(path, *rest)

        return guarded

    def dd(self, argv, stdin, user):
        path, count = argv[2][len("of=") :], int(argv[4][len("count=") :])
        self.system.tree[path].data = b"\0" * (count * MIB)
        return Result(argv, 0)

    def mkswap(self, argv, stdin, user):
        entry = self.system.tree[argv[2]]
        entry.data = b"SWAPSPACE2" + entry.data[10:]
        return Result(argv, 0)

    def swap(self, argv, stdin, user):
        program, path = argv[0], argv[2]
        words = self.refuses.get((program, path))
        if words is None and not self.system.read(path).startswith(b"SWAPSPACE2"):
            words = b"read swap header failed"
        if words is not None:
            return Result(argv, 255, b"", words)
        if program == "swapon":
            self.used.append(path)
        else:
            self.used.remove(path)
        self.tell()
        return Result(argv, 0)

    def tell(self):
        text = "Filename Type\n" + "".join(f"{path} file\n" for path in self.used)
        self.system.put(SWAPS, text.encode())


def test_a_file_is_written_used_and_stored():
    kernel = Kernel()

    assert "exists" in converge(SwapFile(PATH, 2), kernel.system)
    assert kernel.used == [PATH]
    assert (kernel.system.stat(PATH).size, kernel.system.stat(PATH).mode) == (2 * MIB, 0o600)
    assert kernel.system.read(FSTAB) == LINE
    assert converge(SwapFile(PATH, 2), kernel.system) == frozenset()


def test_another_size_is_a_new_file_beside_the_old_one():
    kernel = Kernel()
    converge(SwapFile(PATH, 2), kernel.system)

    assert converge(SwapFile(PATH, 3), kernel.system) == {"size_mib"}
    assert kernel.used == [PATH]
    assert kernel.system.names("/") == ["etc", "proc", "swapfile"]


def test_what_the_kernel_refuses_leaves_the_old_file_in_use():
    kernel = Kernel()
    converge(SwapFile(PATH, 2), kernel.system)
    kernel.refuses["swapon", PATH + ".toque-new"] = b"swapon failed: Invalid argument"

    with pytest.raises(StepFailed) as caught:
        converge(SwapFile(PATH, 3), kernel.system)

    assert caught.value.code == "swap-refused"
    assert "Invalid argument" in caught.value.log[0]
    assert SwapFile(PATH, 2).found(kernel.system) == SwapFile(PATH, 2).wanted()
    assert kernel.system.stat(PATH + ".toque-new") is None


@pytest.mark.parametrize("absent", [True, False])
def test_what_does_not_fit_into_memory_stays_in_use(absent):
    kernel = Kernel()
    converge(SwapFile(PATH, 2), kernel.system)
    kernel.refuses["swapoff", PATH] = b"swapoff failed: Cannot allocate memory"

    with pytest.raises(StepFailed) as caught:
        converge(SwapFile(PATH, absent=True) if absent else SwapFile(PATH, 3), kernel.system)

    assert caught.value.code == "swap-busy"
    assert SwapFile(PATH, 2).found(kernel.system) == SwapFile(PATH, 2).wanted()
    assert kernel.system.stat(PATH + ".toque-new") is None


def test_a_disk_without_room_is_refused_before_anything_is_written():
    kernel = Kernel(free_mib=100)

    with pytest.raises(StepFailed) as caught:
        converge(SwapFile(PATH, 64), kernel.system)

    assert (caught.value.code, caught.value.found) == ("disk-full", "100 MiB free")
    assert [call[0] for call in kernel.system.calls] == ["df"]


def test_one_that_was_switched_off_is_used_again_without_writing_it():
    kernel = Kernel()
    converge(SwapFile(PATH, 2), kernel.system)
    kernel.used.clear()
    kernel.tell()
    kernel.system.calls.clear()

    assert converge(SwapFile(PATH, 2), kernel.system) == {"used"}
    assert [call[0] for call in kernel.system.calls] == ["swapon"]


def test_a_file_that_is_no_swap_space_is_written_anew():
    kernel = Kernel()
    kernel.system.put(PATH, b"\0" * 2 * MIB, mode=0o600)

    assert converge(SwapFile(PATH, 2), kernel.system) == {"fstab", "used"}
    assert kernel.used == [PATH]


def test_what_a_killed_run_left_in_use_is_cleared_away():
    kernel = Kernel()
    kernel.system.put(PATH + ".toque-new", b"SWAPSPACE2")
    kernel.used.append(PATH + ".toque-new")
    kernel.tell()

    converge(SwapFile(PATH, 2), kernel.system)

    assert kernel.used == [PATH]


def test_an_absent_one_is_off_and_gone():
    kernel = Kernel()
    converge(SwapFile(PATH, 2), kernel.system)

    assert converge(SwapFile(PATH, absent=True), kernel.system) == {"exists"}
    assert (kernel.used, kernel.system.read(FSTAB)) == ([], b"")


def test_a_directory_in_its_place_is_left_alone():
    kernel = Kernel()
    kernel.system.put(PATH, kind="directory")

    with pytest.raises(StepFailed) as caught:
        SwapFile(PATH, 2).found(kernel.system)

    assert caught.value.code == "wrong-kind"


@pytest.mark.parametrize(
    ("path", "size"), [("swap", 1), ("/a/../b", 1), ("/a\nb", 1), ("/swap", 0), ("/", 1)]
)
def test_what_is_no_swap_file_is_refused_before_it_travels(path, size):
    with pytest.raises(Invalid):
        SwapFile(path, size).validate()


@pytest.mark.skipif(os.geteuid() != 0, reason="another owner needs root")
def test_directory_in_which_others_can_swap_names_is_refused(tmp_path):
    """dd and mkswap would follow what stands there by then."""
    (tmp_path / "app").mkdir()
    os.chown(tmp_path / "app", 4242, 4242)
    system = RealSystem(Facts())

    with pytest.raises(StepFailed) as failed:
        SwapFile(f"{tmp_path}/app/swap", size_mib=1)._write(system, f"{tmp_path}/app/swap")

    assert failed.value.code == "unsafe-path"
    assert os.listdir(tmp_path / "app") == []
