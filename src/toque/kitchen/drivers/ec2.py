"""Machines in Amazon's EC2, by boto3 (the extra ``ec2``).

    folder/keys         the key that logs in, and the key by which the machine is first known
    <state>/ec2/REGION  whose things there are ours, see ec2_account.py

Whom to ask, and as whom, boto3 finds by itself: environment, ~/.aws, the role of this machine.
Nothing of that is kept.  What an instance is, is asked of EC2 each time, by tags that it was born
with, so one whose creation was killed is found again.

The private host key of the first boot travels in the instance's user data and can be read there
(cloud_init.py); once we are in, the machine makes itself another, and only that one is pinned.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import hashlib
import secrets
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...errors import AskedWrongly, Failed
from .. import identity, remote
from ..driver import Progress
from ..machine import STANDARD_PORTS, Machine, Spec, Verdict
from ..process import until
from ..state import Record, Store
from ..state import replace as write
from . import cloud_init, ec2_options
from .ec2_account import MACHINE, Account, asked, reason_against, region_of, session_here

SMALL = "t3.small"  # 2 GiB: enough for an app, its database and a build of its packages
OWNERS = "ec2_"  # the lock of the owners' files; no machine can have the name
ASKED_FOR = "asked-for"  # there from the moment that an instance may run
SSH_S = 300.0
SETTLE_S = 60.0
APT = (
    "env", "DEBIAN_FRONTEND=noninteractive",
    "apt-get", "--quiet", "--option=DPkg::Lock::Timeout=300",
)  # fmt: skip
NEW_HOST_KEY = """\
set -e
cd /etc/ssh
rm -f ssh_host_*
ssh-keygen -q -t ed25519 -N '' -C '' -f ssh_host_ed25519_key
systemctl restart ssh
cat ssh_host_ed25519_key.pub
"""


def address_of(instance: Mapping[str, Any], which: str) -> str:
    """Where this host reaches an instance: its ``public`` or ``private`` IPv4 address."""
    key = "PrivateIpAddress" if which == "private" else "PublicIpAddress"
    return str(instance.get(key, ""))


@dataclass(frozen=True)
class Ec2:
    store: Store
    environ: Mapping[str, str]
    name: str = "ec2"
    address_of: Callable[[Mapping[str, Any], str], str] = address_of
    settle_s: float = SETTLE_S

    def probe(self) -> Verdict:
        reason = reason_against()
        return Verdict(self.name, not reason, reason or "boto3 and credentials are there")

    def create(self, spec: Spec, progress: Progress) -> Machine:
        ec2_options.check(spec)
        given = spec.options
        region = region_of(self._session, given.get("region", ""))
        image = given.get("image") or Account(self._session, region).image(
            spec.release, given.get("arch", "amd64")
        )
        source = "" if given.get("security_group") else ec2_options.source(spec)
        machine = self._written_down(spec, region, image)
        progress(f"machine {spec.name}: running {image} in {region}")
        instance = self._run(spec, machine, source)
        machine = self._reached(spec, machine, instance)
        self.store.write(Record(spec, machine, ready=False))
        progress(f"machine {spec.name}: {instance['InstanceId']} runs at {machine.address}")
        self._answering(machine)
        host_key = remote.output(machine, ["sh"], NEW_HOST_KEY.encode())
        machine = replace(machine, host_key=" ".join(host_key.split()[:2]))
        (machine.folder / "keys/host_key").unlink()
        if spec.packages:
            remote.output(machine, [*APT, "update"])
            remote.output(machine, [*APT, "install", "--yes", "--", *spec.packages])
        self.store.write(Record(spec, machine, ready=True))
        return machine

    def _written_down(self, spec: Spec, region: str, image: str) -> Machine:
        """Whose things there are ours, and the record, before anything is made at Amazon's."""
        folder = self.store.folder(spec.name)
        machine = Machine(
            name=spec.name,
            driver=self.name,
            release=spec.release,
            address="",
            ssh_port=STANDARD_PORTS["ssh"],
            key=folder / "keys/login_key",
            host_key=identity.make_keys(folder / "keys"),
            root=folder / "root",
            ports=dict(STANDARD_PORTS),
            created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            image=f"{region}/{image}",
        )
        with self.store.lock(OWNERS):
            file = self._owner_file(region)
            if not file.exists():
                file.parent.mkdir(exist_ok=True)
                write(file, secrets.token_hex(8))
            self.store.write(Record(spec, machine, ready=False))
        return machine

    def _run(self, spec: Spec, machine: Machine, source: str) -> dict[str, Any]:
        """The instance of this record: run now, and running on return."""
        account, given, token = self._account(machine), spec.options, _token(machine)
        tags = account.tags(spec.name, token, ec2_options.tags(spec))
        group = given.get("security_group") or account.group(
            token, given.get("subnet", ""), tags, source
        )
        keys = machine.folder / "keys"
        wanted: dict[str, Any] = {
            "ImageId": machine.image.partition("/")[2],
            "InstanceType": given.get("instance_type", SMALL),
            "MinCount": 1,
            "MaxCount": 1,
            # boto3 asks again when an answer is lost: EC2 then runs no second one.
            "ClientToken": token,
            "SecurityGroupIds": [group],
            "TagSpecifications": [
                {"ResourceType": kind, "Tags": tags} for kind in ("instance", "volume")
            ],
            "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
            "UserData": cloud_init.user_data(
                spec.name,
                (keys / "login_key.pub").read_text(),
                (keys / "host_key").read_text(),
                (keys / "host_key.pub").read_text(),
            ),
        }
        if given.get("subnet"):
            wanted["SubnetId"] = given["subnet"]
        if given.get("key_name"):
            wanted["KeyName"] = given["key_name"]
        if given.get("iam_profile"):
            wanted["IamInstanceProfile"] = {"Name": given["iam_profile"]}
        if given.get("disk_gb"):
            disk = {"VolumeSize": int(given["disk_gb"]), "DeleteOnTermination": True}
            device = account.root_device(wanted["ImageId"])
            wanted["BlockDeviceMappings"] = [{"DeviceName": device, "Ebs": disk}]
        (machine.folder / ASKED_FOR).touch()
        with asked("run an instance"):
            made = account.client.run_instances(**wanted)["Instances"][0]
        account.wait("running", [made["InstanceId"]])
        return self._instance(account, machine)

    def start(self, machine: Machine) -> None:
        account, record = self._account(machine), self.store.read(machine.name)
        instance = self._instance(account, machine)
        if instance["State"]["Name"] == "stopping":
            account.wait("stopped", [instance["InstanceId"]])
        if instance["State"]["Name"] in ("stopping", "stopped"):
            with asked("start the instance"):
                account.client.start_instances(InstanceIds=[instance["InstanceId"]])
        account.wait("running", [instance["InstanceId"]])
        if record is None:
            return
        now = self._reached(record.spec, machine, self._instance(account, machine))
        self.store.write(replace(record, machine=now))  # a start brings another address
        self._answering(now)

    def stop(self, machine: Machine) -> None:
        self._stop(machine)

    def kill(self, machine: Machine) -> None:
        self._stop(machine, Force=True, SkipOsShutdown=True)

    def _stop(self, machine: Machine, **how: bool) -> None:
        account = self._account(machine)
        instance = self._instance(account, machine)
        with asked("stop the instance"):
            account.client.stop_instances(InstanceIds=[instance["InstanceId"]], **how)
        account.wait("stopped", [instance["InstanceId"]])

    def reboot(self, machine: Machine) -> None:
        remote.reboot(machine)

    def snapshot(self, machine: Machine, name: str) -> None:
        raise _cannot(machine.name)

    def restore(self, machine: Machine, name: str) -> None:
        raise _cannot(machine.name)

    def snapshots(self, machine: Machine) -> list[str]:
        return []

    def destroy(self, machine: Machine) -> None:
        record = self.store.read(machine.name)
        if record is None:
            self.sweep()
            return
        account = self._account(machine)
        if not record.ready and (machine.folder / ASKED_FOR).exists():
            # Killed while it asked for an instance: a new one is not listed at once.
            until(lambda: account.seen(_token(machine)), self.settle_s, 2.0)
        account.clear(machine.name)
        with self.store.lock("network"):
            self.store.remove_folder(machine.name)
        self.sweep()

    def sweep(self) -> None:
        """What has our tag and no record goes; a region without a record is forgotten."""
        with self.store.lock("network"):
            self.store.remove_debris()
        for file in sorted(self._owner_file("x").parent.glob("[a-z]*")):
            Account(self._session, file.name, file.read_text()).clear_all_but(
                self._recorded(file.name)
            )
            with self.store.lock(OWNERS):
                if not self._recorded(file.name):
                    file.unlink(missing_ok=True)
                    with contextlib.suppress(OSError):  # other regions
                        file.parent.rmdir()

    def running(self, machine: Machine) -> bool:
        account = self._account(machine)
        found = account.instances(account.mine(machine.name, _token(machine)))
        return any(instance["State"]["Name"] == "running" for instance in found)

    def exec(
        self, machine: Machine, argv: Sequence[str], stdin: bytes = b""
    ) -> subprocess.CompletedProcess[bytes]:
        return remote.run(machine, argv, stdin)

    def shell(self, machine: Machine, argv: Sequence[str] = ("/bin/bash", "-l")) -> int:
        return remote.shell(machine, argv, self.environ.get("TERM", "dumb"))

    def console(self, machine: Machine, lines: int = 100) -> str:
        account = self._account(machine)
        return "\n".join(account.console(self._instance(account, machine))[-lines:])

    @functools.cached_property
    def _session(self) -> Any:
        return session_here()

    def _answering(self, machine: Machine) -> None:
        identity.wait_for_ssh(
            machine, lambda: self.console(machine), SSH_S, lambda: self.running(machine)
        )

    def _owner_file(self, region: str) -> Path:
        return self.store.state / "ec2" / region

    def _account(self, machine: Machine) -> Account:
        """Where a machine that is written down is, and as whose."""
        file = self._owner_file(machine.image.partition("/")[0])
        try:
            return Account(self._session, file.name, file.read_text())
        except FileNotFoundError as error:
            raise Failed(
                "kitchen-record-unreadable",
                f"whose instance machine {machine.name} is cannot be read: {error}",
                expected=str(file),
                hint=f"remove by hand what has the tag {MACHINE} = {machine.name} in {file.name},"
                f" then: rm -r {machine.folder}",
            ) from error

    def _recorded(self, region: str) -> set[str]:
        """The machines of a region that have a record."""
        return {
            record.spec.name
            for record in self.store.records()
            if record.spec.driver == self.name and record.machine.image.startswith(f"{region}/")
        }

    def _instance(self, account: Account, machine: Machine) -> dict[str, Any]:
        found = account.instances(account.mine(machine.name, _token(machine)))
        if not found:
            raise Failed(
                "kitchen-ec2-gone",
                f"there is no instance of machine {machine.name} any more",
                expected=f"one in {account.region} with the tag {MACHINE} = {machine.name}",
                found="none: it was terminated by somebody else, or never ran",
                hint=f"toque kitchen destroy {machine.name}",
            )
        return found[0]

    def _reached(self, spec: Spec, machine: Machine, instance: Mapping[str, Any]) -> Machine:
        which = spec.options.get("address", "public")
        address = self.address_of(instance, which)
        if not address:
            raise AskedWrongly(
                "kitchen-bad-option",
                f"the instance of machine {machine.name} has no {which} address",
                expected="a subnet that gives one, or the option `address` set to private",
                found=f"subnet {instance.get('SubnetId', 'unknown')}",
                hint=f"toque kitchen destroy {machine.name}",
            )
        return replace(machine, address=address)


def _token(machine: Machine) -> str:
    """What tells this record of a machine from an earlier one, at most 64 characters.

    The machine's first host key is made anew for each record.
    """
    key = (machine.folder / "keys/host_key.pub").read_bytes()
    return f"{machine.name}-{hashlib.sha256(key).hexdigest()[:20]}"


def _cannot(name: str) -> AskedWrongly:
    return AskedWrongly(
        "kitchen-driver-cannot",
        f"machine {name}: driver ec2 keeps no states of a machine",
        expected="create, converge, verify, login, exec, console, reboot or destroy",
        hint="toque kitchen destroy, then create, is the way back to the beginning",
    )
