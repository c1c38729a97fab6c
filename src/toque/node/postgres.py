"""Talking to the Postgres of this machine: quoting, and one psql per question.

SQL goes in on standard input, as user ``postgres`` over the local socket; nothing of it is ever
an argument.
"""

import json
from typing import Any, Mapping, Optional

from .errors import NotReady, StepFailed
from .system import Result, System

OWN = "postgres"  # the database that every server has
UNREACHABLE = 2  # psql's exit status for "no connection" (psql(1), EXIT STATUS)
PAUSE = 0.5  # seconds between tries
LOOK = 3.0  # seconds to wait for a server when looking: one that restarts is back by then
FIX = 15.0  # seconds to wait for a server when changing something

# For this session only: not even a verifier belongs in the server's log.
QUIET = (
    "SET log_statement = 'none';\n"
    "SET log_min_duration_statement = -1;\n"
    "SET log_min_error_statement = 'panic';\n"
    "SET pg_stat_statements.track_utility = off;\n"
)


def identifier(name: str) -> str:
    """A name as SQL: always quoted, so it is never a keyword and keeps its case."""
    _no_nul(name)
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as SQL that reads the same under both settings of standard_conforming_strings."""
    _no_nul(text)
    quoted = "'" + text.replace("'", "''").replace("\\", "\\\\") + "'"
    return "E" + quoted if "\\" in text else quoted


def ask(
    system: System, query: str, port: Optional[int], database: str = OWN
) -> Optional[Mapping[str, Any]]:
    """The first row of a query in ``database``, or None."""
    sql = f"SELECT to_json(t) FROM ({query}) t LIMIT 1;\n"  # noqa: S608 (our text)
    result = _psql(system, sql, port, LOOK, database)
    lines = result.text.splitlines()
    return json.loads(lines[-1]) if lines else None


def tell(system: System, statement: str, port: Optional[int], database: str = OWN) -> None:
    """Run one statement that changes something."""
    _psql(system, QUIET + statement + ";\n", port, FIX, database)


def missing(what: str, name: str) -> NotReady:
    """The failure to raise when a role, database or the like has to be there first."""
    return NotReady(
        "postgres-missing",
        f"Postgres has no {what} {name}",
        expected=f"a step before this one that makes the {what}",
        found=f"no {what} of that name",
        hint="toque setup NODE --only-setup",
    )


def _psql(system: System, sql: str, port: Optional[int], wait_s: float, database: str) -> Result:
    argv = ["psql", "-XAtq", "--no-password", "--set=ON_ERROR_STOP=1"]
    # terse: an error does not quote the line of SQL it is about.
    argv += ["--set=VERBOSITY=terse", "--file=-"]
    if port is not None:
        argv.append(f"--port={port}")
    until = system.monotonic() + wait_s
    while True:
        result = system.run(
            argv,
            user="postgres",
            stdin=sql.encode(),
            timeout_s=120.0,
            check=False,
            # Not --dbname, which takes a name with "=" in it for a connection string.
            env={"PGDATABASE": database, "PGCONNECT_TIMEOUT": "5", "PGCLIENTENCODING": "UTF8"},
        )
        if result.code == 0:
            return result
        if result.code != UNREACHABLE:
            raise StepFailed(
                "postgres-refused",
                "Postgres refused a statement",
                found=(result.tail(1) or [""])[0],
                hint="journalctl -u 'postgresql*' -n 20",
                log=result.tail(),
            )
        if database != OWN and not _has(system, database, port):
            raise missing("database", database)
        if system.monotonic() >= until:
            raise NotReady(
                "postgres-unreachable",
                f"Postgres does not answer on its local socket{_on(port)}",
                expected=f"an answer within {wait_s:g} s",
                found=(result.tail(1) or ["no answer"])[0],
                hint="see: pg_lsclusters; journalctl -u 'postgresql@*' -n 20",
                log=result.tail(),
            )
        system.sleep(PAUSE)


def _has(system: System, database: str, port: Optional[int]) -> bool:
    query = f"SELECT 1 FROM pg_database WHERE datname = {literal(database)}"  # noqa: S608 (quoted)
    return ask(system, query, port) is not None


def _on(port: Optional[int]) -> str:
    return "" if port is None else f" for port {port}"


def _no_nul(text: str) -> None:
    if "\0" in text:
        raise ValueError("Postgres has no way to write a NUL character")
