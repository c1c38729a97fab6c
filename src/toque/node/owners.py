"""Names of users and groups to numbers and back."""

import grp
import pwd
from typing import Dict, Optional, Tuple

from .errors import NotReady


def ids(owner: Optional[str], group: Optional[str]) -> Tuple[int, int]:
    """Numbers as chown(2) takes them; None becomes -1, which leaves that one alone."""
    return (-1 if owner is None else _uid(owner)), (-1 if group is None else _gid(group))


class Names:
    """Numbers to names, each looked up once; a new one when accounts may have changed."""

    def __init__(self) -> None:
        self._users: Dict[int, str] = {}
        self._groups: Dict[int, str] = {}

    def user(self, uid: int) -> str:
        if uid not in self._users:
            try:
                self._users[uid] = pwd.getpwuid(uid).pw_name
            except KeyError:
                self._users[uid] = str(uid)
        return self._users[uid]

    def group(self, gid: int) -> str:
        if gid not in self._groups:
            try:
                self._groups[gid] = grp.getgrgid(gid).gr_name
            except KeyError:
                self._groups[gid] = str(gid)
        return self._groups[gid]


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
