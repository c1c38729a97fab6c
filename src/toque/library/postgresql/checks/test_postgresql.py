"""What has to be true of a machine after this cookbook, with an app that declares a database."""


def test_it_runs_and_starts_at_boot(machine):
    server = machine.service("postgresql")

    assert server.running
    assert server.enabled


def test_it_listens_on_its_socket_and_on_no_port(machine):
    assert machine.listening("/run/postgresql/.s.PGSQL.5432")
    assert not machine.listening(5432)


def test_the_app_has_a_role_and_a_database_of_its_own(machine):
    server = machine.postgres()

    assert "store" in server.roles
    assert "store" in server.databases
    (owner,) = server.query(
        "select pg_get_userbyid(datdba) as name from pg_database where datname = 'store'"
    )
    assert owner["name"] == "store"


def test_the_role_may_do_nothing_else(machine):
    (role,) = machine.postgres().query(
        "select rolsuper, rolcreatedb, rolcreaterole from pg_roles where rolname = 'store'"
    )

    assert set(role.values()) == {"f"}
