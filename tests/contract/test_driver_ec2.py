"""The driver ``ec2`` against moto's EC2 on loopback; nothing here reaches Amazon.

What moto cannot play: an instance that answers SSH (``metal_ec2`` puts a throwaway machine of this
host under each), a client token that keeps EC2 from running an instance twice, and lists that lag.
"""

import contextlib
import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

import metal_ec2
from toque.errors import AskedWrongly, Failed
from toque.kitchen import api, identity, remote
from toque.kitchen.contract import DriverContract
from toque.kitchen.contract.promises import Bench
from toque.kitchen.drivers import Drivers, ec2_account, ec2_options
from toque.kitchen.drivers.ec2 import Ec2
from toque.kitchen.machine import Machine
from toque.kitchen.state import Store

ROOT = Path(__file__).parents[2]
REGION = "eu-central-1"
SECRET = "a-secret-that-is-nowhere"
HERE = {"ssh_from": "203.0.113.7"}  # or this host's address would be asked for


def image(number: int, name: str, made: str, owner: str = ec2_account.DEBIAN) -> dict[str, Any]:
    return {
        "ami_id": f"ami-{number:017x}",
        "name": name,
        "creation_date": made,
        "owner_id": owner,
        "root_device_name": "/dev/xvda",
        "architecture": "x86_64",
        "virtualization_type": "hvm",
        "public": True,
        "state": "available",
        "image_type": "machine",
        "hypervisor": "xen",
        "description": "",
        "platform": None,
        "sriov": "simple",
        "root_device_type": "ebs",
    }


IMAGES = (
    image(1, "debian-12-amd64-20250101-1", "2025-01-01T00:00:00.000Z"),
    image(2, "debian-12-amd64-20260301-2", "2026-03-01T00:00:00.000Z"),
    image(3, "debian-12-arm64-20260501-3", "2026-05-01T00:00:00.000Z"),
    image(4, "debian-12-amd64-20260601-9", "2026-06-01T00:00:00.000Z", "666666666666"),
)
NEWEST = "ami-00000000000000002"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("moto")
    (folder / "images.json").write_text(json.dumps(IMAGES))
    with open(folder / "log", "w+") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"],
            env={**os.environ, "MOTO_AMIS_PATH": str(folder / "images.json")},
            stdout=log,
            stderr=log,
        )
        try:
            while not (said := re.search(r"http://127.0.0.1:\d+", (folder / "log").read_text())):
                assert process.poll() is None, (folder / "log").read_text()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(0.1)
            yield said[0]
        finally:
            process.kill()
            process.wait()


def settings(server: str) -> dict[str, str]:
    """What leads boto3 there, and nowhere else."""
    return {
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": "AKIATESTING",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "NO_PROXY": "127.0.0.1",
    }


@pytest.fixture(scope="module")
def looker(server: str) -> Any:
    import boto3

    keys = {"aws_access_key_id": "looker", "aws_secret_access_key": "looker"}
    return boto3.Session(region_name=REGION, **keys).client("ec2", endpoint_url=server)


