"""Init systems: systemd, and supervisor on machines where no systemd runs."""

from ..system import System
from .protocol import InitSystem, UnitState, unit_name
from .supervisor import Supervisor
from .systemd import Systemd

__all__ = ["InitSystem", "UnitState", "choose", "unit_name"]


def choose(system: System) -> InitSystem:
    """The init system of this machine, as its facts name it."""
    if system.facts.init == "supervisor":
        return Supervisor(system)
    return Systemd(system)
