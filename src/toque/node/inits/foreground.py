"""Debian's forking services as units that stay in the foreground.

Where no systemd runs there is nobody to follow a process that forks away.  Each text is a unit in
systemd's language, so one translator serves these and everyone's own units.
"""

from typing import Callable, List, Mapping

NGINX = """\
[Service]
ExecStartPre=/usr/sbin/nginx -t -q -g "daemon off; master_process on;"
ExecStart=/usr/sbin/nginx -g "daemon off; master_process on;"
ExecReload=/bin/kill -HUP $MAINPID
KillSignal=SIGQUIT
TimeoutStopSec=10
Restart=always
"""

SSH = """\
[Service]
RuntimeDirectory=sshd
RuntimeDirectoryPreserve=yes
ExecStartPre=/usr/sbin/sshd -t
ExecStart=/usr/sbin/sshd -D
ExecReload=/bin/kill -HUP $MAINPID
Restart=always
"""

CRON = """\
[Service]
ExecStart=/usr/sbin/cron -f
Restart=always
"""

# pg_ctlcluster looks processes up in /proc, which a chroot has not.  SIGINT is postgres' fast
# shutdown: it ends sessions and checkpoints.
POSTGRESQL = """\
[Service]
User=postgres
Group=postgres
RuntimeDirectory=postgresql
RuntimeDirectoryMode=2775
RuntimeDirectoryPreserve=yes
WorkingDirectory=/var/lib/postgresql
UMask=0077
ExecStart=/usr/lib/postgresql/{version}/bin/postgres -D /var/lib/postgresql/{version}/main \
 -c config_file=/etc/postgresql/{version}/main/postgresql.conf
ExecReload=/bin/kill -HUP $MAINPID
KillSignal=SIGINT
TimeoutStopSec=60
Restart=always
"""

_PROGRAMS: Mapping[str, str] = {
    "nginx.service": NGINX,
    "ssh.service": SSH,
    "sshd.service": SSH,
    "cron.service": CRON,
}


def known(name: str, names: Callable[[str], List[str]]) -> str:
    """The foreground unit of a Debian service, or the empty string.

    ``names`` lists a directory of the machine; of several PostgreSQL versions with a cluster
    ``main`` the newest is meant.
    """
    if name == "postgresql.service":
        versions = [v for v in names("/etc/postgresql") if "main" in names(f"/etc/postgresql/{v}")]
        versions = [v for v in versions if v.replace(".", "").isdigit()]
        if not versions:
            return ""
        newest = max(versions, key=lambda v: [int(part) for part in v.split(".") if part])
        return POSTGRESQL.format(version=newest)
    return _PROGRAMS.get(name, "")
