"""Roles, databases, grants, extensions: a private Postgres, unix socket only."""

import os
import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from toque.node.errors import NotReady, StepFailed
from toque.node.model import Facts
from toque.node.realsystem import RealSystem
from toque.node.resource import differing
from toque.node.resources.postgres_database import PostgresDatabase
from toque.node.resources.postgres_extension import PostgresExtension
from toque.node.resources.postgres_grant import PostgresGrant
from toque.node.resources.postgres_role import PostgresRole
from toque.node.values import Secret

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
PORT = 54321  # only part of the socket's name: the server listens on no address
# Quotes, backslashes and characters that SASLprep changes, as one password.
PASSWORD = "canary-'\"\\ \u00aa\u00ad%$pw"

if os.geteuid() != 0 or not BINARIES or not shutil.which("psql"):
    pytest.skip("needs root and Debian's postgresql package", allow_module_level=True)


class PrivateSystem(RealSystem):
    """This machine, with psql finding the private server's socket."""

    socket = ""

    def run(self, argv, *, env=None, **more):
        return super().run(argv, env={**(env or {}), "PGHOST": self.socket}, **more)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    root = tmp_path_factory.mktemp("pg")
    # Sockets have short names and postgres has to reach them, so not below pytest's 0700.
    home = Path("/run") / f"toque-test-{os.getpid()}"
    home.mkdir(mode=0o755)
    shutil.chown(home, "postgres", "postgres")
    binary = BINARIES[-1].parent
    system = PrivateSystem(Facts())
    system.socket = str(home)
    data, log = home / "data", home / "server.log"
    system.run(
        [str(binary / "initdb"), "-D", str(data), "-A", "scram-sha-256", "--auth-local=peer"]
        + ["-E", "UTF8", "--locale=C.UTF-8", "--no-sync"],
        user="postgres",
    )
    (data / "pg_hba.conf").write_text("local all postgres peer\nlocal all all scram-sha-256\n")
    settings = ["listen_addresses=", f"unix_socket_directories={home}", f"port={PORT}"]
    settings += ["log_statement=all", "log_min_duration_statement=0", "fsync=off"]
    options = " ".join(f"-c {s}" for s in settings)
    argv = [str(binary / "pg_ctl"), "-D", str(data), "-l", str(log), "-w", "-o", options]
    system.run([*argv, "start"], user="postgres")
    try:
        yield system, log, argv
    finally:
        system.run([*argv, "-m", "immediate", "stop"], user="postgres", check=False)
        shutil.rmtree(home)
        shutil.rmtree(root)


def apply(resource, system):
    resource.validate()
    keys = differing(resource.wanted(), resource.found(system))
    if keys:
        resource.fix(system, keys)
        assert differing(resource.wanted(), resource.found(system)) == frozenset()
    return keys


