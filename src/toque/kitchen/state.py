"""Where the kitchen keeps what it must know after a kill: one folder per machine.

    <state>/machines/NAME/record.json   spec, machine and whether it was ever finished
    <state>/machines/NAME/...           the driver's own: keys, file tree, console log
    <state>/locks/NAME                  one advisory lock per machine; also "network"
    <cache>/images/ID, <cache>/apt/RELEASE

The record is written before anything else of a machine exists.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import AskedWrongly, Failed
from .machine import Machine, Spec
from .process import clear_out, tool, until

NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")


@dataclass(frozen=True)
class Record:
    """What is written down about a machine.  ``ready``: its creation reached the end."""

    spec: Spec
    machine: Machine
    ready: bool


@dataclass(frozen=True)
class Store:
    """The kitchen's folders.  ``tag`` tells this kitchen's kernel objects from another's."""

    state: Path
    cache: Path

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Store:
        return cls(
            Path(environ.get("TOQUE_KITCHEN_DIR") or "/var/lib/toque-kitchen").absolute(),
            Path(environ.get("TOQUE_CACHE_DIR") or "/var/cache/toque").absolute(),
        )

    @property
    def tag(self) -> str:
        return hashlib.sha256(str(self.state).encode()).hexdigest()[:6]

    def folder(self, name: str) -> Path:
        return self.state / "machines" / checked(name)

    def names(self) -> list[str]:
        with contextlib.suppress(FileNotFoundError), allowed(self.state):
            return sorted(os.listdir(self.state / "machines"))
        return []

    def read(self, name: str) -> Record | None:
        """The record of a machine; None when there is none (a folder without one is debris)."""
        try:
            value = json.loads((self.folder(name) / "record.json").read_text())
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise Failed(
                "kitchen-record-unreadable",
                f"the record of machine {name} cannot be read: {error}",
                hint=f"rm -r {self.folder(name)}",
            ) from error
        return Record(
            Spec.from_json(value["spec"]), Machine.from_json(value["machine"]), value["ready"]
        )

    def write(self, record: Record) -> None:
        folder = self.folder(record.spec.name)
        folder.mkdir(parents=True, exist_ok=True)
        self.state.chmod(0o700)
        replace(
            folder / "record.json",
            json.dumps(
                {
                    "spec": record.spec.as_json(),
                    "machine": record.machine.as_json(),
                    "ready": record.ready,
                },
                indent=1,
            ),
        )

    def records(self) -> list[Record]:
        """The records of all machines."""
        return [record for name in self.names() if (record := self.read(name))]

    def empty_folder(self, name: str) -> None:
        """Remove all of a dead machine's folder but its record.  Never goes into another mount.

        It can take seconds, and others do not wait for it: as long as the record is there, the
        folder is its machine's, and nobody else's to remove.
        """
        places = self.folder(name).glob("*")
        entries = [str(path) for path in places if path.name != "record.json"]
        tool(["rm", "-rf", "--one-file-system", "--", *entries])

    def remove_folder(self, name: str) -> None:
        """Remove a dead machine's folder, its record last.

        The caller holds the lock "network", here and below.
        """
        folder = self.folder(name)
        if folder.is_dir():
            self.empty_folder(name)
            (folder / "record.json").unlink(missing_ok=True)
            folder.rmdir()
        with contextlib.suppress(OSError):
            folder.parent.rmdir()

    def remove_debris(self) -> None:
        """Remove folders without a record."""
        for name in self.names():
            if self.read(name) is None:
                clear_out(self.folder(name))
                self.remove_folder(name)

    def tidy(self) -> None:
        """Remove the folders that are empty, so that nothing stays after the last machine.

        The folder of machines is not among them: only who holds the lock "network" may.
        """
        for folder in (self.state / "locks", self.state):
            with contextlib.suppress(OSError):
                folder.rmdir()
        with contextlib.suppress(OSError):
            folder.parent.rmdir()

    @contextlib.contextmanager
    def lock(self, name: str, wait_s: float = 300.0) -> Iterator[None]:
        """Hold the lock of a machine; the kernel drops it when the holder dies."""
        try:
            with contextlib.ExitStack() as held:
                with allowed(self.state):
                    held.enter_context(locked(self.state / "locks" / name, wait_s))
                yield
        finally:
            self.tidy()


@contextlib.contextmanager
def allowed(folder: Path) -> Iterator[None]:
    """Turn a refusal of the file system into an error that says what to do."""
    try:
        yield
    except PermissionError as error:
        raise AskedWrongly(
            "kitchen-not-allowed",
            f"this user may not use the kitchen in {folder}",
            expected="root, or a TOQUE_KITCHEN_DIR that this user may write",
            found=str(error),
            hint="sudo toque kitchen list",
        ) from error


def checked(name: str, what: str = "machine") -> str:
    """A name that is safe as a host name and as a file name."""
    if not NAME.fullmatch(name):
        raise AskedWrongly(
            "kitchen-bad-name",
            f"'{name}' cannot be the name of a {what}",
            expected="lower-case letters, digits and inner hyphens, at most 40",
            found=name,
        )
    return name


def replace(path: Path, text: str, mode: int = 0o600) -> None:
    """Write a small file so that a reader sees the old text or the new, never a part."""
    staged = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as file:
        file.write(text)
    staged.replace(path)


@contextlib.contextmanager
def locked(path: Path, wait_s: float) -> Iterator[None]:
    """Hold an exclusive flock on ``path``; the file is gone again when nobody waits for it."""
    holder: list[int] = []

    def take() -> bool:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:  # the folder was tidied away between the two lines
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # The holder before us removes the file: a lock on a removed file guards nothing.
            if os.fstat(handle).st_ino == os.stat(path).st_ino:
                holder.append(handle)
                return True
        except OSError:
            pass
        os.close(handle)
        return False

    if not until(take, wait_s, 0.02):
        raise Failed(
            "kitchen-busy",
            f"another run is working on {path.name}",
            expected=f"the lock {path} within {wait_s:g} s",
            found="it is still held",
            hint=f"fuser -v {path}",
        )
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink()
        os.close(holder[0])
