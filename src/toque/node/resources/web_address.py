"""The port and the names of sites, and that nobody else has them."""

from typing import ClassVar, FrozenSet, Iterator, Optional, Tuple

from ..contents import text_at
from ..errors import StepFailed
from ..nginxsites import servers
from ..record import dataclass
from ..resource import Invalid, Resource, State
from ..system import System

FOLDERS = ("/etc/nginx/conf.d", "/etc/nginx/sites-enabled")  # what Debian's nginx.conf includes
PID = "/run/nginx.pid"
UNKNOWN = "it does not say which"


@dataclass(frozen=True)
class WebAddress(Resource):
    """The sites of ``names`` on ``port`` are served by files of nginx that this plan writes.

    ``ours`` are the names of these files in ``/etc/nginx/sites-enabled``.  It only looks, so that
    nothing of somebody else is taken away: a file that serves one of the names already fails the
    step, and so does another program than nginx that listens on the port.  nginx itself would
    only warn of a name that is there twice, and serve whichever file comes first.
    """

    port: int = 80
    names: Tuple[str, ...] = ()
    ours: Tuple[str, ...] = ()

    kind: ClassVar[str] = "web_address"

    @property
    def key(self) -> str:
        return str(self.port)

    def validate(self) -> None:
        if not 1 <= self.port <= 65535:
            raise Invalid("port", "a number from 1 to 65535", self.port)

    def wanted(self) -> State:
        return {"free": True}

    def found(self, system: System) -> Optional[State]:
        ours = False  # a site that nginx has already listens on the port
        for path, text in self._files(system):
            for server in servers(text):
                ours = ours or self.port in server.ports
                if path in self._written:
                    continue
                taken = [name for name in self.names if server.answers(name, self.port)]
                if taken:
                    raise StepFailed(
                        "domain-taken",
                        f"another site on this node answers to {taken[0]} already",
                        expected=f"{taken[0]} on port {self.port} in a file of ours only",
                        found=f"{path}:{server.line}",
                        hint=f"remove it there, or take {taken[0]} out of domains in toque.toml",
                    )
        if self._taken(system, ours):
            raise StepFailed(
                "port-taken",
                f"another program than nginx listens on port {self.port}",
                expected=f"port {self.port} free for nginx",
                found=self._listener(system),
                hint=f"stop it, or give nginx another port: port in its attributes; look with: "
                f"ss -ltnp sport = :{self.port}",
            )
        return {"free": True}

    def fix(self, system: System, keys: FrozenSet[str]) -> None:
        raise ValueError(f"{self.kind} only looks")

    @property
    def _written(self) -> FrozenSet[str]:
        return frozenset(f"{FOLDERS[1]}/{name}" for name in self.ours)

    def _files(self, system: System) -> Iterator[Tuple[str, str]]:
        """Files that nginx reads, with their texts."""
        for folder in FOLDERS:
            for name in system.names(folder):
                if folder == FOLDERS[0] and not name.endswith(".conf"):
                    continue
                path = f"{folder}/{name}"
                there = system.stat(path)
                if there is not None and there.kind == "link":
                    # As Debian's own: into sites-available, by a whole path.
                    path = there.target
                    there = system.stat(path) if path.startswith("/etc/nginx/") else None
                if there is not None and there.kind == "file":
                    yield path, text_at(system, path) or ""

    def _taken(self, system: System, ours: bool) -> bool:
        """Whether another program has the port.

        A running nginx has those of its sites.  One that is told of another goes on as it was when
        it cannot have that: a reload fails without a word but in its log.
        """
        running = system.stat(PID) is not None
        if (running and ours) or not self._listened(system):
            return False
        who = self._listener(system) if running else ""
        return not running or (who != UNKNOWN and '"nginx"' not in who)

    def _listened(self, system: System) -> bool:
        return not system.accepts("127.0.0.1", self.port, timeout_s=1.0)

    def _listener(self, system: System) -> str:
        argv = ["ss", "-ltnpH", f"sport = :{self.port}"]
        try:
            rows = system.run(argv, check=False, timeout_s=10).text.split("users:")
        except StepFailed:  # a node without ss, before its set-up
            rows = []
        return rows[1].strip() if len(rows) > 1 else UNKNOWN
