import pytest

from init_fakes import converge
from toque.node.errors import StepFailed
from toque.node.memory import MemorySystem
from toque.node.resource import Invalid
from toque.node.resources.hostname import HOSTS, LIVE, STORED, Hostname
from toque.node.system import Result


def machine(hosts=b"127.0.0.1\tlocalhost\n::1 localhost\n", name=b"old"):
    system = MemorySystem(files={HOSTS: hosts, LIVE: name + b"\n", STORED: name + b"\n"})

    def hostname(argv, stdin, user):
        system.put(LIVE, argv[1].encode() + b"\n")
        return Result(argv, 0)

    system.programs["hostname"] = hostname
    return system


def test_a_name_holds_now_and_at_boot_and_leads_to_the_machine():
    system = machine()

    assert converge(Hostname("web1.example.com"), system) == {"live", "stored", "hosts"}
    assert system.read(LIVE) == b"web1.example.com\n"
    assert system.read(STORED) == b"web1.example.com\n"
    assert system.read(HOSTS).splitlines() == [
        b"127.0.0.1\tlocalhost",
        b"127.0.1.1\tweb1.example.com web1",
        b"::1 localhost",
    ]
    assert converge(Hostname("web1.example.com"), system) == frozenset()


def test_the_old_name_gives_way_in_hosts_and_other_lines_stay():
    system = machine(b"# mine\n127.0.0.1 localhost\n127.0.1.1 old\n10.0.0.9 db\n")

    converge(Hostname("web1"), system)

    assert system.read(HOSTS) == b"# mine\n127.0.0.1 localhost\n127.0.1.1\tweb1\n10.0.0.9 db\n"


def test_a_name_that_stands_at_another_address_stays_there():
    system = machine(b"127.0.0.1 localhost\n10.0.0.5 web1.example.com web1 # me\n", b"web1")

    assert converge(Hostname("web1"), system) == frozenset()


def test_a_name_in_a_comment_is_none():
    assert converge(Hostname("web1"), machine(b"# web1\n", b"web1")) == {"hosts"}


def test_a_machine_without_a_name_of_its_own_says_so():
    with pytest.raises(StepFailed) as caught:
        Hostname("web1").found(MemorySystem())

    assert caught.value.code == "hostname-not-own"


def test_a_machine_has_one_name():
    assert Hostname("a").id == Hostname("b").id


@pytest.mark.parametrize(
    "name", ["", "Web1", "-a", "a-", "a..b", "a_b", "a b", "a" * 64 + ".b", "a\n"]
)
def test_what_is_no_name_is_refused_before_it_travels(name):
    with pytest.raises(Invalid):
        Hostname(name).validate()
