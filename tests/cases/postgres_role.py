"""Roles of a real server, installed once for all four kinds of Postgres."""

import json
import shutil

from toque_node.resources.postgres_role import PostgresRole


def _server(node):
    """A server on this machine; what a case makes in it has names of its own."""
    if shutil.which("psql") is None:
        node.run("apt-get", "update", "-q")
        node.run("apt-get", "install", "-qy", "--no-install-recommends", "postgresql")


def _ask(node, sql, database="postgres"):
    """What psql prints for a query, without our way of asking."""
    return node.out("psql", "-XAtqd", database, "-c", sql, user="postgres")


def present(node):
    _server(node)
    node.makes(PostgresRole("case-role", createdb=True))
    assert _ask(node, "SELECT rolcreatedb FROM pg_roles WHERE rolname = 'case-role'") == "t"


def absent(node):
    _server(node)
    _ask(node, 'CREATE ROLE "case-gone"')
    node.makes(PostgresRole("case-gone", absent=True))
    assert _ask(node, "SELECT count(*) FROM pg_roles WHERE rolname = 'case-gone'") == "0"


def unmanaged(node):
    _server(node)
    _ask(node, "CREATE ROLE \"case-keep\" LOGIN PASSWORD 'kept'")
    node.leaves(PostgresRole("case-keep"))


def sensitive(node):
    _server(node)
    node.makes(PostgresRole("case-secret", node.secret()))
    stored = _ask(node, "SELECT rolpassword FROM pg_authid WHERE rolname = 'case-secret'")
    assert stored.startswith("SCRAM-SHA-256$")
    node.makes(PostgresRole("case-secret", node.secret("another secret of this case")))


def absent_tool(node):
    _server(node)
    with node.without("psql"):
        node.refuses(PostgresRole("case-late"), "program-missing")
    node.run("systemctl", "stop", "postgresql", "postgresql@*")  # on bullseye only both wait
    try:
        trouble = node.refuses(PostgresRole("case-late"), "postgres-unreachable")
        assert "pg_lsclusters" in json.dumps(trouble)
    finally:
        node.run("systemctl", "start", "postgresql")
