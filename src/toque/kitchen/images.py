"""Images: Debian file trees built once by mmdebstrap, kept under a hash of their recipe.

An image is complete or absent: it is built beside its place and renamed into it.  Nobody writes
to an image afterwards.  Builders of one image wait for each other.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ..errors import Failed
from . import sources
from .driver import Progress
from .process import clear_out, with_argument
from .state import Store, locked

# Raise it when the text of this file changes what an image holds.
RECIPE = 2

BASE = ("openssh-server", "python3", "iproute2", "ca-certificates", "sudo")
SYSTEMD = ("systemd", "systemd-sysv", "dbus", *BASE)
SUPERVISOR = ("supervisor", *BASE)

# The first waits for a daemon that does not run here, and nginx is ordered after it (8 s); the
# others would take apt's lock in the middle of somebody's test.
MASKED = (
    "systemd-networkd-wait-online.service",
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "apt-daily.service",
    "apt-daily-upgrade.service",
)
# Keeps packages from starting their services: where no systemd runs, supervisor starts them.
POLICY = "#!/bin/sh\nexit 101\n"
# A changed root is a copy of its image, so what no program reads is left out of it, now and when
# packages are installed later: a third of the files.
LEFT_OUT = (
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/info/*",
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
    "path-exclude=/usr/share/locale/*",
    "path-include=/usr/share/locale/locale.alias",
)
AUTHORITIES = Path("/usr/local/share/ca-certificates")

# What a build needs at its height: 290 MB of tree and 130 MB of packages (bookworm), measured.
ROOM = 600 << 20


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what an image holds."""

    init: str  # "systemd" or "supervisor"
    release: str
    packages: tuple[str, ...]
    source_lines: str
    apt_options: str
    pip_conf: str
    uv_toml: str
    authorities: Mapping[str, str]
    number: int = RECIPE

    @property
    def identity(self) -> str:
        parts = asdict(self) | ({"left_out": LEFT_OUT} if self.init == "supervisor" else {})
        text = json.dumps(parts, sort_keys=True)
        return f"{self.init}-{self.release}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def recipe(init: str, release: str, packages: Sequence[str], environ: Mapping[str, str]) -> Recipe:
    """The recipe of an image on this host, as the host is configured now."""
    base = SYSTEMD if init == "systemd" else SUPERVISOR
    home = Path(environ.get("HOME", "/root"))
    index = sources.python_index(
        environ, Path("/etc/pip.conf"), home / ".pip/pip.conf", home / ".config/pip/pip.conf"
    )
    own = {file.name: file.read_text() for file in sorted(AUTHORITIES.glob("*.crt"))}
    return Recipe(
        init,
        release,
        tuple(dict.fromkeys((*base, *sorted(packages)))),
        sources.source_lines(sources.debian_sources(), release),
        sources.validity_options(),
        index.pip_conf(),
        index.uv_toml(own_authorities=bool(own)),
        own,
    )


def ensure(store: Store, wanted: Recipe, progress: Progress) -> Path:
    """The tree of an image, built now if this host does not have it yet."""
    place = store.cache / "images" / wanted.identity
    if place.is_dir():
        return place
    progress(f"image {wanted.identity}: not built yet on this host (takes about half a minute)")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.parent.chmod(0o700)  # set-user-id programs inside are not for this host's users
    with locked(place.with_name(f".{place.name}.lock"), 1800.0):
        if not place.is_dir():
            _build(place, wanted, progress)
    return place


def remove_unused(store: Store) -> list[Path]:
    """Remove the images that no machine stands on, and say which; another kitchen's may run."""
    used = {record.machine.image for record in store.records()}
    mounted = Path("/proc/self/mountinfo").read_text()
    gone = []
    for place in sorted((store.cache / "images").glob("[a-z]*")):
        with locked(place.with_name(f".{place.name}.lock"), 1800.0):
            booted = with_argument(str(place / "vmlinuz"))  # by QEMU
            if place.name not in used and str(place) not in mounted and not booted:
                _clear(place.rename(place.with_name(f".building-{place.name}")))
                gone.append(place)
    return gone


