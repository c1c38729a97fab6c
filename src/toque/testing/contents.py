"""What packages bring to the machine in memory, as far as recipes can notice it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Contents:
    """``units`` are services that the package enables and starts, as Debian's do; ``users`` are
    system accounts with a group of the same name.  ``version`` is the only one there is; None
    means that whatever is asked for can be had."""

    programs: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    directories: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    users: tuple[str, ...] = ()
    version: str | None = None


_NGINX = Contents(
    programs=("nginx",),
    units=("nginx.service",),
    directories=(
        "/etc/nginx",
        "/etc/nginx/conf.d",
        "/etc/nginx/sites-available",
        "/etc/nginx/sites-enabled",
        "/etc/nginx/snippets",
        "/var/log/nginx",
        "/var/www",
        "/var/www/html",
    ),
    files={"/etc/nginx/nginx.conf": "", "/etc/nginx/sites-available/default": ""},
    links={"/etc/nginx/sites-enabled/default": "/etc/nginx/sites-available/default"},
)

KNOWN: Mapping[str, Contents] = {
    **dict.fromkeys(("nginx", "nginx-light", "nginx-core", "nginx-full", "nginx-extras"), _NGINX),
    "cron": Contents(units=("cron.service",), programs=("crontab",)),
    "git": Contents(programs=("git",)),
    "iproute2": Contents(programs=("ip", "ss")),
    "nftables": Contents(
        programs=("nft",), units=("nftables.service",), files={"/etc/nftables.conf": ""}
    ),
    "openssh-client": Contents(programs=("ssh", "ssh-keygen"), directories=("/etc/ssh",)),
    "python3": Contents(programs=("python3",)),
    "redis-server": Contents(
        programs=("redis-server", "redis-cli"),
        units=("redis-server.service",),
        directories=("/etc/redis",),
        files={"/etc/redis/redis.conf": ""},
        users=("redis",),
    ),
    "sudo": Contents(
        programs=("sudo", "visudo"), directories=("/etc/sudoers.d",), files={"/etc/sudoers": ""}
    ),
    "supervisor": Contents(
        programs=("supervisorctl", "supervisord"),
        units=("supervisor.service",),
        directories=("/etc/supervisor", "/etc/supervisor/conf.d"),
    ),
    "uwsgi-core": Contents(programs=("uwsgi", "uwsgi-core")),
}


def contents_of(name: str, known: Mapping[str, Contents]) -> Contents:
    """What ``name`` brings: as ``known`` says, as this file says, or by its name.

    A package that nobody knows is taken to bring a program and a service of its own name: right
    for most servers, and noticed by nobody for a library.
    """
    if name in known:
        return known[name]
    if name in KNOWN:
        return KNOWN[name]
    if postgres := re.fullmatch(r"postgresql-(\d+)", name):
        return _postgres(postgres[1])
    return Contents(programs=(name,), units=(f"{name}.service",))


def _postgres(version: str) -> Contents:
    top = f"/etc/postgresql/{version}"
    return Contents(
        programs=("psql", "pg_lsclusters"),
        units=("postgresql.service",),
        directories=("/etc/postgresql", top, f"{top}/main", f"{top}/main/conf.d"),
        files={f"{top}/main/postgresql.conf": "", f"{top}/main/pg_hba.conf": ""},
        users=("postgres",),
    )
