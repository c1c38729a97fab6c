"""A file that the kernel swaps to, now and at every boot."""

import re
from typing import ClassVar, FrozenSet, Optional, Sequence

from .. import fstab
from ..claim import Claim
from ..errors import StepFailed
from ..fstab import Line
from ..record import dataclass
from ..resource import EXISTS, Invalid, Resource, State
from ..system import System

MIB = 1 << 20
SPARE_MIB = 64  # what has to be left on the disk afterwards
MIB_S = 5.0  # the slowest disk that is waited for, in MiB a second


@dataclass(frozen=True)
class SwapFile(Resource):
    """Swap space in a file: ``SwapFile("/swapfile", size_mib=2048)``.

    The file is written in full, so it has no holes, can be read by root alone, stands in
    ``/etc/fstab`` and is used at once.  A disk without room for it is refused before anything is
    written.  A new size is written beside the old file, which is in use until the new one is.
    ``absent=True`` stops using it and removes the file and its line.
    """

    path: str
    size_mib: int = 0
    absent: bool = False

    kind: ClassVar[str] = "swap_file"
    disturbs: ClassVar[Optional[FrozenSet[str]]] = frozenset()

    def validate(self) -> None:
        parts = self.path.split("/")
        if parts[0] or {"", ".", ".."} & set(parts[1:]) or re.search(r"[\x00-\x1f]", self.path):
            raise Invalid("path", "a whole path such as /swapfile", self.path)
        if not self.absent and self.size_mib < 1:
            raise Invalid("size_mib", "MiB, at least 1", self.size_mib)

    def claims(self) -> Sequence[Claim]:
        return (Claim(self.path),)

    def wanted(self) -> Optional[State]:
        if self.absent:
            return None
        return {
            "size_mib": self.size_mib,
            "owner": "root",
            "mode": "0600",
            "fstab": self._line().text,
            "used": True,
        }

    def found(self, system: System) -> Optional[State]:
        there = system.stat(self.path)
        line = fstab.find(system, self._mine)
        if there is None and line is None:
            return None
        if there is not None and there.kind != "file":
            raise StepFailed(
                "wrong-kind",
                f"{self.path} is not a file",
                expected="a file",
                found=there.kind,
                hint=f"look at it with: stat {self.path}",
            )
        whole = there is not None and there.size % MIB == 0
        return {
            "size_mib": there.size // MIB if there and whole else there and there.size / MIB,
            "owner": there and there.owner,
            "mode": there and f"{there.mode:04o}",
            "fstab": line and line.text,
            "used": self.path in fstab.swaps(system),
        }

    def fix(self, system: System, keys: FrozenSet[str]) -> None:
        if self.absent:
            self._stop(system, self.path)
            fstab.put(system, self._mine, None)
            system.remove(self.path)
            return
        if EXISTS in keys or "size_mib" in keys:
            self._make(system)
        else:
            if "owner" in keys:
                system.chown(self.path, "root", "root")
            if "mode" in keys:
                system.chmod(self.path, 0o600)
            if "used" in keys and not self._starts(system):
                self._make(system)  # it is no swap space, or has holes
        if "fstab" in keys:
            fstab.put(system, self._mine, self._line())

    def _make(self, system: System) -> None:
        """Write the new file beside the old one, which is in use until the kernel takes the new.

        A file that is swapped to can be neither renamed nor removed, so the new one is tried first.
        """
        staged = f"{self.path}.toque-new"
        self._stop(system, staged)  # of a run that was killed
        system.remove(staged)
        self._check_room(system)
        system.progress(f"writing {self.size_mib} MiB of swap")
        try:
            self._write(system, staged)
            self._start(system, staged)
            self._stop(system, staged)
            self._stop(system, self.path)
        except StepFailed:
            system.remove(staged)
            raise
        system.rename(staged, self.path)
        self._start(system, self.path)

    def _write(self, system: System, staged: str) -> None:
        # dd and mkswap go by the name, so nobody else may swap it: with a check that is refused.
        system.write(staged, b"", mode=0o600, check=("test", "-f", "{}"))
        argv = ["dd", "if=/dev/zero", f"of={staged}", "bs=1M", f"count={self.size_mib}"]
        argv += ["conv=notrunc,fsync", "oflag=nofollow", "status=none"]
        system.run(argv, timeout_s=60 + self.size_mib / MIB_S)
        system.run(["mkswap", "--", staged])

    def _check_room(self, system: System) -> None:
        folder = self.path.rpartition("/")[0] or "/"
        said = system.run(["df", "--output=avail", "--block-size=1M", "--", folder], check=False)
        last = said.text.split()[-1:]
        if said.code == 0 and last and last[0].isdigit() and int(last[0]) < self._needed:
            raise StepFailed(
                "disk-full",
                f"there is no room for {self.path}; nothing was written",
                expected=f"{self._needed} MiB free, {SPARE_MIB} of them to spare",
                found=f"{last[0]} MiB free",
                hint=f"see: df -h {folder}",
            )

    @property
    def _needed(self) -> int:
        return self.size_mib + SPARE_MIB

    def _stop(self, system: System, path: str) -> None:
        if path not in fstab.swaps(system):
            return
        result = system.run(["swapoff", "--", path], check=False)
        if result.code != 0:
            raise StepFailed(
                "swap-busy",
                f"what is swapped to {path} does not fit into memory; it stays in use",
                expected="swapoff to end with status 0",
                found=f"status {result.code}",
                hint="see: free -m; swapon --show",
                log=result.tail(),
            )

    def _starts(self, system: System) -> bool:
        return system.run(["swapon", "--", self.path], check=False).code == 0

    def _start(self, system: System, path: str) -> None:
        result = system.run(["swapon", "--", path], check=False)
        if result.code != 0:
            raise StepFailed(
                "swap-refused",
                f"the kernel does not swap to {self.path}; nothing was changed",
                expected="swapon to end with status 0",
                found=f"status {result.code}",
                hint="see: dmesg | tail",
                log=result.tail(),
            )

    def _mine(self, line: Line) -> bool:
        return line.device == self.path and line.type == "swap"

    def _line(self) -> Line:
        return Line(self.path, "none", "swap", "sw")
