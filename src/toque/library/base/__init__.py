"""What any server on the network should have, and nothing that its sites would notice.

Each part is a recipe of its own that an attribute turns off.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from toque import (
    Command,
    Cookbook,
    Directory,
    File,
    Guard,
    Locale,
    Package,
    Recipe,
    Service,
    Sysctl,
    Timezone,
)

SSH = Service("ssh")
JOURNAL = Service("systemd-journald")
OTHER_CLOCKS = ("/usr/sbin/chronyd", "/usr/sbin/ntpd", "/usr/sbin/ntpd-rs")
HAS_KEY = "/usr/local/sbin/toque-has-key"
SSHD_CHECK = "/usr/local/sbin/toque-sshd-check"
SYSTEMD = Guard("fact", ["init", "systemd"])

# Each with its reason in the README.
KERNEL = {
    "kernel.kptr_restrict": "2",
    "kernel.dmesg_restrict": "1",
    "fs.protected_fifos": "2",
    "fs.protected_regular": "2",
    "fs.suid_dumpable": "0",
    "net.ipv4.tcp_syncookies": "1",
    "net.ipv4.conf.all.accept_redirects": "0",
    "net.ipv4.conf.default.accept_redirects": "0",
    "net.ipv6.conf.all.accept_redirects": "0",
    "net.ipv6.conf.default.accept_redirects": "0",
    "net.ipv4.conf.all.send_redirects": "0",
    "net.ipv4.conf.default.send_redirects": "0",
    "net.ipv4.conf.all.accept_source_route": "0",
}


@dataclass(frozen=True)
class Base:
    """An empty text or False turns a part off; what it wrote before stays then.

    ``keys_only`` lets nobody in by SSH with a password, root included; it is refused unless
    ``admin``, who has to get in afterwards, has a key on the machine.  ``kernel`` are parameters,
    where an empty text leaves one as it is.  ``journal_size`` is the most that the journal takes of
    the disk.  ``clock`` keeps the time by Debian's systemd-timesyncd, unless another program does.
    ``updates`` installs security updates each night; ``reboot_at``, such as ``04:30``, reboots
    then when an update asks for it, and never when empty.  ``restarts_listed`` has needrestart,
    where it is installed, list what should be restarted and restart nothing by itself.
    """

    keys_only: bool = True
    admin: str = "root"
    kernel: Mapping[str, str] = field(default_factory=lambda: dict(KERNEL))
    journal_size: str = "500M"
    clock: bool = True
    updates: bool = True
    reboot_at: str = ""
    restarts_listed: bool = True
    timezone: str = "Etc/UTC"
    locale: str = "C.UTF-8"


def setup(r: Recipe) -> None:
    """All parts that are not turned off."""
    a = r.attributes(Base)
    r.include(place)
    r.include(kernel)
    if a.journal_size:
        r.include(journal)
    if a.clock:
        r.include(clock)
    if a.restarts_listed:
        r.include(restarts)  # ahead of the updates that would cause some
    if a.updates:
        r.include(updates)
    if a.keys_only:
        r.include(ssh)


def place(r: Recipe) -> None:
    """The time zone and the locale of whatever starts from now on."""
    a = r.attributes(Base)
    if a.timezone:
        r.add(Package("tzdata"))
        r.add(Timezone(a.timezone))
    if a.locale:
        r.add(Package("locales"))
        r.add(Locale(a.locale, default=True))


def kernel(r: Recipe) -> None:
    """Parameters that this machine may set; those of its host are not in a container's reach.

    In a chroot they would be, and are the host's all the same: none where systemd does not run.
    """
    for name, value in r.attributes(Base).kernel.items():
        if value:
            one = Sysctl(name, value)
            r.add(one, when=(SYSTEMD, Guard("succeeds", ["test", "-w", one.live])))


def journal(r: Recipe) -> None:
    """How much of the disk the journal may have."""
    a = r.attributes(Base)
    r.add(Directory("/etc/systemd/journald.conf.d"), when=SYSTEMD)
    r.add(
        File(
            "/etc/systemd/journald.conf.d/toque.conf",
            content=r.render("journald.conf.j2", a=a),
        ),
        notify=JOURNAL.restart,
        when=SYSTEMD,
    )
    r.add(JOURNAL, when=SYSTEMD)


def clock(r: Recipe) -> None:
    """Started by its package, where the machine has a clock of its own."""
    alone = tuple(Guard("missing", path) for path in OTHER_CLOCKS)
    r.add(Package("systemd-timesyncd"), when=(SYSTEMD, *alone))
    r.add(Service("systemd-timesyncd", enabled=True), when=(SYSTEMD, *alone))


def restarts(r: Recipe) -> None:
    """Read by needrestart if somebody installs it, and on Ubuntu, which has it."""
    r.add(Directory("/etc/needrestart"))
    r.add(Directory("/etc/needrestart/conf.d"))
    r.add(File("/etc/needrestart/conf.d/toque.conf", content=r.render("needrestart.conf.j2")))


def updates(r: Recipe) -> None:
    """What the distribution's security team has released, by its own timers."""
    a = r.attributes(Base)
    r.add(Package("unattended-upgrades"))
    r.add(
        File(
            "/etc/apt/apt.conf.d/52toque-upgrades",
            content=r.render("upgrades.conf.j2", a=a, debian=r.facts.os == "debian"),
            check=("apt-config", "dump"),
        )
    )


def ssh(r: Recipe) -> None:
    """By key alone; sessions that are there stay."""
    a = r.attributes(Base)
    r.add(Package("openssh-server"))
    r.add(File(HAS_KEY, content=r.file("has-key"), mode=0o755))
    r.add(Command((HAS_KEY, a.admin), name=f"{a.admin} has a key", unless=(HAS_KEY, a.admin)))
    r.add(File(SSHD_CHECK, content=r.file("sshd-check"), mode=0o755))
    r.add(
        File(
            "/etc/ssh/sshd_config.d/00-toque.conf",
            content=r.render("sshd.conf.j2", old=r.facts.codename == "bullseye"),
            check=(SSHD_CHECK, a.admin),
        ),
        notify=SSH.reload,
    )
    r.add(SSH)


cookbook = Cookbook("base", attributes=Base, events={"setup": setup})
