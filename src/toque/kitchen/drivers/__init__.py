"""The ways of making a machine, one file each, and the table of them.

A driver is imported and made when it is asked for, not before.  Others than these are installed as
plugins: packages with an entry point ``NAME = "module:factory"`` in the group ``toque.drivers``,
where ``factory(store, environ)`` returns a ``Driver``.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ...errors import AskedWrongly, Failed, nearest
from ..driver import Driver
from ..machine import Verdict
from ..state import Store

GROUP = "toque.drivers"
AUTO = "auto"

# In the order in which ``auto`` tries them: what shows the most of a real machine comes first.
AUTOMATIC: Mapping[str, str] = {
    "nspawn": "nspawn:Nspawn",
    "podman": "podman:Podman",
    "chroot": "chroot:Chroot",
}
# Those that somebody has to ask for by name, as the plugins.
ASKED_FOR: Mapping[str, str] = {
    "memory": "memory:Memory",
    "host": "host:Host",
    "ec2": "ec2:Ec2",
    "qemu": "qemu:Qemu",
}

BUILT_IN: Mapping[str, str] = {**AUTOMATIC, **ASKED_FOR}
# For the help of ``--driver``, which must not wait for the metadata of all installed packages.
NAMES = ", ".join((AUTO, *BUILT_IN))

Maker = Callable[[], Driver]


@dataclass(frozen=True)
class Drivers:
    """The drivers that one kitchen has.  ``installed`` is called when no built-in one is meant."""

    built_in: Mapping[str, Maker]
    automatic: tuple[str, ...]
    installed: Callable[[], Mapping[str, Maker]] = dict

    @classmethod
    def known(cls, store: Store, environ: Mapping[str, str]) -> Drivers:
        """The built-in ones and the plugins of this environment."""
        return cls(
            {
                name: functools.partial(_built_in, where, store, environ)
                for name, where in BUILT_IN.items()
            },
            tuple(AUTOMATIC),
            functools.partial(_plugins, store, environ),
        )

    @classmethod
    def of(cls, *drivers: Driver) -> Drivers:
        """Just these, all of them for ``auto``: for tests of a driver that is not installed."""
        made = {driver.name: functools.partial(_itself, driver) for driver in drivers}
        return cls(made, tuple(made))

    def names(self) -> tuple[str, ...]:
        """All names.  Raises ``AskedWrongly("kitchen-driver-name-taken")``."""
        return (*self.built_in, *self.installed())

    def named(self, name: str) -> Driver:
        """Raises ``AskedWrongly``: ``kitchen-unknown-driver``, ``kitchen-driver-name-taken``;
        ``Failed("kitchen-driver-broken")`` when a plugin cannot be imported.
        """
        maker = self.built_in.get(name) or self.installed().get(name)
        if maker is None:
            known = (AUTO, *self.names())
            raise AskedWrongly(
                "kitchen-unknown-driver",
                f"there is no driver '{name}'",
                expected=", ".join(known),
                found=name,
                hint=nearest(name, known),
            )
        return maker()

    def verdict(self, name: str) -> Verdict:
        """What a driver says about this host; one that cannot even be imported does not work."""
        try:
            driver = self.named(name)
        except Failed as error:
            return Verdict(name, False, error.trouble.found)
        return driver.probe()


def _itself(driver: Driver) -> Driver:
    return driver


def _built_in(where: str, store: Store, environ: Mapping[str, str]) -> Driver:
    module, _, attribute = where.partition(":")
    factory = getattr(importlib.import_module(f"{__name__}.{module}"), attribute)
    made: Driver = factory(store, environ)
    return made


def _plugins(store: Store, environ: Mapping[str, str]) -> Mapping[str, Maker]:
    from importlib.metadata import EntryPoint, entry_points  # slow to import, and asked for last

    def make(point: EntryPoint) -> Driver:
        try:
            made: Driver = point.load()(store, environ)
        # A plugin is somebody else's code: whatever it raises, the other drivers go on working.
        except Exception as error:
            raise Failed(
                "kitchen-driver-broken",
                f"the driver {point.name} could not be loaded",
                expected=f"{point.value}(store, environ) to return a driver",
                found=f"{type(error).__name__}: {error}".splitlines()[0],
                hint=f"pip show {point.dist.name}" if point.dist else "",
            ) from error
        return made

    found: dict[str, Maker] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value)):
        if point.name in (AUTO, *BUILT_IN, *found):
            by = f"{point.dist.name}: " if point.dist else ""
            raise AskedWrongly(
                "kitchen-driver-name-taken",
                f"two drivers are called {point.name}",
                expected=f"a plugin with another name than {', '.join((AUTO, *BUILT_IN, *found))}",
                found=f"{by}{point.name} = {point.value}",
                hint=f"pip uninstall {point.dist.name}" if point.dist else "",
            )
        found[point.name] = functools.partial(make, point)
    return found
