import pytest

from openpgp_keys import ED25519, ED25519_FINGERPRINT, RSA, RSA_FINGERPRINT
from toque.node.errors import StepFailed
from toque.node.memory import MemorySystem
from toque.node.resource import Invalid, differing
from toque.node.resources.apt_repository import AptRepository
from toque.node.system import Result

SOURCE = "/etc/apt/sources.list.d/vendor.sources"
KEYS = "/etc/apt/keyrings"
REST = {"uris": ("https://x.example/debian",), "suites": ("bookworm",), "components": ("main",)}


def vendor(key=ED25519, fingerprints=(ED25519_FINGERPRINT,), **rest):
    return AptRepository("vendor", signed_by=key, fingerprints=fingerprints, **{**REST, **rest})


class Apt:
    """Takes every source unless it has ``words`` to say against one, when asked for ``verb``."""

    def __init__(self, verb="", words=b"", code=100):
        self.verb, self.words, self.code = verb, words, code
        files = {"/etc/apt/sources.list.d/old.list": b"deb old\n", "/run/lock/x": b""}
        self.system = MemorySystem(files=files, programs={"apt-get": self})
        self.staged = []

    def __call__(self, argv, stdin, user):
        where = "/run/toque-apt-vendor"
        self.staged.append({n: self.system.read(f"{where}/{n}") for n in self.system.names(where)})
        return Result(argv, *((self.code, b"", self.words) if self.verb in argv else (0,)))


def converge(resource, system):
    found = resource.found(system)
    keys = differing(resource.wanted(), found)
    if keys:
        resource.fix(system, keys)
        assert differing(resource.wanted(), resource.found(system)) == frozenset()
    return bool(keys)


def test_a_source_is_a_stanza_and_a_key_named_by_its_content():
    apt = Apt()
    assert converge(vendor(architectures=("amd64",)), apt.system)
    (key,) = apt.system.names(KEYS)
    assert apt.system.read(SOURCE).decode() == (
        "Types: deb\nURIs: https://x.example/debian\nSuites: bookworm\nComponents: main\n"
        f"Architectures: amd64\nSigned-By: {KEYS}/{key}\n"
    )
    assert not converge(vendor(architectures=("amd64",)), apt.system)


def test_it_is_tried_beside_the_others_and_alone_before_it_is_put_in_place():
    apt = Apt()
    converge(vendor(), apt.system)
    beside, alone = apt.staged
    assert sorted(beside) == ["old.list", "vendor.sources"]
    assert [c[-1] for c in apt.system.calls] == ["indextargets", "update"]
    assert "Dir::Etc::sourceparts=-" in apt.system.calls[1]
    assert alone["vendor.sources"] == apt.system.read(SOURCE)
    assert apt.system.stat("/run/toque-apt-vendor") is None


@pytest.mark.parametrize(
    ("verb", "words", "code"),
    [
        ("indextargets", b"E: Conflicting values set for option Signed-By", 100),
        ("update", b"E: The repository 'x' is not signed.", 100),
        ("update", b"W: GPG error: x: NO_PUBKEY 1234", 0),
        ("update", b"Err:1 x\n", 0),
        ("update", b"W: Failed to fetch x  Connection refused", 0),
    ],
)
def test_what_apt_refuses_is_not_put_in_place_and_quoted(verb, words, code):
    apt = Apt(verb, words, code)
    before = dict(apt.system.tree)
    with pytest.raises(StepFailed) as caught:
        converge(vendor(), apt.system)
    assert caught.value.code == "package-source-refused"
    assert caught.value.found == words.decode().strip()
    assert {p for p in apt.system.tree if p not in before} <= {KEYS}


def test_a_refused_change_leaves_the_source_and_the_key_that_were_there():
    apt = Apt()
    converge(vendor(), apt.system)
    before = dict(apt.system.tree)
    apt.verb, apt.words = "update", b"E: no"
    for other in (vendor(RSA, (RSA_FINGERPRINT,)), vendor(suites=("trixie",))):
        with pytest.raises(StepFailed):
            converge(other, apt.system)
        assert apt.system.tree == before


def test_a_new_key_replaces_the_old_one_of_this_source_only():
    apt = Apt()
    apt.system.put(f"{KEYS}/vendor-other-0123456789ab.gpg", b"x")
    converge(vendor(), apt.system)
    (old,) = {n for n in apt.system.names(KEYS) if "other" not in n}
    converge(vendor(RSA, (RSA_FINGERPRINT,)), apt.system)
    assert len(apt.system.names(KEYS)) == 2
    assert old not in apt.system.names(KEYS)
    assert converge(AptRepository("vendor", absent=True), apt.system)
    assert apt.system.names(KEYS) == ["vendor-other-0123456789ab.gpg"]
    assert apt.system.stat(SOURCE) is None


def test_a_key_that_was_changed_on_the_node_is_found():
    apt = Apt()
    converge(vendor(), apt.system)
    (key,) = apt.system.names(KEYS)
    apt.system.put(f"{KEYS}/{key}", b"planted")
    assert vendor().found(apt.system)["key"] == "another"
    assert converge(vendor(), apt.system)


def test_a_keyring_of_the_node_is_only_named():
    apt = Apt()
    converge(vendor("/usr/share/keyrings/x.gpg", ()), apt.system)
    assert b"Signed-By: /usr/share/keyrings/x.gpg\n" in apt.system.read(SOURCE)
    assert apt.system.names(KEYS) == []


def test_a_fingerprint_may_be_written_as_people_write_it():
    spaced = " ".join(ED25519_FINGERPRINT[i : i + 4] for i in range(0, 40, 4)).lower()
    vendor(fingerprints=(spaced,)).validate()


@pytest.mark.parametrize(
    ("field", "rest"),
    [
        ("name", {"name": "../x"}),
        ("uris", {"uris": ()}),
        ("uris", {"uris": ("https://x y",)}),
        ("uris", {"uris": ("https://x\nTrusted: yes",)}),
        ("uris", {"uris": ("https://me:hunter2@x.example/",)}),
        ("suites", {"suites": ("a b",)}),
        ("suites", {"suites": ()}),
        ("components", {"components": ()}),
        ("components", {"suites": ("./",)}),
        ("components", {"components": ("main\nTrusted: yes",)}),
        ("architectures", {"architectures": ("amd64 i386",)}),
        ("types", {"types": ("rpm",)}),
        ("signed_by", {"signed_by": ""}),
        ("signed_by", {"signed_by": "/x y", "fingerprints": ()}),
        ("signed_by", {"signed_by": "<html>"}),
        ("fingerprints", {"fingerprints": ()}),
        ("fingerprints", {"fingerprints": (ED25519_FINGERPRINT[-16:],)}),
        ("fingerprints", {"fingerprints": (RSA_FINGERPRINT,)}),
        ("fingerprints", {"fingerprints": (ED25519_FINGERPRINT, RSA_FINGERPRINT)}),
        ("fingerprints", {"signed_by": ED25519 + RSA}),
        ("fingerprints", {"signed_by": "/x.gpg"}),
    ],
)
def test_what_is_no_declaration_is_refused(field, rest):
    values = {"signed_by": ED25519, "fingerprints": (ED25519_FINGERPRINT,), **REST, **rest}
    with pytest.raises(Invalid) as caught:
        AptRepository(values.pop("name", "vendor"), **values).validate()
    assert caught.value.field == field
    assert "hunter2" not in str(caught.value)
