"""The secret store keeps what it makes, for its recipients only."""

import errno
import json
import shutil
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from toque.errors import AskedWrongly
from toque.fleet import age
from toque.fleet.kept import Variable
from toque.fleet.recipients import Recipient, with_one, without
from toque.fleet.secrets import SecretStore

SSH_KEY = (
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO7KvIuMXqjXFWBSDTYdFTmiMlxmMpl8Y5Zcb2Vrg6Cg her@laptop"
)


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return SecretStore(tmp_path / ".toque", outer={})


def again(store: SecretStore, outer=None) -> SecretStore:
    """The same files, read by another process."""
    return SecretStore(store.directory, store.folder, outer=outer or {})


def held(path: Path, *keys: str) -> str:
    """A private file with identities; its path as text."""
    path.write_text("".join(f"{key}\n" for key in keys))
    path.chmod(0o600)
    return str(path)


def caught(call, *arguments):
    with pytest.raises(AskedWrongly) as raised:
        call(*arguments)
    return raised.value


def test_secret_is_made_once_and_then_kept(store):
    first = store.get_or_make("thena/KEY")

    assert len(first) == 64
    assert again(store).get_or_make("thena/KEY") == first
    assert again(store).get_or_make("thena/OTHER") != first
    assert again(store).get_or_make("shop/KEY") != first


def test_nothing_readable_is_written_and_the_identity_is_private(store):
    store.put("thena/a", "canary")

    files = {p.relative_to(store.directory.parent): p for p in store.directory.parent.rglob("*")}
    assert {str(p) for p in files} == {
        ".toque", ".toque/.gitignore", ".toque/identity.txt",
        "secrets", "secrets/recipients.txt", "secrets/thena.age",
    }  # fmt: skip
    assert not [p for p in files.values() if p.is_file() and b"canary" in p.read_bytes()]
    assert stat.S_IMODE(store.directory.stat().st_mode) == 0o700
    assert stat.S_IMODE((store.directory / "identity.txt").stat().st_mode) == 0o600
    assert (store.directory / ".gitignore").read_text() == "*\n"


def test_making_an_identity_is_told_once(tmp_path):
    said = []
    for key in ("a", "b"):
        SecretStore(tmp_path / ".toque", outer={}, tell=said.append).put(f"thena/{key}", "x")

    (line,) = said
    assert "identity.txt" in line
    assert "keep a copy" in line


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_identity_that_others_can_read_is_refused(store, mode):
    store.put("thena/a", "b")
    (store.directory / "identity.txt").chmod(mode)

    error = caught(store.get, "thena/a")

    assert error.code == "secrets-readable"
    assert error.trouble.hint.startswith("chmod 600 ")


def test_directory_that_others_may_change_is_refused_before_anything_is_written(store):
    store.directory.mkdir()
    store.directory.chmod(0o777)

    assert caught(store.get_or_make, "thena/c").code == "secrets-readable"
    assert list(store.directory.iterdir()) == []
    assert not store.folder.exists()


def test_directory_that_others_may_look_into_is_accepted(store):
    store.directory.mkdir(mode=0o755)

    assert store.get_or_make("thena/a") == store.get("thena/a")


def test_makers_at_the_same_time_agree_on_one_text(store):
    store.put("thena/first", "x")
    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(lambda _: again(store).get_or_make("thena/a"), range(16)))

    assert len(made) == 1


@pytest.mark.parametrize(
    "spoil",
    [
        lambda sealed: sealed[:-60],
        lambda sealed: sealed.replace(sealed[200:204], b"AAAA"),
        lambda sealed: b"",
        lambda sealed: b'{"a": "canary"}',
    ],
    ids=["cut", "changed", "empty", "something else"],
)
def test_damaged_file_is_not_overwritten_and_not_shown(store, spoil):
    store.put("thena/a", "canary")
    spoilt = spoil(store.file("thena").read_bytes())
    store.file("thena").write_bytes(spoilt)

    error = caught(store.get_or_make, "thena/c")

    assert error.code == "secrets-unreadable"
    assert "canary" not in str(error.trouble)
    assert store.file("thena").read_bytes() == spoilt


def test_file_of_another_app_is_not_taken_for_its_own(store):
    store.put("shop/a", "canary")
    shutil.copy(store.file("shop"), store.file("thena"))

    error = caught(store.get, "thena/a")

    assert error.code == "secrets-unreadable"
    assert error.trouble.found == "the secrets of app shop"


def test_store_does_not_show_its_texts(store):
    text = store.get_or_make("thena/a")
    store.change("thena", lambda kept: kept.with_set({"B": Variable("canary")}, at="", by=""))

    shown = repr(store) + repr(store.kept("thena"))
    assert text not in shown
    assert "canary" not in shown
    assert store.texts() == {"thena/a": text, "thena/B": "canary"}


