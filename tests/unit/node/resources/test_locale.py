import pytest

from init_fakes import converge
from toque.node.errors import NotReady, StepFailed
from toque.node.memory import MemorySystem
from toque.node.resource import Invalid
from toque.node.resources.locale import CHOSEN, DEFAULT, SUPPORTED, Locale, normal
from toque.node.system import Result

SWISS = Locale("de_CH.UTF-8")


def machine(chosen=b"# de_CH.UTF-8 UTF-8\n# de_DE@euro ISO-8859-15\n"):
    known = b"de_CH ISO-8859-1\nde_CH.UTF-8 UTF-8\nde_DE@euro ISO-8859-15\n"
    files = {CHOSEN: chosen, SUPPORTED: known, "/usr/sbin/locale-gen": b"", DEFAULT: b"A=b\n"}
    system = MemorySystem(files=files)
    system.there = {"C", "C.utf8", "POSIX"}

    def locale_gen(argv, stdin, user):
        lines = system.read(CHOSEN).decode().splitlines()
        system.there |= {normal(line.split()[0]) for line in lines if line[:1] not in "#"}
        if "--keep-existing" not in argv:
            system.there = {"C", "C.utf8", "POSIX"}
        return Result(argv, 0)

    def locale(argv, stdin, user):
        return Result(argv, 0, "\n".join(system.there).encode())

    system.programs.update({"locale-gen": locale_gen, "locale": locale})
    return system


@pytest.mark.parametrize("chosen", [b"# de_CH.UTF-8 UTF-8\n", b""])
def test_a_locale_is_chosen_and_made_once(chosen):
    system = machine(chosen)

    assert "exists" in converge(SWISS, system)
    assert system.read(CHOSEN) == b"de_CH.UTF-8 UTF-8\n"
    assert converge(SWISS, system) == frozenset()


def test_the_default_is_one_line_among_others():
    system = machine()

    converge(Locale("de_CH.UTF-8", default=True), system)
    assert system.read(DEFAULT) == b"A=b\nLANG=de_CH.UTF-8\n"
    assert converge(Locale("de_CH.UTF-8", default=False), system) == {"default"}
    assert system.read(DEFAULT) == b"A=b\n"


def test_the_default_of_newer_releases_is_behind_a_link():
    system = machine()
    system.put(DEFAULT, kind="link", target="../locale.conf")

    converge(Locale("C.UTF-8", default=True), system)
    assert system.read("/etc/locale.conf") == b"LANG=C.UTF-8\n"


def test_several_locales_share_one_look():
    system = machine()
    SWISS.found(system)
    Locale("C.UTF-8").found(system)

    assert system.calls == [("locale", "-a")]


def test_an_absent_locale_is_no_longer_chosen():
    system = machine()
    converge(SWISS, system)

    assert converge(Locale("de_CH.UTF-8", absent=True), system) == {"exists"}
    assert system.read(CHOSEN).startswith(b"# de_CH.UTF-8 UTF-8\n")


def test_an_unknown_name_changes_nothing():
    system = machine()

    with pytest.raises(StepFailed) as caught:
        converge(Locale("xx_XX.UTF-8"), system)

    assert caught.value.code == "locale-unknown"
    assert not isinstance(caught.value, NotReady)


@pytest.mark.parametrize("gone", [SUPPORTED, "/usr/sbin/locale-gen"])
def test_the_package_may_come_with_an_earlier_step(gone):
    system = machine()
    system.remove(gone)
    before = system.read(CHOSEN)

    with pytest.raises(NotReady) as caught:
        converge(SWISS, system)

    assert caught.value.code == "program-missing"
    assert system.read(CHOSEN) == before


@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"name": "de_CH.UTF-8 UTF-8"},
        {"name": "de\nfr"},
        {"name": "C.UTF-8", "absent": True},
        {"name": "de_CH.UTF-8", "absent": True, "default": True},
    ],
)
def test_what_is_no_locale_is_refused_before_it_travels(fields):
    with pytest.raises(Invalid):
        Locale(**fields).validate()


def test_a_name_as_the_machine_lists_it():
    assert normal("de_CH.UTF-8") == "de_CH.utf8"
    assert normal("de_DE.ISO-8859-15@euro") == "de_DE.iso885915@euro"
    assert normal("de_DE@euro") == "de_DE@euro"
