"""Databases of the Postgres server on a node."""

from typing import ClassVar, FrozenSet, Optional

from ..errors import StepFailed
from ..postgres import ask, identifier, literal, tell
from ..record import dataclass
from ..resource import EXISTS, Invalid, Resource, State
from ..system import System
from .postgres_role import valid_postgres_name

OWN = frozenset({"postgres", "template0", "template1"})  # the server's own


@dataclass(frozen=True)
class PostgresDatabase(Resource):
    """A database.  ``owner=None`` leaves the owner alone (a new one belongs to ``postgres``).

    ``encoding`` is compared but never changed: Postgres cannot.  ``template`` counts only when the
    database is made.  ``absent=True`` drops it with all its data; the server's own databases and
    those somebody is connected to are refused.
    """

    name: str
    owner: Optional[str] = None
    encoding: str = "UTF8"
    template: str = "template0"
    absent: bool = False
    port: Optional[int] = None
    kind: ClassVar[str] = "postgres_database"
    disturbs: ClassVar[Optional[FrozenSet[str]]] = frozenset({"postgres"})

    def validate(self) -> None:
        valid_postgres_name("name", self.name)
        valid_postgres_name("template", self.template)
        if self.owner is not None:
            valid_postgres_name("owner", self.owner)
        if self.name in OWN:
            raise Invalid("name", "a database that is not the server's own", self.name)

    @property
    def key(self) -> str:
        return self.name if self.port is None else f"{self.name}@{self.port}"

    def wanted(self) -> Optional[State]:
        if self.absent:
            return None
        return {"owner": self.owner, "encoding": self.encoding}

    def found(self, system: System) -> Optional[State]:
        return ask(
            system,
            # The only value in it goes through literal().
            "SELECT pg_get_userbyid(datdba) AS owner, pg_encoding_to_char(encoding) AS encoding"  # noqa: S608
            f" FROM pg_database WHERE datname = {literal(self.name)}",
            self.port,
        )

    def fix(self, system: System, keys: FrozenSet[str]) -> None:
        name = identifier(self.name)
        if self.absent:
            if self.name in OWN:  # a plan need not have come through validate()
                raise StepFailed("postgres-refused", f"{self.name} is the server's own database")
            tell(system, f"DROP DATABASE {name}", self.port)
        elif EXISTS in keys:
            statement = (
                f"CREATE DATABASE {name} ENCODING {literal(self.encoding)}"
                f" TEMPLATE {identifier(self.template)}"
            )
            if self.owner is not None:
                statement += f" OWNER {identifier(self.owner)}"
            tell(system, statement, self.port)
        else:
            if "encoding" in keys:
                raise StepFailed(
                    "postgres-encoding",
                    f"database {self.name} has another encoding and Postgres cannot change it",
                    expected=self.encoding,
                    hint=f"dump it, then make it again: pg_dump {self.name}",
                )
            if self.owner is not None:
                statement = f"ALTER DATABASE {name} OWNER TO {identifier(self.owner)}"
                tell(system, statement, self.port)