def test_full_disk_leaves_what_was_kept(store, monkeypatch):
    store.put("thena/a", "b")
    before = {p.name: p.read_bytes() for p in store.folder.iterdir()}

    def full(fd):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    error = caught(store.put, "thena/a", "other")
    monkeypatch.undo()

    assert (error.code, error.trouble.found) == ("file-unwritable", "No space left on device")
    assert {p.name: p.read_bytes() for p in store.folder.iterdir()} == before


# --- identities -----------------------------------------------------------------------------------


def test_identity_that_does_not_fit_is_named(store, tmp_path):
    store.put("thena/a", "b")
    other, _ = age.make_identity()
    path = held(tmp_path / "other.txt", other)

    error = caught(again(store, {age.NAMED: path}).get, "thena/a")

    assert error.code == "identity-wrong"
    assert path in error.trouble.found
    assert "recipients mine" in error.trouble.hint


def test_without_an_identity_nothing_is_made_in_its_place(store):
    store.put("thena/a", "b")
    (store.directory / "identity.txt").unlink()
    before = store.file("thena").read_bytes()

    assert caught(store.get_or_make, "thena/c").code == "identity-missing"
    assert caught(store.get_or_make, "shop/c").code == "identity-missing"
    assert store.file("thena").read_bytes() == before
    assert not (store.directory / "identity.txt").exists()


@pytest.mark.parametrize("text", ["", "AGE-SECRET-KEY-1CANARY\n", "\xff"])
def test_file_that_is_no_identity_is_refused_and_not_shown(store, tmp_path, text):
    store.put("thena/a", "b")
    path = tmp_path / "odd.txt"
    path.write_text(text, encoding="latin-1")
    path.chmod(0o600)

    error = caught(again(store, {age.NAMED: str(path)}).get, "thena/a")

    assert error.code == "identity-wrong"
    assert "CANARY" not in str(error.trouble)


def test_named_file_that_is_not_there_is_refused(store, tmp_path):
    store.put("thena/a", "b")

    error = caught(again(store, {age.NAMED: str(tmp_path / "none")}).get, "thena/a")

    assert error.code == "identity-wrong"
    assert age.NAMED in error.trouble.message


def ssh_key(path: Path, *options: str) -> Path:
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-C", "her@laptop", "-N", "", "-f", str(path),
         *options], check=True,
    )  # fmt: skip
    return path


def test_an_ssh_key_is_a_recipient_like_any_other(store, tmp_path):
    store.put("thena/a", "b")
    key = ssh_key(tmp_path / "id")
    public = age.recipient(Path(f"{key}.pub").read_text())
    store.set_recipients(lambda now: with_one(now, Recipient(public, "her")))

    hers = again(store, {age.NAMED: str(key)})

    assert hers.get("thena/a") == "b"
    assert hers.mine().key == public
    hers.put("thena/c", "d")
    assert store.get("thena/c") == "d"


def test_an_ssh_key_with_a_passphrase_says_so(store, tmp_path):
    store.put("thena/a", "b")
    key = ssh_key(tmp_path / "id")
    subprocess.run(["ssh-keygen", "-q", "-p", "-N", "locked", "-f", str(key)], check=True,
                   stdout=subprocess.DEVNULL)  # fmt: skip
    public = age.recipient(Path(f"{key}.pub").read_text())
    store.set_recipients(lambda now: with_one(now, Recipient(public)))

    error = caught(again(store, {age.NAMED: str(key)}).get, "thena/a")

    assert error.code in ("identity-wrong", "secrets-unreadable")
    assert "passphrase" in f"{error.trouble.expected} {error.trouble.found}"


# --- recipients -----------------------------------------------------------------------------------


def test_added_recipient_opens_everything_and_a_removed_one_nothing_new(store, tmp_path):
    store.put("thena/a", "b")
    store.put("shop/a", "c")
    text, public = age.make_identity()
    hers = again(store, {age.NAMED: held(tmp_path / "hers.txt", text)})
    assert caught(hers.get, "thena/a").code == "identity-wrong"

    store.set_recipients(lambda now: with_one(now, Recipient(public, "her")))
    assert (hers.get("thena/a"), hers.get("shop/a")) == ("b", "c")

    store.set_recipients(lambda now: without(now, "her"))
    assert caught(hers.get, "thena/a").code == "identity-wrong"
    assert store.get("shop/a") == "c"


