import re
from types import SimpleNamespace

import pytest

from toque.node.dpkg import parse_status
from toque.node.errors import NotReady, StepFailed
from toque.node.memory import MemorySystem
from toque.node.resource import Invalid, differing
from toque.node.resources.package import Package
from toque.node.system import Result
from toque.node.values import Secret

STATUS = "/var/lib/dpkg/status"
STAMP = "/var/lib/apt/periodic/update-success-stamp"
LISTS = "/var/lib/apt/lists/main_Packages"


def paragraph(name, version="1.0-1", status="install ok installed"):
    return f"Package: {name}\nStatus: {status}\nArchitecture: amd64\nVersion: {version}\n\n"


class Apt:
    """Installs names it has; ``index`` is what an update brings.

    ``words`` are what it says instead when it is to install; ``refusal`` also when it is asked
    what it would do.  ``drags`` are packages that it installs beside.
    """

    def __init__(self, has, index=None, *, update_err=b"", words=None, refusal=None, drags=None):
        self.has = dict(has)
        self.index = dict(index or {})
        self.update_err = update_err
        self.words = words or refusal
        self.refusal = refusal
        self.drags = dict(drags or {})
        self.young = False
        self.answers = []
        self.system = None

    def on(self, files):
        self.system = MemorySystem(
            files={STAMP: b"", **files},
            programs={
                "apt-get": self,
                "apt-mark": self.mark,
                "debconf-set-selections": self.debconf,
                "dpkg": self.dpkg,
                "find": lambda argv, stdin, user: Result(argv, 0, b"x" if self.young else b""),
            },
        )
        return self.system

    def debconf(self, argv, stdin, user):
        self.answers.append(stdin)
        return Result(argv, 0)

    def mark(self, argv, stdin, user):
        text = self.system.read(STATUS).decode()
        for name in argv[3:]:
            old, new = ("install", "hold") if argv[1] == "hold" else ("hold", "install")
            start = f"Package: {name}\nStatus: "
            text = text.replace(f"{start}{old} ok", f"{start}{new} ok")
        self.system.put(STATUS, text.encode())
        return Result(argv, 0)

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
            self.young = True
            self.system.put(LISTS, b"")
            return Result(argv, 0, b"", self.update_err)
        if self.words is not None and (self.refusal or "--print-uris" not in argv):
            return Result(argv, 100, b"", self.words)
        text = self.system.read(STATUS).decode()
        sections = {"NEW packages": [], "packages": []}
        names = [word.partition("=")[0] for word in argv[argv.index("--") + 1 :]]
        for name in [*names, *self.drags]:
            there = re.search(f"(?m)^Package: {name}\n.*\n.*\nVersion: (.*)\n\n", text)
            if "install" not in argv:
                text = text.replace(there[0], "")
                continue
            if name not in self.has and name not in self.drags:
                return Result(argv, 100, b"", f"E: Unable to locate package {name}".encode())
            version = self.has.get(name) or self.drags[name]
            if there is None:
                text += paragraph(name, version)
                sections["NEW packages"].append(f"   {name} ({version})")
            elif there[1] != version:
                text = text.replace(there[0], paragraph(name, version))
                sections["packages"].append(f"   {name} ({there[1]} => {version})")
        if "--print-uris" in argv:
            upgraded = sections.pop("packages")
            out = ["The following NEW packages will be installed:", *sections["NEW packages"]]
            out += ["The following packages will be upgraded:", *upgraded]
            return Result(argv, 0, "\n".join(out).encode())
        self.system.put(STATUS, text.encode())
        return Result(argv, 0)


def transactions(system):
    verbs = ("install", "remove", "purge", "update")
    ran = [c for c in system.calls if c[0] == "apt-get" and "--print-uris" not in c]
    return [next(w for w in c if w in verbs) for c in ran]


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
    assert len(system.calls) == count  # a look at what is right starts no program


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
        (b"E: You don't have enough free space in /var/cache/apt/archives/.", "disk-full"),
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


class Killed:
    """What a killed dpkg left of ``git``, and what each rung of the ladder can do about it.

    dpkg configures what is unpacked when ``lib``, which it needs, is there; what is half installed
    has to be unpacked anew; a ``lib`` that is missing only apt can bring.
    """

    def __init__(self, git, lib="install ok installed"):
        self.status = {"git": git, "lib": lib}
        programs = {"dpkg": self.dpkg, "apt-get": self.apt}
        self.system = MemorySystem(files={STAMP: b"", LISTS: b""}, programs=programs)
        self.write()

    def write(self):
        there = {name: status for name, status in self.status.items() if status}
        text = "".join(paragraph(name, status=status) for name, status in there.items())
        self.system.put(STATUS, text.encode())

    def dpkg(self, argv, stdin, user):
        if "--audit" in argv:
            whole = self.status["git"] == "install ok installed"
            return Result(argv, 0, b"" if whole else b"git is not whole")
        unpacked = self.status["git"] in ("install ok half-configured", "install ok unpacked")
        if not unpacked or not self.status["lib"]:
            return Result(argv, 1, b"", b"errors were encountered while processing: git")
        self.status["git"] = "install ok installed"
        self.write()
        return Result(argv, 0)

    def apt(self, argv, stdin, user):
        if "--reinstall" in argv and argv[-1] == "git:amd64":
            self.status["git"] = "install ok unpacked"
        elif "--fix-broken" in argv:
            self.status["lib"] = "install ok installed"
        self.write()
        return Result(argv, 0)


