"""The virtual environment of one lock content, built by uv as the deploy user.

It is built where it stays, because console scripts name their interpreter by its full path; a
marker written last tells a finished one from what a killed run left.
"""

import hashlib
import json
import os
import re
from typing import ClassVar, FrozenSet, List, Mapping, Optional

from .. import room
from ..contents import text_at
from ..errors import NotReady, StepFailed
from ..fence import Fence
from ..inside import started
from ..record import dataclass, field
from ..resource import Invalid, Resource, State
from ..system import Result, System, no_room
from ..values import Blob

MOST_BYTES, MOST_ENTRIES = 8 << 30, 200_000  # of what another node has built: large wheels, many
MARKER = ".toque-complete"
CACHE = "/var/cache/toque/uv"
BOOT = "/proc/sys/kernel/random/boot_id"  # another one after each boot: random(4)


def venv_key(lock: bytes, python: str) -> str:
    """What tells two environments apart: the lock's bytes and the Python version.  Pure."""
    return hashlib.sha256(lock + b"\0" + python.encode("utf-8")).hexdigest()[:16]


@dataclass(frozen=True)
class Venv(Resource):
    """``path`` (``.../venvs/KEY``) holds what ``lock`` asks for.

    ``release`` is the app's directory in its checkout and ``lock`` a requirements file relative
    to it; with a hash in it, every package is checked against its hash.  ``beside`` is one more,
    by its full path, or the only one when ``lock`` is empty.  ``app`` names the cache
    that no other app reads.  ``user`` builds and owns it; ``group`` may read and run it.
    ``timeout_s`` and ``memory_mb`` (0 for half of the machine's) are what it may take.
    ``python`` is the interpreter that it is built for, ``uv`` the program that builds it.
    ``own`` are files by their paths below site-packages: what says the app's own version.
    ``packed`` is what another node of the same kind has built (``packing.py``); where it does not
    fit, this one is built like any.
    """

    kind: ClassVar[str] = "venv"

    path: str
    app: str
    release: str
    user: str
    group: str
    lock: str = "requirements.txt"
    python: str = "/usr/bin/python3"
    uv: str = "/usr/local/lib/toque/uv"
    beside: str = ""
    timeout_s: float = 900.0  # large wheels on a slow line, or some that have to be compiled
    memory_mb: int = 0
    own: Mapping[str, str] = field(default_factory=dict)
    packed: Optional[Blob] = None

    def validate(self) -> None:
        if not self.path.startswith("/"):
            raise Invalid("path", "an absolute path", self.path)
        if self.beside and not self.beside.startswith("/"):
            raise Invalid("beside", "an absolute path", self.beside)
        if not self.lock and not self.beside:
            raise Invalid("lock", "a file inside the app's directory", self.lock)
        if self.lock.startswith(("/", "-")) or ".." in self.lock.split("/"):
            raise Invalid("lock", "a file inside the app's directory", self.lock)
        for path in self.own:
            if path.startswith("/") or ".." in path.split("/"):
                raise Invalid("own", "paths below site-packages", path)

    def wanted(self) -> State:
        return {"complete": True}

    def found(self, system: System) -> Optional[State]:
        if system.stat(self.path) is None:
            return None
        return {"complete": system.stat(f"{self.path}/{MARKER}") is not None}

    def fix(self, system: System, keys: FrozenSet[str]) -> None:
        lock = b"".join(self._read(system, path) for path in self._locks())
        if system.stat(self.uv) is None:
            raise NotReady("program-missing", f"there is no program {self.uv}")
        room.enough(system, os.path.dirname(self.path), room.ENVIRONMENT)
        done = json.dumps({"lock": hashlib.sha256(lock).hexdigest(), "python": self.python})
        system.remove_tree(self.path)
        self._make_cache(system)
        if not self._unpacked(system, done):
            self._build(system, lock)
        self._open_to_group(system)
        # Else a power cut could leave the mark and take what it speaks of.
        system.run(
            ["sync", "-f", "--", self.path, self._cache], user=self.user, timeout_s=self.timeout_s
        )
        system.remove(self._building)
        system.write(
            f"{self.path}/{MARKER}", done.encode(), owner="root", group=self.group, mode=0o640
        )

    def _build(self, system: System, lock: bytes) -> None:
        # Set-group-id, so that what uv writes can be read by the app's group.
        system.mkdir(self.path, owner=self.user, group=self.group, mode=0o2750)
        system.progress(f"building the environment of {self._shown}")
        self._uv(system, "venv", "--allow-existing", "--python", self.python, "--", self.path)
        hashed = ["--require-hashes"] if re.search(rb"--hash[= ]", lock) else []
        self._uv(
            system, "pip", "install", "--python", f"{self.path}/bin/python", *hashed,
            "--link-mode", "copy", "--compile-bytecode",
            *(word for path in self._locks() for word in ("--requirements", path)),
            fence=Fence(self.app, self.memory_mb),
        )  # fmt: skip
        if self.own:
            argv, asked = started("ownname", f"{self.path}/bin/python", {"files": dict(self.own)})
            system.run(argv, user=self.user, stdin=asked)

    def _unpacked(self, system: System, made: str) -> bool:
        """Whether it is there now as another node has built it; else nothing is."""
        if self.packed is None:
            return False
        from .. import packing, unpack  # which few runs need

        system.progress("unpacking the environment that another node has built")
        system.mkdir(self.path, owner="root", group="root", mode=0o700)
        told = f"{self.path}/{packing.TOLD}"
        try:
            with system.opened(system.blob(self.packed.sha256), ours=True) as file:
                members = unpack.read(file, unpack.Limits(MOST_BYTES, MOST_ENTRIES))
                system.fill(self.path, members, owner=self.user, group=self.group)
            system.chown(self.path, self.user, self.group)
            system.chmod(self.path, 0o2750)
            self._uv(system, "venv", "--allow-existing", "--python", self.python, "--", self.path)
            config = text_at(system, f"{self.path}/{packing.CONFIG}") or ""
            fits = packing.fits(
                text_at(system, told) or "", path=self.path, made=made, config=config
            )
            found = "it was built from something else, or by another Python"
        except StepFailed as error:
            if error.code == "disk-full":
                system.remove_tree(self.path)
                raise
            fits, found = False, error.message
        if fits:
            system.remove(told)
        else:
            system.note(f"what another node has built is of no use here: {found}")
            system.remove_tree(self.path)
        return fits

    def _locks(self) -> List[str]:
        return [path for path in (self.lock, self.beside) if path]

    @property
    def _shown(self) -> str:
        return self.lock or self.beside

    def _read(self, system: System, lock: str) -> bytes:
        # As the deploy user: the name may be a link that the repository's author chose.
        path = os.path.join(self.release, lock)
        result = system.run(["cat", "--", path], user=self.user, check=False)
        if result.code != 0:
            raise StepFailed(
                "lock-missing",
                f"the app has no {lock}",
                expected=f"a list of packages in {lock}",
                found=(result.tail(1) or ["nothing"])[0],
                hint="uv pip compile --generate-hashes requirements.in -o requirements.txt, "
                "and commit the result",
            )
        return result.out

    def _make_cache(self, system: System) -> None:
        """Somewhere for uv to keep what it has downloaded and built.

        uv does not wait until that is on the disk: what a build has put there that a power cut
        ended may be empty, and nobody would look at it again.
        """
        for path in ("/var/cache/toque", CACHE):
            if system.stat(path) is None:
                system.mkdir(path, owner="root", group="root", mode=0o755)
        boot = text_at(system, BOOT) or ""
        if (text_at(system, self._building) or boot) != boot:
            system.remove_tree(self._cache)
        system.write(self._building, boot.encode())
        if system.stat(self._cache) is None:
            system.mkdir(self._cache, owner=self.user, group="root", mode=0o700)

    @property
    def _building(self) -> str:
        """Names the boot of the machine in which a build has begun that has not ended."""
        return f"{CACHE}/{self.app}.building"

    @property
    def _cache(self) -> str:
        return f"{CACHE}/{self.app}"

    def _environment(self) -> Mapping[str, str]:
        return {
            "HOME": self._cache,  # no personal configuration; the node's /etc/uv/uv.toml counts
            "XDG_CONFIG_HOME": self._cache,
            "UV_CACHE_DIR": self._cache,
            "UV_NO_PROGRESS": "1",
            "UV_PYTHON_DOWNLOADS": "never",
            "NO_COLOR": "1",
        }

    def _uv(self, system: System, *rest: str, fence: Optional[Fence] = None) -> None:
        try:
            result = system.run(
                [self.uv, *rest],
                user=self.user, cwd=self.release, env=self._environment(),
                timeout_s=self.timeout_s, check=False, fence=fence,
            )  # fmt: skip
            if result.code != 0:
                raise build_failed(result, self._shown, self.python)
        except StepFailed as error:
            if error.code == "disk-full":
                system.remove_tree(self.path)  # the app needs the room now, not at the next build
            raise

    def _open_to_group(self, system: System) -> None:
        """Unpacked wheels keep the modes they were packed with; some are closed, some too open."""
        system.run(["chmod", "-R", "u+rwX,g+rX,g-w,o-rwx", "--", self.path], user=self.user)


