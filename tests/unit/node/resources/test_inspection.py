"""Inspection: what it runs, as whom, and what becomes of the answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from toque.node.errors import NotReady, StepFailed
from toque.node.finding import Finding
from toque.node.inits import UnitState
from toque.node.memory import MemorySystem
from toque.node.rehearsal import begun
from toque.node.resource import Invalid
from toque.node.resources import inspection as inspection_module
from toque.node.resources.inspection import Inspection
from toque.node.system import Result

RELEASE = "/srv/www/shop/releases/1-a"
WELL: dict[str, Any] = {
    "requires": [],
    "databases": [],
    "app": {
        "told": {
            "error": None, "entry": None, "original": True, "python": "3.11.2", "missing": {},
            "known": [], "sockets": [], "threads": [], "children": [], "signals": [], "forks": [],
            "memory": {"resident": 90_000, "own": 60_000}, "interface": "wsgi",
            "settings": {"framework": "django", "static_root": "/srv/www/shop/shared/static"},
            "fallbacks": [],
        },
        "status": 0, "late": False, "left": [], "log": [],
    },
}  # fmt: skip


class Played(MemorySystem):
    """The app's Python answers ``answer``; ``find`` says ``unreadable``."""

    def __init__(self, answer: str, unreadable: str = "", reader: bool = True) -> None:
        super().__init__()
        self.answer = answer
        self.unreadable = unreadable
        self.reader = reader
        self.started: list[tuple[tuple[str, ...], dict[str, Any]]] = []
        self.put("/etc/toque/apps/shop/1-a.env", b'SECRET_KEY="hush"\n')
        self.put("/etc/toque/apps/shop/1-a.py", b"preload_app = True\n")
        self.mkdir("/run", owner="root", group="root", mode=0o755)
        self.put("/proc/meminfo", b"MemAvailable:  900000 kB\nSwapFree: 0 kB\n")

    def put(self, path: str, text: bytes) -> None:
        at = ""
        for part in path.split("/")[1:-1]:
            at += f"/{part}"
            if self.stat(at) is None:
                self.mkdir(at, owner="root", group="root", mode=0o755)
        self.write(path, text)

    def run(self, argv: Any, **options: Any) -> Result:
        self.started.append((tuple(argv), options))
        if argv[0] == "find":
            if not self.reader:
                raise NotReady("user-missing", "there is no user www-data")
            return Result(argv, 1 if self.unreadable else 0, b"", self.unreadable.encode())
        return Result(argv, 0, self.answer.encode())


def inspection(**more: Any) -> Inspection:
    made = Inspection(
        RELEASE,
        app="shop",
        entry="wsgi:app",
        code=RELEASE,
        python=f"{RELEASE}/.toque/venv/bin/python",
        user="shop",
        environment_file="/etc/toque/apps/shop/1-a.env",
        settings="/etc/toque/apps/shop/1-a.py",
        current="/srv/www/shop/current",
        shared="/srv/www/shop/shared",
        host="shop.example",
        server="gunicorn",
        **more,
    )
    made.validate()
    return made


def findings(system: Played, **more: Any) -> tuple[Finding, ...]:
    try:
        inspection(**more).fix(system, frozenset())
    except StepFailed as error:
        told = system.taken_findings()
        assert error.code in [finding.code for finding in told if finding.refuses]
        return told
    told = system.taken_findings()
    assert not [finding for finding in told if finding.refuses]
    return told


class Started:
    """An init system that tells of the machine what was started and stopped on it."""

    name = "systemd"

    def __init__(self, system: Played, fails: bool = False) -> None:
        self.calls: list[str] = []
        self.fails = fails
        self.system = system

    def log(self, unit: str, lines: int) -> list[str]:
        return []

    def state(self, unit: str) -> UnitState:
        return UnitState(unit)

    def launch(self, unit: str) -> None:
        self.calls.append(f"start {unit}")
        self.system.put("/proc/meminfo", b"MemAvailable:  1 kB\nSwapFree: 0 kB\n")  # it takes all
        if self.fails:
            raise StepFailed("service-failed", "no")

    def stop(self, unit: str) -> None:
        self.calls.append(f"stop {unit}")

    def discard(self, unit: str, patience_s: float) -> None:
        self.stop(unit)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Started]:
    def make(system: Played, **more: Any) -> Started:
        made = Started(system, **more)
        monkeypatch.setattr(inspection_module, "choose", lambda _: made)
        return made

    return make


