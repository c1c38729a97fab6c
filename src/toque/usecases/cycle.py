"""The cycle of a kitchen's instance: create, converge, setup, verify, destroy, and all of it.

Each rung makes those below it when they are missing.  One run at a time works on an instance.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..errors import Failed, ToqueError
from ..kitchen import api, hooks, neighbours, rung, verify
from ..kitchen.instance import Instance
from ..kitchen.kitchenfile import Moment
from ..kitchen.machine import Machine
from ..kitchen.outcome import Result
from ..kitchen.rung import Rung
from ..kitchen.subject import in_kitchen
from ..kitchen.verify import run_verify
from .means import Converged, Means

BACK_WITHIN_S = 60.0  # a machine that answers SSH again may still be starting its services
AGAIN_S = 0.3
# Ends when all that is started at boot has been; at once where there is no systemd to ask.  Checks
# that begin sooner fail, and are run again as a whole.  It is waited for where pytest has started.
BOOTED = ("timeout", "10", "systemctl", "is-system-running", "--wait")


@dataclass(frozen=True)
class Tested:
    """How a whole test went, from nothing to the last check; ``seconds`` of wall time."""

    result: Result
    drivers: tuple[str, ...]
    seconds: float
    machines: tuple[Machine, ...] = field(default=(), repr=False)


def create(means: Means, instance: Instance, *, driver: str = "") -> dict[str, Machine]:
    """The machines of the instance by their names in the suite: made, or found and started."""
    with _alone(means, instance):
        return _created(means, instance, driver)


def converge(
    means: Means, instance: Instance, *, driver: str = "", cold: bool = False
) -> Converged:
    """Run the suite's events, in their order, each on all machines.

    Machines that are made for it may begin from a layer, unless they are to begin ``cold``.
    """
    with _alone(means, instance):
        new = not rung.read(means.kitchen.store, instance).last and not cold
        _created(means, instance, driver, new=new)
        return _converged(means, instance, new=new)


def setup(means: Means, instance: Instance, *, driver: str = "") -> None:
    """Make ready for the checks: converged, running, and with checks that can be run."""
    with _alone(means, instance):
        _set_up(means, instance, driver)


def check(means: Means, instance: Instance, *, driver: str = "") -> Result:
    """Run the suite's checks; what they need is made first.

    Raises ``Failed``: ``kitchen-verify-failed``, ``kitchen-no-checks``.
    """
    with _alone(means, instance):
        _set_up(means, instance, driver)
        return _verified(means, instance)


def destroy(means: Means, instance: Instance) -> bool:
    """Take all its machines away, whatever state they are in; False when there was none."""
    with _alone(means, instance):
        return _destroyed(means, instance)


def whole(
    means: Means,
    instance: Instance,
    *,
    driver: str = "",
    keep: bool = False,
    cold: bool = False,
) -> Tested:
    """The whole cycle on new machines.  Raises ``Failed``; then the machines stay, for looking."""
    began = time.monotonic()
    with _alone(means, instance):
        _destroyed(means, instance)
        machines = _created(means, instance, driver, new=not cold)
        _converged(means, instance, new=not cold)
        if instance.twice:
            _settled(instance, _converged(means, instance))
        _set_up(means, instance, driver)
        result = _verified(means, instance)
        if instance.reboot:
            for machine in machines.values():
                means.say(f"{machine.name}: reboot")
                api.reboot(means.kitchen, machine.name)
            result = _verified(means, instance, first=BOOTED, within_s=BACK_WITHIN_S)
        if not keep:
            _destroyed(means, instance)
    drivers = tuple(sorted({machine.driver for machine in machines.values()}))
    return Tested(result, drivers, time.monotonic() - began, tuple(machines.values()))


def _created(
    means: Means, instance: Instance, driver: str, *, new: bool = False
) -> dict[str, Machine]:
    before = rung.read(means.kitchen.store, instance)
    if not before.last:
        _hooks(means, instance, "before_create")
    machines = {
        member.name: api.create(
            means.kitchen,
            member.machine,
            driver=driver or member.kind.driver,
            release=member.kind.release,
            packages=member.kind.packages,
            options=member.kind.options,
            layered=new and instance.layered,
            progress=means.say,
        )
        for member in instance.members
    }
    neighbours.introduce(means.kitchen, instance, machines)
    if not before.last:
        with _towards(means, instance, before):
            _hooks(means, instance, "after_create")
        _reached(means, instance, "created")
    return machines


def _converged(means: Means, instance: Instance, *, new: bool = False) -> Converged:
    with _towards(means, instance, Rung("created")):
        _hooks(means, instance, "before_converge")
        from .suite_events import run  # brings the compiler along, which only this rung needs

        done = run(means, instance, new=new)
        _hooks(means, instance, "after_converge")
    _reached(means, instance, "converged")
    return done


def _settled(instance: Instance, again: Converged) -> None:
    if again.changed:
        raise Failed(
            "kitchen-not-settled",
            f"the second converge of {instance.name} changed {again.changed} steps",
            expected="0 changed",
            found=f"{again.changed} changed",
            hint=f"toque kitchen converge {instance.name}",
        )


def _set_up(means: Means, instance: Instance, driver: str) -> None:
    store = means.kitchen.store
    before = rung.read(store, instance)
    if not before.reached("converged"):
        new = not before.last
        _created(means, instance, driver, new=new)
        _converged(means, instance, new=new)
    now = rung.read(store, instance)
    with _towards(means, instance, Rung("converged")):
        verify.ready(instance.checks)
        for member in instance.members:
            api.start(means.kitchen, member.machine)
        if not now.reached("set-up"):
            _hooks(means, instance, "before_setup")
            _hooks(means, instance, "after_setup")
    if not now.reached("set-up"):
        _reached(means, instance, "set-up")


def _verified(
    means: Means, instance: Instance, *, first: tuple[str, ...] = (), within_s: float = 0.0
) -> Result:
    """Run the checks until they pass, for ``within_s`` seconds: what starts at boot needs time."""
    machines = {
        member.name or instance.suite: in_kitchen(api.find(means.kitchen, member.machine), first)
        for member in instance.members
    }
    until = time.monotonic() + within_s
    with _towards(means, instance, Rung("set-up")):
        _hooks(means, instance, "before_verify")
        result = run_verify(machines, instance.checks, means.environ, limits=means.limits)
        while result.worth_a_retry and time.monotonic() < until:
            time.sleep(AGAIN_S)
            result = run_verify(machines, instance.checks, means.environ, limits=means.limits)
        means.say(result.output.rstrip())
        means.judged(instance, result)
        verify.require(result)
        _hooks(means, instance, "after_verify")
    _reached(means, instance, "verified")
    return result


def _destroyed(means: Means, instance: Instance) -> bool:
    there = [m for m in instance.members if means.kitchen.store.read(m.machine)]
    if there:
        _hooks(means, instance, "before_destroy")
    for member in instance.members:  # also one without a record: a kill may come before it
        api.destroy(means.kitchen, member.machine)
    if there:
        _hooks(means, instance, "after_destroy")
    return bool(there)


def _hooks(means: Means, instance: Instance, moment: Moment) -> None:
    hooks.run(means.kitchen, instance, moment, means.environ, means.say)


def _reached(means: Means, instance: Instance, name: str) -> None:
    rung.write(means.kitchen.store, instance, Rung(name))


@contextlib.contextmanager
def _towards(means: Means, instance: Instance, back: Rung) -> Iterator[None]:
    """What fails in here is written down with the rung that still stands, ``back``."""
    try:
        yield
    except ToqueError as error:
        rung.write(means.kitchen.store, instance, Rung(back.last, error.code))
        raise


@contextlib.contextmanager
def _alone(means: Means, instance: Instance) -> Iterator[None]:
    """Hold the instance.  Raises ``Failed("kitchen-busy")`` when another run works on it."""
    with means.kitchen.store.lock(f"{instance.members[0].machine}_cycle", wait_s=0.5):
        yield
