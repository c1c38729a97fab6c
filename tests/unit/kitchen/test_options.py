"""What a driver is told beyond a name and a release, refused in words before anything is made."""

from pathlib import Path

import pytest

from toque.errors import AskedWrongly, ToqueError
from toque.kitchen import api
from toque.kitchen.drivers.host import Host, _split
from toque.kitchen.machine import Spec
from toque.kitchen.state import Store

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(Store(tmp_path / "state", tmp_path / "cache"), {})


@pytest.mark.parametrize(
    ("more", "code", "named"),
    [
        ({"adress": "x"}, "kitchen-unknown-option", "adress"),
        ({"address": ""}, "kitchen-bad-option", "address"),
        ({"address": "-oProxyCommand=x"}, "kitchen-bad-option", "address"),
        ({"address": "a b"}, "kitchen-bad-option", "address"),
        ({"user": "-l"}, "kitchen-bad-option", "user"),
        ({"port": "0"}, "kitchen-bad-option", "port"),
        ({"port": "22x"}, "kitchen-bad-option", "port"),
        ({"host_key": "AAAA"}, "kitchen-bad-option", "host_key"),
        ({"host_key": "ssh-rsa AA\n* ssh-rsa BB"}, "kitchen-no-entry", ""),
        ({"project": "toque.toml"}, "kitchen-bad-option", "project"),
        ({"key": "relative"}, "kitchen-bad-option", "key"),
        ({"key": "/nowhere/key"}, "kitchen-bad-option", "key"),
    ],
)
def test_an_option_of_another_form_is_named(
    host: Host, tmp_path: Path, more: dict[str, str], code: str, named: str
):
    (tmp_path / "key").write_text("")
    options = {"address": "127.0.0.1", "port": "1", "key": str(tmp_path / "key"), "host_key": KEY}

    with pytest.raises(ToqueError) as caught:
        host.create(Spec("a", "host", options={**options, **more}), api.silent)

    assert caught.value.code == code
    assert named in str(caught.value)
    assert not host.store.state.exists() or not host.store.names()


def test_packages_cannot_be_asked_of_a_machine_that_exists(host: Host, tmp_path: Path):
    (tmp_path / "key").write_text("")
    options = {"address": "127.0.0.1", "key": str(tmp_path / "key"), "host_key": KEY}

    with pytest.raises(AskedWrongly) as caught:
        host.create(Spec("a", "host", packages=("git",), options=options), api.silent)

    assert caught.value.code == "kitchen-driver-cannot"


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("web1", ("web1", 22)),
        ("root@web1:2222", ("web1", 2222)),
        ("root@[::1]:23", ("::1", 23)),
        ("[::1]", ("::1", 22)),
        ("fe80::1", ("fe80::1", 22)),
    ],
)
def test_a_nodes_address_is_split(address: str, parts: tuple[str, int]):
    assert _split(address) == parts
