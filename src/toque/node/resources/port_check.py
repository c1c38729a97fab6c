"""A port that has to be listened on before the run goes on."""

from typing import ClassVar, FrozenSet, Optional

from ..errors import NotReady
from ..record import dataclass
from ..resource import Invalid, Resource, State
from ..system import System
from ..waiting import objection

EVERY_S = 0.1  # a connection costs next to nothing
CONNECT_S = 5.0  # a far address that drops packets does not answer later either


@dataclass(frozen=True)
class PortCheck(Resource):
    """Somebody accepts TCP connections on ``port`` of ``address``, within ``timeout_s`` seconds.

    Nothing is sent.  It only looks: the step is ok or failed, never changed.  In a plan it is
    asked once, and is unknown while an earlier step has something to do.
    """

    port: int
    address: str = "127.0.0.1"
    timeout_s: float = 30.0

    kind: ClassVar[str] = "port_check"

    @property
    def key(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{self.port}"

    def validate(self) -> None:
        if not 1 <= self.port <= 65535:
            raise Invalid("port", "a number from 1 to 65535", self.port)
        if not self.address or any(ord(char) <= 32 or ord(char) > 126 for char in self.address):
            raise Invalid("address", "an address or a name", self.address)
        if not self.timeout_s > 0:
            raise Invalid("timeout_s", "a number of seconds above 0", self.timeout_s)

    def wanted(self) -> State:
        return {"accepts": True}

    def found(self, system: System) -> Optional[State]:
        def ask(left_s: float) -> str:
            limit_s = min(CONNECT_S, max(left_s, 1.0))
            return system.accepts(self.address, self.port, timeout_s=limit_s)

        against = objection(system, ask, timeout_s=self.timeout_s, every_s=EVERY_S)
        if against:
            raise NotReady(
                "port-check-failed",
                f"nobody accepts connections on {self.key}",
                expected=f"a listener within {self.timeout_s:g} s",
                found=against,
                hint="on the node: ss -ltnp",
            )
        return {"accepts": True}

    def fix(self, system: System, keys: FrozenSet[str]) -> None:
        raise ValueError(f"{self.kind} only looks")
