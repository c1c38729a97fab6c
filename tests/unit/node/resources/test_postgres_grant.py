"""Grants and extensions as declarations; what the server makes of them is a machine test."""

import json

import pytest

from toque.node.memory import MemorySystem
from toque.node.resource import Invalid
from toque.node.resources.postgres_extension import PostgresExtension
from toque.node.resources.postgres_grant import PostgresGrant
from toque.node.system import Result


def answering(**row):
    told = []

    def psql(argv, stdin, user):
        told.append((argv, stdin.decode(), user))
        return Result(argv, 0, json.dumps(row).encode())

    return MemorySystem(programs={"psql": psql}), told


def tables(*objects, **held):
    return answering(role=True, schema=True, objects=objects, held=held, future=None)[0]


READ = PostgresGrant("r", "d", ("SELECT", "INSERT"), on="tables")


@pytest.mark.parametrize(
    ("system", "held"),
    [
        (tables("a", "b", SELECT=2, INSERT=1), ["SELECT"]),
        (tables("a", "b", SELECT=2, INSERT=2, DELETE=2), ["SELECT", "INSERT"]),
        (tables("a"), []),
        (tables(), ["SELECT", "INSERT"]),  # nothing there that could lack them
    ],
)
def test_a_privilege_is_held_when_it_is_held_on_all(system, held):
    assert READ.found(system) == {"held": held, "future": []}


def test_a_privilege_is_gone_when_it_is_held_on_none():
    gone = PostgresGrant("r", "d", ("SELECT",), on="tables", absent=True)

    assert gone.found(tables("a", "b", INSERT=2)) is None
    assert gone.found(tables("a", "b", SELECT=1)) == {"held": ["SELECT"], "future": []}


def test_a_role_that_is_not_there_holds_nothing():
    system, _ = answering(role=False, schema=True, objects=["a"], held=None, future=None)

    assert PostgresGrant("r", "d", ("SELECT",), on="tables", absent=True).found(system) is None


@pytest.mark.parametrize(
    ("one", "statement"),
    [
        (
            PostgresGrant("r", "d", ("TEMPORARY", "CONNECT")),
            'GRANT CONNECT, TEMPORARY ON DATABASE "d" TO "r"',
        ),
        (
            PostgresGrant("PUBLIC", "d", ("CREATE",), on="schema", absent=True),
            'REVOKE CREATE ON SCHEMA "public" FROM PUBLIC',
        ),
        (
            PostgresGrant("r", "d", ("SELECT",), on="tables", names=('a"', "b")),
            'GRANT SELECT ON TABLE "public"."a""", "public"."b" TO "r"',
        ),
        (
            PostgresGrant("r", "d", ("USAGE",), on="sequences", future_of="o"),
            'GRANT USAGE ON ALL SEQUENCES IN SCHEMA "public" TO "r"; ALTER DEFAULT PRIVILEGES'
            ' FOR ROLE "o" IN SCHEMA "public" GRANT USAGE ON SEQUENCES TO "r"',
        ),
        (PostgresExtension("x-y", "d"), 'CREATE EXTENSION "x-y"'),
        (PostgresExtension("x", "d", version="1'", schema="s"),
         "CREATE EXTENSION \"x\" SCHEMA \"s\" VERSION '1'''"),
        (PostgresExtension("x", "d", absent=True), 'DROP EXTENSION "x"'),
    ],
    ids=lambda one: getattr(one, "key", None),
)  # fmt: skip
def test_statements_are_one_transaction_on_standard_input(one, statement):
    system, told = answering()
    one.fix(system, frozenset({"exists"}))
    ((argv, sql, user),) = told

    assert sql.splitlines()[-1] == f"BEGIN; {statement}; COMMIT;"
    assert not any('"' in word or "GRANT" in word for word in argv)
    assert user == "postgres"


@pytest.mark.parametrize(
    "one",
    [
        PostgresGrant("", "d", ("CONNECT",)),
        PostgresGrant("r", "d", ()),
        PostgresGrant("r", "d", ("SELECT",)),
        PostgresGrant("r", "d", ("connect",)),
        PostgresGrant("r", "d", ("SELECT; DROP TABLE x",), on="tables"),
        PostgresGrant("r", "d", ("SELECT",), on="views"),
        PostgresGrant("r", "d", ("CONNECT",), names=("t",)),
        PostgresGrant("r", "d", ("USAGE",), on="schema", future_of="o"),
        PostgresGrant("r", "d", ("SELECT",), on="tables", names=("",)),
        PostgresGrant("r", "d", ("SELECT",), on="tables", future_of="x" * 64),
        PostgresExtension("", "d"),
        PostgresExtension("x", ""),
        PostgresExtension("x", "d", version=""),
        PostgresExtension("x", "d", schema="a\n"),
    ],
    ids=lambda one: str(vars(one)),
)
def test_declarations_that_can_never_be_right_are_refused(one):
    with pytest.raises(Invalid):
        one.validate()


def test_words_that_are_no_privileges_never_reach_the_server():
    """A plan need not have come through validate()."""
    system, told = answering()
    PostgresGrant("r", "d", ("CONNECT", "x; DROP")).fix(system, frozenset({"held"}))

    assert "DROP" not in told[0][1]


def test_ids_tell_objects_servers_and_privileges_apart():
    ones = [
        PostgresGrant("r", "d", ("CONNECT",)),
        PostgresGrant("r", "d", ("CREATE",)),
        PostgresGrant("r", "d", ("CONNECT",), port=5433),
        PostgresGrant("r", "d", ("CREATE",), on="schema"),
        PostgresGrant("r", "d", ("CREATE",), on="schema", schema="s"),
        PostgresExtension("x", "d"),
        PostgresExtension("x", "d", port=5433),
    ]

    assert len({one.id for one in ones}) == len(ones)
    assert ones[0].id == "postgres_grant:CONNECT on database d to r"
