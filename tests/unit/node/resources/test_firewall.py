import pytest

from init_fakes import Systemctl, converge
from toque.node.caller import Caller
from toque.node.errors import StepFailed
from toque.node.memory import MemorySystem
from toque.node.model import Facts
from toque.node.resource import Invalid
from toque.node.resources.firewall import BACK, STORED, Firewall, FirewallRule
from toque.node.system import Result

SSH = FirewallRule("accept", ports=(22,))
WEB = FirewallRule("accept", ports=(80, 443))
FIREWALL = Firewall((SSH, WEB))
CALLER = Caller("10.0.0.9", 22)


class Kernel:
    """nft and the one table it knows; ``refuses`` is what it says instead of taking another."""

    def __init__(self):
        self.table = None
        self.refuses = b""
        self.armed = []
        files = {"/etc/systemd/system/x": b"", "/run/x": b""}
        self.system = Systemctl().on(MemorySystem(files=files))
        self.systemctl = self.system.programs["systemctl"]
        self.system.caller = CALLER
        self.system.programs.update(
            {"nft": self.nft, "systemd-run": self.systemd_run, "systemctl": self.stop}
        )

    def nft(self, argv, stdin, user):
        if "list" in argv:
            if self.table is None:
                return Result(argv, 1, b"", b"Error: No such file or directory")
            return Result(argv, 0, self.table.encode())
        if self.refuses:
            return Result(argv, 1, b"", self.refuses)
        if "--check" not in argv:
            self.table = stdin.decode().partition("delete table inet toque\n")[2] or None
        return Result(argv, 0)

    def systemd_run(self, argv, stdin, user):
        self.armed.append(self.system.read(BACK).decode())
        return Result(argv, 0)

    def stop(self, argv, stdin, user):
        if argv[1:] == ["stop", "toque-firewall-undo.timer"]:
            if self.armed:
                self.armed.pop()
            return Result(argv, 0)
        return self.systemctl(argv, stdin, user)


def test_a_table_is_put_in_place_stored_and_loaded_at_boot():
    kernel = Kernel()

    assert "exists" in converge(FIREWALL, kernel.system)
    assert "tcp dport { 80, 443 } accept" in kernel.table
    assert kernel.system.read(STORED).decode().endswith(kernel.table)
    assert kernel.systemctl.unit("toque-firewall.service")["UnitFileState"] == "enabled"
    assert kernel.armed == []
    assert kernel.system.stat(BACK) is None
    assert converge(FIREWALL, kernel.system) == frozenset()


def test_rules_that_travelled_as_lists_are_the_same():
    kernel = Kernel()
    converge(FIREWALL, kernel.system)

    travelled = Firewall((("accept", "tcp", (22,), ()), ("accept", "tcp", (80, 443), ())))

    assert converge(travelled, kernel.system) == frozenset()


def test_a_table_that_somebody_changed_is_put_right():
    kernel = Kernel()
    converge(FIREWALL, kernel.system)
    kernel.table = kernel.table.replace("443", "8443")

    assert converge(FIREWALL, kernel.system) == {"live"}
    assert "443 }" in kernel.table


def test_what_goes_back_is_armed_before_the_new_table_is_there():
    kernel = Kernel()
    converge(FIREWALL, kernel.system)
    before, told = kernel.table, []
    kernel.system.reachable = lambda: told.append((kernel.table, list(kernel.armed))) or True

    converge(Firewall((SSH,)), kernel.system)

    ((during, armed),) = told
    assert during != before
    assert armed == ["table inet toque\ndelete table inet toque\n" + before]


def test_a_caller_that_does_not_come_again_brings_the_old_table_back():
    kernel = Kernel()
    converge(FIREWALL, kernel.system)
    before, stored = kernel.table, kernel.system.read(STORED)
    kernel.system.answering = False

    with pytest.raises(StepFailed) as caught:
        converge(Firewall((SSH,)), kernel.system)

    assert caught.value.code == "firewall-not-confirmed"
    assert (kernel.table, kernel.system.read(STORED)) == (before, stored)
    assert (kernel.armed, kernel.system.stat(BACK)) == ([], None)


def test_the_first_table_goes_when_nobody_comes():
    kernel = Kernel()
    kernel.system.answering = False

    with pytest.raises(StepFailed):
        converge(FIREWALL, kernel.system)

    assert (kernel.table, kernel.system.stat(STORED)) == (None, None)


def test_rules_that_cut_the_session_are_refused_before_anything_is_done():
    kernel = Kernel()

    with pytest.raises(StepFailed) as caught:
        converge(Firewall((WEB,)), kernel.system)

    assert caught.value.code == "firewall-cuts-session"
    assert caught.value.expected == "connections from 10.0.0.9 to port 22 to be accepted"
    assert all(call[:3] == ("nft", "--stateless", "list") for call in kernel.system.calls)


def test_a_run_that_nobody_asked_for_by_ssh_cuts_nobody():
    kernel = Kernel()
    kernel.system.caller = None
    kernel.system.answering = False

    converge(Firewall((WEB,)), kernel.system)

    assert kernel.table is not None


def test_what_nft_refuses_leaves_the_old_table():
    kernel = Kernel()
    converge(FIREWALL, kernel.system)
    before, kernel.refuses = kernel.table, b"Error: Could not process rule"

    with pytest.raises(StepFailed) as caught:
        converge(Firewall((SSH,)), kernel.system)

    assert caught.value.code == "firewall-refused"
    assert caught.value.log == ("Error: Could not process rule",)
    assert (kernel.table, kernel.armed) == (before, [])


def test_a_machine_without_systemd_is_refused():
    kernel = Kernel()
    kernel.system.facts = Facts(init="supervisor")

    with pytest.raises(StepFailed) as caught:
        FIREWALL.found(kernel.system)

    assert caught.value.code == "firewall-needs-systemd"


def test_what_it_writes_is_its_own():
    assert [claim.path for claim in FIREWALL.claims()] == [
        "/etc/toque-firewall.nft",
        "/etc/systemd/system/toque-firewall.service",
    ]


def test_an_absent_one_leaves_nothing_of_it():
    kernel = Kernel()
    converge(FIREWALL, kernel.system)

    assert converge(Firewall(absent=True), kernel.system) == {"exists"}
    assert (kernel.table, kernel.system.stat(STORED)) == (None, None)
    assert kernel.system.names("/etc/systemd/system") == ["x"]


@pytest.mark.parametrize(
    "fields",
    [
        {"otherwise": "allow"},
        {"rules": ("accept",)},
        {"rules": (("accept", "tcp", (), (), "more"),)},
        {"rules": (5,)},
        {"rules": (FirewallRule("allow"),)},
        {"rules": (FirewallRule("accept", "icmp"),)},
        {"rules": (FirewallRule("accept", "any", (22,)),)},
        {"rules": (FirewallRule("accept", ports=("ssh",)),)},
        {"rules": (FirewallRule("accept", ports=(0,)),)},
        {"rules": (FirewallRule("accept", ports="22"),)},
        {"rules": (FirewallRule("accept", ports=22),)},
        {"rules": (FirewallRule("accept", sources="10.0.0.0/8"),)},
        {"rules": (FirewallRule("accept", sources=("10.0.0.1/8",)),)},
        {"rules": (FirewallRule("accept", sources=("}; drop",)),)},
    ],
)
def test_what_is_no_firewall_is_refused_before_it_travels(fields):
    with pytest.raises(Invalid):
        Firewall(**fields).validate()
