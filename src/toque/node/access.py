"""What a fetch is lent for its time: the host keys that count, and a token if there is one."""

import contextlib
from typing import Iterator, Optional, Union

from . import git
from .contents import text_at
from .mirror import Mirror
from .record import dataclass
from .system import System
from .values import Secret


@dataclass(frozen=True)
class Access:
    """How ``user`` gets to repositories: the key at ``key_path``; ``host_keys`` are what the file
    ``known_hosts`` is made to hold, when there are any; ``token`` goes with ``login``."""

    user: str
    key_path: Optional[str] = None
    known_hosts: Optional[str] = None
    host_keys: str = ""
    token: Union[str, Secret] = ""
    login: str = "git"


@contextlib.contextmanager
def lent(system: System, path: str, access: Access, url: Optional[str]) -> Iterator[Mirror]:
    """The mirror at ``path``, with what it takes to fetch from ``url``.

    The token is in a file of the deploy user's while this lasts, in a directory that is root's:
    never in an argument, a URL, an environment or the repository's configuration.
    """
    hosts = access.known_hosts
    if url and hosts and access.host_keys and text_at(system, hosts) != access.host_keys:
        system.write(hosts, access.host_keys.encode())
    token = access.token.reveal() if isinstance(access.token, Secret) else access.token
    file = f"{path.rstrip('/')}.token"
    with_token = bool(token) and url is not None and git.address(url).scheme == "https"
    mirror = Mirror(
        system, path, access.user, access.key_path, access.known_hosts,
        credentials=(url or "", file) if with_token else None,
    )  # fmt: skip
    if system.stat(file) is not None:
        system.remove(file)  # a killed run's
    try:
        if with_token:
            text = f"username={access.login}\npassword={token}\n"
            system.write(file, text.encode(), owner=access.user, group="root", mode=0o600)
        yield mirror
    finally:
        if with_token:
            system.remove(file)
