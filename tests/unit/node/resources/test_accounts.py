"""Users and groups: a small useradd over the same two files the resources read."""

import pytest

from toque.node.errors import NotReady
from toque.node.memory import MemorySystem
from toque.node.resource import Invalid, differing
from toque.node.resources.group import Group
from toque.node.resources.user import User
from toque.node.system import Result

PASSWD = b"""root:x:0:0:root:/root:/bin/bash
www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin
ada:x:1000:1000:Ada,,,:/home/ada:/bin/bash
+::::::
"""
GROUP = b"root:x:0:\nwww-data:x:33:\nada:x:1000:\nsudo:x:27:ada\nadm:x:4:ada,root\n"


@pytest.fixture
def system():
    names = ("useradd", "usermod", "userdel", "groupadd", "groupmod", "groupdel")
    programs = {name: lambda argv, stdin, user: Result(argv, 0) for name in names}
    return MemorySystem(files={"/etc/passwd": PASSWD, "/etc/group": GROUP}, programs=programs)


def fix(resource, system):
    """The commands that the engine would cause, once."""
    resource.validate()
    keys = differing(resource.wanted(), resource.found(system))
    if keys:
        resource.fix(system, keys)
    return [" ".join(call) for call in system.calls]


@pytest.mark.parametrize(
    ("resource", "calls"),
    [
        (User("ada"), []),
        (User("ada", uid=1000, group="ada", home="/home/ada", shell="/bin/bash"), []),
        (User("ada", groups=("sudo",)), []),
        (User("ada", groups=("sudo", "adm"), append=False), []),
        (User("ada", groups=("www-data",)), ["usermod --append --groups=www-data -- ada"]),
        (User("ada", groups=("sudo",), append=False), ["usermod --groups=sudo -- ada"]),
        (User("ada", groups=(), append=False), ["usermod --groups= -- ada"]),
        (User("ada", shell="/bin/sh", comment=""), ["usermod --shell=/bin/sh --comment= -- ada"]),
        (User("ada", uid=1001, group="adm"), ["usermod --uid=1001 --gid=adm -- ada"]),
        (User("app"), ["useradd --no-create-home --user-group -- app"]),
        (
            User("app", system=True, home="/srv/www/app", groups=("adm",)),
            [
                "useradd --no-create-home --system --shell=/usr/sbin/nologin --user-group"
                " --home-dir=/srv/www/app --groups=adm -- app"
            ],
        ),
        (
            User("app", group="adm", make_home=True, shell="/bin/sh"),
            ["useradd --create-home --gid=adm --shell=/bin/sh -- app"],
        ),
        (User("sudo"), ["useradd --no-create-home --gid=sudo -- sudo"]),
        (User("ada", absent=True), ["userdel -- ada"]),
        (User("app", absent=True), []),
        (Group("sudo"), []),
        (Group("sudo", gid=27, members=("ada",)), []),
        (Group("ada", members=("ada",)), []),  # it is her primary group
        (Group("app", system=True, gid=50), ["groupadd --gid=50 --system -- app"]),
        (Group("sudo", gid=28), ["groupmod --gid=28 -- sudo"]),
        (
            Group("sudo", members=("root", "ada", "www-data")),
            [
                "usermod --append --groups=sudo -- root",
                "usermod --append --groups=sudo -- www-data",
            ],
        ),
        (
            Group("app", members=("ada",)),
            ["groupadd -- app", "usermod --append --groups=app -- ada"],
        ),
        (Group("sudo", absent=True), ["groupdel -- sudo"]),
    ],
    ids=repr,
)
def test_commands_for_what_differs_and_none_otherwise(system, resource, calls):
    assert fix(resource, system) == calls


def test_missing_groups_and_members_are_not_ready(system):
    with pytest.raises(NotReady) as group:
        fix(User("app", groups=("web",)), system)
    with pytest.raises(NotReady) as user:
        fix(Group("sudo", members=("app",)), system)
    assert (group.value.code, user.value.code) == ("group-missing", "user-missing")
    assert system.calls == []


@pytest.mark.parametrize(
    "resource",
    [
        User("-x"),
        User("0"),
        User("Ada"),
        User("a:b"),
        User("a" * 33),
        User("a", groups=("x,y",)),
        User("a", home="/x:y"),
        User("a", comment="x\ny"),
        User("root", absent=True),
        Group(""),
        Group("a", members=("--root=/x",)),
        Group("root", absent=True),
    ],
    ids=repr,
)
def test_declarations_that_can_never_be_right_are_refused(resource):
    with pytest.raises(Invalid):
        resource.validate()


def test_a_change_is_seen_after_what_it_disturbs_is_forgotten(system):
    assert User("app").found(system) is None
    system.put("/etc/passwd", PASSWD + b"app:x:999:33::/:/bin/sh\n")
    system.forget(Group.disturbs)
    assert User("app", group="www-data").found(system)["group"] == "www-data"