@pytest.fixture
def account(server: str, looker: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An empty account, found by boto3's own settings; returns a client to look into it."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in settings(server).items():
        monkeypatch.setenv(name, value)
    urllib.request.urlopen(
        urllib.request.Request(f"{server}/moto-api/reset", method="POST")
    ).close()
    monkeypatch.setattr(ec2_account, "WAIT", {"Delay": 0, "MaxAttempts": 50})
    return looker


@pytest.fixture
def kitchen(tmp_path: Path, account: Any) -> api.Kitchen:
    store = Store(tmp_path / "state", tmp_path / "cache")
    return api.Kitchen(store, Drivers.of(Ec2(store, {}, settle_s=0.0)))


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every instance lets us in at once, and says what it has to."""
    monkeypatch.setattr(identity, "wait_for_ssh", lambda *words: None)
    monkeypatch.setattr(remote, "output", lambda machine, argv, stdin=b"": "ssh-ed25519 AAAAnew x")


def create(kitchen: api.Kitchen, name: str = "one", **more: str) -> Machine:
    return api.create(kitchen, name, driver="ec2", options={**HERE, **more})


def alive(account: Any) -> list[dict[str, Any]]:
    states = [{"Name": "instance-state-name", "Values": list(ec2_account.ALIVE)}]
    pages = account.describe_instances(Filters=states)["Reservations"]
    return [instance for page in pages for instance in page["Instances"]]


def left(account: Any) -> list[str]:
    """What is in the account that is not there in an empty one, or costs."""
    groups = account.describe_security_groups()["SecurityGroups"]
    found = [group["GroupName"] for group in groups if group["GroupName"] != "default"]
    found += [volume["VolumeId"] for volume in account.describe_volumes()["Volumes"]]
    found += [pair["KeyName"] for pair in account.describe_key_pairs()["KeyPairs"]]
    return found + [instance["InstanceId"] for instance in alive(account)]


def our_group(account: Any) -> dict[str, Any]:
    groups = account.describe_security_groups()["SecurityGroups"]
    (found,) = [group for group in groups if group["GroupName"] != "default"]
    return found


def tags(thing: Mapping[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in thing["Tags"]}


@pytest.mark.usefixtures("answering")
def test_an_instance_is_what_was_asked_for_and_nothing_of_it_stays(
    kitchen: api.Kitchen, account: Any
):
    machine = create(kitchen, disk_gb="12", tags="team=web, cost=tests", instance_type="t3.nano")

    (instance,) = alive(account)
    assert machine.image == f"{REGION}/{NEWEST}"
    assert (instance["ImageId"], instance["InstanceType"]) == (NEWEST, "t3.nano")
    assert machine.address == instance["PublicIpAddress"]
    assert machine.host_key == "ssh-ed25519 AAAAnew"
    group = our_group(account)
    (rule,) = group["IpPermissions"]
    assert (rule["FromPort"], rule["ToPort"], rule["IpProtocol"]) == (22, 22, "tcp")
    assert [entry["CidrIp"] for entry in rule["IpRanges"]] == ["203.0.113.7/32"]
    assert [entry["GroupId"] for entry in instance["SecurityGroups"]] == [group["GroupId"]]
    (volume,) = account.describe_volumes()["Volumes"]
    assert volume["Size"] == 12
    for thing in (instance, group, volume):
        assert tags(thing) | {"team": "web", "cost": "tests", "toque:machine": "one"} == tags(thing)
        assert tags(thing)["toque:kitchen"] == owner(kitchen)
    assert instance["MetadataOptions"]["HttpTokens"] == "required"
    assert api.running(kitchen, "one")

    assert api.destroy(kitchen, "one")

    assert left(account) == []
    assert not kitchen.store.state.exists()


def owner(kitchen: api.Kitchen) -> str:
    return (kitchen.store.state / "ec2" / REGION).read_text()


@pytest.mark.usefixtures("answering")
def test_what_an_instance_is_told_makes_it_known_and_lets_only_our_key_in(
    kitchen: api.Kitchen, account: Any, monkeypatch: pytest.MonkeyPatch
):
    pinned = []
    monkeypatch.setattr(
        remote,
        "output",
        lambda machine, argv, stdin: pinned.append(machine.host_key) or "ssh-ed25519 AAAAnew",
    )

    machine = create(kitchen)

    told = metal_ec2.user_data(account, alive(account)[0]["InstanceId"])
    assert told["ssh_authorized_keys"] == [machine.key.with_suffix(".pub").read_text().strip()]
    assert told["disable_root"] is False
    assert pinned == [" ".join(told["ssh_keys"]["ed25519_public"].split()[:2])]
    assert "PRIVATE KEY" in told["ssh_keys"]["ed25519_private"]
    assert machine.host_key not in json.dumps(told)
    assert not (machine.folder / "keys/host_key").exists()


@pytest.mark.usefixtures("answering")
def test_credentials_are_written_down_nowhere(kitchen: api.Kitchen):
    create(kitchen)

    for file in kitchen.store.state.rglob("*"):
        if file.is_file():
            assert SECRET not in file.read_text()
            assert "AKIATESTING" not in file.read_text()


@pytest.mark.usefixtures("answering")
def test_a_start_brings_another_address_which_is_written_down(kitchen: api.Kitchen, account: Any):
    before = create(kitchen)
    (instance,) = alive(account)
    api.stop(kitchen, "one")
    assert alive(account)[0]["State"]["Name"] == "stopped"
    assert [seen.state for seen in api.all_machines(kitchen)] == ["stopped"]
    ec2 = replace(kitchen.drivers.named("ec2"), address_of=lambda instance, which: "192.0.2.9")
    kitchen = api.Kitchen(kitchen.store, Drivers.of(ec2))

    after = create(kitchen)

    assert after == replace(before, address="192.0.2.9") == api.find(kitchen, "one")
    assert [i["InstanceId"] for i in alive(account)] == [instance["InstanceId"]]
    api.power_cut(kitchen, "one")
    assert not api.running(kitchen, "one")
    api.start(kitchen, "one")
    assert api.running(kitchen, "one")


class Killed(BaseException):
    """The end of a process, for the moment."""


def killed(*args: object, **options: object) -> None:
    raise Killed


@pytest.mark.usefixtures("answering")
@pytest.mark.parametrize("cut", ["group", "run", "before-wait", "ready"])
@pytest.mark.parametrize("then", ["create", "destroy"])
def test_what_a_kill_left_at_amazons_is_found_again(
    kitchen: api.Kitchen, account: Any, monkeypatch: pytest.MonkeyPatch, cut: str, then: str
):
    """Also between the call that runs an instance and the first word of it that is kept."""
    run = {
        "group": (ec2_account.Account, "group"),
        "run": (Ec2, "_run"),
        "before-wait": (ec2_account.Account, "wait"),
        "ready": (identity, "wait_for_ssh"),
    }
    with monkeypatch.context() as patch:
        patch.setattr(*run[cut], killed)
        with pytest.raises(Killed):
            create(kitchen)
    assert [seen.state for seen in api.all_machines(kitchen)] == ["half-made"]
    assert len(alive(account)) == (cut in ("before-wait", "ready"))

    if then == "create":
        create(kitchen)
        assert len(alive(account)) == 1
        assert api.running(kitchen, "one")
    api.destroy(kitchen, "one")

    assert left(account) == []
    assert not kitchen.store.state.exists()


def test_a_kill_before_the_record_leaves_nothing_after_the_next_destroy(
    kitchen: api.Kitchen, account: Any, monkeypatch: pytest.MonkeyPatch
):
    with monkeypatch.context() as patch:
        patch.setattr(Store, "write", killed)
        with pytest.raises(Killed):
            create(kitchen)
    assert owner(kitchen)

    assert api.destroy(kitchen, "one") is False

    assert left(account) == []
    assert not kitchen.store.state.exists()


@pytest.mark.usefixtures("answering")
def test_what_is_tagged_as_ours_and_not_recorded_is_swept_away(
    kitchen: api.Kitchen, account: Any, tmp_path: Path
):
    """And neither another kitchen's machines nor those that stand in the records."""
    other_store = Store(tmp_path / "other", tmp_path / "cache")
    other = api.Kitchen(other_store, Drivers.of(Ec2(other_store, {})))
    for name in ("lost", "kept"):
        create(kitchen, name)
    create(other, "lost")
    (api.find(kitchen, "lost").folder / "record.json").unlink()
    assert len(alive(account)) == 3

    assert api.destroy(kitchen, "lost") is False

    there = {(tags(i)["toque:kitchen"], tags(i)["toque:machine"]) for i in alive(account)}
    assert there == {(owner(kitchen), "kept"), (owner(other), "lost")}
    api.destroy(kitchen, "kept")
    api.destroy(other, "lost")
    assert left(account) == []


def test_without_a_machine_there_nothing_is_asked(kitchen: api.Kitchen, monkeypatch: Any):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")

    assert api.destroy(kitchen, "none") is False


@pytest.mark.usefixtures("answering")
def test_an_instance_that_somebody_else_ended_is_said_to_be_gone(
    kitchen: api.Kitchen, account: Any
):
    create(kitchen)
    account.terminate_instances(InstanceIds=[alive(account)[0]["InstanceId"]])

    with pytest.raises(Failed) as caught:
        api.start(kitchen, "one")

    assert caught.value.code == "kitchen-ec2-gone"
    assert not api.running(kitchen, "one")
    assert api.destroy(kitchen, "one")
    assert left(account) == []


@pytest.mark.usefixtures("answering")
def test_states_are_refused(kitchen: api.Kitchen):
    create(kitchen)
    driver, machine = kitchen.drivers.named("ec2"), api.find(kitchen, "one")

    assert api.snapshots(kitchen, "one") == []
    for refused in (driver.snapshot, driver.restore):
        with pytest.raises(AskedWrongly) as caught:
            refused(machine, "kept")
        assert caught.value.code == "kitchen-driver-cannot"


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"region": "../x"}, "region"),
        ({"image": "debian"}, "image"),
        ({"ssh_from": "1.2.3"}, "ssh_from"),
        ({"ssh_from": "1.2.3.4/99"}, "ssh_from"),
        ({"tags": "team"}, "tags"),
        ({"address": "private", "ssh_from": ""}, "ssh_from"),
        ({"sshfrom": "x"}, "sshfrom"),
    ],
)
def test_a_bad_option_is_refused_before_anything_is_made(
    kitchen: api.Kitchen, account: Any, more: dict[str, str], named: str
):
    with pytest.raises(AskedWrongly) as caught:
        create(kitchen, **more)

    assert caught.value.code in ("kitchen-bad-option", "kitchen-unknown-option")
    assert named in str(caught.value)
    assert left(account) == []
    assert not kitchen.store.names()


