"""Extensions on a real server."""

from toque_cases.postgres_role import _ask, _server
from toque_node.resources.postgres_extension import PostgresExtension

NOT = {"sensitive": "an extension's name and version are no secrets"}
LISTED = "SELECT extversion FROM pg_extension WHERE extname = "


def present(node):
    _server(node)
    node.makes(PostgresExtension("pg_trgm", "postgres"))
    assert _ask(node, "SELECT similarity('a', 'a')") == "1"


def absent(node):
    _server(node)
    _ask(node, "CREATE EXTENSION hstore")
    node.makes(PostgresExtension("hstore", "postgres", absent=True))
    assert _ask(node, LISTED + "'hstore'") == ""


def unmanaged(node):
    _server(node)
    _ask(node, "CREATE SCHEMA own; CREATE EXTENSION citext SCHEMA own VERSION '1.4'")
    node.leaves(PostgresExtension("citext", "postgres"))
    node.makes(PostgresExtension("citext", "postgres", version="1.5"))
    assert _ask(node, LISTED + "'citext'") == "1.5"


def absent_tool(node):
    _server(node)
    with node.without("psql"):
        node.refuses(PostgresExtension("unaccent", "postgres"), "program-missing")
    node.refuses(PostgresExtension("no-such-thing", "postgres"), "postgres-extension-missing")
