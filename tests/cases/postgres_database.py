"""Databases of a real server."""

from toque_cases.postgres_role import _ask, _server
from toque_node.resources.postgres_database import PostgresDatabase

NOT = {"sensitive": "a database holds secrets but its declaration does not"}


def present(node):
    _server(node)
    _ask(node, 'CREATE ROLE "case-owner"')
    node.makes(PostgresDatabase("case-db", owner="case-owner"))
    found = "SELECT pg_get_userbyid(datdba), pg_encoding_to_char(encoding) FROM pg_database"
    assert _ask(node, found + " WHERE datname = 'case-db'") == "case-owner|UTF8"


def absent(node):
    _server(node)
    _ask(node, 'CREATE DATABASE "case-gone"')
    node.makes(PostgresDatabase("case-gone", absent=True))
    assert _ask(node, "SELECT count(*) FROM pg_database WHERE datname = 'case-gone'") == "0"


def unmanaged(node):
    _server(node)
    _ask(node, 'CREATE ROLE "case-other"')
    _ask(
        node, 'CREATE DATABASE "case-keep" OWNER "case-other" ENCODING \'UTF8\' TEMPLATE template0'
    )
    node.leaves(PostgresDatabase("case-keep"))
    node.refuses(PostgresDatabase("case-keep", encoding="SQL_ASCII"), "postgres-encoding")


def absent_tool(node):
    _server(node)
    with node.without("psql"):
        node.refuses(PostgresDatabase("case-late"), "program-missing")
