"""What roles of the Postgres server on a node may do."""

from typing import Any, ClassVar, Dict, FrozenSet, List, Mapping, Optional, Tuple

from ..postgres import ask, identifier, literal, missing, tell
from ..record import dataclass
from ..resource import Invalid, Resource, State
from ..system import System
from .postgres_role import valid_postgres_name

EVERYBODY = "PUBLIC"
# The table "ACL Privilege Abbreviations" of PostgreSQL's documentation, by kind of object.
PRIVILEGES: Mapping[str, Tuple[str, ...]] = {
    "database": ("CREATE", "CONNECT", "TEMPORARY"),
    "schema": ("CREATE", "USAGE"),
    "tables": (
        "SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN",
    ),
    "sequences": ("USAGE", "SELECT", "UPDATE"),
}  # fmt: skip
# pg_class.relkind of what GRANT ... ON ALL TABLES (or SEQUENCES) IN SCHEMA covers, and
# pg_default_acl.defaclobjtype of those to come.
RELATIONS = {"tables": ("'r', 'p', 'v', 'm', 'f'", "r"), "sequences": ("'S'", "S")}

# What it is about, with its access list: as it is, or as it is by default (acldefault()).
OBJECTS = {
    "database": """
        SELECT datname AS name, coalesce(datacl, acldefault('d', datdba)) AS acl
        FROM pg_database WHERE datname = current_database()""",
    "schema": """
        SELECT nspname AS name, coalesce(nspacl, acldefault('n', nspowner)) AS acl
        FROM pg_namespace WHERE nspname = {schema}""",
}
RELATION = """
        SELECT relname AS name,
            coalesce(relacl, acldefault(lower('{later}')::"char", relowner)) AS acl
        FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
        WHERE relkind IN ({kinds}) AND nspname = {schema}"""
# One row: what is there, on how many objects each privilege is held, and those held in future.
QUERY = """
    WITH role AS (SELECT oid FROM pg_roles WHERE rolname = {role}),
    objects AS ({objects}),
    held AS (
        SELECT privilege_type AS what, count(DISTINCT name) AS times
        FROM objects, aclexplode(acl) WHERE grantee = {grantee} GROUP BY privilege_type)
    SELECT {grantee} IS NOT NULL AS role,
        EXISTS (SELECT FROM pg_namespace WHERE nspname = {schema}) AS schema,
        (SELECT json_agg(name) FROM objects) AS objects,
        (SELECT json_object_agg(what, times) FROM held) AS held,
        (SELECT json_agg(privilege_type)
            FROM pg_default_acl
            JOIN pg_namespace n ON n.oid = defaclnamespace
            JOIN pg_roles r ON r.oid = defaclrole, aclexplode(defaclacl)
            WHERE defaclobjtype = '{later}' AND grantee = {grantee}
            AND nspname = {schema} AND rolname = {future}) AS future"""


