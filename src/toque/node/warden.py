"""Runs one program of a build apart from what serves, and ends all of it with the program.

Its text is run by root's Python, inside the build's own control group where there is one, and is
told what to do on standard input: so no variable of the app's is root's.  It stays root and is
spared by the kernel, while the program is the app's user for good.  The last line that it writes to
standard error begins with ``toque-build`` and says, in JSON, how it ended.
"""

import contextlib
import ctypes
import json
import os
import resource
import signal
import sys
import time
from typing import Any, Dict, Mapping

TOLD = "toque-build "
LOOK_S = 0.2  # between two looks at the clock, the disk and the one who asked
FLOOR = 256 << 20  # bytes that a build leaves free, or half of what was free when that is less
CLEAR_S = 10.0  # for what it started to be gone
MIB = 1 << 20


def group(unit: str, file: str) -> str:
    """The folder with ``file`` in it that is the control group ``unit``; empty when there is none.

    A container may see less of the path than the kernel tells: cgroups(7), version 1 and 2.
    """
    try:
        with open("/proc/self/cgroup") as lines:
            rows = [line.rstrip("\n").split(":", 2) for line in lines]
    except OSError:  # a chroot
        return ""
    for _, names, path in rows:
        parts = path.split("/")[1:]
        if parts[-1] != unit:
            continue
        for top in (names.replace("name=", ""), "unified", ""):
            for start in range(len(parts)):
                folder = "/".join(["/sys/fs/cgroup", *([top] if top else []), *parts[start:]])
                if os.path.exists(f"{folder}/{file}"):
                    return folder
    return ""


def count(path: str, word: str) -> int:
    """The number behind ``word`` in a file of events."""
    try:
        with open(path) as lines:
            return next(int(line.split()[1]) for line in lines if line.split()[0] == word)
    except (OSError, StopIteration, IndexError, ValueError):
        return 0


def set_text(path: str, text: str) -> None:
    """Where the kernel lets us."""
    with contextlib.suppress(OSError), open(path, "w") as file:
        file.write(text)


def become(asked: Mapping[str, Any], bounded: bool) -> None:
    """Turn into the build's user for good, and into its program."""
    os.setsid()
    signal.pthread_sigmask(signal.SIG_SETMASK, set())
    set_text("/proc/self/oom_score_adj", "500")  # before what serves
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if not bounded:
        size = asked["memory_mb"] * MIB
        resource.setrlimit(resource.RLIMIT_DATA, (size, size))
        if asked["uid"]:
            resource.setrlimit(resource.RLIMIT_NPROC, (asked["processes"], asked["processes"]))
    os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
    if os.geteuid() == 0:
        os.setgroups(asked["groups"])
        os.setresgid(asked["gid"], asked["gid"], asked["gid"])
        os.setresuid(asked["uid"], asked["uid"], asked["uid"])
    os.umask(0o027)
    ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
    os.chdir(asked["cwd"])
    os.execvpe(asked["argv"][0], asked["argv"], asked["env"])


def room(path: str) -> int:
    try:
        there = os.statvfs(path)
    except OSError:
        return -1
    return there.f_bavail * there.f_frsize


def clear(procs: str, child: int) -> None:
    """Kill what the program has started, wherever it has gone."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    me = os.getpid()
    listing = f"{procs}/cgroup.procs" if procs else f"/proc/self/task/{me}/children"
    until = time.monotonic() + CLEAR_S
    while time.monotonic() < until:
        reaped()
        try:
            with open(listing) as text:
                left = [int(word) for word in text.read().split() if int(word) != me]
        except OSError:  # a chroot
            return
        if not left:
            return
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.002)


def reaped() -> Dict[int, int]:
    """Statuses of those that have ended since, by process id: orphans are ours, too."""
    found: Dict[int, int] = {}
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                break
            found[pid] = status
    return found


def watched(asked: Mapping[str, Any], child: int) -> Dict[str, Any]:
    """Wait for the end of the program; ``why`` says why it was ended, when it was."""
    floors = {path: min(FLOOR, room(path) // 2) for path in ("/tmp", asked["cwd"])}
    until = time.monotonic() + asked["timeout_s"]
    while True:
        got = signal.sigtimedwait({signal.SIGCHLD, signal.SIGTERM}, LOOK_S)
        status = reaped().get(child)
        if status is not None:
            code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
            return {"code": code, "why": ""}
        if time.monotonic() >= until:
            return {"code": -9, "why": "time"}
        if any(0 <= room(path) < floor for path, floor in floors.items()):
            return {"code": -9, "why": "disk"}
        if os.getppid() != asked["parent"] or (got and got.si_signo == signal.SIGTERM):
            return {"code": -9, "why": "stopped"}


def main(asked: Mapping[str, Any]) -> None:
    os.nice(10)  # of the disk's time, too: ioprio_set(2)
    memory = group(asked["unit"], "memory.events") or group(asked["unit"], "memory.oom_control")
    pids = group(asked["unit"], "pids.max")
    set_text("/proc/self/oom_score_adj", "-1000")
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER: orphans come to us
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD, signal.SIGTERM})
    child = os.fork()
    if child == 0:
        code = 126
        try:
            become(asked, bool(memory))
        except OSError as error:
            code = 127 if isinstance(error, FileNotFoundError) else code
            sys.stderr.write(f"{asked['argv'][0]}: {error}\n")
        finally:
            sys.stderr.flush()
            os._exit(code)
    try:
        ended = watched(asked, child)
    finally:
        if pids:
            set_text(f"{pids}/pids.max", "1")  # or it forks faster than we kill
        clear(group(asked["unit"], "cgroup.procs"), child)
    oom = [
        count(f"{memory}/{name}", "oom_kill") for name in ("memory.events", "memory.oom_control")
    ]
    ended.update(group=bool(memory), oom=sum(oom), forks=count(f"{pids}/pids.events", "max"))
    sys.stderr.write(f"\n{TOLD}{json.dumps(ended)}\n")
