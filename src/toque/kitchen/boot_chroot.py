"""What a boot does before supervisor starts, in a machine that is a changed root: run inside it.

Sent to the machine's own python3 on standard input, so a link that the machine planted leads
nowhere outside.  Stdlib only, Python 3.9.  Like a boot it empties /run, /tmp and /dev/shm, then
makes what packages declare in tmpfiles.d (tmpfiles.d(5), lines of type d and D below /run).
"""

import glob
import grp
import os
import pwd
import shutil


def empty(folder: str, mode: int) -> None:
    os.makedirs(folder, exist_ok=True)
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path)
        else:
            os.unlink(entry.path)
    os.chmod(folder, mode)


def declared() -> None:
    files = {}
    for folder in ("/usr/lib/tmpfiles.d", "/etc/tmpfiles.d"):
        for path in glob.glob(folder + "/*.conf"):
            files[os.path.basename(path)] = path
    for _name, path in sorted(files.items()):
        with open(path) as file:
            for line in file:
                make(line.split())


def make(fields: "list[str]") -> None:
    if len(fields) < 2 or fields[0].rstrip("!+=~^-") not in ("d", "D"):
        return
    path = fields[1].replace("/var/run/", "/run/")
    if not path.startswith("/run/") or "%" in path:
        return
    mode, user, group = [*fields[2:5], "-", "-", "-"][:3]
    try:
        owner = 0 if user == "-" else pwd.getpwnam(user).pw_uid
        members = 0 if group == "-" else grp.getgrnam(group).gr_gid
    except KeyError:
        return
    os.makedirs(path, exist_ok=True)
    os.chown(path, owner, members)
    os.chmod(path, 0o755 if mode == "-" else int(mode.lstrip("~:"), 8))


if __name__ == "__main__":
    empty("/run", 0o755)
    empty("/tmp", 0o1777)  # noqa: S108 (this is the folder itself, not a file in it)
    empty("/dev/shm", 0o1777)  # noqa: S108
    empty("/run/lock", 0o1777)
    os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
    declared()
