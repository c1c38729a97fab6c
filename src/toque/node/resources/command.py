"""A program that is run when its guard says that it is needed."""

import hashlib
import re
import shlex
from typing import ClassVar, Dict, FrozenSet, Mapping, Optional, Sequence, Tuple, Union

from ..environmentfile import read_environment
from ..errors import StepFailed
from ..fence import Fence
from ..formats.environment import check_env
from ..guards import holds
from ..model import Action, Guard
from ..record import dataclass, field
from ..resource import Invalid, Resource, State
from ..system import System
from ..values import Secret

APP = "[A-Za-z0-9][A-Za-z0-9_-]{0,63}"  # a part of a unit's name
DONE = "/var/lib/toque/done"
KEY_LENGTH = 72


@dataclass(frozen=True)
class Command(Resource):
    """Run ``argv`` (a list, never a shell line) as ``user`` in ``cwd``, unless it is done already.

    What "done" means has to be said, one way at least:

    * ``creates``: this path exists;
    * ``unless``: this command succeeds;
    * ``only_if``: this command fails (it is then not needed);
    * ``once``: a mark of this name is on the machine; it is made after success;
    * ``only_notified``: nothing to do but when another step notifies ``command.run``;
    * ``always``: never done; every converge runs it and counts a change.

    ``env`` and ``environment_file`` (the syntax of systemd's EnvironmentFile) reach the process
    through its environment only; ``env`` wins.  ``stdin`` is what it reads.  ``unless`` and
    ``only_if`` run in the same place; one that cannot be run fails the step (``guard-failed``).
    Exit statuses in ``returns`` are success.  What it prints is told while it runs and quoted when
    it fails; ``sensitive_output`` keeps it out of both.  ``timeout_s`` ends it, and its children.

    ``build_of`` is the app that it builds something of: it gets what serves has left over, and at
    most ``memory_mb`` (0 for half of the machine's); it reads no ``stdin``.
    """

    argv: Tuple[str, ...]
    name: Optional[str] = None
    user: Optional[str] = None
    cwd: str = "/"
    env: Mapping[str, Union[str, Secret]] = field(default_factory=dict)
    environment_file: Optional[str] = None
    stdin: Union[str, bytes, Secret] = b""
    returns: Tuple[int, ...] = (0,)
    creates: Optional[str] = None
    unless: Tuple[str, ...] = ()
    only_if: Tuple[str, ...] = ()
    once: Optional[str] = None
    timeout_s: float = 600
    only_notified: bool = False
    always: bool = False
    sensitive_output: bool = False
    build_of: str = ""
    memory_mb: int = 0

    kind: ClassVar[str] = "command"
    verbs: ClassVar[Tuple[str, ...]] = ("run",)

    @property
    def run(self) -> Action:
        return Action(self.id, "run")

    @property
    def key(self) -> str:
        """The name, or the command line, cut with a digest when it is long."""
        if self.name:
            return self.name
        text = " ".join(shlex.quote(word) for word in self.argv).replace("\n", " ")
        if len(text) <= KEY_LENGTH:
            return text
        return f"{text[:KEY_LENGTH]}... {hashlib.sha256(text.encode()).hexdigest()[:8]}"

    def validate(self) -> None:
        for name in ("argv", "unless", "only_if"):
            _check_words(name, getattr(self, name))
        if not self.argv or not self.argv[0]:
            raise Invalid("argv", "a program and its arguments", self.argv)
        for name, value in self.env.items():
            check_env(name, value.reveal() if isinstance(value, Secret) else value)
        for name in ("cwd", "creates", "environment_file"):
            path = getattr(self, name)
            if path is not None and not path.startswith("/"):
                raise Invalid(name, "an absolute path", path)
        if not self.returns or not all(0 <= code <= 255 for code in self.returns):
            raise Invalid("returns", "exit statuses from 0 to 255", self.returns)
        if not isinstance(self.stdin, (str, bytes, Secret)):
            raise Invalid("stdin", "text, bytes or a secret", type(self.stdin).__name__)
        self._check_build()
        if not self.timeout_s > 0:
            raise Invalid("timeout_s", "a number of seconds above 0", self.timeout_s)
        guarded = self.creates or self.unless or self.only_if or self.once or self.only_notified
        if not guarded and not self.always:
            ways = "creates, unless, only_if, once, only_notified or always=True"
            raise Invalid("always", f"one of {ways}", False)
        if guarded and self.always:
            raise Invalid("always", "no guard beside always=True", True)

    def _check_build(self) -> None:
        if self.build_of and not re.fullmatch(APP, self.build_of):
            raise Invalid("build_of", "the name of an app", self.build_of)
        if self.build_of and self.stdin:
            raise Invalid("stdin", "nothing for a build", "text")
        if self.memory_mb < 0:
            raise Invalid("memory_mb", "a number of MiB, or 0", self.memory_mb)

    def wanted(self) -> State:
        return {"done": True}

    def found(self, system: System) -> State:
        return {"done": self._done(system)}

    def fix(self, system: System, keys: FrozenSet[str]) -> None:
        self._run(system)
        if self.once:
            for directory in ("/var/lib/toque", DONE):
                if system.stat(directory) is None:
                    system.mkdir(directory, owner="root", group="root", mode=0o700)
            system.write(self._mark, f"{self.once}\n".encode(), mode=0o600)

    def perform(self, system: System, verb: str) -> None:
        self._run(system)

    def answered_by(self, found: Optional[State], fixed: FrozenSet[str]) -> FrozenSet[str]:
        return frozenset(self.verbs) if fixed else frozenset()

    def reads_back(self) -> bool:
        return bool(self.creates or self.unless or self.once)

    def show(self, found: Optional[State], keys: FrozenSet[str]) -> Sequence[str]:
        who = f" as {self.user}" if self.user else ""
        return [f"run {self.key}{who}"]

    @property
    def _mark(self) -> str:
        return f"{DONE}/{hashlib.sha256((self.once or '').encode()).hexdigest()}"

    def _done(self, system: System) -> bool:
        if self.only_notified:
            return True
        if self.creates and system.stat(self.creates) is not None:
            return True
        if self.once and system.stat(self._mark) is not None:
            return True
        if self.unless and self._succeeds(system, self.unless):
            return True
        return bool(self.only_if) and not self._succeeds(system, self.only_if)

    def _succeeds(self, system: System, argv: Sequence[str]) -> bool:
        guard = Guard(
            "succeeds", argv, self.user, self.cwd, self._environment(system), self.timeout_s
        )
        return holds(guard, system, {})

    def _run(self, system: System) -> None:
        system.progress(f"running {self.key}")
        try:
            result = system.run(
                self.argv,
                user=self.user,
                cwd=self.cwd,
                env=self._environment(system),
                stdin=self._input,
                timeout_s=self.timeout_s,
                check=False,
                tell=None if self.sensitive_output else system.progress,
                fence=Fence(self.build_of, self.memory_mb) if self.build_of else None,
            )
        except StepFailed as error:
            error.log = () if self.sensitive_output else error.log
            raise
        if result.code not in self.returns:
            raise StepFailed(
                "command-failed",
                f"{self.key} ended with "
                + (f"status {result.code}" if result.code >= 0 else f"signal {-result.code}"),
                expected="status " + " or ".join(str(code) for code in self.returns),
                found=str(result.code),
                log=() if self.sensitive_output else result.tail(40),
            )

    @property
    def _input(self) -> bytes:
        text = self.stdin.reveal() if isinstance(self.stdin, Secret) else self.stdin
        return text if isinstance(text, bytes) else text.encode()

    def _environment(self, system: System) -> Dict[str, str]:
        values: Dict[str, str] = {}
        if self.environment_file:
            values.update(read_environment(system, self.environment_file))
        for name, value in self.env.items():
            values[name] = value.reveal() if isinstance(value, Secret) else value
        return values


def _check_words(name: str, words: object) -> None:
    if not isinstance(words, (tuple, list)) or not all(type(word) is str for word in words):
        # A secret in an argument list can be read by every user of the machine.
        raise Invalid(name, "a tuple of texts, none of them a secret", _kinds(words))
    if any("\0" in word for word in words):
        raise Invalid(name, "texts without NUL", "one with NUL")


def _kinds(words: object) -> object:
    if isinstance(words, (tuple, list)):
        return tuple(type(word).__name__ for word in words)
    return type(words).__name__
