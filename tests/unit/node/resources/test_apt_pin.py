import pytest

from toque.node.memory import MemorySystem
from toque.node.resource import Invalid, differing
from toque.node.resources.apt_pin import AptPin

PATH = "/etc/apt/preferences.d/back.pref"


def test_a_pin_is_a_file_and_its_absence_none():
    system = MemorySystem(files={"/etc/apt/preferences.d/x": b""})
    pin = AptPin("back", ("git", "git-*"), "release n=bookworm-backports", 500)
    pin.validate()
    pin.fix(system, differing(pin.wanted(), pin.found(system)))
    assert system.read(PATH) == (
        b"Package: git git-*\nPin: release n=bookworm-backports\nPin-Priority: 500\n"
    )
    assert differing(pin.wanted(), pin.found(system)) == frozenset()
    gone = AptPin("back", absent=True)
    gone.fix(system, differing(gone.wanted(), gone.found(system)))
    assert gone.found(system) is None


def test_a_pin_that_apt_could_not_read_is_put_right_and_shown():
    pin = AptPin("back", ("git",), "version 1.*", 500)
    system = MemorySystem()
    system.put(PATH, b"Package: git\nPin: version 1.*\nPin-Priority: 100\n", mode=0o600)
    keys = differing(pin.wanted(), pin.found(system))
    assert keys == {"content", "mode"}
    assert "+Pin-Priority: 500" in "\n".join(pin.show(pin.found(system), keys))
    pin.fix(system, keys)
    assert pin.found(system) == pin.wanted()


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("name", {"name": "a.b"}),
        ("packages", {"packages": ()}),
        ("packages", {"packages": ("a\nPin: x",)}),
        ("packages", {"packages": ("a b",)}),
        ("pin", {"pin": "bookworm"}),
        ("pin", {"pin": "version 1\nPin-Priority: 1"}),
        ("pin", {"pin": "release "}),
        ("priority", {"priority": 0}),
        ("priority", {"priority": 40000}),
    ],
)
def test_what_is_no_declaration_is_refused(field, values):
    right = {"name": "x", "packages": ("git",), "pin": "version 1.*", "priority": 1001}
    with pytest.raises(Invalid) as caught:
        AptPin(**{**right, **values}).validate()
    assert caught.value.field == field
