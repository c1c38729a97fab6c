"""What the kitchen can do, one function each; the command line calls nothing else.

Every function takes the ``Kitchen`` it works in.  ``Kitchen.from_environment(os.environ)`` reads
TOQUE_KITCHEN_DIR and TOQUE_CACHE_DIR.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import AskedWrongly, Failed, nearest
from .choose import choose
from .driver import Driver, Layering, Progress
from .drivers import AUTO, Drivers
from .images import remove_unused
from .layercache import LayerCache
from .machine import Machine, Spec, Verdict
from .state import Record, Store, checked


@dataclass(frozen=True)
class Kitchen:
    store: Store
    drivers: Drivers

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Kitchen:
        store = Store.from_environment(environ)
        return cls(store, Drivers.known(store, environ))

    def driver(self, machine: Machine) -> Driver:
        """Raises ``AskedWrongly("kitchen-driver-gone")``: its plugin was uninstalled."""
        try:
            return self.drivers.named(machine.driver)
        except AskedWrongly as error:
            if error.code != "kitchen-unknown-driver":
                raise
            raise AskedWrongly(
                "kitchen-driver-gone",
                f"machine {machine.name} was made by a driver that is not installed any more",
                expected=error.trouble.expected,
                found=machine.driver,
                hint=f"install the package that brings the driver {machine.driver}",
            ) from error


@dataclass(frozen=True)
class Seen:
    """A machine as it is at this moment.

    ``state``: running, stopped, half-made, or no-driver when its driver cannot be loaded.
    """

    machine: Machine
    state: str


def silent(text: str) -> None:
    """Progress that nobody watches."""


def create(
    kitchen: Kitchen,
    name: str,
    *,
    driver: str = AUTO,
    release: str = "bookworm",
    packages: Sequence[str] = (),
    options: Mapping[str, str] | None = None,
    layered: bool = False,
    progress: Progress = silent,
) -> Machine:
    """Make a machine, or find it: a finished one is started, a half-made one is made anew."""
    wanted = Spec(checked(name), driver, release, tuple(packages), dict(options or {}), layered)
    with kitchen.store.lock(name):
        record = kitchen.store.read(name)
        if record and record.ready:
            asked = replace(wanted, driver=record.spec.driver) if driver == AUTO else wanted
            if asked != record.spec:
                raise AskedWrongly(
                    "kitchen-machine-differs",
                    f"machine {name} exists and is another kind",
                    expected=_kind(asked),
                    found=_kind(record.spec),
                    hint=f"toque kitchen destroy {name}",
                )
            progress(f"machine {name}: exists, {record.spec.driver}")
            kitchen.driver(record.machine).start(record.machine)
            return find(kitchen, name)  # its address may be another after a start
        chosen, verdicts = choose(driver, kitchen.drivers)
        for verdict in verdicts:
            word = "works" if verdict.works else "does not work here"
            progress(f"driver {verdict.driver}: {word} ({verdict.reason})")
        if record:
            progress(f"machine {name}: clearing away what an interrupted run left")
            kitchen.driver(record.machine).destroy(record.machine)
        return chosen.create(replace(wanted, driver=chosen.name), progress)


def _kind(spec: Spec) -> str:
    """What two machines of one name may differ in, in one line."""
    words = [f"driver {spec.driver}", f"release {spec.release}", f"packages {list(spec.packages)}"]
    return ", ".join(words + [f"{key} {value}" for key, value in sorted(spec.options.items())])


def find(kitchen: Kitchen, name: str) -> Machine:
    """The machine of that name."""
    record = kitchen.store.read(name)
    if record is None:
        raise AskedWrongly(
            "kitchen-no-machine",
            f"there is no machine {name}",
            expected="one of " + ", ".join(kitchen.store.names() or ["(none exist)"]),
            found=name,
            hint=f"toque kitchen create {name}",
        )
    return record.machine


def all_machines(kitchen: Kitchen) -> list[Seen]:
    """Every machine, with its state looked at now."""
    found = []
    for name in kitchen.store.names():
        record = kitchen.store.read(name)
        if record:
            found.append(Seen(record.machine, _state(kitchen, record)))
    return found


def _state(kitchen: Kitchen, record: Record) -> str:
    try:
        driver = kitchen.driver(record.machine)
    except (AskedWrongly, Failed):
        return "no-driver"
    if not record.ready:
        return "half-made"
    return "running" if driver.running(record.machine) else "stopped"


def destroy(kitchen: Kitchen, name: str) -> bool:
    """Take all of a machine away, whatever state it is in; False when there was none."""
    with kitchen.store.lock(checked(name)):
        record = kitchen.store.read(name)
        if record is None:
            for driver in kitchen.drivers.built_in:
                kitchen.drivers.named(driver).sweep()
            return False
        kitchen.driver(record.machine).destroy(record.machine)
        return True


def start(kitchen: Kitchen, name: str) -> None:
    with kitchen.store.lock(checked(name)):
        machine = find(kitchen, name)
        kitchen.driver(machine).start(machine)


def stop(kitchen: Kitchen, name: str) -> None:
    with kitchen.store.lock(checked(name)):
        machine = find(kitchen, name)
        kitchen.driver(machine).stop(machine)


def reboot(kitchen: Kitchen, name: str) -> None:
    with kitchen.store.lock(checked(name)):
        machine = find(kitchen, name)
        kitchen.driver(machine).reboot(machine)


def power_cut(kitchen: Kitchen, name: str) -> None:
    """Everything in the machine dies at once; ``start`` boots it again."""
    with kitchen.store.lock(checked(name)):
        machine = find(kitchen, name)
        kitchen.driver(machine).kill(machine)


def snapshot(kitchen: Kitchen, name: str, state: str) -> None:
    """Keep what a machine's files are as ``state``; one that runs is stopped for it and booted.

    Raises ``AskedWrongly``: ``kitchen-bad-name``, ``kitchen-snapshot-taken``.
    """
    checked(state, "snapshot")
    with kitchen.store.lock(checked(name)):
        machine = find(kitchen, name)
        driver = kitchen.driver(machine)
        if state in driver.snapshots(machine):
            raise AskedWrongly(
                "kitchen-snapshot-taken",
                f"machine {name} has a snapshot {state} already",
                expected="a name that is free",
                found=f"taken: {', '.join(driver.snapshots(machine))}",
                hint=f"toque kitchen restore {state} {name} goes back to it",
            )
        ran = driver.running(machine)
        driver.stop(machine)  # in order, so that what it has in memory is in its files
        try:
            driver.snapshot(machine, state)
        finally:  # a driver that cannot do it says so only now
            if ran:
                driver.start(machine)


def restore(kitchen: Kitchen, name: str, state: str) -> None:
    """Give a machine the files of a snapshot; one that runs loses its power, and is booted again.

    Raises ``AskedWrongly("kitchen-snapshot-unknown")``.
    """
    with kitchen.store.lock(checked(name)):
        machine = find(kitchen, name)
        driver = kitchen.driver(machine)
        there = driver.snapshots(machine)
        if state not in there:
            raise AskedWrongly(
                "kitchen-snapshot-unknown",
                f"machine {name} has no snapshot {state}",
                expected=f"one of {', '.join(there)}" if there else "a snapshot that was made",
                found=state,
                hint=nearest(state, there) or f"toque kitchen snapshot {state} {name}",
            )
        ran = driver.running(machine)
        driver.kill(machine)
        driver.restore(machine, state)
        if ran:
            driver.start(machine)


def layering(kitchen: Kitchen, machine: Machine) -> Layering | None:
    """The machine's driver, if its machines can begin from layers."""
    driver = kitchen.driver(machine)
    return driver if isinstance(driver, Layering) else None


