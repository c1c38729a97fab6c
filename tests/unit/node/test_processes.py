import subprocess
import sys

import pytest

from toque.node.memory import MemorySystem
from toque.node.model import Facts
from toque.node.processes import needed, using
from toque.node.realsystem import RealSystem


def machine(**held):
    system = MemorySystem()
    for pid, (name, place, target) in held.items():
        system.put(f"/proc/{pid[1:]}/comm", name.encode() + b"\n")
        system.put(f"/proc/{pid[1:]}/{place}", kind="link", target=target)
    system.put("/proc/meminfo", b"")
    return system


def test_processes_are_named_with_what_they_hold():
    system = machine(
        p7=("sleep", "cwd", "/srv/data"),
        p8=("python3", "fd/4", "/srv/data/log"),
        p9=("nginx", "exe", "/srv/database"),
    )

    assert using(system, "/srv/data") == ["sleep (7, /srv/data)", "python3 (8, /srv/data/log)"]


def test_no_more_are_named_than_a_person_reads():
    system = machine(**{f"p{n}": ("sleep", "cwd", "/srv") for n in range(20)})

    assert len(using(system, "/srv", most=3)) == 3


OPENED = "import sys, time; held = open(sys.stdin.read()); print(flush=True); time.sleep(60)"
MAPPED = (
    "import mmap, sys, time; held = open(sys.stdin.read()); "
    "held = mmap.mmap(held.fileno(), 0, access=mmap.ACCESS_READ); print(flush=True); time.sleep(60)"
)


@pytest.mark.parametrize("how", ["there", "opened", "mapped", "named"])
def test_what_a_process_needs_is_known_by_the_name_in_its_folder(tmp_path, how):
    top = tmp_path / "releases"
    for name in ("a1", "a1b", "free"):
        (top / name).mkdir(parents=True)
        (top / name / "file").write_text("text")
    argv = [sys.executable, "-c", MAPPED if how == "mapped" else OPENED]
    given = top / "a1/file" if how in ("opened", "mapped") else "/dev/null"
    process = subprocess.Popen(
        [*argv, str(top / "a1/file")] if how == "named" else argv,
        cwd=top / "a1" if how == "there" else "/",
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        process.stdin.write(str(given).encode())
        process.stdin.close()
        process.stdout.readline()

        found = needed(RealSystem(Facts()), str(top))
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    assert list(found) == ["a1"]
    assert found["a1"].endswith(f" ({process.pid})")
    assert needed(RealSystem(Facts()), str(top)) == {}