def log_in(system, role, password, database="postgres"):
    """Whether a client with this password gets in; the method is forced by pg_hba.conf."""
    return subprocess.run(
        ["psql", "-XAtq", "-h", system.socket, "-p", str(PORT), "-U", role, "-d", database]
        + ["-c", "SELECT current_user"],
        env={"PATH": os.environ["PATH"], "PGPASSWORD": password, "PGREQUIREAUTH": "scram-sha-256"},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def role(name, password=PASSWORD, **more):
    secret = None if password is None else Secret("db", password)
    return PostgresRole(name, secret, port=PORT, **more)


def test_client_logs_in_with_the_password_and_with_no_other(server):
    system, _, _ = server
    assert "exists" in apply(role("app"), system)
    assert log_in(system, "app", PASSWORD).stdout == "app\n"
    assert "password authentication failed" in log_in(system, "app", "wrong").stderr


def test_second_run_writes_nothing(server):
    system, log, _ = server
    apply(role("calm"), system)
    before = log.read_text().count("ROLE")
    assert apply(role("calm"), system) == frozenset()
    assert log.read_text().count("ROLE") == before


def test_changed_password_is_the_only_thing_changed_and_works(server):
    system, _, _ = server
    apply(role("turn"), system)
    assert apply(role("turn", "next"), system) == {"password"}
    assert log_in(system, "turn", "next").returncode == 0
    assert log_in(system, "turn", PASSWORD).returncode != 0


def test_password_that_is_not_managed_stays(server):
    system, _, _ = server
    apply(role("keep"), system)
    assert apply(role("keep", None, createdb=True), system) == {"createdb"}
    assert log_in(system, "keep", PASSWORD).returncode == 0


def test_neither_password_nor_verifier_is_in_the_servers_log(server):
    system, log, _ = server
    apply(role("quiet"), system)
    with pytest.raises(StepFailed) as failed:  # a statement that fails is logged by default
        role("quiet").fix(system, frozenset({"exists", "password"}))
    assert failed.value.code == "postgres-refused"
    assert "already exists" in failed.value.found
    text = log.read_text()
    assert "SELECT rolcanlogin" in text  # log_statement=all does log
    assert "canary" not in text
    assert "SCRAM-SHA-256$" not in text
    assert "canary" not in str(failed.value.log)


@pytest.mark.parametrize("name", ['a"b', "it's", "ÜPPER case", "select", "back\\slash", ":x"])
def test_odd_names_are_names_and_nothing_else(server, name):
    system, _, _ = server
    apply(role(name), system)
    database = PostgresDatabase(name, owner=name, port=PORT)
    assert "exists" in apply(database, system)
    assert apply(database, system) == frozenset()
    assert log_in(system, name, PASSWORD, name).stdout == name + "\n"
    assert apply(PostgresDatabase(name, absent=True, port=PORT), system) == {"exists"}
    assert apply(role(name, None, absent=True), system) == {"exists"}


def test_owner_is_changed_and_encoding_is_refused(server):
    system, _, _ = server
    for name in ("one", "two"):
        apply(role(name), system)
    apply(PostgresDatabase("data", owner="one", port=PORT), system)
    assert apply(PostgresDatabase("data", owner="two", port=PORT), system) == {"owner"}
    with pytest.raises(StepFailed) as failed:
        apply(PostgresDatabase("data", encoding="SQL_ASCII", port=PORT), system)
    assert failed.value.code == "postgres-encoding"


def sql(server, text, database="postgres"):
    """What a person with psql sees; raises what the server refuses."""
    system = server[0]
    argv = ["psql", "-XAtq", f"--port={PORT}", "--set=ON_ERROR_STOP=1"]
    done = system.run(argv, user="postgres", stdin=text.encode(), env={"PGDATABASE": database})
    return done.text.strip()


def may(server, role, what, object, database):
    """has_table_privilege() and its like: the server's own opinion."""
    on = "table" if "." in object else "schema" if object != database else "database"
    question = f"SELECT has_{on}_privilege('{role}', '{object}', '{what}')"
    return sql(server, question, database) == "t"


@pytest.fixture
def shop(server):
    """A database with an owner, two tables and a role that may nothing yet."""
    system = server[0]
    for name in ("owner", "reader"):
        apply(role(name), system)
    apply(PostgresDatabase("shop", owner="owner", port=PORT), system)
    sql(server, "SET ROLE owner; CREATE SCHEMA s; CREATE TABLE s.a (); CREATE TABLE s.b ();"
        "CREATE SEQUENCE s.n", "shop")  # fmt: skip
    yield "shop"
    sql(server, "DROP DATABASE shop; DROP ROLE owner; DROP ROLE reader")


def grant(privileges, **more):
    return PostgresGrant("reader", "shop", privileges, port=PORT, schema="s", **more)


@pytest.mark.parametrize(
    ("one", "object", "others"),
    [
        (grant(("CREATE",)), "shop", ()),
        (grant(("USAGE",), on="schema"), "s", ("CREATE",)),
        (grant(("SELECT", "INSERT"), on="tables"), "s.a", ("DELETE",)),
        (grant(("SELECT",), on="tables", names=("b",)), "s.b", ("INSERT",)),
    ],
    ids=lambda one: getattr(one, "key", None),
)
def test_privileges_are_given_taken_and_no_more(server, shop, one, object, others):
    system = server[0]
    assert "held" in apply(one, system)
    assert apply(one, system) == frozenset()
    assert all(may(server, "reader", what, object, shop) for what in one.privileges)
    assert not any(may(server, "reader", what, object, shop) for what in others)
    gone = replace(one, absent=True)
    assert apply(gone, system) == {"exists"}
    assert apply(gone, system) == frozenset()
    assert not any(may(server, "reader", what, object, shop) for what in one.privileges)


def test_named_tables_leave_the_others_alone(server, shop):
    apply(grant(("SELECT",), on="tables", names=("b",)), server[0])
    assert not may(server, "reader", "SELECT", "s.a", shop)


def test_a_privilege_that_is_missing_on_one_table_is_put_right(server, shop):
    everything = grant(("SELECT",), on="tables")
    apply(everything, server[0])
    sql(server, "SET ROLE owner; CREATE TABLE s.c ()", shop)
    assert everything.found(server[0])["held"] == []
    assert apply(everything, server[0]) == {"held"}
    assert may(server, "reader", "SELECT", "s.c", shop)


def test_future_tables_and_sequences_are_reached(server, shop):
    for on, made in (("tables", "TABLE s.later ()"), ("sequences", "SEQUENCE s.late")):
        one = grant(("SELECT",), on=on, future_of="owner")
        assert apply(one, server[0]) >= {"future"}
        assert apply(one, server[0]) == frozenset()
        sql(server, f"SET ROLE owner; CREATE {made}", shop)
        assert may(server, "reader", "SELECT", made.split(" ")[1], shop)
        assert apply(one, server[0]) == frozenset()
        apply(replace(one, absent=True), server[0])
        sql(server, f"SET ROLE owner; CREATE {made.replace('late', 'never')}", shop)
        assert not may(
            server, "reader", "SELECT", made.split(" ")[1].replace("late", "never"), shop
        )
    sql(server, "DROP OWNED BY reader", shop)


def test_everybody_can_be_shut_out(server, shop):
    one = PostgresGrant("PUBLIC", "shop", ("CONNECT", "TEMPORARY"), absent=True, port=PORT)
    assert log_in(server[0], "reader", PASSWORD, "shop").returncode == 0
    assert apply(one, server[0]) == {"exists"}
    assert apply(one, server[0]) == frozenset()
    assert "permission denied" in log_in(server[0], "reader", PASSWORD, "shop").stderr


@pytest.mark.parametrize(
    "one",
    [
        PostgresGrant("nobody", "shop", ("CONNECT",), port=PORT),
        PostgresGrant("reader", "nowhere", ("CONNECT",), port=PORT),
        PostgresGrant("reader", "shop", ("USAGE",), on="schema", schema="none", port=PORT),
        grant(("SELECT",), on="tables", names=("a", "none")),
        PostgresExtension("hstore", "nowhere", port=PORT),
    ],
    ids=lambda one: one.key,
)
def test_what_has_to_be_there_first_is_named(server, shop, one):
    with pytest.raises(NotReady) as failed:
        one.found(server[0])
    assert failed.value.code == "postgres-missing"
    assert {"nobody", "nowhere", "none", "s.none"} & set(failed.value.message.split(" "))


@pytest.mark.parametrize("name", ['a"b', "it's", "{0}", "back\\slash", ":x", "a=b"])
def test_odd_names_in_grants_are_names_and_nothing_else(server, name):
    system = server[0]
    apply(role(name), system)
    apply(PostgresDatabase(name, owner=name, port=PORT), system)
    quoted = '"' + name.replace('"', '""') + '"'
    sql(server, f"CREATE SCHEMA {quoted}; CREATE TABLE {quoted}.{quoted} ()", name)
    more = {"on": "tables", "schema": name, "names": (name,), "future_of": name, "port": PORT}
    one = PostgresGrant(name, name, ("SELECT",), **more)
    assert "held" in apply(one, system)
    assert apply(one, system) == frozenset()
    assert apply(replace(one, absent=True), system) == {"exists"}
    sql(server, f"DROP OWNED BY {quoted}", name)
    sql(server, f"DROP DATABASE {quoted}; DROP ROLE {quoted}")


def test_extensions_come_move_and_go(server, shop):
    system = server[0]
    one = PostgresExtension("pg_trgm", shop, schema="s", version="1.5", port=PORT)
    assert apply(one, system) == {"exists", "version", "schema"}
    assert apply(one, system) == frozenset()
    assert sql(server, "SELECT s.similarity('a', 'a')", shop) == "1"
    assert apply(replace(one, version="1.6", schema="public"), system) == {"version", "schema"}
    assert apply(replace(one, version=None, schema=None), system) == frozenset()
    sql(server, "CREATE INDEX held ON s.a USING gin ((''::text) gin_trgm_ops)", shop)
    with pytest.raises(StepFailed) as failed:
        apply(replace(one, absent=True), system)
    assert failed.value.code == "postgres-refused"
    sql(server, "DROP INDEX s.held", shop)
    assert apply(replace(one, absent=True), system) == {"exists"}


def test_an_extension_without_files_is_not_ready(server, shop):
    with pytest.raises(NotReady) as failed:
        PostgresExtension("no_such_thing", shop, port=PORT).found(server[0])
    assert failed.value.code == "postgres-extension-missing"
    assert PostgresExtension("no_such_thing", shop, absent=True, port=PORT).found(server[0]) is None


def test_server_that_restarts_is_waited_for_and_one_that_is_gone_is_not_ready(server):
    system, _, argv = server
    system.run([*argv, "-m", "fast", "stop"], user="postgres")
    with pytest.raises(NotReady) as failed:
        role("late").found(system)
    assert failed.value.code == "postgres-unreachable"
    begun = time.monotonic()
    with subprocess.Popen(["sh", "-c", 'sleep 1; exec "$@"', "sh", "runuser", "-u", "postgres",
                           "--", *argv, "start"], stdout=subprocess.DEVNULL) as start:  # fmt: skip
        role("late").fix(system, frozenset({"exists", "login", "password"}))
        assert start.wait(30) == 0
    assert time.monotonic() - begun >= 1
    assert log_in(system, "late", PASSWORD).returncode == 0
