"""A file system at a directory, now and at every boot."""

import re
from typing import ClassVar, FrozenSet, List, Optional, Tuple

from .. import fstab
from ..errors import NotReady, StepFailed
from ..fstab import Line, Mounted
from ..inits import choose
from ..processes import using
from ..record import dataclass
from ..resource import Invalid, Resource, State
from ..system import Result, System

# Options that the kernel shows as they were asked for: mount(8), "Filesystem-independent".
SHOWN = frozenset({"ro", "rw", "noexec", "nosuid", "nodev", "noatime", "relatime", "nodiratime"})

_DEVICE = re.compile(r"[^\x00-\x1f\x7f]+")
_WORD = re.compile(r"[a-z0-9][a-z0-9._-]*")
_OPTION = re.compile(r"[A-Za-z0-9_.-]+(=[^\x00-\x20\x7f,#]*)?")


@dataclass(frozen=True)
class Mount(Resource):
    """A file system at ``path``: ``Mount("/srv", "UUID=...", "ext4", options=("noatime",))``.

    ``device`` is the first column of ``/etc/fstab``: a path, ``UUID=``, ``LABEL=``, ``host:/path``
    or a word such as ``tmpfs``.  A bind mount has type ``none`` and the option ``bind``.
    ``mounted=True`` mounts it now, False unmounts it, None leaves that alone; the line in fstab is
    there in any case, so the next boot mounts it unless ``noauto`` is among the options.  Without
    ``nofail`` a machine whose device is gone does not boot.  ``passno`` is the order of checks at
    boot (0: none).

    What is mounted first is stored second, so a device that cannot be mounted is never in fstab.
    Changed options are given to what is mounted by a remount.  ``absent=True`` unmounts it and
    removes the line; the directory stays.  One that is busy is left as it is.
    """

    path: str
    device: str = ""
    type: str = ""
    options: Tuple[str, ...] = ("defaults",)
    passno: int = 0
    mounted: Optional[bool] = True
    absent: bool = False

    kind: ClassVar[str] = "mount"
    disturbs: ClassVar[Optional[FrozenSet[str]]] = frozenset({"units"})

    def validate(self) -> None:
        parts = self.path.split("/")
        if parts[0] or len(parts) < 2 or {"", ".", ".."} & set(parts[1:]) or "\n" in self.path:
            raise Invalid("path", "a whole path such as /srv/data", self.path)
        if self.absent:
            return
        if not _DEVICE.fullmatch(self.device) or self.device.startswith(("-", "#")):
            raise Invalid("device", "a path, UUID=..., host:/path or tmpfs", self.device)
        if not _WORD.fullmatch(self.type):
            raise Invalid("type", "a file system such as ext4", self.type)
        if self.type == "swap":
            raise Invalid("type", "a file system; swap is SwapFile", self.type)
        if not self.options or not all(_OPTION.fullmatch(option) for option in self.options):
            raise Invalid("options", "options of mount(8), one a word", self.options)
        if self.passno not in (0, 1, 2):
            raise Invalid("passno", "0, 1 or 2", self.passno)

    def wanted(self) -> Optional[State]:
        if self.absent:
            return None
        options = sorted(SHOWN & set(self.options)) if self.mounted else None
        return {"fstab": self._line().text, "mounted": self.mounted, "options": options}

    def found(self, system: System) -> Optional[State]:
        line = fstab.find(system, self._mine)
        there = fstab.mounts(system).get(self.path)
        if line is None and there is None:
            return None
        options = sorted(SHOWN & set(self.options) & set(there.options)) if there else []
        return {
            "fstab": None if line is None else line.text,
            "mounted": self._is(there),
            "options": options,
        }

    def fix(self, system: System, keys: FrozenSet[str]) -> None:
        there = fstab.mounts(system).get(self.path)
        if self.absent:
            if there is not None:
                self._unmount(system)
            self._store(system, None)
            return
        if self.mounted is False and there is not None:
            self._unmount(system)
        elif self.mounted:
            self._mount(system, there, keys)
        if "fstab" in keys:
            self._store(system, self._line())

    def _mount(self, system: System, there: Optional[Mounted], keys: FrozenSet[str]) -> None:
        if there is not None and self._is(there) is not True:
            self._unmount(system)
            there = None
        if there is None:
            place = system.stat(self.path)
            if place is None or place.kind != "directory":
                raise NotReady(
                    "directory-missing",
                    f"there is no directory {self.path} to mount on",
                    expected=f"a directory {self.path}",
                    found=place.kind if place else "nothing",
                    hint=f'add Directory("{self.path}") before this step',
                )
            self._ask(system, self.options)
        elif keys & {"fstab", "options"}:
            self._ask(system, ("remount", *self.options))

    def _ask(self, system: System, options: Tuple[str, ...]) -> None:
        argv = ["mount", "-t", self.type, "-o", ",".join(options), "--", self.device, self.path]
        result = system.run(argv, check=False)
        if result.code != 0:
            raise StepFailed(
                "mount-failed",
                f"{self.device} could not be mounted on {self.path}; /etc/fstab is as it was",
                expected="mount to end with status 0",
                found=f"status {result.code}",
                hint=f"see: dmesg | tail; blkid {self.device}",
                log=result.tail(),
            )

    def _unmount(self, system: System) -> None:
        result = system.run(["umount", "--", self.path], check=False)
        if result.code != 0:
            raise self._stuck(system, result)

    def _stuck(self, system: System, result: Result) -> StepFailed:
        below = [p for p in fstab.mounts(system) if p.startswith(self.path + "/")]
        holders = [f"a mount at {p}" for p in below] + using(system, self.path)
        return StepFailed(
            "mount-busy",
            f"{self.path} is in use and stays mounted; nothing was changed",
            expected="no process that works below it",
            found=", ".join(holders) or "umount refused, and no process was found",
            hint=f"stop what uses it; see: fuser -vm {self.path}",
            log=result.tail(),
        )

    def _store(self, system: System, line: Optional[Line]) -> None:
        fstab.put(system, self._mine, line)
        if system.facts.init == "systemd":
            choose(system).catch_up()  # it makes its mount units from fstab

    def _mine(self, line: Line) -> bool:
        return line.path == self.path and line.type != "swap"

    def _line(self) -> Line:
        return Line(self.device, self.path, self.type, ",".join(self.options), self.passno)

    def _is(self, there: Optional[Mounted]) -> object:
        """Whether what is mounted is what is declared, or words for what it is instead."""
        if there is None:
            return False
        same = "bind" in self.options or self.type in (there.type, "auto")
        # By another name it may be the same: UUID=..., or a link below /dev/disk or /dev/mapper.
        if same and self.device.startswith("/dev/") and there.device.startswith("/dev/"):
            aliased = self.device.startswith(("/dev/disk/", "/dev/mapper/"))
            same = aliased or "bind" in self.options or there.device == self.device
        return True if same or self.absent else f"{there.device} ({there.type})"

    def show(self, found: Optional[State], keys: FrozenSet[str]) -> List[str]:
        if self.absent:
            return [f"- {self.path}"]
        found, lines = found or {}, []
        if "fstab" in keys:
            if found.get("fstab"):
                lines.append(f"- fstab: {found['fstab']}")
            lines.append(f"+ fstab: {self._line().text}")
        if "mounted" in keys:
            lines.append(f"~ mounted: {found.get('mounted', False)} -> {self.mounted}")
        elif "options" in keys:
            lines.append(f"~ options: {found.get('options')} -> {list(self.options)}")
        return lines