def test_a_release_without_an_image_is_said_so(kitchen: api.Kitchen):
    with pytest.raises(AskedWrongly) as caught:
        api.create(kitchen, "one", driver="ec2", release="trixie", options=HERE)

    assert caught.value.code == "kitchen-ec2-no-image"
    assert "debian-13-amd64-*" in caught.value.trouble.expected


def test_what_amazon_refuses_is_said_in_its_words(kitchen: api.Kitchen):
    with pytest.raises(Failed) as caught:
        create(kitchen, subnet="subnet-0123456789")

    assert caught.value.code == "kitchen-ec2-refused"
    assert "InvalidSubnetID.NotFound" in caught.value.trouble.message
    api.destroy(kitchen, "one")


def test_the_probe_says_what_is_missing(kitchen: api.Kitchen, monkeypatch: pytest.MonkeyPatch):
    driver = kitchen.drivers.named("ec2")
    assert driver.probe().works

    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert driver.probe().reason == "no credentials (aws configure)"

    monkeypatch.setitem(sys.modules, "boto3", None)
    assert driver.probe().reason == "boto3 is not installed (pip install 'toque[ec2]')"


def test_this_hosts_address_is_asked_for_when_no_network_is_named(
    kitchen: api.Kitchen, account: Any, monkeypatch: pytest.MonkeyPatch, answering: None
):
    monkeypatch.setattr(ec2_options, "_own_address", lambda: "198.51.100.4")

    api.create(kitchen, "one", driver="ec2")

    group = our_group(account)
    assert group["IpPermissions"][0]["IpRanges"][0]["CidrIp"] == "198.51.100.4/32"


