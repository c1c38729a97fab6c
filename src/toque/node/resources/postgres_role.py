"""Roles of the Postgres server on a node."""

import secrets
from typing import Any, ClassVar, Dict, FrozenSet, Optional, Union

from .. import scram
from ..postgres import ask, identifier, literal, tell
from ..record import dataclass
from ..resource import EXISTS, Invalid, Resource, State
from ..system import System
from ..values import Secret

DECLARED = "as declared"  # what a state says of a password that is right


@dataclass(frozen=True)
class PostgresRole(Resource):
    """A role.  ``password=None`` leaves its password alone; ``login``, ``superuser`` and
    ``createdb`` are what the server calls so.

    The node sends the server a SCRAM verifier, never the password, and recognises a password that
    is already right, so an unchanged role is not written.  ``port`` picks one of several servers.
    """

    name: str
    password: Union[str, Secret, None] = None
    login: bool = True
    superuser: bool = False
    createdb: bool = False
    absent: bool = False
    port: Optional[int] = None
    kind: ClassVar[str] = "postgres_role"
    disturbs: ClassVar[Optional[FrozenSet[str]]] = frozenset({"postgres"})

    def validate(self) -> None:
        valid_postgres_name("name", self.name)
        if self.name.startswith("pg_") or (self.absent and self.name == "postgres"):
            raise Invalid("name", "a role that is not the server's own", self.name)
        if self.password is not None and (not self._text() or "\0" in self._text()):
            raise Invalid("password", "a text that is not empty and has no NUL", "***")

    @property
    def key(self) -> str:
        return self.name if self.port is None else f"{self.name}@{self.port}"

    def wanted(self) -> Optional[State]:
        if self.absent:
            return None
        return {
            "login": self.login,
            "superuser": self.superuser,
            "createdb": self.createdb,
            "password": None if self.password is None else DECLARED,
        }

    def found(self, system: System) -> Optional[State]:
        row = ask(
            system,
            # The only value in it goes through literal().
            "SELECT rolcanlogin AS login, rolsuper AS superuser, rolcreatedb AS createdb,"  # noqa: S608
            f" rolpassword AS password FROM pg_authid WHERE rolname = {literal(self.name)}",
            self.port,
        )
        if row is None:
            return None
        state: Dict[str, Any] = dict(row)
        stored = state.pop("password")
        if self.password is not None:
            right = stored is not None and scram.verifies(self._text(), stored)
            state["password"] = DECLARED if right else ("another one" if stored else "none")
        return state

    def fix(self, system: System, keys: FrozenSet[str]) -> None:
        name = identifier(self.name)
        if self.absent:
            tell(system, f"DROP ROLE {name}", self.port)
            return
        words = [
            "CREATE ROLE" if EXISTS in keys else "ALTER ROLE",
            name,
            "LOGIN" if self.login else "NOLOGIN",
            "SUPERUSER" if self.superuser else "NOSUPERUSER",
            "CREATEDB" if self.createdb else "NOCREATEDB",
        ]
        if "password" in keys and self.password is not None:
            verifier = scram.verifier(self._text(), secrets.token_bytes(scram.SALT))
            words += ["PASSWORD", literal(verifier)]
        tell(system, " ".join(words), self.port)

    def _text(self) -> str:
        password = self.password
        return password.reveal() if isinstance(password, Secret) else password or ""


def valid_postgres_name(field: str, name: str) -> None:
    """Raise ``Invalid`` for what the server would cut short or cannot hold (NAMEDATALEN)."""
    if not name or len(name.encode()) > 63 or any(ord(c) < 32 for c in name):
        raise Invalid(field, "a name of 1 to 63 bytes without control characters", name)
