from toque.node.memory import MemorySystem
from toque.node.processes import using


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