# uv's words (0.13), the most telling first; what none of them fits is "venv-failed".
_HASH = r"[Hh]ash mismatch|must have a hash|--require-hashes"
_SOURCE = r"Failed to fetch|error sending request|dns error|tcp connect error|HTTP status"
_PYTHON = r"[Nn]o interpreter found|requires Python|Python ABI tag|current Python version"
_LOCK = (
    r"No solution found|unsatisfiable|was not found in|Couldn't parse|[Nn]ot found|"
    r"Failed to (build|download|prepare|parse|read)|[Ii]nvalid|[Uu]nexpected"
)


def build_failed(result: Result, lock: str, python: str) -> StepFailed:
    """The failure that uv's last words tell of.  Pure."""
    full = no_room(result)
    if full is not None:
        return full
    lines = [line for line in result.tail(20) if line.strip()]
    found = _reason(lines)
    text = " ".join(" ".join(lines).split())
    if re.search(_HASH, text):
        return StepFailed(
            "lock-hash-mismatch",
            f"a package is not the one that {lock} names by its hash",
            expected=f"the hashes in {lock}",
            found=found,
            hint="write the lock again where you trust the packages, and look at what changed",
            log=lines,
        )
    if re.search(_SOURCE, text):
        return StepFailed(
            "package-source-unreachable",
            "the place that packages come from does not answer",
            expected="the package index that /etc/uv/uv.toml on the node names",
            found=found,
            hint="look at /etc/uv/uv.toml on the node, and at the node's way out",
            log=lines,
        )
    if re.search(_PYTHON, text):
        return StepFailed(
            "python-mismatch",
            f"{lock} cannot be installed with the Python of this node",
            expected=f"packages that run with {python}",
            found=found,
            hint="uv pip compile --python-version VERSION, with the node's version",
            log=lines,
        )
    if re.search(_LOCK, text):
        return StepFailed(
            "lock-unresolvable",
            f"{lock} cannot be installed",
            expected="every package it names to be found and to fit the others",
            found=found,
            hint=f"uv pip install --dry-run -r {lock}",
            log=lines,
        )
    return StepFailed(
        "venv-failed",
        "the virtual environment could not be built",
        expected="uv to end with status 0",
        found=found or f"status {result.code}",
        hint=f"uv pip install --dry-run -r {lock}",
        log=lines,
    )


def _reason(lines: List[str]) -> str:
    """uv's own explanation (``error:`` and its ``cause:`` lines) as one line."""
    starts = [at for at, line in enumerate(lines) if line.startswith("error:")]
    told = lines[starts[-1] :] if starts else lines[-2:]
    words = " ".join(" ".join(told).split())
    return words[len("error: ") :][:400] if starts else words[:400]
