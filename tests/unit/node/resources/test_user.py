"""Passwords, keys and processes of users."""

import pytest

from toque.node.errors import StepFailed
from toque.node.memory import MemorySystem
from toque.node.resource import Invalid, differing
from toque.node.resources.group import Group
from toque.node.resources.user import User
from toque.node.system import Result
from toque.node.values import Secret

HASH = "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7"
OTHER = "$6$salt$abc"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB6o7S+Cl71bp+D0WVpaXWFOQc9EAMhhof/CwNZrtCtF"
SECOND = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
KEYS = "/home/ada/.ssh/authorized_keys"


@pytest.fixture
def system():
    names = ("useradd", "usermod", "userdel", "groupadd", "gpasswd")
    made = MemorySystem(
        files={
            "/etc/passwd": b"root:x:0:0:root:/root:/bin/bash\nada:x:1000:1000::/home/ada:/bin/sh\n",
            "/etc/group": b"root:x:0:\nada:x:1000:\nweb:x:50:root,ada\n",
            "/etc/shadow": b"root:*:1::::::\nada:!:1::::::\n",
        },
        programs={name: lambda argv, stdin, user: Result(argv, 0) for name in names},
    )
    made.put("/home/ada", kind="directory", owner="ada", group="ada", mode=0o755)

    def chpasswd(argv, stdin, user):
        name, field = stdin.decode().strip().split(":")
        made.put("/etc/shadow", f"root:*:1::::::\n{name}:{field}:1::::::\n".encode())
        return Result(argv, 0)

    made.programs["chpasswd"] = chpasswd
    return made


def stored(system, field=None):
    if field is not None:
        system.put("/etc/shadow", f"ada:{field}:1::::::\n".encode())
        system.forget()
    return system.read("/etc/shadow").decode().splitlines()[-1].split(":")[1]


def fix(resource, system):
    resource.validate()
    keys = differing(resource.wanted(), resource.found(system))
    if keys:
        resource.fix(system, keys)
        system.forget(resource.disturbs)
    assert not differing(resource.wanted(), resource.found(system))
    return keys


@pytest.mark.parametrize(
    ("before", "user", "after"),
    [
        ("!", {"password_hash": HASH}, HASH),
        ("*", {"password_hash": HASH}, HASH),
        (HASH, {"password_hash": HASH}, HASH),
        ("!" + OTHER, {"password_hash": HASH}, "!" + HASH),  # somebody has locked it
        ("!" + OTHER, {"password_hash": HASH, "locked": False}, HASH),
        (OTHER, {"password_hash": HASH, "locked": True}, "!" + HASH),
        (OTHER, {"locked": True}, "!" + OTHER),
        ("!" + OTHER, {"locked": False}, OTHER),
        ("*", {"locked": True}, "*"),
        ("", {"locked": True}, "!"),
    ],
)
def test_passwords(system, before, user, after):
    stored(system, before)

    fix(User("ada", **user), system)

    assert stored(system) == after


def test_a_hash_reaches_the_machine_by_standard_input_only(system):
    user = User("ada", password_hash=Secret("ada", HASH))

    fix(user, system)

    assert stored(system) == HASH
    assert not any("$y$" in word for call in system.calls for word in call)
    assert not any("$y$" in line for line in user.show({}, frozenset({"password"})))


def test_what_has_no_password_cannot_be_unlocked(system):
    with pytest.raises(StepFailed) as caught:
        fix(User("ada", locked=False), system)

    assert caught.value.code == "password-missing"
    assert stored(system) == "!"


def test_keys_are_exactly_those_declared(system):
    system.put(KEYS, f"# by hand\n{SECOND} old\n{KEY} ada\n".encode(), mode=0o600, owner="ada")
    system.tree["/home/ada/.ssh"].owner = "ada"
    user = User("ada", authorized_keys=(KEY + " ada", KEY + " ada"))
    keys = differing(user.wanted(), user.found(system))

    shown = user.show(user.found(system), keys)
    fix(user, system)

    assert [line[:24] for line in shown] == ["- key ssh-ed25519 SHA256"]
    assert system.read(KEYS).decode() == f"{KEY} ada\n"


