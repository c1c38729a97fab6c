"""Init systems: systemd, and supervisor on machines where no systemd runs."""

from ..system import System
from .daemon import Daemon
from .protocol import InitSystem, UnitState, unit_name
from .supervisor import Supervisor, socket_path
from .systemd import Systemd

__all__ = ["InitSystem", "UnitState", "choose", "unit_name"]


def choose(system: System) -> InitSystem:
    """The init system of this machine, as its facts name it."""
    if system.facts.init == "supervisor":
        return Supervisor(system, connect(system))
    return Systemd(system)


def connect(system: System) -> Daemon:
    """This machine's supervisord; nothing is asked of it yet."""
    from .supervisord import Supervisord  # xmlrpc is for machines that need it

    return Supervisord(socket_path(system))
