"""What a cloud's machine is told at its first boot: user data for cloud-init.  Pure.

The private host key in it is what lets us know the machine when we first reach it.  Who may read
user data (any user on the machine, who is allowed DescribeInstanceAttribute in the account) could
play the machine with it, so it is good for the first connection only: see ``Ec2``.
"""

from __future__ import annotations

import json


def user_data(host_name: str, login_key: str, host_key: str, host_key_public: str) -> str:
    """The text; JSON is YAML.  Root logs in with ``login_key``, the public half."""
    wanted = {
        "hostname": host_name,
        "manage_etc_hosts": True,
        "disable_root": False,
        "ssh_authorized_keys": [login_key.strip()],
        "ssh_deletekeys": True,
        "ssh_keys": {"ed25519_private": host_key, "ed25519_public": host_key_public.strip()},
    }
    return "#cloud-config\n" + json.dumps(wanted, indent=1) + "\n"
