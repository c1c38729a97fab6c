"""The first text that runs on a node: it is sent whole, as the argument of ``python3 -c``.

Rules, because of how it travels and where it lands:
* not one single quote or backslash anywhere, comments included: it stands between single quotes;
* syntax that Python 3.4 reads, so that one too old can say so;
* it is constant: values come on stdin, in a header line of JSON;
* only sys, os, stat and json before the runtime runs, the rest where it is needed (cold start).

Talk: header in; then out ``refused`` or ``ready``, or ``need-runtime``, the zip in, and ``ready``.
After that stdin and stdout belong to the runtime.  ``pipe.py`` holds the other end.
"""

# It runs before anything of ours is there, on Pythons of any age, with few imports:
# ruff: noqa: UP031, UP036

import json
import os
import stat
import sys

MYPY = False
if MYPY:
    from typing import Any, BinaryIO, NoReturn

STATE = "/var/lib/toque"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
KEPT = 3  # runtimes, the latest used ones
STALE_S = 3600  # an unpacking older than this died
LIMIT = 32 << 20  # bytes of all files of a runtime


class Refused(Exception):
    """The node cannot be used as it is; the code is explained by the controller."""


def say(out: "BinaryIO", kind: str, **more: str) -> None:
    """One line of JSON."""
    out.write(json.dumps(dict(more, type=kind)).encode() + bytes([10]))
    out.flush()


def own_directory(path: str, mode: int) -> None:
    """Make a directory that only we can change, or see that it is one."""
    try:
        os.mkdir(path, mode)
    except FileExistsError:
        pass
    info = os.lstat(path)
    if not stat.S_ISDIR(info.st_mode):
        raise Refused("node-state-unsafe", path + " is not a directory")
    if info.st_uid != os.geteuid() or info.st_mode & 0o022:
        found = "%s has owner uid %d, mode %04o" % (path, info.st_uid, info.st_mode & 0o7777)
        raise Refused("node-state-unsafe", found)


def unpack(data: bytes, top: str) -> None:
    """Write the sources of a runtime below ``top``: names we would have chosen, nothing else."""
    import io
    import re
    import zipfile

    good = re.compile("toque_node/([a-z_0-9]+/)*[a-z_0-9]+[.]py")
    room = LIMIT
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for entry in archive.infolist():
            room -= entry.file_size
            if not good.fullmatch(entry.filename) or room < 0:
                raise Refused("runtime-damaged", "an entry named " + ascii(entry.filename))
            path = os.path.join(top, entry.filename)
            os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
                file.write(archive.read(entry))
                file.flush()
                os.fsync(file.fileno())


def sync_directory(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def install(data: bytes, sha: str, shelf: str) -> None:
    """Unpack beside and rename, so that a runtime is whole or not there."""
    import hashlib
    import shutil
    import tempfile

    if hashlib.sha256(data).hexdigest() != sha:
        raise Refused("runtime-damaged", "%d bytes that have another hash" % len(data))
    final = os.path.join(shelf, sha)
    fresh = tempfile.mkdtemp(prefix=".new-", dir=shelf)
    try:
        unpack(data, fresh)  # Python keeps byte code of what is used, a third, when it is used
        for folder, _, _ in os.walk(fresh):
            sync_directory(folder)
        try:
            os.rename(fresh, final)
        except OSError:
            if not os.path.isdir(final):  # else another run was faster with the same bytes
                raise
        sync_directory(shelf)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def prune(shelf: str) -> None:
    """Keep the runtimes used last; drop what a killed unpacking left."""
    import shutil
    import time

    used = {}
    for name in os.listdir(shelf):
        try:
            used[name] = os.lstat(os.path.join(shelf, name)).st_mtime
        except FileNotFoundError:
            continue
    whole = sorted((n for n in used if n[0] != "."), key=lambda n: used[n], reverse=True)
    dead = [n for n in used if n[0] == "." and used[n] < time.time() - STALE_S]
    for name in whole[KEPT:]:
        os.rename(os.path.join(shelf, name), os.path.join(shelf, ".old-" + name))
        dead.append(".old-" + name)  # half deleted it must not look whole
    for name in dead:
        shutil.rmtree(os.path.join(shelf, name), ignore_errors=True)


def provide(header: "dict[str, Any]", source: "BinaryIO", out: "BinaryIO") -> str:
    """The directory of the runtime that the header names, asked for where it is not there."""
    if sys.version_info < (3, 9):
        raise Refused("python-too-old", "%d.%d.%d" % sys.version_info[:3])
    state = header.get("state") or STATE
    if state == STATE and os.geteuid() != 0:
        raise Refused("needs-root", "uid %d" % os.geteuid())
    own_directory(state, 0o755)
    shelf = os.path.join(state, "rt")
    own_directory(shelf, 0o700)
    place = os.path.join(shelf, header["runtime"])
    if not os.path.isdir(place):
        say(out, "need-runtime")
        install(source.read(header["size"]), header["runtime"], shelf)
        os.utime(place)
        try:
            prune(shelf)
        except FileNotFoundError:  # another run prunes too
            pass
    else:
        os.utime(place)  # the newest are kept
    return place


def boot() -> "NoReturn":
    # Descriptors 0 and 1 are the talk: a print of anybody else goes to standard error.
    source, out = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr
    os.chdir("/")
    os.umask(0o022)
    home = "/root" if os.geteuid() == 0 else os.environ.get("HOME", "/")
    os.environ.clear()
    os.environ.update(PATH=PATH, LANG="C.UTF-8", HOME=home)
    line = source.readline(1 << 20)
    if not line:
        sys.exit(1)
    header = json.loads(line.decode())
    try:
        place = provide(header, source, out)
    except Refused as refusal:
        say(out, "refused", code=refusal.args[0], found=refusal.args[1])
        sys.exit(3)
    except OSError as error:
        say(out, "refused", code="node-not-writable", found=str(error))
        sys.exit(3)
    sys.path.insert(0, place)
    say(out, "ready", python="%d.%d.%d" % sys.version_info[:3])
    from toque_node.__main__ import main  # type: ignore[import-not-found,unused-ignore]

    status = main(header["argv"], source, out)
    out.flush()
    sys.stderr.flush()
    os._exit(status)  # taking all that was imported apart takes longer than looking at 200 files


if __name__ == "__main__":
    boot()
