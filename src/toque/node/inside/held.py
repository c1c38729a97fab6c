"""Runs a migration while a session of the database holds the lock for it.

Run by a release's own Python (3.9 or later), as the app's user, with the app's environment::

    python - VARIABLE LABEL WAITS_S PGOPTIONS PROGRAM [ARGUMENT...] < held.py

With PostgreSQL the lock is an advisory one of a session of its own, named LABEL for whoever looks
at ``pg_stat_activity``: it is gone as soon as that session is, however its owner ended.  VARIABLE
names the variable with the database's URL.  The program gets PGOPTIONS; it is ended when this ends.
Lines that begin with ``toque-lock`` are for us.  Exit status: the program's; 75 (EX_TEMPFAIL,
sysexits.h) when the lock was not free within WAITS_S seconds, and nothing was run.
"""

import ctypes
import importlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from typing import Any, Callable, Dict, List, Optional

LOCK = "1953460597, 1835624306"  # "toqu", "migr": the same for all apps of one database
TRY = f"SELECT pg_try_advisory_lock({LOCK})"
OWNER = f"""
SELECT a.application_name, to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')
FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted
AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
AND (l.classid::bigint, l.objid::bigint) = ({LOCK})
"""  # noqa: S608 - of constants
# A node that is gone without a word is noticed within a minute, not after two hours.
KEEPALIVE = (
    "SET tcp_keepalives_idle = 20", "SET tcp_keepalives_interval = 10",
    "SET tcp_keepalives_count = 3",
)  # fmt: skip
# Since version 14 a server can notice in the middle of a statement that nobody waits for it.
NOTICES = "140000"
NOTICING = "-c client_connection_check_interval=2s"
POLL_S = 0.25
URL = re.compile(r"^(postgres(?:ql)?)(?:\+\w+)?://")

Ask = Callable[[str], List[Any]]


def main() -> int:
    variable, label, waits_s, options, *argv = sys.argv[1:]
    url = address(os.environ, variable)
    session: Optional[Ask] = None
    why = "no variable holds the address of a PostgreSQL database"
    if url:
        session, why = connected(url, label)
    if session is None:
        tell({"lock": "none", "why": why})
    elif not taken(session, float(waits_s)):
        return 75
    elif session("SHOW server_version_num")[0][0] >= NOTICES:
        options += " " + NOTICING
    environ = dict(os.environ)
    environ["PGOPTIONS"] = " ".join([environ.get("PGOPTIONS", ""), options]).strip()
    return obeyed(argv, environ)


def address(environ: Any, variable: str) -> str:
    """The URL in ``variable``, or in any other, as libpq takes it; "" when there is none."""
    for value in [environ.get(variable, ""), *environ.values()]:
        if URL.match(value):
            return URL.sub(r"\1://", value)
    return ""


def connected(url: str, label: str) -> Any:
    """A function that asks in a session of its own, or None and the reason."""
    why = "the app has none of psycopg, psycopg2 and asyncpg"
    for name in ("psycopg", "psycopg2", "asyncpg"):
        try:
            driver = importlib.import_module(name)
        except ImportError:
            continue
        try:
            return by_asyncpg(driver, url, label) if name == "asyncpg" else by(
                driver, url, label
            ), ""
        except Exception as error:  # noqa: BLE001 - each driver has errors of its own
            why = f"{name} could not connect: {' '.join(str(error).split())[:300]}"
    return None, why


def by(driver: Any, url: str, label: str) -> Ask:
    """With psycopg 3 or psycopg2, which are alike in this."""
    connection = driver.connect(url, application_name=label, connect_timeout=10)
    connection.autocommit = True
    cursor = connection.cursor()

    def ask(sql: str) -> List[Any]:
        cursor.execute(sql)
        return list(cursor.fetchall())

    for words in KEEPALIVE:
        cursor.execute(words)
    return ask


def by_asyncpg(driver: Any, url: str, label: str) -> Ask:
    asyncio = importlib.import_module("asyncio")
    loop = asyncio.new_event_loop()
    settings = {"application_name": label}
    for words in KEEPALIVE:
        name, _, value = words[len("SET ") :].partition(" = ")
        settings[name] = value
    connection = loop.run_until_complete(
        driver.connect(dsn=url, timeout=10, server_settings=settings)
    )
    return lambda sql: [tuple(row) for row in loop.run_until_complete(connection.fetch(sql))]


def taken(ask: Ask, waits_s: float) -> bool:
    """Take the lock, waiting for it; tells whom it waits for."""
    until = time.monotonic() + waits_s
    owner: Dict[str, Any] = {}
    while not ask(TRY)[0][0]:
        found = ask(OWNER)
        now = {"owner": found[0][0], "since": found[0][1]} if found else {}
        if now and now != owner:
            owner = now
            tell({"lock": "waiting", **owner})
        if time.monotonic() >= until:
            tell({"lock": "taken", **owner})
            return False
        time.sleep(POLL_S)
    tell({"lock": "held"})
    return True


def obeyed(argv: List[str], environ: Dict[str, str]) -> int:
    """Run the program; a signal to end us is passed on, and our death is its end."""
    libc = ctypes.CDLL(None)

    def bound() -> None:
        libc.prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG, prctl(2)

    child = subprocess.Popen(argv, env=environ, stdin=subprocess.DEVNULL, preexec_fn=bound)

    def passed(number: int, frame: object) -> None:
        child.send_signal(number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, passed)
    status = child.wait()
    return status if status >= 0 else 128 - status


def tell(said: Dict[str, Any]) -> None:
    print("toque-lock " + json.dumps(said), flush=True)


if __name__ == "__main__":
    sys.exit(main())
