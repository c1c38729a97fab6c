"""What runs in the machine that is looked at: a question a line in, an answer a line out.

Sent as text to the machine's own python3, 3.9 or newer, and run there as root; the standard
library is all it has.  It changes nothing by itself.
"""

from __future__ import annotations

import base64
import grp
import json
import os
import pwd
import socket
import stat
import sys
from typing import Any

LARGEST = 8 << 20  # bytes of a file that are sent
CHUNK = 256 << 10  # bytes that are read at once
KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "link",
    stat.S_IFSOCK: "socket",
    stat.S_IFIFO: "fifo",
    stat.S_IFBLK: "device",
    stat.S_IFCHR: "device",
}


def text_of(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def user_name(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def group_name(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def file(path: str) -> dict[str, Any] | None:
    """What is at a path itself; a link is not followed."""
    try:
        info = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    import hashlib  # what not every question needs is imported by those that do

    kind = KINDS.get(stat.S_IFMT(info.st_mode), "other")
    content: list[bytes] | None = []
    digest = hashlib.sha256()
    if kind == "file":
        size = 0
        with open(path, "rb", buffering=0) as opened:
            # Not more at once: a read of /proc/sys gets as much memory as it asks for.
            for data in iter(lambda: opened.read(CHUNK), b""):
                digest.update(data)
                size += len(data)
                content = [*content, data] if content is not None and size <= LARGEST else None
    return {
        "kind": kind,
        "owner": user_name(info.st_uid),
        "group": group_name(info.st_gid),
        "mode": stat.S_IMODE(info.st_mode),
        "target": os.readlink(path) if kind == "link" else "",
        "size": info.st_size,
        "sha256": digest.hexdigest() if kind == "file" else "",
        "content": None if content is None else text_of(b"".join(content)),
    }


def user(name: str) -> dict[str, Any] | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    groups = sorted(group_name(number) for number in os.getgrouplist(name, entry.pw_gid))
    return {"name": name, "uid": entry.pw_uid, "gid": entry.pw_gid, "home": entry.pw_dir,
            "shell": entry.pw_shell, "groups": groups}  # fmt: skip


def group(name: str) -> dict[str, Any] | None:
    """A group; its members are also those who have it as their own."""
    try:
        entry = grp.getgrnam(name)
    except KeyError:
        return None
    own = [one.pw_name for one in pwd.getpwall() if one.pw_gid == entry.gr_gid]
    return {"name": name, "gid": entry.gr_gid, "members": sorted({*entry.gr_mem, *own})}


def connected(where: int | str, timeout: float) -> socket.socket:
    """A socket to a path, or to a port of loopback."""
    made = socket.socket(socket.AF_UNIX if isinstance(where, str) else socket.AF_INET)
    made.settimeout(timeout)
    made.connect(where if isinstance(where, str) else ("127.0.0.1", where))
    return made


def listening(where: int | str) -> bool:
    try:
        connected(where, 10).close()
    except OSError:
        return False
    return True


def answer(where: int | str, asked: dict[str, Any]) -> dict[str, Any]:
    return exchange(connected(where, asked["timeout"]), asked)


def exchange(made: socket.socket, asked: dict[str, Any]) -> dict[str, Any]:
    """An HTTP request on a socket; with ``tls`` for the name in Host, whatever certificate."""
    import http.client
    import ssl

    headers, timeout = asked["headers"], asked["timeout"]
    with made:
        made.settimeout(timeout)
        if asked["tls"]:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            made = context.wrap_socket(made, server_hostname=headers["Host"].partition(":")[0])
        asking = http.client.HTTPConnection("localhost", timeout=timeout)
        asking.sock = made
        body = base64.b64decode(asked["body"]) or None
        asking.request(asked["method"], asked["path"], body=body, headers=headers)
        got = asking.getresponse()
        pairs = {name.lower(): value for name, value in got.getheaders()}
        said = {"status": got.status, "headers": pairs, "body": text_of(got.read())}
        asking.close()
    return said


def run(argv: list[str], stdin: str, user: str, timeout: float) -> dict[str, Any]:
    """A program and all that it starts, ended after ``timeout`` seconds or with who asked."""
    import select
    import signal
    import subprocess
    import time

    if user:
        argv = ["runuser", "-u", user, "--", *argv]
    started = subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd="/",
        start_new_session=True,
    )
    asker = select.poll()
    asker.register(sys.stdout.fileno(), 0)  # an event: nobody reads there any more
    until = time.monotonic() + timeout
    given: bytes | None = base64.b64decode(stdin)
    late = False
    while True:
        try:
            left = 1.0 if late else min(0.5, max(until - time.monotonic(), 0.0))
            out, err = started.communicate(given, timeout=left)
            break
        except subprocess.TimeoutExpired as expired:
            given = None  # it has been sent
            if late:  # something that left the session holds the pipes
                out, err = expired.output or b"", expired.stderr or b""
                break
            late = time.monotonic() >= until or bool(asker.poll(0))
            if late:
                os.killpg(started.pid, signal.SIGKILL)
    return {"status": started.returncode, "out": text_of(out), "err": text_of(err), "late": late}


def pids() -> list[int]:
    found = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    if not found:
        raise RuntimeError("no /proc is mounted here, so processes cannot be seen from inside")
    return sorted(found)


def processes() -> list[dict[str, Any]]:
    """Every process that has not ended, kernel threads left out."""
    found = []
    for pid in pids():
        try:
            with open(f"/proc/{pid}/status") as opened:
                status = dict(line.split(":", 1) for line in opened if ":" in line)
            with open(f"/proc/{pid}/cmdline", "rb") as opened:
                # A program that renames itself, such as nginx, leaves zeros behind.
                words = os.fsdecode(opened.read()).rstrip("\0").split("\0")
        except OSError:
            continue  # it has ended meanwhile
        if words != [""]:
            uid = int(status["Uid"].split()[1])
            found.append({"pid": pid, "parent": int(status["PPid"]), "user": user_name(uid),
                          "name": status["Name"].strip(), "argv": words})  # fmt: skip
    return found


def variables(pid: int) -> dict[str, str]:
    """The environment a process was started with."""
    with open(f"/proc/{pid}/environ", "rb") as opened:
        words = os.fsdecode(opened.read()).split("\0")[:-1]
    return dict(word.partition("=")[::2] for word in words)


def socket_owners() -> dict[str, set[int]]:
    """Inode of a socket to the pids that hold it."""
    found: dict[str, set[int]] = {}
    for pid in pids():
        try:
            for name in os.listdir(f"/proc/{pid}/fd"):
                target = os.readlink(f"/proc/{pid}/fd/{name}")
                if target.startswith("socket:["):
                    found.setdefault(target[8:-1], set()).add(pid)
        except OSError:
            continue  # it has ended meanwhile
    return found


def address(text: str) -> str:
    """An address of /proc/net: each four bytes in the order of this machine."""
    data = bytes.fromhex(text)
    if sys.byteorder == "little":
        data = b"".join(data[at : at + 4][::-1] for at in range(0, len(data), 4))
    return socket.inet_ntop(socket.AF_INET if len(data) == 4 else socket.AF_INET6, data)


def port(number: int, protocol: str) -> dict[str, Any] | None:
    """Who has a port open for others: proc(5), /proc/net/tcp; 0A is TCP_LISTEN, 07 unbound UDP."""
    state = "0A" if protocol == "tcp" else "07"
    owners = socket_owners()
    addresses: set[str] = set()
    holders: set[int] = set()
    for name in (protocol, protocol + "6"):
        try:
            with open("/proc/net/" + name) as opened:
                rows = [line.split() for line in opened][1:]
        except FileNotFoundError:
            continue  # a kernel without IPv6
        for row in rows:
            host, _, at = row[1].partition(":")
            if row[3] == state and int(at, 16) == number:
                addresses.add(address(host))
                holders |= owners.get(row[9], set())
    if not addresses:
        return None
    by = [one for one in processes() if one["pid"] in holders]
    return {"number": number, "addresses": sorted(addresses), "processes": by}


def facts() -> dict[str, Any]:
    """What the machine is, in the words of toque's facts."""
    words = {}
    with open("/etc/os-release") as opened:
        for line in opened:
            name, _, value = line.strip().partition("=")
            words[name] = value.strip("\"'")
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    systemd = os.path.isdir("/run/systemd/system")  # sd_booted(3)
    return {
        "hostname": socket.gethostname(),
        "os": words.get("ID", ""),
        "release": words.get("VERSION_ID", ""),
        "codename": words.get("VERSION_CODENAME", ""),
        "architecture": os.uname().machine,
        "cpus": len(os.sched_getaffinity(0)),
        "memory_mb": pages >> 20,
        "init": "systemd" if systemd else "supervisor",
        "python": ".".join(map(str, sys.version_info[:3])),
    }


QUESTIONS: dict[str, Any] = {
    one.__name__: one
    for one in (answer, facts, file, group, listening, port, processes, run, user, variables)
}


def main() -> None:
    for line in sys.stdin.buffer:
        ask = json.loads(line)
        try:
            said = {"answer": QUESTIONS[ask["what"]](*ask["of"])}
        except Exception as error:  # noqa: BLE001 - told to who asked, who is elsewhere
            said = {"error": f"{type(error).__name__}: {error}"}
        sys.stdout.buffer.write(json.dumps(said).encode("ascii") + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
