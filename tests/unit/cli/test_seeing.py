"""``toque status``, ``logs``, ``errors``, ``doctor`` in words and as JSON, with a node played."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from toque.cli import cli, seeing
from toque.doctor.diagnosis import Diagnosis, Link
from toque.errors import AskedWrongly, Failed, Unreachable
from toque.fleet.app import App
from toque.fleet.node import Node
from toque.node.finding import Finding
from toque.usecases import seeing as using
from toque.usecases.place import Place

APP = App("shop", "shop.git", "web")
Run = Callable[..., Result]


class Project:
    """As much of one as the commands look at."""

    apps: Mapping[str, App] = {"shop": APP}
    cookbooks: tuple[Path, ...] = ()

    def app(self, name: str) -> App:
        return self.apps[name]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    places = [Place(Node("web1", "h1", "web"), None, {})]  # type: ignore[arg-type]
    monkeypatch.setattr(seeing.asked, "here", lambda: (Project(), None))
    monkeypatch.setattr(seeing.asked, "places", lambda project, target: places)
    monkeypatch.setattr(seeing.asked, "app_places", lambda project, app, target: places)
    return lambda *argv: CliRunner().invoke(cli, argv, catch_exceptions=False)


def test_times_are_given_as_people_say_them():
    now = time.time()
    for text, ago in (("90s", 90), ("5m", 300), ("2h", 7200), ("3d", 259200)):
        assert abs(seeing.moment(text) - (now - ago)) < 5
    assert seeing.moment("2026-11-23T05:00:00+00:00") == 1795410000.0
    for text in ("5", "soon", "-5m", ""):
        with pytest.raises(AskedWrongly) as caught:
            seeing.moment(text)
        assert caught.value.trouble.code == "bad-time"


@pytest.mark.requirement("R64")
def test_logs_are_lines_with_time_and_source_and_json_lines(
    run: Run, monkeypatch: pytest.MonkeyPatch
):
    entries = [
        {"at": 2.0, "source": "access", "text": "500 GET /", "request": "ab"},
        {"at": 1.0, "source": "app", "text": "\x1b[31mred\x1b[0m", "request": "ab", "release": "R"},
        {"at": 3.0, "source": "deploys", "text": "serves R"},
    ]
    monkeypatch.setattr(using, "logs", lambda *a, **k: iter(entries))

    lines = run("logs", "shop").output.splitlines()

    assert [line.split()[1] for line in lines] == ["app", "access", "deploys"]
    assert "\x1b" not in lines[0]  # a log does not drive the terminal
    assert "[ab] 500 GET /" in lines[1]
    told = [json.loads(line) for line in run("logs", "shop", "--json").output.splitlines()]
    assert [one["source"] for one in told] == ["app", "access", "deploys"]
    only = run("logs", "shop", "--request", "ab").output.splitlines()
    assert len(only) == 2


@pytest.mark.requirement("R49")
def test_errors_name_cause_release_and_request(run: Run, monkeypatch: pytest.MonkeyPatch):
    one = {"at": 1.0, "code": "worker-killed", "message": "a worker was killed", "status": 502,
           "method": "GET", "uri": "/x", "request": "ab", "release": "R", "trace": ["1", "2"],
           "certain": True, "visited": True}  # fmt: skip
    monkeypatch.setattr(using, "errors", lambda *a, **k: [one, {**one, "at": 2.0, "uri": "/y"}])

    said = run("errors", "shop").output

    assert "502 GET /x  [worker-killed] a worker was killed" in said
    assert "release R, request ab" in said and "  | 2" in said
    last = run("errors", "shop", "--last").output
    assert "/y" in last and "/x" not in last
    assert len(json.loads(run("errors", "shop", "--json").output)["errors"]) == 2
    monkeypatch.setattr(using, "errors", lambda *a, **k: [])
    assert "no request of shop has failed" in run("errors", "shop").output


def diagnosed(*findings: Finding) -> Any:
    links = (Link("client", "not seen", "not asked"), Link("app", "broken", "the app raises"))
    return lambda *a: (Diagnosis(links, findings), {})


def test_the_doctor_shows_each_link_the_cause_and_what_helps(
    run: Run, monkeypatch: pytest.MonkeyPatch
):
    finding = Finding("app-exception", "refuse", "it raises", ("trace",), help="toque errors")
    monkeypatch.setattr(using, "doctor", diagnosed(finding))

    done = run("doctor", "shop")

    assert done.exit_code == 5
    assert "! app       the app raises" in done.output
    assert "refused [app-exception] it raises\n  | trace\n  try       toque errors" in done.output
    told = json.loads(run("doctor", "shop", "--json").output)["nodes"][0]
    assert told["findings"][0]["code"] == "app-exception"
    assert told["links"][1] == {"name": "app", "state": "broken", "said": "the app raises"}
    monkeypatch.setattr(using, "doctor", diagnosed())
    well = run("doctor", "shop")
    assert well.exit_code == 0 and "nothing is wrong" in well.output


@pytest.mark.requirement("R14")
@pytest.mark.parametrize(
    ("said", "code", "status"),
    [
        ({"works": True, "hello": "200 OK", "app": "500", "app_works": False}, "app-at-fault", 0),
        ({"hello": "no socket", "log": ["no such user"]}, "server-at-fault", 5),
        ({"works": True, "hello": "200 OK", "app": "200 OK", "app_works": True}, "", 0),
    ],
)
def test_the_bypass_says_whose_fault_it_is(
    said: dict[str, Any], code: str, status: int, run: Run, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(using, "doctor", diagnosed())
    monkeypatch.setattr(using, "see", lambda *a: {"type": "bypass", "said": said})

    done = run("doctor", "shop", "--bypass", "--json")

    found = json.loads(done.output)["nodes"][0]["findings"]
    assert [f["code"] for f in found] == ([code] if code else [])
    assert done.exit_code == status
    words = run("doctor", "shop", "--bypass").output
    assert ("nginx and app server fine, fault is in the app" in words) is (code == "app-at-fault")


@pytest.mark.requirement("R62")
def test_the_status_of_a_node_is_a_few_lines(run: Run, monkeypatch: pytest.MonkeyPatch):
    told = {
        "at": 7200.0, "up_s": 90000.0,
        "machine": {"load": 0.5, "disk": {"path": "/", "free": 1 << 30},
                    "memory": {"total": 1 << 30, "available": 1 << 29}},
        "apps": [{"app": "shop", "release": "R", "since": "1970-01-01T00:00:00+00:00",
                  "unit": {"active": "active", "sub": "running", "running": True, "restarts": 2,
                           "memory": 1 << 26},
                  "requests": 10, "failed": 1,
                  "last": [{"code": "app-exception", "method": "GET", "uri": "/",
                            "message": "RuntimeError"}]}],
    }  # fmt: skip
    monkeypatch.setattr(using, "status", lambda *a: told)

    said = run("status").output

    assert (
        "web1  up 25 h, load 0.50, memory 512 MiB of 1.0 GiB free, disk 1.0 GiB free at /" in said
    )
    assert "R since 2 h ago  active (running)" in said
    assert "restarts 2, memory 64 MiB, 1 of 10 requests failed in an hour" in said
    assert "last [app-exception] GET /: RuntimeError" in said
    assert len(said.splitlines()) <= 5

    assert "last setup" not in said
    other = {**seeing.made_from_now(Project()), "cookbooks": "0ld\x1b[2J"}  # type: ignore[arg-type]
    monkeypatch.setattr(using, "status", lambda *a: {**told, "made_from": {"setup": other}})
    assert "  last setup: cookbooks 0ld\ufffd[2J, here " in run("status").output

    def lost(*_: Any) -> Any:
        raise Unreachable("host-unreachable", "nobody there")

    monkeypatch.setattr(using, "status", lost)
    assert "unreachable" in run("status").output


@pytest.mark.parametrize("event", [{"type": "doctor", "facts": {"at": "x"}}, {"type": "doctor"}])
def test_facts_that_no_node_would_send_are_refused(
    event: dict[str, Any], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(using, "see", lambda *a: {"facts": None, **event})
    place = Place(Node("web1", "h1", "web"), None, {})  # type: ignore[arg-type]

    with pytest.raises(Unreachable) as caught:
        using.doctor(place, APP, 0.0)

    assert caught.value.trouble.code == "node-speaks-wrongly"


def test_what_a_node_could_not_do_is_said():
    with pytest.raises(Failed) as caught:
        using._raise_trouble(
            {"type": "seen", "trouble": {"code": "program-missing", "message": "no program ss"}}
        )

    assert caught.value.trouble.code == "not-seen"
    assert "no program ss" in caught.value.trouble.message


@pytest.mark.parametrize("kind", ["errors", "status", "doctor", "log", "bypass"])
def test_no_answer_of_a_hostile_node_is_a_bug_of_ours(
    kind: str, run: Run, monkeypatch: pytest.MonkeyPatch
):
    """Any value in the place of any other: refused, or shown without driving the terminal."""
    odd: tuple[Any, ...] = (None, 7, "\x1b[2J", [], [7], {}, {"x": []}, -1e300, True)
    fields = {
        "errors": ("errors",), "status": ("apps", "machine", "at", "up_s", "made_from"),
        "bypass": ("said",), "doctor": ("facts",), "log": ("entries",),
    }[kind]  # fmt: skip
    command = {"log": ("logs",), "bypass": ("doctor", "--bypass")}.get(kind, (kind,))
    if kind == "bypass":
        monkeypatch.setattr(using, "doctor", diagnosed())
    for field in fields:
        for value in odd:
            said = {"type": kind, field: value}
            monkeypatch.setattr(using, "see", lambda *a, said=said: said)
            monkeypatch.setattr(
                using, "logs", lambda *a, said=said, **k: iter(using._entries(said))
            )
            try:
                output = run(command[0], "shop", *command[1:]).output
            except Unreachable as error:
                output = str(error)
                assert error.trouble.code == "node-speaks-wrongly"
            assert "\x1b" not in output