BESIDE = "shop-1-a.service"


def test_its_instance_boots_meanwhile_and_its_memory_is_not_held_against_it(
    started: Callable[..., Started],
) -> None:
    system = Played(answer())
    init = started(system)

    assert findings(system, beside=BESIDE) == ()

    assert init.calls == [f"start {BESIDE}"]
    assert begun(system, BESIDE) == ()  # nobody has tried it yet


def test_an_instance_that_was_started_ahead_is_stopped_when_the_import_is_refused(
    started: Callable[..., Started],
) -> None:
    system = Played(answer(known=[{"library": "grpc", "what": "an open channel"}]))
    init = started(system)

    assert [finding.code for finding in findings(system, beside=BESIDE)] == ["fork-unsafe"]

    assert init.calls == [f"start {BESIDE}", f"stop {BESIDE}"]
    assert begun(system, BESIDE) is None


def test_an_instance_that_cannot_be_started_is_left_to_its_rehearsal(
    started: Callable[..., Started],
) -> None:
    system = Played(answer())
    started(system, fails=True)

    assert findings(system, beside=BESIDE) == ()


def answer(**report: Any) -> str:
    app: Mapping[str, Any] = WELL["app"]
    return json.dumps({**WELL, "app": {**app, "told": {**app["told"], **report}}})


def test_the_app_is_imported_as_its_user_with_its_variables_in_its_folder() -> None:
    system = Played(answer())

    assert findings(system, requires=("SECRET_KEY",)) == ()

    argv, options = system.started[0]
    assert argv[0] == f"{RELEASE}/.toque/venv/bin/python"
    assert (options["user"], options["cwd"]) == ("shop", RELEASE)
    assert options["env"] == {"SECRET_KEY": "hush"}
    assert "hush" not in " ".join(argv)
    asked = json.loads(options["stdin"])["options"]
    assert (asked["entry"], asked["requires"]) == ("wsgi:app", ["SECRET_KEY"])


def test_the_servers_settings_say_whether_it_forks() -> None:
    known = [{"library": "grpc", "what": "an open channel"}]

    told = findings(Played(answer(known=known)))

    assert [finding.code for finding in told] == ["fork-unsafe"]


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "no json", '{"app": 1}', answer(known=7), answer(memory=7)]
)
def test_an_answer_that_is_none_refuses_nothing(text: str) -> None:
    told = findings(Played(text))

    assert [(f.code, f.level) for f in told] == [("inspection-unclear", "warn")]


@pytest.mark.parametrize(
    ("unreadable", "static", "expected"),
    [
        ("", ("/srv/www/shop/static",), []),
        ("find: Permission denied", ("/srv/www/shop/static",), ["refuse", "warn"]),
        ("find: No such file or directory", (), ["warn"]),  # Django's own, which nginx may not use
    ],
)
def test_static_files_have_to_be_readable_by_nginx(
    unreadable: str, static: tuple[str, ...], expected: list[str]
) -> None:
    system = Played(answer(), unreadable)

    told = findings(system, static=static)

    assert [finding.level for finding in told] == expected
    assert {finding.code for finding in told} <= {"static-unreadable"}
    assert all(o["user"] == "www-data" for argv, o in system.started if argv[0] == "find")


def test_without_nginx_nobody_has_to_read_static_files() -> None:
    assert findings(Played(answer(), reader=False), static=("/srv/www/shop/static",)) == ()


def test_what_does_not_fit_into_memory_is_refused() -> None:
    told = findings(Played(answer()), processes=60)

    assert [finding.code for finding in told] == ["memory-short"]


def test_a_release_that_serves_is_not_looked_at() -> None:
    system = Played(answer())
    system.put("/srv/www/shop/x", b"")
    system.link("/srv/www/shop/current", "releases/2-b")
    assert inspection().found(system) == {"inspected": False}

    system.link("/srv/www/shop/current", "releases/1-a")

    assert inspection().found(system) == inspection().wanted()


@pytest.mark.parametrize(
    ("field", "value"),
    [("entry", "wsgi"), ("processes", 0), ("code", "app"), ("python", "python3")],
)
def test_what_can_never_be_right_is_refused(field: str, value: Any) -> None:
    with pytest.raises(Invalid, match=field):
        Inspection(**{**vars(inspection()), field: value}).validate()
