"""Init systems: systemd, and supervisor on machines where no systemd runs."""

from typing import TYPE_CHECKING

from ..system import System
from .protocol import InitSystem, UnitState, unit_name
from .systemd import Systemd

if TYPE_CHECKING:
    from .daemon import Daemon

__all__ = ["InitSystem", "UnitState", "choose", "unit_name"]


def choose(system: System) -> InitSystem:
    """The init system of this machine, as its facts name it."""
    if system.facts.init == "supervisor":
        from .supervisor import Supervisor  # only machines that need it pay for it

        return Supervisor(system, connect(system))
    return Systemd(system)


def connect(system: System) -> "Daemon":
    """This machine's supervisord; nothing is asked of it yet."""
    from .supervisor import socket_path
    from .supervisord import Supervisord

    return Supervisord(socket_path(system))
