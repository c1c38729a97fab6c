"""Privileges on a real server."""

from toque_cases.postgres_role import _ask, _server
from toque_node.resources.postgres_grant import PostgresGrant

NOT = {"sensitive": "a privilege is no secret, and no value of it is one"}


def _shop(node, name):
    """A database and a role of that name, and a table in it."""
    _server(node)
    _ask(node, f'CREATE ROLE "{name}"')
    _ask(node, f'CREATE DATABASE "{name}"')
    _ask(node, "CREATE TABLE t (); CREATE TABLE u ()", name)


def present(node):
    _shop(node, "case-a")
    node.makes(PostgresGrant("case-a", "case-a", ("CREATE",)))
    assert _ask(node, "SELECT has_database_privilege('case-a', 'case-a', 'CREATE')") == "t"
    node.makes(PostgresGrant("case-a", "case-a", ("SELECT",), on="tables", future_of="postgres"))
    _ask(node, "CREATE TABLE later ()", "case-a")
    assert _ask(node, "SELECT has_table_privilege('case-a', 'later', 'SELECT')", "case-a") == "t"


def absent(node):
    _shop(node, "case-b")
    _ask(node, 'GRANT SELECT, INSERT ON t TO "case-b"', "case-b")
    node.makes(PostgresGrant("case-b", "case-b", ("SELECT",), on="tables", absent=True))
    held = "SELECT has_table_privilege('case-b', 't', 'SELECT, INSERT WITH GRANT OPTION')"
    assert _ask(node, held, "case-b") == "f"
    assert _ask(node, "SELECT has_table_privilege('case-b', 't', 'INSERT')", "case-b") == "t"


def unmanaged(node):
    _shop(node, "case-c")
    _ask(node, 'GRANT ALL ON t TO "case-c"', "case-c")
    node.leaves(PostgresGrant("case-c", "case-c", ("SELECT",), on="tables", names=("t",)))
    assert _ask(node, "SELECT has_table_privilege('case-c', 'u', 'SELECT')", "case-c") == "f"


def absent_tool(node):
    _server(node)
    with node.without("psql"):
        node.refuses(PostgresGrant("postgres", "postgres", ("CREATE",)), "program-missing")
    node.refuses(PostgresGrant("case-none", "postgres", ("CREATE",)), "postgres-missing")
