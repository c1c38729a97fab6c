"""What a user may say of a machine in EC2: the options of the driver ``ec2``, checked.

All may be left out.  ``source`` looks up this host's address when ``ssh_from`` is.
"""

from __future__ import annotations

import ipaddress
import re
import urllib.request

from ...errors import Failed
from .. import options
from ..machine import Spec
from .ec2_account import REGION

# name: what a value has to match, and how that is said
OPTIONS = {
    "region": (REGION, "a region like eu-central-1"),
    "instance_type": (r"[a-z0-9-]+\.[a-z0-9-]+", "a type like t3.small"),
    "arch": ("amd64|arm64", "amd64 or arm64, as the instance type is"),
    "image": (r"ami-[0-9a-f]+", "the id of an image, ami-..."),
    "subnet": (r"subnet-[0-9a-f]+", "the id of a subnet, subnet-..."),
    "security_group": (r"sg-[0-9a-f]+", "the id of a security group, sg-..."),
    "key_name": (r"[ -~]{1,255}", "the name of a key pair of the account"),
    "iam_profile": (r"[A-Za-z0-9+=,.@_-]{1,128}", "the name of an instance profile"),
    "tags": (r"[^=,]+=[^=,]*(,[^=,]+=[^=,]*)*", "texts like: team=web,cost=tests"),
    "ssh_from": (r"[0-9.]+(/\d+)?", "a network like 203.0.113.7/32"),
    "address": ("public|private", "public or private"),
    "disk_gb": (r"[1-9]\d{0,4}", "a number of GiB"),
}
OWN_ADDRESS = "https://checkip.amazonaws.com"


def check(spec: Spec) -> None:
    """Raises ``AskedWrongly``: ``kitchen-unknown-option``, ``kitchen-bad-option``."""
    for key, value in options.taken(spec, (), tuple(OPTIONS)).items():
        pattern, expected = OPTIONS[key]
        if value and not re.fullmatch(pattern, value):
            raise options.wrong(spec, key, expected, repr(value))
    if spec.options.get("address") == "private" and not spec.options.get("ssh_from"):
        raise options.wrong(spec, "ssh_from", "this host's network, as addresses are private", "")


def tags(spec: Spec) -> dict[str, str]:
    """The user's own tags."""
    words = [word for word in spec.options.get("tags", "").split(",") if word]
    return {key.strip(): value.strip() for key, _, value in (w.partition("=") for w in words)}


def source(spec: Spec) -> str:
    """The network from which SSH is let in: one address, unless the options say more."""
    text = spec.options.get("ssh_from") or _own_address()
    try:
        return str(ipaddress.IPv4Network(text, strict=False))
    except ValueError:
        raise options.wrong(spec, "ssh_from", "a network like 203.0.113.7/32", text) from None


def _own_address() -> str:
    """This host's address as Amazon sees it."""
    try:
        with urllib.request.urlopen(OWN_ADDRESS, timeout=10) as answer:
            return str(answer.read(64).decode("ascii").strip())
    except (OSError, ValueError) as error:
        raise Failed(
            "kitchen-ec2-own-address",
            "this host's own address on the internet cannot be found out",
            expected=f"an answer from {OWN_ADDRESS}",
            found=str(error),
            hint="name the network that SSH comes from with the option `ssh_from`",
        ) from error
