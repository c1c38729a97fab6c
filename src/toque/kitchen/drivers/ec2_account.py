"""What the driver ``ec2`` asks of Amazon, and what there of all is ours, by tags.

Every thing that costs or stays carries three tags: whose kitchen, which machine, which record of
it.  The owner is drawn at random for each store and region and kept in ``<state>/ec2/REGION``
while anything of ours may be there, so that no kitchen takes another's for its own, and none that
never used EC2 asks anything.
"""

from __future__ import annotations

import contextlib
import importlib.util
import re
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from ...errors import AskedWrongly, Failed
from ..process import until

OWNER, MACHINE, RECORD = "toque:kitchen", "toque:machine", "toque:record"
REGION = r"[a-z]{2}(-[a-z]+)+-\d"
WAIT = {"Delay": 3, "MaxAttempts": 200}  # seconds, times
ALIVE = ("pending", "running", "stopping", "stopped")
# Debian's own account and names: https://wiki.debian.org/Cloud/AmazonEC2Image
DEBIAN = "136693071363"
NUMBERS = {"bullseye": "11", "bookworm": "12", "trixie": "13"}


def reason_against() -> str:
    """Why EC2 cannot be asked from here; empty when it can.  Nothing is asked yet."""
    for program in ("ssh", "ssh-keygen"):
        if shutil.which(program) is None:
            return f"{program} is not installed (apt-get install openssh-client)"
    if importlib.util.find_spec("boto3") is None:
        return "boto3 is not installed (pip install 'toque[ec2]')"
    import boto3

    with asked("read your AWS settings"):
        return "" if boto3.Session().get_credentials() else "no credentials (aws configure)"


def session_here() -> Any:
    """The user's own AWS settings.  Raises ``Failed("kitchen-no-driver")``."""
    if reason := reason_against():
        raise Failed(
            "kitchen-no-driver",
            "driver ec2 does not work on this host",
            expected="boto3 and credentials",
            found=f"ec2: {reason}",
        )
    import boto3

    return boto3.Session()


def region_of(session: Any, wanted: str) -> str:
    """The region of the options, or that of the user's own AWS settings."""
    region = wanted or session.region_name or ""
    if not re.fullmatch(REGION, region):
        raise AskedWrongly(
            "kitchen-bad-option",
            "no region is named for the driver ec2",
            expected="the option `region`, or AWS_REGION, or `region` in ~/.aws/config",
            found=region or "none",
            hint="aws configure set region eu-central-1",
        )
    return str(region)


