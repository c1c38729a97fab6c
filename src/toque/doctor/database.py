"""The database server, the sign-in with the app's own URL, and the app's connections."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ..node.finding import REFUSE, WARN, Finding
from ..node.sight.failures import Cause
from .facts import Facts, Rule, app_lines, broken, dead, part, rows

# What PostgreSQL and libpq say, in English and with their codes where the words may be translated.
LOGINS: Sequence[Cause] = (
    Cause("database-login-refused",
          "{server} does not take the password of {variable} for {user}",
          r"password authentication failed|no password supplied|[Pp]eer authentication failed",
          "toque setup"),
    Cause("database-login-refused", "{server} has no role {user} that may sign in",
          r"role \"[^\"]*\" (does not exist|is not permitted to log in)", "toque setup"),
    Cause("database-missing", "{server} has no database {name}",
          r"database \"[^\"]*\" does not exist", "toque setup"),
    Cause("database-login-refused", "{server} does not let {user} into {name}",
          r"permission denied for database|no pg_hba.conf entry", "toque setup"),
    Cause("database-connections-exhausted", "{server} takes no more connections",
          r"too many (clients|connections)|remaining connection slots",
          "SELECT pid, state, query FROM pg_stat_activity  -- as postgres, in psql"),
    Cause("database-starting", "{server} is starting or stopping",
          r"the database system is (starting up|shutting down|in recovery)|not yet accepting",
          "journalctl -u 'postgresql*' -n 30"),
    Cause("database-host-unknown", "the name of {server} has no address",
          r"could not translate host name|Name or service not known|Temporary failure in name",
          "getent hosts {host}"),
    Cause("database-unreachable", "{server} cannot be reached",
          r"timeout expired|timed out|No route to host|unreachable", "nc -vz {host} {port}"),
    Cause("database-unreachable", "{server} closes connections at once",
          r"server closed the connection|terminating connection|SSL error",
          "journalctl -u 'postgresql*' -n 30"),
)  # fmt: skip
DOWN = re.compile(r"Connection refused|No such file or directory|Is the server running")


def _database(facts: Facts) -> Iterator[Finding]:
    for database in rows(facts, "database"):
        server = part(database, "server")
        where = database["host"] if not database.get("local") else "the database server"
        words = {**database, "server": where}
        said = "\n".join(database.get("said", ()))
        if database.get("code") in (0, -1):
            yield from _load(server, facts)
            continue
        for known in LOGINS:
            if re.search(known.words, said):
                evidence = [*said.splitlines()]
                if server.get("most"):
                    evidence.append(f"{server['used']} of {server['most']} connections are open")
                yield Finding(  # relays a code
                    known.code, REFUSE, known.message.format(**words), tuple(evidence),
                    help=known.helps.format(**words),
                )  # fmt: skip
                break
        else:
            if DOWN.search(said):
                state = server.get("active", "")
                evidence = [*said.splitlines()]
                if server:
                    evidence.append(f"postgresql.service is {state}")
                yield Finding(
                    "database-down", REFUSE, f"{where} does not run", tuple(evidence),
                    help="systemctl start postgresql" if database.get("local")
                    else f"start the server on {database['host']}",
                )  # fmt: skip
            else:
                yield Finding(
                    "database-refused", REFUSE, f"signing in to {where} fails",
                    tuple(said.splitlines()), certain=False,
                )  # fmt: skip


def _load(server: Facts, facts: Facts) -> Iterator[Finding]:
    """A server that takes us, and may be too busy for others."""
    most, used = server.get("most", 0), server.get("used", 0)
    log = [x for x in app_lines(facts) if re.search(r"too many (clients|connections)", x)]
    if log and dead(facts):
        yield Finding(
            "database-connections-exhausted", REFUSE, "the app gets no connection to its database",
            (log[-1],), help="SELECT pid, state, query FROM pg_stat_activity  -- in psql",
        )  # fmt: skip
    elif most and used >= most * 0.9:
        yield Finding(
            "database-connections-exhausted", REFUSE if dead(facts) else WARN,
            f"{used} of {most} connections of the database server are in use",
            (f"max_connections = {most}, {used} open, {server.get('idle_in_transaction', 0)} idle "
             "in a transaction",),
            help="SELECT pid, state, query FROM pg_stat_activity  -- as postgres, in psql",
        )  # fmt: skip
    if server.get("waiting"):
        yield Finding(
            "database-locked", REFUSE if dead(facts) else WARN,
            f"{server['waiting']} queries wait for a lock that another connection holds",
            (f"pid {server['blocked']}",),
            help="SELECT pg_cancel_backend(PID)  -- as postgres, in psql; the PID is above",
        )  # fmt: skip


STALE = re.compile(
    r"terminating connection due to administrator command|server closed the connection unexpectedly"
    r"|SSL connection has been closed unexpectedly|SSL SYSCALL error: EOF|connection is closed"
    r"|AdminShutdown|the connection is lost|consuming input failed"
)
SHARED = re.compile(r"decryption failed or bad record mac|lost synchronization with server")


def _stale(facts: Facts) -> Iterator[Finding]:
    """Pooled connections that the server had dropped, and engines that would not notice."""
    if any(database.get("code") for database in rows(facts, "database")):
        return  # a server that is away explains them
    blind = [one for one in rows(facts, "engines") if not one.get("asks")]
    lines = [x for x in app_lines(facts) if STALE.search(x)]
    shared = [x for x in app_lines(facts) if SHARED.search(x)]
    if shared:
        yield Finding(
            "database-connection-shared", WARN,
            "workers of the app use one database connection together", tuple(shared[-2:]),
            help="open connections after the fork: no query at import, or preload_app = False",
            certain=False,
        )  # fmt: skip
    elif lines:
        yield Finding(
            "database-connection-stale", REFUSE if dead(facts) or broken(facts) else WARN,
            "the app uses a database connection that the server has closed", tuple(lines[-2:]),
            place=blind[0]["place"] if blind else "",
            help="create_engine(..., pool_pre_ping=True)",
        )  # fmt: skip


def blind_engines(facts: Facts) -> Iterator[Finding]:
    """Engines that would use a connection without asking whether it is still there."""
    blind = [one for one in rows(facts, "engines") if not one.get("asks")]
    if blind:
        yield Finding(
            "database-connection-stale", WARN,
            "the app's engine does not ask whether a pooled connection is still there: "
            "a restart of the database will cost a request for each",
            place=blind[0]["place"], help="create_engine(..., pool_pre_ping=True)", certain=False,
        )  # fmt: skip


RULES: Sequence[Rule] = (_database, _stale)