@pytest.mark.machine
class TestEc2(DriverContract):
    """The promises of every driver, with machines of this host as the metal of the instances."""

    driver = "metal"
    lacks = frozenset({"snapshots"})
    told: ClassVar[dict[str, str]]

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def metal(cls, server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
        """The driver is found as a plugin, here and in the processes that are killed."""
        plugin = tmp_path_factory.mktemp("plugin")
        (plugin / "metal-1.dist-info").mkdir()
        points = "[toque.drivers]\nmetal = metal_ec2:Metal\n"
        (plugin / "metal-1.dist-info/entry_points.txt").write_text(points)
        (plugin / "metal-1.dist-info/METADATA").write_text("Name: metal\nVersion: 1\n")
        folder = tmp_path_factory.mktemp("metal")
        cls.told = {
            **settings(server),
            "METAL_DIR": str(folder / "state"),
            "PYTHONPATH": f"{plugin}:{Path(metal_ec2.__file__).parent}",
        }
        own = metal_ec2.kitchen_of(cls.told)
        verdict = own.drivers.verdict("nspawn")
        if not verdict.works:
            pytest.skip(f"nothing to be the metal of an instance: nspawn: {verdict.reason}")
        with pytest.MonkeyPatch.context() as patch:
            patch.syspath_prepend(plugin)
            for name, value in cls.told.items():
                patch.setenv(name, value)
            yield
        assert own.store.names() == []

    @classmethod
    def environ(cls) -> dict[str, str]:
        return cls.told

    @classmethod
    def options(cls, name: str) -> dict[str, str]:
        return HERE

    def test_it_is_known_by_a_host_key_that_was_never_in_its_user_data(
        self, bench: Bench, machine: Machine, looker: Any
    ) -> None:
        (instance,) = alive(looker)
        told = metal_ec2.user_data(looker, instance["InstanceId"])["ssh_keys"]
        shown = bench.run(machine, "cat", "/etc/ssh/ssh_host_ed25519_key.pub")

        assert machine.host_key == " ".join(shown.split()[:2])
        assert machine.host_key not in told["ed25519_public"]


def test_what_is_still_in_use_is_waited_for_and_what_is_gone_is_well():
    """A network interface goes a little later than its instance."""
    from botocore.exceptions import ClientError

    def refused(code: str) -> None:
        raise ClientError({"Error": {"Code": code}}, "DeleteSecurityGroup")

    assert not ec2_account._removed(lambda: refused("DependencyViolation"))
    assert ec2_account._removed(lambda: refused("InvalidGroup.NotFound"))
    with pytest.raises(ClientError):
        ec2_account._removed(lambda: refused("UnauthorizedOperation"))


def test_the_guide_lists_the_permissions_that_the_code_needs():
    guide = (ROOT / "docs/guides/kitchen-ec2.md").read_text()
    policy = json.loads(guide.partition("```json\n")[2].partition("```")[0])
    allowed = {
        action for statement in policy["Statement"] for action in listed(statement["Action"])
    }

    code = "".join(
        (Path(ec2_account.__file__).parent / f"{name}.py").read_text()
        for name in ("ec2", "ec2_account")
    )

    calls = set(re.findall(r"(?:self|account)\.client\.([a-z_]+)", code)) - {
        "get_paginator",
        "get_waiter",
    }
    needed = {"ec2:" + call.title().replace("_", "") for call in calls}
    assert allowed == needed | {"ec2:DescribeInstances", "ec2:CreateTags"}


def listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
