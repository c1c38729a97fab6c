"""An app's variables: where each comes from, and that secrets stay hidden."""

import pytest

from toque.errors import AskedWrongly
from toque.fleet.app import App, Database
from toque.fleet.environment import digests, environment_of
from toque.fleet.kept import Variable
from toque.fleet.release import blank_release, release_of
from toque.fleet.secrets import SALT, SecretStore
from toque.fleet.spot import Spot
from toque.node.values import Secret


@pytest.fixture
def store(tmp_path):
    return SecretStore(tmp_path / ".toque")


def app(**changes):
    return App("thena", repository=".", layer="web", **changes)


def test_every_source_is_read(store, tmp_path):
    (tmp_path / "k").write_text("from file\n\n")
    (tmp_path / "k").chmod(0o600)
    declared = app(
        env={"A": "plain"},
        secrets={"G": "generate", "F": "file:k", "E": "env:OUTER"},
        database=Database("things"),
    )

    made = environment_of(declared, store, directory=tmp_path, outer={"OUTER": "outside"})

    texts = made.texts()
    assert texts["A"] == "plain"
    assert texts["F"] == "from file\n"
    assert texts["E"] == "outside"
    password = made.named["thena/database-password"]
    assert texts["DATABASE_URL"] == (
        f"postgresql://thena:{password}@/things?host=/var/run/postgresql&port=5432"
    )
    assert texts["G"] == store.get("thena/G")
    assert set(made.named) >= {"thena/G", "thena/F", "thena/E", "thena/DATABASE_URL"}


def keep(store, **values):
    given = {n: Variable(v, secret=n.isupper()) for n, v in values.items()}
    store.change("thena", lambda kept: kept.with_set(given, at="", by=""))


def test_what_is_kept_joins_what_is_declared(store, tmp_path):
    keep(store, KEY="kept secret", plain="kept", G="set by hand")
    declared = app(env={"A": "x"}, secrets={"G": "generate"}, requires=("KEY", "G"))

    made = environment_of(declared, store, directory=tmp_path)

    assert made.plain == {"A": "x", "plain": "kept"}
    assert made.secret == {"KEY": "kept secret", "G": "set by hand"}
    assert made.named == {"thena/KEY": "kept secret", "thena/G": "set by hand"}


def test_a_generated_secret_is_there_only_while_it_is_declared(store, tmp_path):
    first = environment_of(app(secrets={"G": "generate"}), store, directory=tmp_path).texts()
    assert environment_of(app(), store, directory=tmp_path).texts() == {}

    again = environment_of(app(secrets={"G": "generate"}), store, directory=tmp_path).texts()

    assert again == first


@pytest.mark.parametrize(
    "declared",
    [{"env": {"KEY": "x"}}, {"secrets": {"KEY": "env:X"}},
     {"database": Database("d", variable="KEY")}],
)  # fmt: skip
def test_variable_that_is_kept_and_declared_is_refused(store, tmp_path, declared):
    keep(store, KEY="canary")

    with pytest.raises(AskedWrongly) as caught:
        environment_of(app(**declared), store, directory=tmp_path, outer={"X": ""})

    assert caught.value.code == "variable-twice"
    assert "toque env unset thena KEY" in caught.value.trouble.hint
    assert "canary" not in str(caught.value.trouble)


@pytest.mark.requirement("R24")
def test_required_variable_that_nothing_sets_says_where_to_set_it(store, tmp_path):
    at = Spot("toque.toml", ("apps", "thena"), {("apps", "thena", "requires"): 7})
    declared = app(env={"SECRET_KAY": "x"}, requires=("SECRET_KEY",))

    with pytest.raises(AskedWrongly) as caught:
        environment_of(declared, store, directory=tmp_path, at=at)

    trouble = caught.value.trouble
    assert (trouble.code, trouble.place) == ("variable-missing", "toque.toml:7")
    assert "SECRET_KEY" in trouble.message
    assert "did you mean 'SECRET_KAY'?" in trouble.found
    assert trouble.hint == "toque env set thena SECRET_KEY --secret"


def test_reading_makes_nothing_but_what_is_declared(store, tmp_path):
    environment_of(app(env={"A": "x"}), store, directory=tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_digests_are_keyed_and_tell_equal_from_other(store, tmp_path):
    store.put(f"thena/{SALT}", "salt")

    made = environment_of(app(env={"A": "x", "B": "x"}), store, directory=tmp_path)

    assert made.digests == digests({"A": "x", "B": "x"}, "salt")
    assert made.digests != digests({"A": "x", "B": "x"}, "another")
    assert made.digests["A"] != made.digests["B"]
    assert digests({"A": "x"}, "salt")["A"] == made.digests["A"]
    assert {len(one) for one in made.digests.values()} == {16}


def test_secrets_are_hidden_in_values_and_repr(store, tmp_path):
    made = environment_of(app(env={"A": "x"}, secrets={"G": "generate"}), store, directory=tmp_path)

    values = made.values()
    assert values["A"] == "x"
    assert isinstance(values["G"], Secret)
    assert values["G"].name == "thena/G"
    assert made.texts()["G"] not in repr(made)


def test_database_on_another_host(store, tmp_path):
    database = Database("d", role="r", host="db.example", scheme="postgresql+psycopg", port=5433)

    url = environment_of(app(database=database), store, directory=tmp_path).texts()["DATABASE_URL"]

    assert url.startswith("postgresql+psycopg://r:")
    assert url.endswith("@db.example:5433/d")


def test_database_is_told_piece_by_piece_to_code_that_reads_pieces(store, tmp_path):
    parts = {"name": "PG_NAME", "user": "PG_USER", "password": "PG_PASSWORD", "host": "PG_HOST"}
    app = App("thena", "/repo", "web", database=Database("db", parts=parts), requires=("PG_USER",))

    found = environment_of(app, store, directory=tmp_path)

    assert found.plain == {"PG_NAME": "db", "PG_USER": "thena", "PG_HOST": "localhost"}
    password = store.get("thena/database-password")
    assert found.secret["PG_PASSWORD"] == password
    assert found.named["thena/PG_PASSWORD"] == password
    assert f":{password}@" in found.secret["DATABASE_URL"]


def test_secret_file_that_others_can_read_is_refused(store, tmp_path):
    (tmp_path / "k").write_text("x")
    (tmp_path / "k").chmod(0o644)

    with pytest.raises(AskedWrongly) as caught:
        environment_of(app(secrets={"F": "file:k"}), store, directory=tmp_path)

    assert caught.value.code == "secrets-readable"


@pytest.mark.parametrize("source", ["file:nothing", "env:NOTHING"])
def test_secret_that_is_not_there_is_named(store, tmp_path, source):
    with pytest.raises(AskedWrongly) as caught:
        environment_of(app(secrets={"KEY": source}), store, directory=tmp_path, outer={})

    assert caught.value.code == "secret-missing"
    assert "KEY" in str(caught.value)


def test_release_id_is_commit_and_content():
    commit = "0123456789abcdef0123456789abcdef01234567"

    one = release_of("thena", commit, b"what it writes", salt="s")

    assert one.id.startswith("0123456789ab-")
    assert len(one.id) == 12 + 1 + 6
    assert one.content == one.id[-6:]
    assert release_of("thena", commit, b"what it writes", salt="s") == one
    for other in (
        release_of("thena", commit, b"something else", salt="s"),
        release_of("thena", commit, b"what it writes", salt="t"),
        blank_release("thena", commit),
    ):
        assert other.id != one.id
