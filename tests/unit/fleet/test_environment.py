"""An app's variables: where each comes from, and that secrets stay hidden."""

import pytest

from toque.errors import AskedWrongly
from toque.fleet.app import App, Database
from toque.fleet.environment import environment_of
from toque.fleet.release import blank_release, release_of
from toque.fleet.secrets import SecretStore
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
