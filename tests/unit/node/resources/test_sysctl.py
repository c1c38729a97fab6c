import pytest

from init_fakes import converge
from toque.node.errors import NotReady, StepFailed
from toque.node.memory import MemorySystem
from toque.node.resource import Invalid
from toque.node.resources.sysctl import Sysctl
from toque.node.system import Result

LIVE = "/proc/sys/net/ipv4/tcp_rmem"
STORED = "/etc/sysctl.d/99-toque-net.ipv4.tcp_rmem.conf"
RMEM = Sysctl("net.ipv4.tcp_rmem", "4096  131072 6291456")


def machine(live=b"1\t2\t3\n", takes=lambda value: value):
    system = MemorySystem(files={LIVE: live, "/etc/sysctl.d/README": b""})

    def sysctl(argv, stdin, user):
        value = takes(argv[2].partition("=")[2])
        if value is None:
            return Result(argv, 0, b"", b"sysctl: setting key: Invalid argument")
        system.put(LIVE, "\t".join(value.split()).encode() + b"\n")
        return Result(argv, 0)

    system.programs["sysctl"] = sysctl
    return system


def test_the_kernel_gets_the_value_now_and_at_boot():
    system = machine()

    assert converge(RMEM, system) == {"live", "stored"}
    assert system.read(LIVE) == b"4096\t131072\t6291456\n"
    assert system.read(STORED) == b"net.ipv4.tcp_rmem = 4096  131072 6291456\n"
    assert converge(RMEM, system) == frozenset()


def test_a_value_that_the_kernel_has_by_itself_is_only_stored():
    system = machine(b"4096\t131072\t6291456\n")

    assert converge(RMEM, system) == {"stored"}
    assert system.calls == []


def test_a_value_that_the_kernel_refuses_is_not_stored():
    system = machine(takes=lambda value: None)

    with pytest.raises(StepFailed) as caught:
        converge(RMEM, system)

    assert caught.value.code == "sysctl-refused"
    assert "Invalid argument" in caught.value.log[0]
    assert system.stat(STORED) is None


def test_a_value_that_the_kernel_bends_is_put_back():
    system = machine(takes=lambda value: value if value == "1 2 3" else "9 9 9")

    with pytest.raises(StepFailed) as caught:
        converge(RMEM, system)

    assert (caught.value.expected, caught.value.found) == ("4096 131072 6291456", "9 9 9")
    assert system.read(LIVE) == b"1\t2\t3\n"


def test_an_unknown_parameter_may_come_with_an_earlier_step():
    with pytest.raises(NotReady) as caught:
        Sysctl("net.netfilter.nf_conntrack_max", 1).found(machine())

    assert caught.value.code == "sysctl-unknown"


def test_an_absent_one_leaves_the_running_kernel_alone():
    system = machine()
    converge(RMEM, system)

    assert converge(Sysctl("net.ipv4.tcp_rmem", absent=True), system) == {"exists"}
    assert system.stat(STORED) is None
    assert system.taken_notes() == ("net.ipv4.tcp_rmem keeps its value until the next boot",)


def test_what_is_shown_is_what_changes():
    found = {"live": "1 2 3", "stored": None}

    assert RMEM.show(found, frozenset({"live", "stored"})) == [
        "~ live: 1 2 3 -> 4096 131072 6291456",
        f"+ {STORED}: net.ipv4.tcp_rmem = 4096  131072 6291456",
    ]
    assert Sysctl("a.b", absent=True).show({"stored": "x"}, frozenset({"exists"})) == [
        "- /etc/sysctl.d/99-toque-a.b.conf"
    ]


def test_a_slash_is_a_dot_inside_a_name():
    one = Sysctl("net.ipv4.conf.eth0/1.forwarding", 1)

    assert one.live == "/proc/sys/net/ipv4/conf/eth0.1/forwarding"
    assert one.path == "/etc/sysctl.d/99-toque-net.ipv4.conf.eth0%1.forwarding.conf"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("swappiness", 1),
        ("net/ipv4/ip_forward", 1),
        ("net.//.passwd", 1),
        ("net.*.x", 1),
        ("-w.a", 1),
        ("vm.swappiness", ""),
        ("kernel.core_pattern", "core\nvm.swappiness=1"),
    ],
)
def test_what_is_no_parameter_is_refused_before_it_travels(name, value):
    with pytest.raises(Invalid):
        Sysctl(name, value).validate()
