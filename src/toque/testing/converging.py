"""Applying a compiled plan to the machine in memory, by the engine that runs on nodes."""

from __future__ import annotations

from dataclasses import dataclass

from ..cookbooks.compile import Compiled
from ..node.engine import walk
from ..node.journal import MemoryJournal
from ..node.model import Outcome, Report, Status
from ..node.resources.command import Command
from ..node.wire import digest
from ..usecases.converge import succeeded
from .machine import Machine
from .recipes import RecipePlan
from .standins import standin


@dataclass(frozen=True)
class Run:
    """What happened, and the machine it happened to."""

    report: Report
    machine: Machine

    @property
    def changed(self) -> tuple[str, ...]:
        """The ids of steps that changed something or answered a notification, in order."""
        return tuple(
            outcome.step
            for outcome in self.report.outcomes
            if outcome.status in (Status.CHANGED, Status.WOULD_CHANGE) or outcome.actions
        )

    def outcome(self, id: str) -> Outcome:
        """What happened to one step.  Raises ``KeyError``."""
        return {outcome.step: outcome for outcome in self.report.outcomes}[id]


def converge(plan: Compiled, machine: Machine | None = None) -> Run:
    """Apply ``plan`` to ``machine``, a fresh Debian 12 when none is given.

    Raises ``StepError``, which carries the step's own code, when a step fails; what was done until
    then stays done.  A second run on ``run.machine`` should change nothing.
    """
    return _walked(plan, machine or Machine(), check=False)


def check(plan: Compiled, machine: Machine | None = None) -> Run:
    """What ``converge`` would do, by the same walk; nothing is changed."""
    return _walked(plan, machine or Machine(), check=True)


def _walked(plan: Compiled, machine: Machine, *, check: bool) -> Run:
    made = {r.kind: standin(r.kind) or type(r) for r in plan.resources.values()}
    for resource in plan.resources.values():
        if isinstance(resource, Command):
            machine.believe(resource)
    for sha256, data in (plan.bytes if isinstance(plan, RecipePlan) else {}).items():
        if sha256 in plan.blobs:
            machine.put(f"/var/lib/toque/blobs/{sha256}", data)
    machine.forget(None)
    machine.patient = not check
    journal = MemoryJournal(machine.journal.owed()) if check else machine.journal
    outcomes = walk(
        plan.plan,
        machine,
        made,
        journal=journal,
        secrets=plan.secrets,
        check=check,
    )
    report = Report(
        run="in-memory",
        plan=plan.plan.name,
        digest=digest(plan.plan),
        mode="check" if check else "apply",
        outcomes=outcomes,
        owed=journal.owed(),
    )
    return Run(succeeded(report, "the machine in memory"), machine)
