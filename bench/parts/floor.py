"""The floor: the least that looks at the same things, in one SSH session.

Runs on the machine as ``python3 -I -S -c``, standard library only.  Standard input holds the
wanted steps as JSON; it compares, puts a wrong file right with one reload, and says what differs.
"""

import grp
import json
import os
import pwd
import subprocess
import sys

steps = json.load(sys.stdin)
wrong = []
services = []
status = None
for kind, f in steps:
    if kind == "file":
        with open(f["path"], "rb") as file:
            info = os.fstat(file.fileno())
            same = file.read() == f["content"].encode()
        owners = (pwd.getpwuid(info.st_uid).pw_name, grp.getgrgid(info.st_gid).gr_name)
        if not same or owners != (f["owner"], f["group"]) or info.st_mode & 0o7777 != f["mode"]:
            wrong.append(f["path"])
            with open(f["path"] + ".new", "w") as file:
                file.write(f["content"])
            os.rename(f["path"] + ".new", f["path"])
    elif kind == "directory":
        info = os.lstat(f["path"])
        owners = (pwd.getpwuid(info.st_uid).pw_name, grp.getgrgid(info.st_gid).gr_name)
        if owners != (f["owner"], f["group"]) or info.st_mode & 0o7777 != f["mode"]:
            wrong.append(f["path"])
    elif kind == "link":
        if os.readlink(f["path"]) != f["target"]:
            wrong.append(f["path"])
    elif kind == "user":
        entry = pwd.getpwnam(f["name"])
        if (entry.pw_dir, entry.pw_shell) != (f["home"], f["shell"]):
            wrong.append(f["name"])
    elif kind == "group":
        grp.getgrnam(f["name"])
    elif kind == "package":
        if status is None:
            with open("/var/lib/dpkg/status", encoding="utf-8") as file:
                status = "\n" + file.read()
        for name in f["names"]:
            head = f"\nPackage: {name}\nStatus: install ok installed\n"
            if head not in status:
                wrong.append(name)
    elif kind == "service":
        services.append(f["name"] + ".service")
if services:
    show = ["systemctl", "show", "--property=Id,ActiveState,UnitFileState", "--"] + services
    text = subprocess.run(show, stdout=subprocess.PIPE, check=True).stdout.decode()
    if text.count("ActiveState=active") != len(services):
        wrong.append("services")
    if text.count("UnitFileState=enabled") != len(services):
        wrong.append("services")
    if wrong:
        subprocess.run(["systemctl", "reload", "nginx.service"], check=True)
print(json.dumps(wrong))
