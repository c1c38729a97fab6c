"""Self-signed certificates, over a small openssl; the real one is asked in tests/cases."""

import json
from dataclasses import replace

import pytest

from toque.node.errors import NotReady, StepFailed
from toque.node.memory import MemorySystem
from toque.node.resource import Invalid, differing
from toque.node.resources.certificate import DAY_S, Certificate
from toque.node.system import Result

SITE = Certificate("/etc/ssl/site.pem", "/etc/ssl/site.key", names=("site.example",))


class Machine(MemorySystem):
    """Its openssl makes another pair each time; ``breaks`` is how many writes it survives."""

    def __init__(self):
        super().__init__(programs={"openssl": self.openssl})
        self.put("/etc/ssl/other")
        self.put("/var/lib/x")
        self.made = 0
        self.code = 0
        self.settings = ""
        self.breaks = 99

    def openssl(self, argv, stdin, user):
        self.made += 1
        self.settings = stdin.decode()
        text = "".join(
            f"-----BEGIN {what}-----\n{what} {self.made}\n-----END {what}-----\n"
            for what in ("PRIVATE KEY", "CERTIFICATE")
        )
        return Result(argv, self.code, text.encode(), b"......\nwriting\n")

    def write(self, path, data, **more):
        self.breaks -= 1
        if self.breaks < 0:
            raise KeyboardInterrupt
        super().write(path, data, **more)


def apply(resource, system):
    resource.validate()
    keys = differing(resource.wanted(), resource.found(system))
    if keys:
        resource.fix(system, keys)
        assert differing(resource.wanted(), resource.found(system)) == frozenset()
    return keys


def texts(system):
    return [system.read(path).decode().splitlines()[1] for path in (SITE.path, SITE.key_path)]


def test_a_pair_is_made_once():
    system = Machine()

    assert "exists" in apply(SITE, system)
    assert apply(SITE, system) == frozenset()
    assert (system.made, texts(system)) == (1, ["CERTIFICATE 1", "PRIVATE KEY 1"])
    assert (system.stat(SITE.key_path).mode, system.stat(SITE.path).mode) == (0o600, 0o644)


def test_no_key_is_in_an_argument_and_the_settings_hold_every_name():
    system = Machine()
    apply(replace(SITE, names=("site.example", "*.site.example"), addresses=("::1",)), system)

    assert "subjectAltName = DNS:site.example,DNS:*.site.example,IP:::1" in system.settings
    assert "CN = site.example\n" in system.settings
    assert not any("PRIVATE" in word or "site" in word for call in system.calls for word in call)


def test_it_is_made_again_when_it_is_close_to_its_end():
    system = Machine()
    apply(SITE, system)
    system.clock = (397 - 30) * DAY_S - 1
    assert apply(SITE, system) == frozenset()
    system.clock += 1
    assert apply(SITE, system) == {"valid"}
    assert texts(system) == ["CERTIFICATE 2", "PRIVATE KEY 2"]


def test_one_from_a_clock_that_was_ahead_is_made_again():
    system = Machine()
    system.clock = 1000 * DAY_S
    apply(SITE, system)
    system.clock = 0
    assert apply(SITE, system) == {"valid"}


def test_it_is_made_again_when_its_names_differ_in_more_than_order():
    system = Machine()
    apply(replace(SITE, names=("b.example", "a.example")), system)
    assert apply(replace(SITE, names=("a.example", "b.example")), system) == frozenset()
    assert apply(replace(SITE, names=("a.example",)), system) == {"names"}


def test_owner_and_mode_of_the_key_are_put_right_without_another_key():
    system = Machine()
    apply(SITE, system)
    assert apply(replace(SITE, group="ssl-cert", key_mode=0o640), system) == {"key"}
    assert system.made == 1


@pytest.mark.parametrize("path", [SITE.path, SITE.key_path])
def test_half_a_pair_is_made_again(path):
    system = Machine()
    apply(SITE, system)
    system.remove(path)
    assert "pair" in apply(SITE, system)
    assert texts(system) == ["CERTIFICATE 2", "PRIVATE KEY 2"]