@dataclass(frozen=True)
class PostgresGrant(Resource):
    """``role`` holds ``privileges`` on something of ``database``; ``PUBLIC`` is everybody.

    ``on`` says on what: the ``database`` itself, its ``schema``, or ``tables`` or ``sequences`` of
    that schema, all that are there (views included) or those in ``names``.  ``future_of`` names a
    role whose tables or sequences made later get the privileges, too::

        PostgresGrant("report", "thena", ("SELECT",), on="tables", future_of="thena")

    What the role holds besides is left alone, and so is what it may do as the owner or as a member
    of another role.  ``absent=True`` takes the privileges away.
    """

    role: str
    database: str
    privileges: Tuple[str, ...]
    on: str = "database"
    schema: str = "public"
    names: Tuple[str, ...] = ()
    future_of: Optional[str] = None
    absent: bool = False
    port: Optional[int] = None

    kind: ClassVar[str] = "postgres_grant"
    disturbs: ClassVar[Optional[FrozenSet[str]]] = frozenset({"postgres"})

    @property
    def key(self) -> str:
        where = self.database if self.port is None else f"{self.database}@{self.port}"
        if self.on != "database":
            where += f".{self.schema}"
        if self.on in RELATIONS:
            where += f".{','.join(self.names) or '*'}"
        return f"{','.join(self.privileges)} on {self.on} {where} to {self.role}"

    def validate(self) -> None:
        for field in ("role", "database", "schema"):
            valid_postgres_name(field, getattr(self, field))
        for name in self.names:
            valid_postgres_name("names", name)
        if self.on not in PRIVILEGES:
            raise Invalid("on", f"one of {', '.join(PRIVILEGES)}", self.on)
        known = PRIVILEGES[self.on]
        if not self.privileges or not set(self.privileges) <= set(known):
            raise Invalid("privileges", f"some of {', '.join(known)}", self.privileges)
        if self.on not in RELATIONS and (self.names or self.future_of):
            field = "names" if self.names else "future_of"
            raise Invalid(field, "nothing, for it is about tables or sequences", self.on)
        if self.future_of is not None:
            valid_postgres_name("future_of", self.future_of)

    def wanted(self) -> Optional[State]:
        if self.absent:
            return None
        state: Dict[str, Any] = {"held": self._ordered}
        return {**state, "future": self._ordered} if self.future_of else state

    def found(self, system: System) -> Optional[State]:
        row = ask(system, self._query, self.port, self.database) or {}
        if not row.get("role"):
            if self.absent:
                return None
            raise missing("role", self.role)
        if self.on != "database" and not row["schema"]:
            raise missing("schema", self.schema)
        objects, counts = row["objects"] or [], row["held"] or {}
        for name in self.names:
            if name not in objects and not self.absent:
                raise missing(self.on[:-1], f"{self.schema}.{name}")
        # To be there, a privilege has to be held on all of them; to be gone, on none.
        least = 1 if self.absent else len(objects)
        held = [one for one in self._ordered if counts.get(one, 0) >= least]
        future = [one for one in self._ordered if one in (row["future"] or ())]
        if self.absent and not held and not future:
            return None
        return {"held": held, "future": future}

    def fix(self, system: System, keys: FrozenSet[str]) -> None:
        words, to = ("REVOKE", "FROM") if self.absent else ("GRANT", "TO")
        # Words of our own table and no others, whatever the declaration says.
        what, who = ", ".join(self._ordered), self._who
        statements = [f"{words} {what} ON {self._object} {to} {who}"]
        if self.future_of:
            statements.append(
                f"ALTER DEFAULT PRIVILEGES FOR ROLE {identifier(self.future_of)}"
                f" IN SCHEMA {identifier(self.schema)}"
                f" {words} {what} ON {self.on.upper()} {to} {who}"
            )
        tell(system, "; ".join(["BEGIN", *statements, "COMMIT"]), self.port, self.database)

    @property
    def _ordered(self) -> List[str]:
        return [one for one in PRIVILEGES[self.on] if one in self.privileges]

    @property
    def _who(self) -> str:
        return EVERYBODY if self.role == EVERYBODY else identifier(self.role)

    @property
    def _object(self) -> str:
        schema = identifier(self.schema)
        if self.on == "database":
            return f"DATABASE {identifier(self.database)}"
        if self.on == "schema":
            return f"SCHEMA {schema}"
        if not self.names:
            return f"ALL {self.on.upper()} IN SCHEMA {schema}"
        listed = ", ".join(f"{schema}.{identifier(name)}" for name in self.names)
        return f"{self.on[:-1].upper()} {listed}"

    @property
    def _query(self) -> str:
        """``QUERY`` for this one; every value in it goes through literal()."""
        kinds, later = RELATIONS.get(self.on, ("", ""))
        names = ", ".join(literal(name) for name in self.names)
        schema = literal(self.schema)
        return QUERY.format(
            role=literal(self.role),
            grantee="0" if self.role == EVERYBODY else "(SELECT oid FROM role)",
            schema=schema,
            objects=OBJECTS.get(self.on, RELATION).format(schema=schema, kinds=kinds, later=later)
            + (f" AND relname IN ({names})" if names else ""),
            later=later,
            future=literal(self.future_of or ""),
        )
