from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toque.node.dpkg import parse_status
from toque.node.errors import StepFailed
from toque.node.memory import MemorySystem
from toque.node.resource import Invalid, differing
from toque.node.resources.package import Package, mergeable, merged
from toque.node.system import Result

STATUS = "/var/lib/dpkg/status"
LISTS = "/var/lib/apt/lists/main_Packages"


def paragraph(name, version="1.0-1", status="install ok installed"):
    return f"Package: {name}\nStatus: {status}\nArchitecture: amd64\nVersion: {version}\n\n"


class Apt:
    """Installs names it has; ``index`` is what an update brings.  ``words`` are extra answers."""

    def __init__(self, has, index=None, update_err=b"", words=None):
        self.has = dict(has)
        self.index = dict(index or {})
        self.update_err = update_err
        self.words = words
        self.system = None

    def on(self, files):
        self.system = MemorySystem(
            files=files, programs={"apt-get": self, "apt-cache": self.policy, "dpkg": self.dpkg}
        )
        return self.system

    def policy(self, argv, stdin, user):
        text = "".join(
            f"{n}:\n  Installed: (none)\n  Candidate: {self.has.get(n, '(none)')}\n"
            for n in argv[3:]
        )
        return Result(argv, 0, text.encode())

    def dpkg(self, argv, stdin, user):
        text = self.system.read(STATUS).decode()
        if argv[1] == "--audit":
            return Result(argv, 0, b"half" if "half-configured" in text else b"")
        fixed = text.replace("half-configured", "installed")
        self.system.put(STATUS, fixed.encode())
        for name in self.system.names("/var/lib/dpkg/updates"):
            self.system.remove(f"/var/lib/dpkg/updates/{name}")
        return Result(argv, 0)

    def __call__(self, argv, stdin, user):
        if "update" in argv:
            self.has.update(self.index)
            self.system.put(LISTS, b"")
            return Result(argv, 0, b"", self.update_err)
        if self.words is not None:
            return Result(argv, 100, b"", self.words)
        text = self.system.read(STATUS).decode()
        for word in argv[argv.index("--") + 1 :]:
            name = word.partition("=")[0]
            if "install" not in argv:
                text = text.replace(paragraph(name), "")
                continue
            if name not in self.has:
                return Result(argv, 100, b"", f"E: Unable to locate package {name}".encode())
            text += paragraph(name, self.has[name])
        self.system.put(STATUS, text.encode())
        return Result(argv, 0)


def transactions(system):
    verbs = ("install", "remove", "purge", "update")
    return [next(w for w in c if w in verbs) for c in system.calls if c[0] == "apt-get"]


def converge(resource, system):
    found = resource.found(system)
    keys = differing(resource.wanted(), found)
    if keys:
        resource.fix(system, keys)
        system.forget(resource.disturbs)
        assert differing(resource.wanted(), resource.found(system)) == frozenset()
    return list(resource.show(found, keys))


def test_all_names_are_one_transaction_and_then_nothing():
    apt = Apt({"nginx": "1.22.1", "git": "2.39"})
    system = apt.on({STATUS: paragraph("adduser").encode(), LISTS: b""})
    wanted = Package("adduser", "nginx", "git")
    assert converge(wanted, system) == ["+ nginx 1.22.1", "+ git 2.39"]
    assert transactions(system) == ["install"]
    count = len(system.calls)
    assert converge(wanted, system) == []
    assert len(system.calls) == count


def test_the_index_is_fetched_when_there_is_none():
    system = Apt({}, {"nginx": "1"}).on({STATUS: b""})
    converge(Package("nginx"), system)
    assert transactions(system) == ["update", "install"]


def test_the_index_is_fetched_when_it_lacks_a_package():
    system = Apt({}, {"nginx": "1"}).on({STATUS: b"", LISTS: b""})
    converge(Package("nginx"), system)
    assert transactions(system) == ["install", "update", "install"]


def failure(apt, wanted=None):
    with pytest.raises(StepFailed) as caught:
        converge(wanted or Package("nginx"), apt.on({STATUS: b"", LISTS: b""}))
    return caught.value


def test_an_unknown_package_quotes_apt():
    error = failure(Apt({}))
    assert error.code == "package-unknown"
    assert error.log == ("E: Unable to locate package nginx",)