def test_a_file_of_keys_is_made_for_its_user_alone(system):
    wrote = []
    write, mkdir = system.write, system.mkdir
    system.write = lambda path, data, **how: wrote.append(how["user"]) or write(path, data, **how)
    system.mkdir = lambda path, **how: wrote.append(how["user"]) or mkdir(path, **how)

    fix(User("ada", authorized_keys=(KEY,)), system)

    assert wrote == ["ada", "ada"]
    entry, folder = system.tree[KEYS], system.tree["/home/ada/.ssh"]
    assert (entry.owner, entry.group, entry.mode) == ("ada", "ada", 0o600)
    assert (folder.owner, folder.group, folder.mode) == ("ada", "ada", 0o700)


@pytest.mark.parametrize("rest", [{"mode": 0o644}, {"owner": "root"}])
def test_a_file_of_keys_that_others_may_change_is_put_right(system, rest):
    system.put(KEYS, f"{KEY}\n".encode(), **{"mode": 0o600, "owner": "ada", **rest})

    assert fix(User("ada", authorized_keys=(KEY,)), system) == {"keys_file"}


def test_no_keys_need_no_file(system):
    assert not fix(User("ada", authorized_keys=()), system)


def test_lines_that_are_no_plain_keys_are_removed_and_not_shown(system):
    text = f'command="echo hunter2" {KEY}\nroot:$6$hunter2:1:\n'
    system.put(KEYS, text.encode(), mode=0o600, owner="ada")
    user = User("ada", authorized_keys=())
    found = user.found(system)

    assert "hunter2" not in repr(found) + repr(user.show(found, frozenset({"authorized_keys"})))
    fix(user, system)
    assert system.read(KEYS) == b""


def test_a_user_without_a_home_has_no_place_for_keys(system):
    del system.tree["/home/ada"]

    with pytest.raises(StepFailed) as caught:
        fix(User("ada", authorized_keys=(KEY,)), system)

    assert caught.value.code == "home-missing"
    assert "make_home" in caught.value.hint


@pytest.mark.parametrize("user", [User("ada", absent=True), User("ada", uid=1001)], ids=repr)
def test_a_user_with_processes_is_left_alone(system, user):
    for pid, uid in ((7, 1000), (8, 0), (9, 1000)):
        system.put(f"/proc/{pid}/status", f"Name:\tpython3\nUid:\t{uid}\t0\t0\t0\n".encode())
        system.put(f"/proc/{pid}/cmdline", b"python3\0app.py\0" if pid == 7 else b"")

    with pytest.raises(StepFailed) as caught:
        fix(user, system)

    assert caught.value.code == "user-has-processes"
    assert caught.value.found == "7 (python3 app.py), 9 (python3)"
    assert system.calls == []


def test_members_can_be_exactly_those_declared(system):
    fixed = []
    system.programs["gpasswd"] = lambda argv, stdin, user: fixed.append(argv) or Result(argv, 0)
    group = Group("web", members=("ada",), append=False)

    assert group.found(system)["members"] == ["ada", "root"]
    group.fix(system, frozenset({"members"}))

    assert fixed == [["gpasswd", "--members", "ada", "web"]]


@pytest.mark.parametrize(
    "fields",
    [
        {"password_hash": "hunter2"},
        {"password_hash": Secret("x", "hunter2")},
        {"password_hash": HASH + ":0:0"},
        {"password_hash": HASH + "\nroot:" + HASH},
        {"authorized_keys": ("hunter2",)},
        {"authorized_keys": (KEY + "\n" + KEY,)},
        {"authorized_keys": ('command="x" ' + KEY,)},
    ],
    ids=repr,
)
def test_declarations_that_can_never_be_right_are_refused(fields):
    with pytest.raises(Invalid) as caught:
        User("ada", **fields).validate()

    assert "hunter2" not in str(caught.value) or "authorized_keys" in fields
