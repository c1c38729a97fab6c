from pathlib import Path

import pytest

from toque.adapters.hostkeys import HostKeys, parse_key
from toque.errors import AskedWrongly

# Made by ssh-keygen, and the fingerprints are what ssh-keygen -l says of them.
ED25519 = (
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIK3wtx088VA8rrNFOXXZpUUiCgzwA5GFtYWSCMmYpuex root@host"
)
ED25519_PRINT = "SHA256:l3doJUBAA30XSbEv5p9QjlzeC8e0l6dhIckfA+UB7xw"
ECDSA = (
    "ecdsa-sha2-nistp256 "
    "AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBFWd0Zdc"
    "PG+ICN/MEUHA8tVVPESADDZvSAe7jo4dakSPtgjTjqMqRAABVjtf3LXBjwLYS2wjTpCyZASFqtGNJ+Q="
)
ECDSA_PRINT = "SHA256:Zh65B6RB+UisBteUKen32zl0TxVYvsBZp2aTXUgG8Qc"


@pytest.fixture
def keys(tmp_path: Path) -> HostKeys:
    return HostKeys(tmp_path / "deep" / "known_hosts")


@pytest.mark.parametrize(("text", "print_"), [(ED25519, ED25519_PRINT), (ECDSA, ECDSA_PRINT)])
def test_fingerprint_is_that_of_ssh_keygen(text: str, print_: str) -> None:
    assert parse_key(text).fingerprint == print_


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ssh-ed25519",
        "ssh-ed25519 !!!!",
        "ssh-ed25519 AAAA",
        ED25519.replace("ssh-ed25519", "ssh-rsa"),
        ED25519.replace("ssh-ed25519", "-----BEGIN"),
    ],
)
def test_what_is_no_host_key_is_refused(text: str) -> None:
    with pytest.raises(AskedWrongly) as caught:
        parse_key(text)
    assert caught.value.code == "bad-host-key"


def test_pinned_key_is_found_under_its_name_only(keys: HostKeys) -> None:
    keys.pin("web1", ED25519)
    keys.pin("web1", ECDSA)
    keys.pin("web2", ECDSA)

    assert {key.fingerprint for key in keys.pinned("web1")} == {ED25519_PRINT, ECDSA_PRINT}
    assert [key.fingerprint for key in keys.pinned("web2")] == [ECDSA_PRINT]
    assert keys.pinned("web") == ()


def test_pinning_twice_keeps_one_line(keys: HostKeys) -> None:
    keys.pin("web1", ED25519)
    keys.pin("web1", ED25519)

    assert keys.path.read_text().count("\n") == 1


def test_forgetting_drops_one_node(keys: HostKeys) -> None:
    keys.pin("web1", ED25519)
    keys.pin("web2", ECDSA)

    assert keys.forget("web1") is True
    assert keys.forget("web1") is False
    assert keys.pinned("web1") == ()
    assert keys.pinned("web2") != ()


def test_file_is_for_its_owner_only_and_nothing_stays_beside_it(keys: HostKeys) -> None:
    keys.pin("web1", ED25519)

    assert keys.path.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in keys.path.parent.iterdir()] == ["known_hosts"]


@pytest.mark.parametrize("alias", ["*", "web1,web2", "@revoked", "we b", "web1\nweb2", ""])
def test_name_that_would_match_other_machines_is_refused(keys: HostKeys, alias: str) -> None:
    with pytest.raises(AskedWrongly):
        keys.pin(alias, ED25519)
    assert not keys.path.exists()
