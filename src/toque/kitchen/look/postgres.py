"""PostgreSQL, asked by its own ``psql`` as the user postgres."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field

from .ask import Ask
from .program import output


@dataclass(frozen=True)
class Postgres:
    """A database of the cluster that listens on the usual socket."""

    database: str
    _ask: Ask = field(repr=False, compare=False)

    def query(self, sql: str) -> list[dict[str, str]]:
        """The rows, each a mapping of column to text; NULL is the empty text.

        In a transaction that may only read.  Raises ``NotSeen`` with what psql says.
        """
        words = ("psql", "-X", "-q", "--csv", "-v", "ON_ERROR_STOP=1", "-d", self.database)
        reading = "SET default_transaction_read_only = on;\n"
        out = output(self._ask, *words, stdin=reading + sql + "\n", user="postgres")
        return list(csv.DictReader(io.StringIO(out)))

    @property
    def databases(self) -> frozenset[str]:
        rows = self.query("SELECT datname FROM pg_database WHERE NOT datistemplate")
        return frozenset(row["datname"] for row in rows)

    @property
    def roles(self) -> frozenset[str]:
        """The roles but those that PostgreSQL itself comes with."""
        rows = self.query(r"SELECT rolname FROM pg_roles WHERE rolname NOT LIKE 'pg\_%'")
        return frozenset(row["rolname"] for row in rows)
