import pytest

from init_fakes import converge
from toque.node.errors import NotReady
from toque.node.memory import MemorySystem
from toque.node.resource import Invalid
from toque.node.resources.timezone import LINK, TEXT, ZONES, Timezone

ZURICH = Timezone("Europe/Zurich")


def machine(target="/usr/share/zoneinfo/Etc/UTC", text=b"Etc/UTC\n"):
    system = MemorySystem(files={f"{ZONES}/Europe/Zurich": b"TZif2"})
    system.put(LINK, kind="link", target=target)
    if text is not None:
        system.put(TEXT, text)
    return system


def test_a_zone_is_linked_and_named():
    system = machine()

    assert converge(ZURICH, system) == {"zone", "text"}
    assert system.stat(LINK).target == "/usr/share/zoneinfo/Europe/Zurich"
    assert system.read(TEXT) == b"Europe/Zurich\n"
    assert converge(ZURICH, system) == frozenset()


def test_both_files_of_the_zone_are_claimed():
    assert {claim.path for claim in ZURICH.claims()} == {LINK, TEXT}


def test_what_timedatectl_writes_is_the_same_zone():
    system = machine("../usr/share/zoneinfo/Europe/Zurich", b"Europe/Zurich\n")

    assert converge(ZURICH, system) == frozenset()


def test_a_machine_without_the_text_gets_none():
    system = machine(text=None)

    assert converge(ZURICH, system) == {"zone"}
    assert system.stat(TEXT) is None


def test_a_copy_in_place_of_the_link_is_replaced():
    system = machine()
    system.put(LINK, b"TZif2")

    assert "zone" in converge(ZURICH, system)


def test_an_unknown_zone_may_come_with_an_earlier_step():
    with pytest.raises(NotReady) as caught:
        Timezone("Mars/Olympus").found(machine())

    assert caught.value.code == "timezone-unknown"


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "/UTC", "Europe/", "a/b/c/d", "UTC\n"])
def test_what_is_no_zone_is_refused_before_it_travels(name):
    with pytest.raises(Invalid):
        Timezone(name).validate()
