"""Names of users and groups to numbers and back."""

import grp
import pwd
from typing import Optional, Tuple

from .errors import NotReady


def ids(owner: Optional[str], group: Optional[str]) -> Tuple[int, int]:
    """Numbers as chown(2) takes them; None becomes -1, which leaves that one alone."""
    return (-1 if owner is None else _uid(owner)), (-1 if group is None else _gid(group))


def user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _uid(name: str) -> int:
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError as error:
        if name.isdigit():
            return int(name)
        raise NotReady(
            "user-missing",
            f"there is no user {name}",
            expected="a step before this one that makes the user",
            hint=f'add User("{name}") before this step',
        ) from error


def _gid(name: str) -> int:
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError as error:
        if name.isdigit():
            return int(name)
        raise NotReady(
            "group-missing",
            f"there is no group {name}",
            expected="a step before this one that makes the group",
            hint=f'add Group("{name}") before this step',
        ) from error
