import pytest

from toque.node.errors import NotReady, StepFailed
from toque.node.memory import MemorySystem
from toque.node.postgres import FIX, LOOK, ask, identifier, literal, tell
from toque.node.resource import Invalid, differing
from toque.node.resources.postgres_database import PostgresDatabase
from toque.node.resources.postgres_role import PostgresRole
from toque.node.system import Result
from toque.node.values import Secret


@pytest.mark.parametrize(
    ("text", "sql"),
    [
        ("a", "'a'"),
        ("it's", "'it''s'"),
        ("a\\b", "E'a\\\\b'"),
        ("\\'; DROP ROLE x; --", "E'\\\\''; DROP ROLE x; --'"),
        (":name", "':name'"),
    ],
)
def test_literals(text, sql):
    assert literal(text) == sql


@pytest.mark.parametrize(("name", "sql"), [("a", '"a"'), ('a"b', '"a""b"'), ("Ü x", '"Ü x"')])
def test_identifiers(name, sql):
    assert identifier(name) == sql


@pytest.mark.parametrize("quote", [identifier, literal])
def test_nul_is_refused(quote):
    with pytest.raises(ValueError, match="NUL"):
        quote("a\0b")


class Psql:
    """Answers with these results, the last one for ever, and keeps what it was told."""

    def __init__(self, *results):
        self.results = list(results)
        self.told = []

    def __call__(self, argv, stdin, user):
        self.told.append((tuple(argv), stdin.decode(), user))
        code, out = self.results.pop(0) if len(self.results) > 1 else self.results[0]
        return Result(argv, code, out, b"psql: error: connection refused\n" if code else b"")


def test_question_goes_in_on_standard_input_as_postgres():
    psql = Psql((0, b'{"a": 1}\n'))
    assert ask(MemorySystem(programs={"psql": psql}), "SELECT 1 AS a", 5433) == {"a": 1}
    [(argv, sql, user)] = psql.told
    assert "SELECT" not in " ".join(argv)
    assert "--port=5433" in argv
    assert "SELECT 1 AS a" in sql
    assert user == "postgres"


def test_no_row_is_none():
    assert ask(MemorySystem(programs={"psql": Psql((0, b""))}), "SELECT 1", None) is None


def test_server_that_is_starting_is_waited_for():
    psql = Psql((2, b""), (2, b""), (0, b""))
    tell(MemorySystem(programs={"psql": psql}), "SELECT 1", None)
    assert len(psql.told) == 3


@pytest.mark.parametrize(("use", "wait_s"), [(ask, LOOK), (tell, FIX)])
def test_server_that_never_answers_is_not_ready_after_its_wait(use, wait_s):
    system = MemorySystem(programs={"psql": Psql((2, b""))})
    with pytest.raises(NotReady) as failed:
        use(system, "SELECT 1", 5433)
    assert failed.value.code == "postgres-unreachable"
    assert "5433" in failed.value.message
    assert failed.value.log == ("psql: error: connection refused",)
    assert system.clock == wait_s


def test_refused_statement_is_not_tried_again():
    psql = Psql((3, b""))
    with pytest.raises(StepFailed) as failed:
        tell(MemorySystem(programs={"psql": psql}), "SELECT 1", None)
    assert failed.value.code == "postgres-refused"
    assert len(psql.told) == 1


def test_password_never_leaves_the_node_program():
    psql = Psql((0, b""))
    system = MemorySystem(programs={"psql": psql})
    role = PostgresRole("app", password=Secret("db", "canary-pw"))
    role.fix(system, differing(role.wanted(), None))
    [(argv, sql, _)] = psql.told
    assert "canary-pw" not in sql + " ".join(argv)
    assert "PASSWORD 'SCRAM-SHA-256$4096:" in sql
    assert sql.index("log_statement = 'none'") < sql.index("CREATE ROLE")


@pytest.mark.parametrize(
    "resource",
    [
        PostgresRole(""),
        PostgresRole("a" * 64),
        PostgresRole("pg_monitor"),
        PostgresRole("postgres", absent=True),
        PostgresRole("a", password=""),
        PostgresRole("a", password="x\0"),
        PostgresDatabase("postgres", absent=True),
        PostgresDatabase("template0"),
        PostgresDatabase("template1", absent=True),
        PostgresDatabase("a", owner=""),
        PostgresDatabase("a\n"),
    ],
    ids=lambda r: f"{r.kind} {r.name!r}",
)
def test_declarations_that_can_never_be_right_are_refused(resource):
    with pytest.raises(Invalid):
        resource.validate()


def test_servers_own_database_is_not_dropped_even_by_an_unchecked_plan():
    system = MemorySystem(programs={"psql": Psql((0, b""))})
    with pytest.raises(StepFailed):
        PostgresDatabase("postgres", absent=True).fix(system, frozenset({"exists"}))
    assert system.calls == []


def test_one_name_on_two_servers_is_two_resources():
    assert PostgresRole("a", port=5433).id != PostgresRole("a").id