def test_list_that_somebody_else_has_changed_is_not_encrypted_for(store):
    """Else whoever can write the file would be sent the secrets at the next change."""
    store.put("thena/a", "b")
    _, public = age.make_identity()
    path = store.folder / "recipients.txt"
    path.write_text(f"{path.read_text()}\n# nobody\n{public}\n")
    before = store.file("thena").read_bytes()

    errors = [
        caught(store.put, "thena/c", "d"),
        caught(store.put, "new/c", "d"),
        caught(store.set_recipients, lambda now: with_one(now, Recipient(age.make_identity()[1]))),
    ]

    assert {error.code for error in errors} == {"recipients-changed"}
    assert public in errors[0].trouble.found
    assert store.file("thena").read_bytes() == before
    assert store.get("thena/a") == "b"


def test_adding_that_was_killed_half_way_is_finished_by_the_same_command(store, monkeypatch):
    store.put("thena/a", "b")
    store.put("shop/a", "c")
    one = Recipient(age.make_identity()[1], "her")
    write, count = SecretStore._write, []

    def killed(self, kept, recipients):
        count.append(kept.app)
        if len(count) == 2:
            raise KeyboardInterrupt
        write(self, kept, recipients)

    monkeypatch.setattr(SecretStore, "_write", killed)
    with pytest.raises(KeyboardInterrupt):
        store.set_recipients(lambda now: with_one(now, one))
    monkeypatch.setattr(SecretStore, "_write", write)
    assert caught(store.put, "thena/x", "y").code == "recipients-changed"

    store.set_recipients(lambda now: with_one(now, one))

    store.put("thena/x", "y")
    assert {store.kept(app).recipients for app in store.apps()} == {
        tuple(r.key for r in store.recipients())
    }


def test_rotation_replaces_the_identity_and_its_recipient(store, tmp_path):
    store.put("thena/a", "b")
    file = store.directory / "identity.txt"
    old, (before,) = file.read_text(), store.recipients()
    kept_aside = again(store, {age.NAMED: held(tmp_path / "old.txt", old)})

    (after,) = store.rotate()

    assert after.key != before.key
    assert old.splitlines()[1] not in file.read_text()
    assert store.get("thena/a") == "b"
    assert caught(kept_aside.get, "thena/a").code == "identity-wrong"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_rotation_that_was_killed_is_finished_by_the_next(store, monkeypatch):
    store.put("thena/a", "b")
    write = SecretStore._encrypt_for

    def killed(self, change):
        write(self, change)
        raise KeyboardInterrupt

    monkeypatch.setattr(SecretStore, "_encrypt_for", killed)
    with pytest.raises(KeyboardInterrupt):
        store.rotate()
    monkeypatch.setattr(SecretStore, "_encrypt_for", write)
    assert store.get("thena/a") == "b"

    (one,) = store.rotate()

    assert len(age.pairs_of(store.directory / "identity.txt")) == 1
    assert store.mine().key == one.key
    assert store.get("thena/a") == "b"


@pytest.mark.parametrize(
    "text",
    [
        "age1nonsense",
        "ssh-dss AAAA",
        "",
        "-----BEGIN OPENSSH PRIVATE KEY-----",
        "AGE-SECRET-KEY-1X",
    ],
)
def test_what_is_no_recipient_is_refused(text):
    error = caught(age.recipient, text)

    assert error.code == "bad-recipient"
    assert "SECRET-KEY-1X" not in str(error.trouble)


def test_list_is_read_as_age_reads_it_and_written_with_its_names(store):
    _, public = age.make_identity()
    store.folder.mkdir()
    (store.folder / "recipients.txt").write_text(f"\n# me, at home\n{public}\n\n{SSH_KEY}\n")

    found = store.recipients()

    assert [one.name for one in found] == ["me, at home", "her@laptop"]
    assert found[1].key == SSH_KEY.rpartition(" ")[0]


@pytest.mark.parametrize("key", ["nobody", "me"])
def test_last_and_unknown_recipients_cannot_be_removed(key):
    error = caught(without, [Recipient("age1x", "me")], key)

    assert error.code == {"nobody": "recipient-unknown", "me": "last-recipient"}[key]


@pytest.mark.skipif(shutil.which("age") is None, reason="Debian's age is not installed")
def test_age_by_hand_opens_a_file_and_writes_one_that_we_open(store):
    store.put("thena/a", "b")
    identity, file = store.directory / "identity.txt", store.file("thena")

    opened = subprocess.run(["age", "-d", "-i", identity, file], capture_output=True, check=True)
    data = json.loads(opened.stdout)
    data["made"]["a"] = "by hand"
    again_sealed = subprocess.run(
        ["age", "-a", "-R", store.folder / "recipients.txt"],
        input=json.dumps(data).encode(), capture_output=True, check=True,
    )  # fmt: skip
    file.write_bytes(again_sealed.stdout)

    assert store.get("thena/a") == "by hand"
