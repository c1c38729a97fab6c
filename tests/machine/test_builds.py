"""Builds that behave as badly as they can, beside a site that visitors are asking."""

from __future__ import annotations

import time
from collections.abc import Callable

from machine_site import Site

# What the app's own build does, by its name; each runs as the app, in the release's folder.
EATS = "kept = []\nwhile True: kept.append(bytearray(8 << 20))"
# At most a fork in a millisecond: it is the limit that has to hold, not this host's patience.
FORKS = """
import os, time
while True:
    try:
        if os.fork() == 0:
            os.setsid()
            time.sleep(600)
    except OSError:
        time.sleep(0.001)
"""
FILLS = """
import os
with open("/tmp/big", "wb") as file:
    while True: file.write(bytes(4 << 20))
"""
READS = """
import glob, os
print(sorted(os.environ))
files = glob.glob("/etc/toque/apps/thena/*.env")
for path in [*files, "/var/lib/toque/added.json", "/proc/%d/environ" % os.getppid()]:
    try:
        print("READ", path, open(path).read())
    except OSError as error:
        print(error.strerror)
raise SystemExit(3)
"""
BUILD = """
[apps.thena.build]
command = ["python", "bad_build.py"]
writes = ["made"]

[apps.thena.env]
"""
PATIENT = "build_within = 120"  # of those that reach another limit, on a slow machine, too

# Where the host has version 1, a machine in a container may look at the controllers only.
OPENED = """
grep -q ' /sys/fs/cgroup/memory ' /proc/mounts || exit 0
for name in memory pids cpu; do mount -o remount,bind,rw /sys/fs/cgroup/$name; done
systemctl daemon-reexec
"""


def test_no_build_can_take_the_site_along(
    site: Site, record_property: Callable[[str, object], None]
) -> None:
    """Memory, processes, the disk, time and secrets: each is refused with its own words."""
    site.needs_systemd("control groups")
    site.run(["sh", "-c", OPENED])
    site.commit({"CHANGES": "good\n"})
    site.deploy()
    before = site.release
    site.edit("[apps.thena.env]\n", BUILD)
    site.edit("keep = 3", f"keep = 3\n{PATIENT}\nbuild_memory = 400")
    ended: dict[str, tuple[str, float]] = {}

    with site.load() as result:
        for name, text, code in (
            ("memory", EATS, "build-out-of-memory"),
            ("processes", FORKS, "command-timeout"),
            ("disk", FILLS, "disk-full"),
            ("secrets", READS, "command-failed"),
        ):
            site.commit({"bad_build.py": text})
            commit = site.publish()
            if code == "command-timeout":
                site.edit(PATIENT, "build_within = 3")
            if name == "disk":  # a small one: what the site writes on is this host's
                site.run(["mount", "-t", "tmpfs", "-o", "size=300M,mode=1777", "tmpfs", "/tmp"])
            began = time.monotonic()
            try:
                error = site.try_deploy(commit)[1]
            finally:
                if name == "disk":
                    site.run(["umount", "--lazy", "/tmp"])
                if code == "command-timeout":
                    site.edit("build_within = 3", PATIENT)
            ended[name] = (error["code"], round(time.monotonic() - began, 1))
            assert error["code"] == code, (name, error)
            if name == "secrets":
                told = "\n".join(error["log"])
            assert "bad_build.py" not in site.out("ps", "-eo", "args"), name

    account = result[0]
    record_property(
        "figure", f"{ended}; {account.failed} of {account.requests} requests failed meanwhile"
    )
    assert (account.failed, account.truncated) == (0, 0)
    assert site.release == before
    assert "GREETING" in told
    assert not {"SECRET_KEY", "DATABASE_URL"} & set(
        told.replace("'", " ").replace(",", " ").split()
    )
    assert told.count("Permission denied") >= 3
    assert "READ" not in told
    assert not site.out("systemctl", "list-units", "--all", "--plain", "toque-build-*.scope").count(
        "toque-build-thena"
    )
