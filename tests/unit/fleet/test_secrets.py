"""The secret store keeps what it makes, for its owner only."""

import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from toque.errors import AskedWrongly
from toque.fleet.secrets import SecretStore


def test_secret_is_made_once_and_then_kept(tmp_path):
    first = SecretStore(tmp_path / ".toque").get_or_make("thena/KEY")

    assert len(first) == 64
    assert SecretStore(tmp_path / ".toque").get_or_make("thena/KEY") == first
    assert SecretStore(tmp_path / ".toque").get_or_make("thena/OTHER") != first


def test_file_and_directory_are_private_and_nothing_else_is_left(tmp_path):
    store = SecretStore(tmp_path / ".toque")

    store.put("a", "b")

    assert stat.S_IMODE(store.directory.stat().st_mode) == 0o700
    assert stat.S_IMODE(store.file.stat().st_mode) == 0o600
    assert [p.name for p in store.directory.iterdir()] == ["secrets.json"]
    assert store.names() == ("a",)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_store_that_others_can_read_is_refused(tmp_path, mode):
    store = SecretStore(tmp_path / ".toque")
    store.put("a", "b")
    store.file.chmod(mode)

    with pytest.raises(AskedWrongly) as caught:
        store.get("a")

    assert caught.value.code == "secrets-readable"
    assert caught.value.trouble.hint.startswith("chmod 600 ")


def test_directory_that_others_may_change_is_refused_before_anything_is_written(tmp_path):
    store = SecretStore(tmp_path / ".toque")
    store.directory.mkdir()
    store.directory.chmod(0o777)

    with pytest.raises(AskedWrongly) as caught:
        store.get_or_make("c")

    assert caught.value.code == "secrets-readable"
    assert list(store.directory.iterdir()) == []


def test_directory_that_others_may_look_into_is_accepted(tmp_path):
    store = SecretStore(tmp_path / ".toque")
    store.directory.mkdir(mode=0o755)

    assert store.get_or_make("a") == store.get("a")


def test_makers_at_the_same_time_agree_on_one_text(tmp_path):
    def make(_):
        return SecretStore(tmp_path / ".toque").get_or_make("a")

    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(make, range(32)))

    assert len(made) == 1


def test_broken_store_is_not_overwritten_and_not_shown(tmp_path):
    store = SecretStore(tmp_path / ".toque")
    store.put("a", "b")
    store.file.write_text('{"a": "canary')

    with pytest.raises(AskedWrongly) as caught:
        store.get_or_make("c")

    assert caught.value.code == "secrets-unreadable"
    assert "canary" not in str(caught.value.trouble)
    assert store.file.read_text() == '{"a": "canary'


def test_store_does_not_show_its_texts(tmp_path):
    store = SecretStore(tmp_path / ".toque")
    text = store.get_or_make("a")

    assert text not in repr(store)
