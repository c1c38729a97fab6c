"""Keys and rights are those that were said, and root's own are untouched."""

KEYS = "/home/{}/.ssh/authorized_keys"


def test_each_has_their_own_key_alone(machine):
    for login in ("ada", "ben"):
        keys = machine.file(KEYS.format(login))

        assert (keys.owner, keys.mode) == (login, 0o600)
        assert [line.split()[-1] for line in keys.text.splitlines()] == [f"{login}@laptop"]


def test_no_password_lets_anybody_in(machine):
    for login in ("ada", "ben"):
        stored = machine.run("getent", "shadow", login).out.split(":")[1]

        assert stored.startswith(("!", "*"))


def test_one_may_become_root_and_the_other_not(machine):
    as_root = machine.run("sudo", "-n", "id", "-un", user="ada")
    refused = machine.run("sudo", "-n", "id", "-un", user="ben", check=False)

    assert as_root.out == "root\n"
    assert refused.code != 0


def test_groups_are_made(machine):
    assert machine.group("operators").members == ("ada",)


def test_sudo_accepts_the_rules(machine):
    assert machine.run("visudo", "--check").code == 0


def test_who_was_removed_is_gone_and_the_home_stays(machine):
    assert machine.user("leaver") is None
    assert machine.run("test", "-d", "/home/leaver").code == 0


def test_root_is_still_there(machine):
    assert machine.user("root").uid == 0
