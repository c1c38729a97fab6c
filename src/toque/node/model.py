"""The values that travel: steps and plans going out, outcomes and reports coming back."""

from enum import Enum
from typing import Any, Mapping, Optional, Tuple

from .finding import Finding
from .record import dataclass, field

Fields = Mapping[str, Any]


@dataclass(frozen=True)
class Action:
    """A verb owed to another step: ``reload`` to ``service:nginx``."""

    target: str
    verb: str


@dataclass(frozen=True)
class Guard:
    """A condition as data, read on the node just before its step.

    ``test`` is one of ``exists``, ``missing`` (``value`` is a path), ``succeeds``, ``fails``
    (``value`` is an argument list), ``fact`` (``value`` is ``[name, wanted value]``).  The rest is
    for argument lists: run by ``user`` (root) in ``cwd`` with ``env`` added to a minimal
    environment (its values may be secrets), and over after ``timeout_s``: a guard is a question.
    """

    test: str
    value: Any
    user: Optional[str] = None
    cwd: str = "/"
    env: Mapping[str, Any] = field(default_factory=dict)
    timeout_s: float = 60.0


@dataclass(frozen=True)
class Step:
    """One resource, ready to travel.  ``id`` is ``kind:key`` and unique in its plan.

    A step that fails is tried again ``retries`` times, ``retry_wait_s`` seconds apart.  Of a
    ``sensitive`` one nothing is shown but its id: no diff, no output, no progress.
    """

    id: str
    kind: str
    fields: Fields
    place: str = ""
    when: Tuple[Guard, ...] = ()
    notify: Tuple[Action, ...] = ()
    retries: int = 0
    retry_wait_s: float = 2.0
    sensitive: bool = False


@dataclass(frozen=True)
class Plan:
    """Steps in the order they run.  ``name`` says what for, e.g. ``setup thena``.

    ``types`` maps kinds that a cookbook brings itself to the texts of their modules.
    """

    name: str
    steps: Tuple[Step, ...]
    types: Mapping[str, str] = field(default_factory=dict)


class Status(str, Enum):
    """How one step ended."""

    OK = "ok"  # already as wanted
    CHANGED = "changed"
    WOULD_CHANGE = "would-change"  # check mode only
    UNKNOWN = "unknown"  # check mode only: depends on an earlier unapplied step
    SKIPPED = "skipped"  # a guard said no
    FAILED = "failed"
    NOT_RUN = "not-run"  # an earlier step failed, or the run was asked to stop


@dataclass(frozen=True)
class Outcome:
    """What happened to one step.

    ``diff`` is lines to show a person, already masked; ``actions`` the verbs performed on this
    step because others changed (in check mode ``reload?`` for one that is owed only if an unknown
    step changes); ``seconds`` wall time; ``trouble`` as ``StepFailed`` carries it; ``notes`` are
    things worth saying that are not failures, ``findings`` those that came with evidence, among
    them what the step refused for.  ``keys`` are the parts of the state that differed,
    ``seen`` seals of what was found (``seal.py``), both for a plan that is to be applied later.
    """

    step: str
    status: Status
    diff: Tuple[str, ...] = ()
    actions: Tuple[str, ...] = ()
    seconds: float = 0.0
    place: str = ""
    notes: Tuple[str, ...] = ()
    trouble: Optional[Mapping[str, Any]] = None
    keys: Tuple[str, ...] = ()
    seen: Optional[Mapping[str, str]] = None
    findings: Tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Report:
    """What a run did.  ``owed`` lists actions that remain to be answered by the next run;
    ``made_from`` is which cookbooks and lock its plan came from, in the caller's words."""

    run: str
    plan: str
    digest: str
    mode: str
    outcomes: Tuple[Outcome, ...]
    owed: Tuple[Action, ...] = ()
    seconds: float = 0.0
    token: int = 0
    made_from: Mapping[str, str] = field(default_factory=dict)

    @property
    def changed(self) -> int:
        """Steps that changed something or answered an action."""
        return sum(1 for o in self.outcomes if o.status is Status.CHANGED or o.actions)

    @property
    def failed(self) -> Optional[Outcome]:
        return next((o for o in self.outcomes if o.status is Status.FAILED), None)

    @property
    def findings(self) -> Tuple[Finding, ...]:
        """What was found out in all steps, in their order."""
        return tuple(finding for outcome in self.outcomes for finding in outcome.findings)

    def count(self, status: Status) -> int:
        return sum(1 for o in self.outcomes if o.status is status)


@dataclass(frozen=True)
class Facts:
    """What a node is, never what state it is in.

    ``memory_mb`` is MiB; ``init`` is ``systemd`` or ``supervisor``; ``init_reason`` says how we
    know; ``python`` is the version that runs this, e.g. ``3.11.2``.
    """

    hostname: str = ""
    os: str = ""  # ID of os-release: debian, ubuntu
    release: str = ""  # VERSION_ID: 12
    codename: str = ""  # VERSION_CODENAME: bookworm
    architecture: str = ""  # x86_64, aarch64
    cpus: int = 1
    memory_mb: int = 0
    addresses: Tuple[str, ...] = ()
    init: str = "systemd"
    init_reason: str = ""
    python: str = ""
    machine_id: str = ""
    extra: Fields = field(default_factory=dict)
