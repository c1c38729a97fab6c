"""Extensions in databases of the Postgres server on a node."""

from typing import ClassVar, FrozenSet, List, Optional

from ..errors import NotReady
from ..postgres import ask, identifier, literal, tell
from ..record import dataclass
from ..resource import EXISTS, Invalid, Resource, State
from ..system import System
from .postgres_role import valid_postgres_name


@dataclass(frozen=True)
class PostgresExtension(Resource):
    """An extension in one database: ``PostgresExtension("pg_trgm", "thena")``.

    Its files come with a package of the machine; those of ``postgresql-contrib`` are part of
    Debian's server package.  ``version`` and ``schema`` of None are left alone, and a new one gets
    what the server takes by itself.  ``absent=True`` drops it, unless something in the database
    needs it.
    """

    name: str
    database: str
    version: Optional[str] = None
    schema: Optional[str] = None
    absent: bool = False
    port: Optional[int] = None

    kind: ClassVar[str] = "postgres_extension"
    disturbs: ClassVar[Optional[FrozenSet[str]]] = frozenset({"postgres"})

    @property
    def key(self) -> str:
        where = self.database if self.port is None else f"{self.database}@{self.port}"
        return f"{self.name} in {where}"

    def validate(self) -> None:
        valid_postgres_name("name", self.name)
        valid_postgres_name("database", self.database)
        if self.schema is not None:
            valid_postgres_name("schema", self.schema)
        if self.version is not None and (not self.version or "\0" in self.version):
            raise Invalid("version", "a version such as 1.6", self.version)

    def wanted(self) -> Optional[State]:
        return None if self.absent else {"version": self.version, "schema": self.schema}

    def found(self, system: System) -> Optional[State]:
        name = literal(self.name)
        row = ask(
            system,
            # The only value in it goes through literal().
            "SELECT extversion AS version, nspname AS schema, a.name IS NOT NULL AS available"  # noqa: S608
            " FROM (SELECT 1) one"
            f" LEFT JOIN pg_extension ON extname = {name}"
            " LEFT JOIN pg_namespace n ON n.oid = extnamespace"
            f" LEFT JOIN pg_available_extensions a ON a.name = {name}",
            self.port,
            self.database,
        )
        if row and row["version"] is not None:
            return {"version": row["version"], "schema": row["schema"]}
        if not self.absent and not (row and row["available"]):
            raise NotReady(
                "postgres-extension-missing",
                f"the Postgres server has no files of an extension {self.name}",
                expected="a Package step before this one that brings them",
                found="not in pg_available_extensions",
                hint=f"apt-cache search postgresql {self.name}",
            )
        return None

    def fix(self, system: System, keys: FrozenSet[str]) -> None:
        name = identifier(self.name)
        statements: List[str] = []
        if self.absent:
            statements.append(f"DROP EXTENSION {name}")
        elif EXISTS in keys:
            schema = "" if self.schema is None else f" SCHEMA {identifier(self.schema)}"
            version = "" if self.version is None else f" VERSION {literal(self.version)}"
            statements.append(f"CREATE EXTENSION {name}{schema}{version}")
        else:
            if "version" in keys and self.version is not None:
                statements.append(f"ALTER EXTENSION {name} UPDATE TO {literal(self.version)}")
            if "schema" in keys and self.schema is not None:
                statements.append(f"ALTER EXTENSION {name} SET SCHEMA {identifier(self.schema)}")
        tell(system, "; ".join(["BEGIN", *statements, "COMMIT"]), self.port, self.database)