@pytest.mark.parametrize(
    ("killed", "rungs"),
    [
        (Killed("install ok half-configured"), ["--configure"]),
        (
            Killed("install reinstreq half-installed"),
            ["--configure", "--reinstall", "--fix-broken", "--configure"],
        ),
        (Killed("install ok unpacked", lib=""), ["--configure", "--fix-broken", "--configure"]),
    ],
    ids=["half configured", "half unpacked", "without what it needs"],
)
def test_the_ladder_is_climbed_as_far_as_it_takes(killed, rungs):
    """``dpkg --configure -a`` alone was not enough after 32 of 40 kills (see dpkg.py)."""
    assert converge(Package("git"), killed.system)[0] == "~ dpkg: interrupted -> repaired"

    climbed = [w for c in killed.system.calls for w in c]
    known = ("--configure", "--reinstall", "--fix-broken")
    assert [w for w in climbed if w in known] == rungs
    assert killed.status == {"git": "install ok installed", "lib": "install ok installed"}


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


def test_a_plan_shows_what_else_apt_would_touch():
    apt = Apt({"nginx": "1.22.1"}, drags={"libc": "2.37", "libnew": "5"})
    system = apt.on({STATUS: paragraph("libc", "2.36").encode(), LISTS: b""})
    assert converge(Package("nginx"), system) == [
        "+ nginx 1.22.1",
        "+ libnew 5 (needed)",
        "~ libc 2.36 -> 2.37 (needed)",
    ]


def lines_of(wanted, system):
    found = wanted.found(system)
    return list(wanted.show(found, differing(wanted.wanted(), found)))


@pytest.mark.parametrize(
    ("files", "young", "why"),
    [
        ({}, True, "the index is to be fetched first"),
        ({LISTS: b""}, False, "the index is to be fetched first"),
        ({LISTS: b""}, True, "it is not in the present index"),
    ],
)
def test_a_version_that_cannot_be_known_yet_is_said_to_be_unknown(files, young, why):
    apt = Apt({}, {"git": "1"})
    system = apt.on({STATUS: b"", **files})
    apt.young = young
    wanted = Package("git", refresh_s=3600)
    assert lines_of(wanted, system) == [f"+ git (version unknown: {why})"]
    converge(wanted, system)


def test_versions_are_unknown_while_dpkg_is_broken():
    text = paragraph("vim", status="install ok half-configured")
    system = Apt({"git": "1"}).on({STATUS: text.encode(), LISTS: b""})
    assert lines_of(Package("git"), system) == [
        "~ dpkg: interrupted -> repaired",
        "+ git (version unknown: dpkg has to be repaired first)",
    ]


def test_what_apt_refuses_is_refused_by_the_plan_in_apts_words():
    words = b"E: Held packages were changed and -y was used without --allow-change-held-packages."
    system = Apt({}, refusal=words).on({STATUS: b"", LISTS: b""})
    with pytest.raises(NotReady) as caught:
        Package("git").found(system)
    assert caught.value.code == "package-conflict"
    assert caught.value.found == words.decode()
    assert [c for c in system.calls if "--print-uris" not in c] == []


def test_newest_follows_the_index_and_is_then_left():
    apt = Apt({"git": "2", "vim": "1"})
    system = apt.on({STATUS: (paragraph("git", "1") + paragraph("vim", "1")).encode(), LISTS: b""})
    wanted = Package("git", "vim", upgrade=True)
    assert converge(wanted, system) == ["~ git 1 -> 2"]
    assert converge(wanted, system) == []


def test_a_hold_is_set_lifted_for_our_own_change_and_taken_away():
    apt = Apt({"git": "2"})
    system = apt.on({STATUS: paragraph("git", "1").encode(), LISTS: b""})
    assert converge(Package("git", hold=True), system) == ["~ git: held"]
    assert lines_of(Package("git"), system) == []
    pinned = Package("git", versions={"git": "2"}, hold=True)
    assert converge(pinned, system) == ["~ git 1 -> 2"]
    marks = [c[1] for c in system.calls if c[0] == "apt-mark"]
    assert marks == ["hold", "unhold", "hold", "hold"]
    assert converge(Package("git", hold=False), system) == ["~ git: no longer held"]


def test_a_held_package_that_is_not_ours_is_never_let_go():
    class Yielding(Apt):
        def __call__(self, argv, stdin, user):
            out = b"The following held packages will be changed:\n   libc (1 => 2)\n"
            return Result(argv, 0, out)

    system = Yielding({}).on({STATUS: b"", LISTS: b""})
    with pytest.raises(NotReady) as caught:
        Package("git", hold=True).found(system)
    assert caught.value.code == "package-conflict"
    assert "libc" in caught.value.message