@contextlib.contextmanager
def asked(what: str) -> Iterator[None]:
    """Turn what boto3 raises into an error of ours.  It holds no credentials."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
        raise Failed(
            "kitchen-ec2-refused",
            f"EC2 did not {what}" + (f": {code}" if code else ""),
            found=str(error)[:500],
            hint="the guide's page on EC2 lists the permissions that are needed",
        ) from error


@dataclass(frozen=True)
class Account:
    """One region of the account that boto3's session is for, as one kitchen sees it."""

    session: Any
    region: str
    owner: str = ""

    @cached_property
    def client(self) -> Any:
        with asked("take your AWS settings"):
            return self.session.client("ec2", region_name=self.region)

    def tags(self, machine: str, record: str, more: Mapping[str, str]) -> list[dict[str, str]]:
        ours = {"Name": f"toque kitchen {machine}", **more}
        ours |= {OWNER: self.owner, MACHINE: machine, RECORD: record}
        return [{"Key": key, "Value": value} for key, value in ours.items()]

    def mine(self, machine: str, record: str | None = None) -> list[dict[str, Any]]:
        """Filters for what is ours of one machine, or of one record of it."""
        wanted = {OWNER: self.owner, MACHINE: machine}
        wanted |= {} if record is None else {RECORD: record}
        return [{"Name": f"tag:{key}", "Values": [value]} for key, value in wanted.items()]

    def instances(
        self, filters: Sequence[Mapping[str, Any]], states: Sequence[str] = ALIVE
    ) -> list[dict[str, Any]]:
        """The instances that are in one of the states: those that are not gone."""
        state = {"Name": "instance-state-name", "Values": list(states)}
        with asked("list instances"):
            pages = self.client.get_paginator("describe_instances").paginate(
                Filters=[*filters, state]
            )
            return [
                found
                for page in pages
                for reservation in page["Reservations"]
                for found in reservation["Instances"]
            ]

    def wait(self, state: str, ids: Sequence[str]) -> None:
        """Until the instances are ``running``, ``stopped`` or ``terminated``."""
        with asked(f"bring {', '.join(ids)} to the state {state}"):
            waiter = self.client.get_waiter(f"instance_{state}")
            waiter.wait(InstanceIds=list(ids), WaiterConfig=WAIT)

    def image(self, release: str, arch: str) -> str:
        """The newest of Debian's own images of a release."""
        name = f"debian-{NUMBERS.get(release, release)}-{arch}-*"
        with asked("list images"):
            filters = [{"Name": "name", "Values": [name]}]
            found = self.client.describe_images(Owners=[DEBIAN], Filters=filters)["Images"]
        if not found:
            raise AskedWrongly(
                "kitchen-ec2-no-image",
                f"Debian has no image of {release} for {arch} in {self.region}",
                expected=f"an image {name} of account {DEBIAN}",
                found="none",
                hint="name one with the option `image`",
            )
        return str(max(found, key=lambda image: image["CreationDate"])["ImageId"])

    def root_device(self, image: str) -> str:
        with asked(f"describe image {image}"):
            found = self.client.describe_images(ImageIds=[image])["Images"]
        return str(found[0]["RootDeviceName"])

    def console(self, instance: Mapping[str, Any]) -> list[str]:
        """The lines that EC2 has of what an instance printed; minutes late."""
        with asked("show the console"):
            shown = self.client.get_console_output(InstanceId=instance["InstanceId"])
        return str(shown.get("Output", "")).splitlines()

    def seen(self, record: str) -> bool:
        """Whether an instance of that record is listed, in whatever state."""
        with asked("list instances"):
            filters = [{"Name": f"tag:{RECORD}", "Values": [record]}]
            return bool(self.client.describe_instances(Filters=filters)["Reservations"])

    def group(self, name: str, subnet: str, tags: Sequence[Mapping[str, str]], source: str) -> str:
        """A new security group that lets in SSH from one network; returns its id."""
        with asked("make a security group"):
            group = self.client.create_security_group(
                GroupName=f"toque-{name}",
                Description="Toque kitchen: SSH from where the machine was made",
                VpcId=self._network_of(subnet),
                TagSpecifications=[{"ResourceType": "security-group", "Tags": list(tags)}],
            )["GroupId"]
            ssh = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22}
            rule = {**ssh, "IpRanges": [{"CidrIp": source}]}
            self.client.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
        return str(group)

    def _network_of(self, subnet: str) -> str:
        """The id of the VPC of a subnet, or of the region's default one."""
        if subnet:
            return str(self.client.describe_subnets(SubnetIds=[subnet])["Subnets"][0]["VpcId"])
        filters = [{"Name": "is-default", "Values": ["true"]}]
        found = self.client.describe_vpcs(Filters=filters)["Vpcs"]
        if not found:
            raise AskedWrongly(
                "kitchen-bad-option",
                f"{self.region} has no default network, so a subnet must be named",
                expected="the option `subnet`",
                found="none",
            )
        return str(found[0]["VpcId"])

    def machines(self) -> set[str]:
        """The names of the machines of which anything of ours is there."""
        with asked("list tags"):
            filters = [{"Name": f"tag:{OWNER}", "Values": [self.owner]}]
            groups = self.client.describe_security_groups(Filters=filters)["SecurityGroups"]
            volumes = self.client.describe_volumes(Filters=filters)["Volumes"]
        things = [*self.instances(filters), *groups, *volumes]
        return {tag["Value"] for thing in things for tag in thing["Tags"] if tag["Key"] == MACHINE}

    def clear(self, machine: str) -> None:
        """Remove all of a machine, by its tags, and return when it is gone.  Safe to repeat."""
        filters = self.mine(machine)
        found = self.instances(filters, (*ALIVE, "shutting-down"))
        if ids := [instance["InstanceId"] for instance in found]:
            with asked(f"terminate {', '.join(ids)}"):
                self.client.terminate_instances(InstanceIds=ids)
            self.wait("terminated", ids)
        with asked("remove volumes and security groups"):
            loose = [*filters, {"Name": "status", "Values": ["available"]}]
            for volume in self.client.describe_volumes(Filters=loose)["Volumes"]:
                removal = partial(self.client.delete_volume, VolumeId=volume["VolumeId"])
                _remove(removal, volume["VolumeId"])
            for group in self.client.describe_security_groups(Filters=filters)["SecurityGroups"]:
                removal = partial(self.client.delete_security_group, GroupId=group["GroupId"])
                _remove(removal, group["GroupId"])

    def clear_all_but(self, recorded: Collection[str]) -> None:
        for machine in sorted(self.machines() - set(recorded)):
            self.clear(machine)


def _remove(removal: Callable[[], object], what: str) -> None:
    """Remove a thing, when need be as soon as the instance has really let go of it."""
    if not until(partial(_removed, removal), 60.0, 3.0):
        raise Failed(
            "kitchen-ec2-refused",
            f"EC2 did not remove {what}, which is still in use",
            expected="nothing but the machine to use it",
            found=what,
            hint="the same command again goes on from there",
        )


def _removed(removal: Callable[[], object]) -> bool:
    """False while something uses it."""
    from botocore.exceptions import ClientError

    try:
        removal()
    except ClientError as error:
        code = str(error.response["Error"]["Code"])
        if code in ("DependencyViolation", "VolumeInUse"):
            return False
        if not code.endswith(".NotFound"):
            raise
    return True