def _build(place: Path, wanted: Recipe, progress: Progress) -> None:
    staging = place.with_name(f".building-{place.name}")
    _clear(staging)
    _require_room(place.parent)
    overlay = staging / "files"
    _write_files(overlay, wanted)
    tree = staging / "tree"
    argv = ["mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory"]
    argv += ["--include=" + ",".join(wanted.packages)]
    argv += [f"--aptopt={line}" for line in wanted.apt_options.splitlines()]
    # The package lists stay: the first `apt-get update` of a machine then asks only for news.
    skip = ["cleanup/apt/lists"]
    if wanted.init == "supervisor":
        skip.append("chroot/mount")  # must build without CAP_SYS_ADMIN, and always the same
        argv += [f"--dpkgopt={line}" for line in LEFT_OUT]
    argv += ["--skip=" + ",".join(skip)]
    argv += [f"--customize-hook=sync-in {_quoted(overlay)} /"]
    if wanted.authorities:
        argv += ['--customize-hook=chroot "$1" update-ca-certificates']
    argv += ['--customize-hook=rm -f "$1"/etc/ssh/ssh_host_* "$1"/etc/hostname']
    argv += [wanted.release, str(tree), "-"]
    environ = {**os.environ, "LC_ALL": "C.UTF-8", "TMPDIR": tempfile.gettempdir()}
    done = subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=environ,
        start_new_session=True,
        preexec_fn=_die_with_parent,
    )
    try:
        _out, words = done.communicate(wanted.source_lines)
    except BaseException:
        os.killpg(done.pid, signal.SIGTERM)
        done.wait()
        _clear(staging)
        raise
    if done.returncode != 0:
        _clear(staging)
        raise Failed(
            "kitchen-image-failed",
            f"the image {wanted.identity} could not be built",
            expected="mmdebstrap to end with status 0",
            found=f"status {done.returncode}",
            hint="apt-get update",
            log=words.splitlines()[-15:],
        )
    if wanted.init == "supervisor":
        policy = tree / "usr/sbin/policy-rc.d"  # mmdebstrap takes away one that a hook writes
        policy.write_text(POLICY)
        policy.chmod(0o755)
    tree.rename(place)
    _clear(staging)
    progress(f"image {wanted.identity}: built")


def _require_room(folder: Path) -> None:
    """Raise ``Failed("kitchen-no-space")`` before half an image is fetched for nothing."""
    free = shutil.disk_usage(folder).free
    if free < ROOM:
        raise Failed(
            "kitchen-no-space",
            "there is no room for an image",
            expected=f"{ROOM >> 20} MB free in {folder}",
            found=f"{free >> 20} MB",
            hint=f"du -xsh {folder}/*   (or let TOQUE_CACHE_DIR name a folder elsewhere)",
        )


def _write_files(overlay: Path, wanted: Recipe) -> None:
    """The files of ours that every machine of this image has."""
    files = {
        "etc/apt/apt.conf.d/90toque-kitchen": wanted.apt_options,
        "etc/pip.conf": wanted.pip_conf,
        "etc/uv/uv.toml": wanted.uv_toml,
    }
    files |= {f"usr/local/share/ca-certificates/{n}": t for n, t in wanted.authorities.items()}
    for name, text in files.items():
        if text:
            path = overlay / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            path.chmod(0o644)
    if wanted.init == "systemd":
        units = overlay / "etc/systemd/system"
        units.mkdir(parents=True, exist_ok=True)
        for unit in MASKED:
            (units / unit).symlink_to("/dev/null")
    (overlay / "etc").mkdir(parents=True, exist_ok=True)
    for folder, _names, _files in os.walk(overlay):
        Path(folder).chmod(0o755)  # whatever our umask is


def _clear(staging: Path) -> None:
    """Remove what a killed build left, its processes first; we hold the lock, so it is nobody's."""
    clear_out(staging)
    # mmdebstrap itself works from outside the tree and dies with the process that started it, a
    # moment later: what it still wrote while we removed is removed by the next try.
    for _ in range(20):
        shutil.rmtree(staging, ignore_errors=True)
        if not staging.exists():
            return
        time.sleep(0.25)
        clear_out(staging)
    shutil.rmtree(staging)


def _quoted(path: Path) -> str:
    """mmdebstrap hands hooks to a shell."""
    return "'" + str(path).replace("'", "'\\''") + "'"


def _die_with_parent() -> None:
    # PR_SET_PDEATHSIG, prctl(2): a build whose builder was killed must not go on.
    ctypes.CDLL(None).prctl(1, signal.SIGTERM, 0, 0, 0)
