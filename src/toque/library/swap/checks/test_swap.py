"""A machine with a kernel of its own swaps to the file; a container is left as it is."""


def has_own_kernel(machine):
    return machine.systemd and machine.file("/run/systemd/container") is None


def test_the_file_is_in_use_exactly_where_there_is_an_own_kernel(machine):
    used = machine.run("cat", "/proc/swaps").out

    assert ("/swapfile " in used) == has_own_kernel(machine)


def test_nothing_is_left_for_a_boot_that_could_not_use_it(machine):
    stored = machine.run("cat", "/etc/fstab", check=False).out

    assert ("/swapfile" in stored) == has_own_kernel(machine)
    assert (machine.file("/swapfile") is not None) == has_own_kernel(machine)


def test_only_root_can_read_what_was_swapped(machine):
    there = machine.file("/swapfile")

    assert there is None or (there.owner, there.mode) == ("root", 0o600)
