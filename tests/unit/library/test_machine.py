"""The library's cookbooks for the machine itself: what they refuse, and what they leave alone."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from toque.errors import BadCookbook
from toque.library import base, firewall, swap, timer, users_ssh
from toque.library.fail2ban import cookbook as fail2ban

from .conftest import Compile

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB4h8mYqLhGk5j0k9Qw0v3l4m1WcYb8sXyJz7dT5uVwA ada"


def test_root_is_no_person(plan_of: Compile) -> None:
    for table in ({"people": {"root": {"keys": [KEY]}}}, {"removed": ["root"]}):
        with pytest.raises(BadCookbook) as caught:
            plan_of((users_ssh.cookbook, "setup"), tables={"users_ssh": table})
        assert caught.value.code == "users-with-root"


def test_nobody_is_there_and_removed(plan_of: Compile) -> None:
    table = {"people": {"ada": {"keys": [KEY]}}, "removed": ["ada"]}
    with pytest.raises(BadCookbook) as caught:
        plan_of((users_ssh.cookbook, "setup"), tables={"users_ssh": table})

    assert (caught.value.code, caught.value.trouble.found) == ("users-both-ways", "ada")


def test_a_right_to_sudo_goes_when_it_is_no_longer_said(plan_of: Compile) -> None:
    table = {"people": {"ada.b": {"keys": [KEY]}}, "removed": ["eve"]}
    plan = plan_of((users_ssh.cookbook, "setup"), tables={"users_ssh": table})

    assert plan.step("sudoers:toque-ada-b").fields["absent"] is True
    assert plan.ids.index("sudoers:toque-eve") < plan.ids.index("user:eve")


def test_the_firewall_leaves_the_web_open_wherever_nginx_serves(
    plan_of: Compile, init: str
) -> None:
    given = plan_of((firewall.cookbook, "setup"), ports={"http": 8123})
    none = plan_of((firewall.cookbook, "setup"), apps=(), ports={"http": 8123})

    assert [list(rule[2]) for rule in given.step("firewall:toque").fields["rules"]] == [
        [22],
        [80, 443, 8123],
    ]
    assert list(none.step("firewall:toque").fields["rules"][1][2]) == [80, 443]


def test_what_is_closed_was_said_and_is_not_opened(plan_of: Compile) -> None:
    table = {"closed": [111], "web": {"ports": []}, "open": {"dns": _udp}}
    plan = plan_of((firewall.cookbook, "setup"), apps=(), tables={"firewall": table})
    looked = plan.step("command:nobody who listens is cut off unsaid").fields["argv"]

    assert list(looked) == [firewall.LISTENERS, "/etc/toque-firewall.nft", "22", "111"]
    assert len(plan.step("firewall:toque").fields["rules"]) == 2


_udp = {"ports": [53], "protocol": "udp"}


@pytest.mark.parametrize(
    ("said", "left"),
    [
        (["22", "80"], ["port 111: rpcbind", "port 8005: python3"]),
        (["22", "80", "111", "8000-8010"], []),
        (["22", "80", "111", "8006-8010"], ["port 8005: python3"]),
    ],
)
def test_who_would_be_cut_off_is_named(tmp_path: Path, said: list[str], left: list[str]) -> None:
    ss = tmp_path / "ss"
    ss.write_text(f"#!/bin/sh\ncat <<'END'\n{LISTENING}END\n")
    ss.chmod(0o755)
    script = Path(firewall.__file__).parent / "files" / "listeners"
    paths = {"PATH": f"{tmp_path}:/usr/bin:/bin"}

    done = subprocess.run(
        ["/bin/sh", script, tmp_path / "none", *said], env=paths, capture_output=True, text=True
    )
    later = subprocess.run(["/bin/sh", script, ss, *said], env=paths, capture_output=True)

    assert [line for line in done.stderr.splitlines() if line.startswith("port ")] == left
    assert (done.returncode, later.returncode) == (int(bool(left)), 0)


LISTENING = """\
LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:(("sshd",pid=1,fd=3))
LISTEN 0 128 [::]:22 [::]:* users:(("sshd",pid=1,fd=4))
LISTEN 0 128 0.0.0.0:111 0.0.0.0:* users:(("rpcbind",pid=2,fd=4),("systemd",pid=1,fd=9))
LISTEN 0 128 *:8005 *:* users:(("python3",pid=3,fd=4))
LISTEN 0 128 127.0.0.53%lo:53 0.0.0.0:* users:(("resolved",pid=4,fd=4))
LISTEN 0 128 127.0.0.1:5432 0.0.0.0:* users:(("postgres",pid=5,fd=4))
LISTEN 0 128 [::1]:5432 [::]:* users:(("postgres",pid=5,fd=4))
"""


def test_each_part_of_base_can_be_turned_off(plan_of: Compile) -> None:
    off = {
        "keys_only": False,
        "kernel": dict.fromkeys(base.KERNEL, ""),
        "journal_size": "",
        "clock": False,
        "updates": False,
        "restarts_listed": False,
        "timezone": "",
        "locale": "",
    }

    assert plan_of((base.cookbook, "setup"), tables={"base": off}).ids == ()


def test_passwords_go_only_after_a_key_was_found(plan_of: Compile) -> None:
    plan = plan_of((base.cookbook, "setup"), tables={"base": {"admin": "ada"}})
    changed = plan.ids.index("file:/etc/ssh/sshd_config.d/00-toque.conf")

    assert plan.ids.index("command:ada has a key") < changed
    assert list(plan.step(plan.ids[changed]).fields["check"]) == [base.SSHD_CHECK, "ada"]


def test_a_machine_reboots_only_when_it_is_told_when(plan_of: Compile) -> None:
    path = "file:/etc/apt/apt.conf.d/52toque-upgrades"
    never = plan_of((base.cookbook, "setup")).step(path).fields["content"]
    told = plan_of((base.cookbook, "setup"), tables={"base": {"reboot_at": "04:30"}})

    assert 'Automatic-Reboot "false";' in never
    assert 'Automatic-Reboot-Time "04:30";' in told.step(path).fields["content"]


def test_the_swap_of_a_container_is_its_hosts(plan_of: Compile) -> None:
    plan = plan_of((swap.cookbook, "setup"))
    gone = plan_of((swap.cookbook, "setup"), tables={"swap": {"size_mib": 0}})

    assert all(plan.step(one).when == swap.OWN_KERNEL for one in plan.ids)
    assert gone.step("swap_file:/swapfile").fields["absent"] is True


def test_a_job_that_waits_needs_no_second_unit(plan_of: Compile) -> None:
    job = {"command": ["/bin/echo", "100% $HOME"], "at": "daily"}
    jobs = {"one": job, "two": {**job, "while_running": "wait"}}
    plan = plan_of((timer.cookbook, "setup"), tables={"timer": {"jobs": jobs, "removed": ["two"]}})
    text = plan.step("unit:toque-job-one-run.service").fields["content"]

    assert 'ExecStart=/bin/echo "100%% $$HOME"\n' in text
    assert plan.step("unit:toque-job-two-run.service").fields["absent"] is True
    assert list(plan.step("timer:toque-job-two").fields["command"]) == job["command"]


def test_fail2ban_keeps_out_of_ssh_alone(plan_of: Compile) -> None:
    table = {"allow": ["198.51.100.7"], "ports": [22, 2222]}
    plan = plan_of((fail2ban, "setup"), tables={"fail2ban": table})
    text = plan.step("file:/etc/fail2ban/jail.d/toque.local").fields["content"]

    assert "ignoreip = 127.0.0.0/8 ::1 198.51.100.7\n" in text
    assert "port = 22,2222\n" in text