def test_an_unreachable_index_is_not_called_an_unknown_package():
    err = b"W: Failed to fetch http://x  Temporary failure resolving 'x'"
    error = failure(Apt({}, update_err=err))
    assert error.code == "package-index-unreachable"
    assert "Temporary failure" in error.found


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (b"E: Unable to correct problems, you have held broken packages.", "package-conflict"),
        (b"E: Held packages were changed and -y was used", "package-conflict"),
        (b"E: Could not get lock /var/lib/dpkg/lock-frontend", "package-locked"),
        (b"E: Failed to fetch http://x/y.deb  Could not connect", "package-index-unreachable"),
        (b"E: Sub-process /usr/bin/dpkg returned an error code (1)", "package-failed"),
    ],
)
def test_apts_words_become_codes(words, code):
    assert failure(Apt({}, words=words)).code == code


@pytest.mark.parametrize(
    ("pin", "lines"), [("1.0-1", 0), ("1.0*", 0), ("1.*", 0), ("1.0", 1), ("2*", 1)]
)
def test_a_pin_is_a_version_or_its_beginning(pin, lines):
    system = Apt({}).on({STATUS: paragraph("git").encode()})
    wanted = Package("git", versions={"git": pin})
    found = wanted.found(system)
    keys = differing(wanted.wanted(), found)
    assert len(wanted.show(found, keys)) == lines


def test_absent_packages_are_removed_and_their_configuration_only_when_purged():
    kept = paragraph("git", status="deinstall ok config-files")
    system = Apt({}).on({STATUS: (paragraph("vim") + kept).encode()})
    assert converge(Package("vim", "git", absent=True), system) == ["- vim 1.0-1"]
    assert transactions(system) == ["remove"]
    purge = Package("git", absent=True, purge=True)
    assert differing(purge.wanted(), purge.found(system)) == {"git"}


def test_an_interrupted_dpkg_is_repaired_first_and_noted():
    text = paragraph("vim", status="install ok half-configured")
    system = Apt({"git": "2"}).on({STATUS: text.encode(), LISTS: b""})
    lines = converge(Package("vim", "git"), system)
    assert lines[0] == "~ dpkg: interrupted -> repaired"
    assert tuple(next(c for c in system.calls if "--configure" in c)[:3]) == (
        "dpkg",
        "--configure",
        "-a",
    )
    assert system.taken_notes() == ("an interrupted dpkg was repaired first",)


def test_an_interruption_is_repaired_though_every_named_package_is_there():
    files = {STATUS: paragraph("git").encode(), "/var/lib/dpkg/updates/0001": b"Package: x"}
    system = Apt({}).on(files)
    assert converge(Package("git"), system) == ["~ dpkg: interrupted -> repaired"]


def test_a_machine_without_dpkg_is_said():
    with pytest.raises(StepFailed) as caught:
        Package("git").found(MemorySystem())
    assert caught.value.code == "package-manager-missing"


def test_both_architectures_of_a_package_are_known():
    other = "Package: libc6\nStatus: deinstall ok config-files\nArchitecture: i386\nVersion: 1\n\n"
    packages = parse_status(paragraph("libc6") + other)
    assert packages["libc6"].state == "installed"
    assert packages["libc6:i386"].state == "config-files"


@pytest.mark.parametrize(
    "wanted",
    [
        SimpleNamespace(args=(), rest={}),
        SimpleNamespace(args=("-y",), rest={}),
        SimpleNamespace(args=("Nginx",), rest={}),
        SimpleNamespace(args=("git",), rest={"versions": {"vim": "1"}}),
        SimpleNamespace(args=("git",), rest={"versions": {"git": "1 2"}}),
        SimpleNamespace(args=("git",), rest={"versions": {"git": "1"}, "absent": True}),
        SimpleNamespace(args=("git",), rest={"purge": True}),
    ],
)
def test_what_is_no_declaration_is_refused(wanted):
    with pytest.raises(Invalid):
        Package(*wanted.args, **wanted.rest).validate()


PACKAGES = st.builds(
    lambda names, pins, absent: Package(
        *names, versions=dict.fromkeys(names & pins, "1"), absent=absent
    ),
    st.sets(st.sampled_from("abcd"), min_size=1),
    st.sets(st.sampled_from("abcd")),
    st.booleans(),
)


@given(PACKAGES, PACKAGES)
def test_merged_neighbours_want_what_both_wanted(first, second):
    if mergeable(first, second):
        both = merged(first, second).wanted()
        for side in (first, second):
            assert differing(side.wanted(), both) == frozenset()
        assert set(both) == set(first.wanted()) | set(second.wanted())


def test_neighbours_that_disagree_are_not_merged():
    one = Package("a", versions={"a": "1"})
    assert not mergeable(one, Package("a", versions={"a": "2"}))
    assert not mergeable(one, Package("b", absent=True))
    assert not mergeable(one, Package("b", recommends=True))
    assert mergeable(one, Package("b"))
