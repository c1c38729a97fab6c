"""A firewall applied over SSH: who applies it stays in, whatever the rules say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from machine_site import until
from small_project import SmallProject, small_project

RULES = (
    'r.add(Package("nftables"))',
    'r.add(Firewall((FirewallRule("accept", ports=(22,)), FirewallRule("drop", ports=(81,)))))',
)
# Another table than ours, which our simulation cannot know: new connections to sshd are dropped.
TRAP = "table inet trap { chain c { type filter hook input priority 10; policy accept; \
tcp dport 22 ct state new drop; }; }"


@pytest.fixture(scope="module")
def project(
    kitchen_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SmallProject]:
    with small_project(kitchen_folder, tmp_path_factory.mktemp("firewall"), "firewall") as made:
        made.recipe(*RULES)
        made.converge()
        yield made


def outcome(told: dict, step: str) -> dict:
    return next(o for o in told["report"]["outcomes"] if o["step"] == step)


def test_the_rules_are_in_place_and_the_next_run_gets_in(project: SmallProject) -> None:
    told = project.converge()

    assert outcome(told, "firewall:toque")["status"] == "ok"
    assert "dport 81 drop" in project.sh("nft list table inet toque").replace("{ 81 }", "81")
    assert project.sh("systemctl is-enabled toque-firewall.service").strip() == "enabled"
    assert "undo" not in project.sh("systemctl list-timers --all --no-pager")


@pytest.mark.parametrize(
    "rules",
    [
        '(FirewallRule("accept", ports=(80, 443)),)',
        '(FirewallRule("accept", ports=(22,), sources=("192.0.2.0/24", "2001:db8::/32")),)',
        '(FirewallRule("drop", "any", sources=("0.0.0.0/0",)), FirewallRule("accept"))',
        '(FirewallRule("reject", ports=("1-1024",)), FirewallRule("accept", ports=(22,)))',
        "()",
    ],
)
def test_rules_that_would_cut_the_session_are_refused(project: SmallProject, rules: str) -> None:
    before = project.sh("nft list ruleset; cat /etc/toque-firewall.nft")
    project.recipe(f"r.add(Firewall({rules}))")

    told = project.converge(status=5)

    trouble = told["error"]
    assert trouble["code"] == "firewall-cuts-session", trouble
    assert "to port 22 to be accepted" in trouble["expected"]
    assert project.sh("nft list ruleset; cat /etc/toque-firewall.nft") == before


def test_what_the_rules_do_not_show_puts_the_old_table_back(project: SmallProject) -> None:
    """The session goes on, and only new connections are dropped: the case that a look misses."""
    before = project.sh("nft list table inet toque; cat /etc/toque-firewall.nft")
    # The trap falls in the middle of the run, so that the run itself could still begin.
    project.recipe(
        f"r.add(Command(('nft', {TRAP!r}), always=True))",
        'r.add(Firewall((FirewallRule("accept", ports=(22, 8080)),)))',
    )

    told = project.converge(status=5)

    trouble = told["error"]
    assert trouble["code"] == "firewall-not-confirmed", trouble
    assert project.sh("nft list table inet toque; cat /etc/toque-firewall.nft") == before
    assert "undo" not in project.sh("systemctl list-timers --all --no-pager")
    project.sh("nft delete table inet trap")
    project.recipe(*RULES)
    assert outcome(project.converge(), "firewall:toque")["status"] == "ok"


def test_a_run_that_is_killed_meanwhile_is_undone_by_systemd(project: SmallProject) -> None:
    project.recipe(*RULES)
    project.converge()
    before = project.sh("nft list table inet toque; cat /etc/toque-firewall.nft")
    project.recipe(
        f"r.add(Command(('nft', {TRAP!r}), always=True))",
        'r.add(Firewall((FirewallRule("accept", ports=(22, 8080)),)))',
    )

    with project.begun() as converge:
        until(lambda: "8080" in project.sh("nft list table inet toque"))
        project.sh("pkill -KILL python3; nft delete table inet trap")
        converge.wait(60)

    assert "8080" in project.sh("nft list table inet toque")
    assert "toque-firewall-undo" in project.sh("systemctl list-timers --no-pager")
    project.sh("systemctl start toque-firewall-undo.service")  # not to wait for its minute
    assert project.sh("nft list table inet toque; cat /etc/toque-firewall.nft") == before
    project.recipe(*RULES)
    assert outcome(project.converge(), "firewall:toque")["status"] == "ok"
