"""The machine in memory: what it has, what it knows, what it takes at its word."""

from __future__ import annotations

from dataclasses import replace

import pytest

from toque.node.errors import NotReady, StepFailed
from toque.node.resources.command import Command
from toque.node.system import Result
from toque.testing import DEBIAN, RELEASES, Contents, Machine


@pytest.mark.parametrize("facts", RELEASES, ids=lambda facts: facts.codename)
def test_is_the_release_that_its_facts_say(facts: object) -> None:
    text = Machine(facts).text("/etc/os-release")

    assert f"ID={facts.os}\n" in text
    assert f'VERSION_ID="{facts.release}"\n' in text


def test_has_systemd() -> None:
    with pytest.raises(ValueError, match="systemd"):
        Machine(replace(DEBIAN, init="supervisor"))


def test_program_comes_with_its_package(machine: Machine) -> None:
    with pytest.raises(NotReady) as missing:
        machine.run(["nginx", "-t"])
    machine.run(["apt-get", "-y", "install", "--", "nginx-light"])

    assert missing.value.code == "program-missing"
    assert machine.run(["nginx", "-t"]).code == 0
    assert machine.believed == [("nginx", "-t")]


def test_authors_program_is_asked_before_ours(machine: Machine) -> None:
    machine.programs["nginx"] = lambda argv, stdin, user: Result(argv, 1, b"", b"no")
    machine.run(["apt-get", "-y", "install", "--", "nginx-light"])

    assert machine.run(["nginx", "-t"], check=False).tail() == ["no"]
    assert machine.believed == []


def test_command_is_believed_to_do_what_it_says(machine: Machine) -> None:
    command = Command(("mk", "it"), creates="/srv/a/b", unless=("is", "it"), only_if=("no", "it"))
    machine.believe(command)

    before = [machine.run(list(w), check=False).code for w in (command.unless, command.only_if)]
    machine.run(["mk", "it"])
    after = [machine.run(list(w), check=False).code for w in (command.unless, command.only_if)]

    assert (before, after) == ([1, 0], [0, 1])
    assert machine.stat("/srv/a/b") is not None


def test_unknown_package_brings_a_service_of_its_name(machine: Machine) -> None:
    machine.run(["apt-get", "install", "--", "memcached"])

    assert machine.systemctl.running("memcached.service")
    assert machine.systemctl.enabled("memcached.service")


def test_author_says_what_a_package_brings() -> None:
    contents = Contents(directories=("/etc/x",), files={"/etc/x/y": "z\n"}, users=("xuser",))
    machine = Machine(packages={"x": contents})

    machine.run(["apt-get", "install", "--", "x"])
    machine.write("/etc/x/mine", b"", owner="xuser", group="xuser")

    assert machine.text("/etc/x/y") == "z\n"
    assert not machine.systemctl.running("x.service")


def test_package_that_the_index_lacks() -> None:
    machine = Machine(lacks=["no-such"])

    with pytest.raises(StepFailed) as caught:
        machine.run(["apt-get", "install", "--", "no-such"])

    assert "Unable to locate package no-such" in caught.value.log[-1]


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (["useradd", "--", "root"], 9),
        (["useradd", "--uid=0", "--", "other"], 4),
        (["useradd", "--gid=none", "--", "other"], 6),
        (["useradd", "--no-such-option", "--", "other"], 2),
        (["usermod", "--shell=/bin/sh", "--", "other"], 6),
        (["userdel", "--", "other"], 6),
        (["groupadd", "--", "root"], 9),
        (["groupadd", "--gid=0", "--", "other"], 4),
        (["groupdel", "--", "root"], 8),
        (["groupmod", "--gid=0", "--", "users"], 4),
    ],
)
def test_shadow_programs_refuse_with_their_status(
    machine: Machine, argv: list[str], code: int
) -> None:
    before = machine.text("/etc/passwd"), machine.text("/etc/group")

    assert machine.run(argv, check=False).code == code
    assert (machine.text("/etc/passwd"), machine.text("/etc/group")) == before


def test_system_accounts_get_low_numbers_and_others_high_ones(machine: Machine) -> None:
    machine.run(["useradd", "--system", "--user-group", "--", "low"])
    machine.run(["useradd", "--create-home", "--user-group", "--", "high"])

    lines = dict(line.split(":", 1) for line in machine.text("/etc/passwd").splitlines())
    assert lines["low"] == "x:999:999::/home/low:/usr/sbin/nologin"
    assert lines["high"] == "x:1000:1000::/home/high:/bin/sh"
    there = machine.stat("/home/high")
    assert there is not None
    assert (there.owner, there.mode) == ("high", 0o700)


def test_unit_is_stale_until_systemd_reads_it(machine: Machine) -> None:
    unit = "/etc/systemd/system/x.service"
    machine.put(unit, b"[Service]\nExecStart=/a\n")
    machine.run(["systemctl", "start", "x.service"])
    machine.put(unit, b"[Service]\nExecStart=/b\n")

    def stale() -> bool:
        return "NeedDaemonReload=yes" in machine.run(["systemctl", "show", "x.service"]).text

    before = stale()
    machine.run(["systemctl", "daemon-reload"])

    assert (before, stale()) == (True, False)


@pytest.mark.parametrize(
    ("setting", "said"),
    [("User=nobody-here", "217/USER"), ("EnvironmentFile=/none", "resources")],
)
def test_service_that_cannot_run_fails(machine: Machine, setting: str, said: str) -> None:
    text = f"[Service]\nExecStart=/a\n{setting}\n"
    machine.put("/etc/systemd/system/x.service", text.encode())

    result = machine.run(["systemctl", "start", "x.service"], check=False)

    assert result.code == 1
    assert said in result.tail()[0]
    assert machine.run(["systemctl", "is-active", "x.service"], check=False).text == "failed\n"


def test_masked_unit_does_not_start_until_it_is_unmasked(machine: Machine) -> None:
    machine.run(["apt-get", "install", "--", "memcached"])
    machine.run(["systemctl", "stop", "memcached.service"])
    machine.run(["systemctl", "mask", "memcached.service"])

    masked = machine.run(["systemctl", "start", "memcached.service"], check=False)
    machine.run(["systemctl", "unmask", "memcached.service"])

    assert (masked.code, masked.tail()) == (1, ["Unit memcached.service masked."])
    assert machine.run(["systemctl", "start", "memcached.service"]).code == 0


def test_removed_package_leaves_configuration_and_a_purged_one_nothing(machine: Machine) -> None:
    machine.run(["apt-get", "install", "--", "redis-server"])
    machine.run(["apt-get", "remove", "--", "redis-server"])
    left = machine.stat("/etc/redis/redis.conf"), machine.apt.installed["redis-server"].state
    machine.run(["apt-get", "purge", "--", "redis-server"])

    assert left[0] is not None
    assert left[1] == "config-files"
    assert machine.stat("/etc/redis") is None
    assert "redis-server" not in machine.apt.installed
    assert not machine.systemctl.running("redis-server.service")


def test_held_package_stays_as_it_is(machine: Machine) -> None:
    machine.run(["apt-get", "install", "--", "x=1.0"])
    machine.run(["apt-mark", "hold", "x"])

    refused = machine.run(["apt-get", "install", "--", "x=2.0"], check=False)
    machine.run(["apt-mark", "unhold", "x"])
    machine.run(["apt-get", "install", "--", "x=2.0"])

    assert refused.code == 100
    assert machine.apt.installed["x"].version == "2.0"