def test_a_hold_is_back_when_our_own_change_fails():
    held = paragraph("git", "1", status="hold ok installed")
    apt = Apt({"git": "2"}, words=b"E: Sub-process /usr/bin/dpkg returned an error code (1)")
    system = apt.on({STATUS: held.encode(), LISTS: b""})
    with pytest.raises(StepFailed):
        converge(Package("git", versions={"git": "2"}, hold=True), system)
    assert system.read(STATUS).decode() == held


def test_answers_go_to_debconf_on_standard_input_before_the_package():
    apt = Apt({"postfix": "3"})
    system = apt.on({STATUS: paragraph("git").encode(), LISTS: b""})
    secret = Secret("relay", "a relay password")
    wanted = Package(
        "postfix",
        "git",
        answers={
            "postfix/mailname": "example.org",
            "postfix/chattr": "false",
            "postfix/relay": secret,
            "git/asks": "no: it is installed already",
            "shared/more": "x",
        },
    )
    assert converge(wanted, system) == [
        "+ answer for postfix: postfix/chattr = false",
        "+ answer for postfix: postfix/mailname = example.org",
        "+ answer for postfix: postfix/relay = (a secret, not shown)",
        "+ answer for shared: shared/more = x",
        "+ postfix 3",
    ]
    (given,) = apt.answers
    assert sorted(given.decode().splitlines()) == [
        "postfix postfix/chattr boolean false",
        "postfix postfix/mailname string example.org",
        "postfix postfix/relay password a relay password",
        "shared shared/more string x",
    ]
    assert not any("a relay password" in " ".join(call) for call in system.calls)
    programs = [c[0] for c in system.calls if "--print-uris" not in c]
    assert programs.index("debconf-set-selections") < programs.index("apt-get")
    assert converge(wanted, system) == []
    assert len(apt.answers) == 1


def test_a_lock_is_waited_for_and_its_holder_named():
    system = Apt({"git": "1"}).on({STATUS: b"", LISTS: b""})
    system.locks["/var/lib/dpkg/lock-frontend"] = "unattended-upgr (process 7)"
    system.sleep = lambda seconds: system.locks.clear()
    converge(Package("git"), system)
    assert system.progressed[0].startswith("waiting for unattended-upgr (process 7)")


def test_a_lock_that_is_never_free_is_an_error_that_names_its_holder():
    system = Apt({"git": "1"}).on({STATUS: b"", LISTS: b""})
    system.locks["/var/lib/dpkg/lock-frontend"] = "unattended-upgr (process 7)"
    with pytest.raises(StepFailed) as caught:
        converge(Package("git"), system)
    assert (caught.value.code, caught.value.found) == (
        "package-locked",
        "unattended-upgr (process 7)",
    )
    assert transactions(system) == []


def test_a_refresh_that_fails_is_noted_and_ends_only_a_search_for_the_newest():
    err = b"W: Failed to fetch http://x  Connection refused"
    system = Apt({"git": "2"}, update_err=err).on({STATUS: paragraph("git").encode(), LISTS: b""})
    with pytest.raises(StepFailed) as caught:
        converge(Package("git", upgrade=True, refresh_s=3600), system)
    assert caught.value.code == "package-index-unreachable"
    system = Apt({"git": "2"}, update_err=err).on({STATUS: b"", LISTS: b""})
    assert converge(Package("git", refresh_s=3600), system)[0].startswith("+ git")
    assert "Connection refused" in system.taken_notes()[0]


def test_a_broken_package_may_be_replaced_but_nothing_else_is_installed_beside_it():
    class Stubborn(Apt):
        """``dpkg --configure`` fails, and so does apt until it is given another version."""

        def dpkg(self, argv, stdin, user):
            return Result(argv, 0, b"half") if "--audit" in argv else Result(argv, 1)

        def __call__(self, argv, stdin, user):
            if "--fix-broken" in argv:
                return Result(argv, 100)
            return super().__call__(argv, stdin, user)

    broken = paragraph("git", "1", status="install ok half-configured")
    apt = Stubborn({"git": "2", "vim": "1"})
    system = apt.on({STATUS: broken.encode(), LISTS: b""})
    with pytest.raises(StepFailed) as caught:
        converge(Package("vim"), system)
    assert caught.value.code == "package-repair-failed"
    assert "Package: vim" not in system.read(STATUS).decode()
    converge(Package("git", versions={"git": "2"}), system)


@pytest.mark.parametrize(
    "rest",
    [
        {"refresh_s": 60},
        {"upgrade": True, "versions": {"git": "1"}},
        {"hold": True, "absent": True},
        {"answers": {"git/x": "two\nlines"}},
        {"answers": {"git/x": "goes on\\"}},
        {"answers": {"git/x": Secret("s", "two\nlines")}},
        {"answers": {"no question": "x"}},
    ],
)
def test_new_fields_that_cannot_be_meant_are_refused(rest):
    with pytest.raises(Invalid) as caught:
        Package("git", **rest).validate()
    assert "two" not in str(caught.value) or not isinstance(
        next(iter(rest.get("answers", {"": ""}).values())), Secret
    )
