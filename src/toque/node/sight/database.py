"""Facts about an app's database and its server, as the app would reach them.

A password is used to sign in, and is not among the facts.
"""

import os
import re
from typing import Dict, List, Optional
from urllib.parse import parse_qsl, unquote, urlsplit

from ..applayout import app_path, env_path
from ..errors import StepFailed
from ..inits import choose
from ..system import System
from .machine import Facts, text_of

ASIDE = ("node_modules", "migrations", "alembic", "tests", "test")  # serve no visitor
LOCAL = ("/var/run/postgresql", "/run/postgresql", "localhost", "127.0.0.1", "::1", "")


def database(system: System, app: str, release: str, user: str) -> List[Facts]:
    """Every PostgreSQL that the release's variables name, and what signing in there says."""
    found = []
    for name, value in sorted(environment(text_of(env_path(app, release))).items()):
        place = postgres_url(value)
        if place is None:
            continue
        password = place.pop("password")
        facts: Facts = {"variable": name, **place}
        facts["local"] = place["host"] in LOCAL
        env = {
            "PGHOST": place["host"], "PGPORT": str(place["port"]), "PGUSER": place["user"],
            "PGDATABASE": place["name"], "PGCONNECT_TIMEOUT": "2",
            "PGPASSWORD": password, "PGAPPNAME": "toque doctor",
        }  # fmt: skip
        env = {key: value for key, value in env.items() if value}
        try:
            argv = ["psql", "-XAtqw", "-c", "SELECT 1"]
            result = system.run(argv, user=user, env=env, check=False, timeout_s=3)
            facts["code"], facts["said"] = result.code, result.tail(3)
        except StepFailed as error:
            facts["code"], facts["said"] = -1, [error.message]
        if facts["local"]:
            facts["server"] = server(system, place["port"])
        found.append(facts)
    return found


def server(system: System, port: int) -> Facts:
    """How full a server on this machine is, and who waits for whom there."""
    state = choose(system).state("postgresql.service")
    facts: Facts = {"running": state.running, "load": state.load, "active": state.active}
    sql = (
        "SELECT current_setting('max_connections'), count(*), "
        "count(*) FILTER (WHERE state LIKE 'idle in transaction%'), "
        "count(*) FILTER (WHERE cardinality(pg_blocking_pids(pid)) > 0), "
        "coalesce(max(CASE WHEN cardinality(pg_blocking_pids(pid)) > 0 THEN "
        "pg_blocking_pids(pid)::text || ' blocks: ' || left(query, 80) END), ''), "
        "pg_postmaster_start_time() FROM pg_stat_activity WHERE backend_type = 'client backend'"
    )
    argv = ["psql", "-XAtqw", f"--port={port}", "-F", "\t", "-c", sql]
    env = {"PGDATABASE": "postgres", "PGCONNECT_TIMEOUT": "2"}
    result = system.run(argv, user="postgres", env=env, check=False, timeout_s=3)
    words = result.text.strip("\n").split("\t")
    if result.code == 0 and len(words) == 6:
        facts.update(
            most=int(words[0]), used=int(words[1]), idle_in_transaction=int(words[2]),
            waiting=int(words[3]), blocked=words[4], started=words[5],
        )  # fmt: skip
    else:
        facts["said"] = result.tail(3)
    return facts


def environment(text: str) -> Dict[str, str]:
    """The variables of an environment file of systemd's, as far as URLs in them go."""
    found = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals and re.fullmatch(r"\w+", name):
            value = value.strip()
            if value[:1] == value[-1:] == '"':
                value = re.sub(r"\\(.)", r"\1", value[1:-1])
            found[name] = value
    return found


def postgres_url(value: str) -> Optional[Facts]:
    """The parts of a database URL, or None when it is none."""
    if not re.match(r"postgres(ql)?(\+\w+)?://", value):
        return None
    try:
        split = urlsplit(value)
        more = dict(parse_qsl(split.query))
        return {
            "host": more.get("host") or unquote(split.hostname or ""),
            "port": int(more.get("port") or split.port or 5432),
            "user": more.get("user") or unquote(split.username or ""),
            "name": unquote(split.path.lstrip("/")),
            "password": unquote(split.password or ""),
        }
    except ValueError:
        return None


def engines(system: System, app: str, release: str) -> List[Facts]:
    """Where the release makes an engine of SQLAlchemy's, and whether that asks before use."""
    import ast

    found: List[Facts] = []
    top = f"{app_path(app)}/releases/{release}"
    for folder, directories, files in os.walk(top):
        directories[:] = [n for n in directories if not n.startswith(".") and n not in ASIDE]
        for name in sorted(files):
            path = os.path.join(folder, name)
            if not name.endswith(".py") or os.path.islink(path) or len(found) > 20:
                continue
            text = system.read(path).decode("utf-8", "replace")  # never through a link
            if "create_engine" not in text and "engine_from_config" not in text:
                continue
            try:
                tree = ast.parse(text)
            except (SyntaxError, ValueError):
                continue
            for node in ast.walk(tree):
                if isinstance(node, ast.Call):
                    called = node.func.attr if isinstance(node.func, ast.Attribute) else ""
                    called = node.func.id if isinstance(node.func, ast.Name) else called
                    if called in ("create_engine", "create_async_engine"):
                        given = {keyword.arg for keyword in node.keywords}
                        asks = bool(given & {"pool_pre_ping", "poolclass", None})
                        at = f"{os.path.relpath(path, top)}:{node.lineno}"
                        found.append({"place": at, "asks": asks})
    return found