def test_a_key_that_does_not_belong_to_our_certificate_is_replaced():
    system = Machine()
    apply(SITE, system)
    system.put(SITE.key_path, b"torn")
    assert "pair" in apply(SITE, system)


@pytest.mark.parametrize(
    ("there", "ours"),
    [
        ((SITE.path,), False),
        ((SITE.key_path,), False),
        ((SITE.path, SITE.key_path), False),
        ((SITE.path,), True),
        ((SITE.path, SITE.key_path), True),
    ],
)
def test_what_somebody_else_has_made_stays_unless_it_may_go(there, ours):
    system = Machine()
    if ours:
        apply(SITE, system)
    for path in there:
        system.put(path, b"theirs")
    for resource in (SITE, replace(SITE, absent=True)):
        with pytest.raises(StepFailed) as caught:
            apply(resource, system)
        assert caught.value.code == "certificate-not-ours"
    assert all(system.read(path) == b"theirs" for path in there)
    assert apply(replace(SITE, replace=True), system) > {"names"}
    assert apply(SITE, system) == frozenset()  # it is ours now


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("writes", [0, 1, 2])
def test_whatever_a_killed_run_leaves_is_ours_and_made_whole(first, writes):
    system = Machine()
    if not first:
        apply(SITE, system)
        system.clock = 396 * DAY_S
    system.breaks = writes
    with pytest.raises(KeyboardInterrupt):
        apply(SITE, system)
    system.breaks = 99
    assert apply(SITE, system)
    assert texts(system)[0][-1] == texts(system)[1][-1]


def test_absent_takes_both_away_and_the_record():
    system = Machine()
    apply(SITE, system)
    assert apply(replace(SITE, names=(), absent=True), system) == {"exists"}
    assert system.names("/etc/ssl") == ["other"]
    assert system.names("/var/lib/toque/certificates") == []


def test_a_failure_of_openssl_leaves_the_old_pair_and_quotes_no_key():
    system = Machine()
    apply(SITE, system)
    system.code = 1
    with pytest.raises(StepFailed) as caught:
        apply(replace(SITE, names=("other.example",)), system)
    assert (caught.value.code, caught.value.log) == ("certificate-failed", ("......", "writing"))
    assert texts(system) == ["CERTIFICATE 1", "PRIVATE KEY 1"]
    assert apply(SITE, system) == frozenset()


def test_without_openssl_it_is_not_ready():
    system = MemorySystem()
    with pytest.raises(NotReady):
        apply(SITE, system)


def test_the_record_holds_neither_key_nor_certificate():
    system = Machine()
    apply(SITE, system)
    (name,) = system.names("/var/lib/toque/certificates")
    text = system.read(f"/var/lib/toque/certificates/{name}").decode()
    assert "PRIVATE" not in text
    assert json.loads(text)["path"] == SITE.path
    assert system.stat(f"/var/lib/toque/certificates/{name}").mode == 0o600


@pytest.mark.parametrize(
    "more",
    [
        {"path": "site.pem"},
        {"path": SITE.key_path},
        {"key_path": "/etc/ssl/"},
        {"names": ()},
        {"names": ("Site.example",)},
        {"names": ("a b",)},
        {"names": ("a,DNS:b",)},
        {"names": ("a\nb",)},
        {"names": ("a.*.b",)},
        {"names": ("-a",)},
        {"names": ("a" * 64,)},
        {"addresses": ("1.2.3",)},
        {"addresses": ("1.2.3.4,DNS:x",)},
        {"days": 0},
        {"renew_days": 397},
        {"key_mode": 0o644},
        {"key_mode": 0o660},
        {"key_mode": 0},
    ],
    ids=str,
)
def test_declarations_that_can_never_be_right_are_refused(more):
    with pytest.raises(Invalid):
        replace(SITE, **more).validate()