def snapshots(kitchen: Kitchen, name: str) -> list[str]:
    """What was kept of a machine, the oldest first."""
    machine = find(kitchen, name)
    return kitchen.driver(machine).snapshots(machine)


def running(kitchen: Kitchen, name: str) -> bool:
    machine = find(kitchen, name)
    return kitchen.driver(machine).running(machine)


def execute(
    kitchen: Kitchen, name: str, argv: Sequence[str], stdin: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    machine = find(kitchen, name)
    return kitchen.driver(machine).exec(machine, argv, stdin)


def login(kitchen: Kitchen, name: str, argv: Sequence[str] = ("/bin/bash", "-l")) -> int:
    """A shell in the machine on this terminal; returns its exit status."""
    machine = find(kitchen, name)
    return kitchen.driver(machine).shell(machine, argv)


def console(kitchen: Kitchen, name: str, lines: int = 100) -> str:
    machine = find(kitchen, name)
    return kitchen.driver(machine).console(machine, lines)


def clean(kitchen: Kitchen, *, images: bool = False) -> list[Path]:
    """Remove the layers, and with ``images`` the images, that no machine stands on; which."""
    cache = LayerCache(kitchen.store)
    gone = [cache.folder / key for key in cache.prune(0)]
    return gone + (remove_unused(kitchen.store) if images else [])


def verdicts(kitchen: Kitchen) -> list[Verdict]:
    """What each driver says about this host."""
    return [kitchen.drivers.verdict(name) for name in kitchen.drivers.names()]
