"""A filter that takes system calls away from this process for good (seccomp(2), bpf in C structs).

Only what a compiling process never needs and what other holes in a kernel are reached by: other
processes, programs, namespaces, mounts, and the kernel's own machines.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterable, Mapping

# Numbers from arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h.
REFUSED: Mapping[str, tuple[int, Mapping[str, int]]] = {
    "x86_64": (
        0xC000003E,
        {
            "clone": 56, "fork": 57, "vfork": 58, "execve": 59, "ptrace": 101, "pivot_root": 155,
            "mount": 165, "umount2": 166, "add_key": 248, "request_key": 249, "keyctl": 250,
            "unshare": 272, "perf_event_open": 298, "setns": 308, "process_vm_readv": 310,
            "process_vm_writev": 311, "bpf": 321, "execveat": 322, "userfaultfd": 323,
            "io_uring_setup": 425, "open_tree": 428, "move_mount": 429, "fsopen": 430,
            "fsmount": 432, "clone3": 435,
        },
    ),
    "aarch64": (
        0xC00000B7,
        {
            "umount2": 39, "mount": 40, "pivot_root": 41, "unshare": 97, "ptrace": 117,
            "add_key": 217, "request_key": 218, "keyctl": 219, "clone": 220, "execve": 221,
            "perf_event_open": 241, "setns": 268, "process_vm_readv": 270,
            "process_vm_writev": 271, "bpf": 280, "execveat": 281, "userfaultfd": 282,
            "io_uring_setup": 425, "open_tree": 428, "move_mount": 429, "fsopen": 430,
            "fsmount": 432, "clone3": 435,
        },
    ),
}  # fmt: skip

LOAD, EQUAL, AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06  # BPF_LD|W|ABS, BPF_JMP|JEQ|K ...
ALLOW, KILL, REFUSE = 0x7FFF0000, 0x80000000, 0x00050001  # the last with EPERM
OTHER_ABI = 0x40000000  # x32's calls begin here
PR_SET_SECCOMP, FILTER = 22, 2


def refuse() -> None:
    """Have those calls fail with EPERM from now on.  Raises ``OSError``."""
    machine = os.uname().machine
    if machine not in REFUSED:
        raise OSError(f"no list of system calls for {machine}")
    arch, numbers = REFUSED[machine]
    text = program(arch, numbers.values())
    buffer = ctypes.create_string_buffer(text, len(text))
    head = struct.pack("HxxxxxxP", len(text) // 8, ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_SECCOMP, FILTER, head, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"seccomp: {os.strerror(number)}")


def program(arch: int, numbers: Iterable[int]) -> bytes:
    """The filter as ``struct sock_filter``s.  Pure."""
    refused = sorted(numbers)
    lines = [
        (LOAD, 0, 0, 4),  # seccomp_data.arch
        (EQUAL, 1, 0, arch),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, 0),  # seccomp_data.nr
        (AT_LEAST, len(refused) + 1, 0, OTHER_ABI),
        *((EQUAL, len(refused) - at, 0, number) for at, number in enumerate(refused)),
        (RETURN, 0, 0, ALLOW),
        (RETURN, 0, 0, REFUSE),
    ]
    return b"".join(struct.pack("HBBI", *line) for line in lines)
