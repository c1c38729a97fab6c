"""Apps that break when their server forks are told from those that do not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from app_looks import looked, write
from forking_apps import BAD, GOOD, Opening
from toque.node.finding import Finding
from toque.node.fitness.forks import fork_findings
from toque.node.fitness.served import Served, preloads

CODES = {
    "fork-unsafe",
    "import-leaves-running",
    "metrics-apart",
    "port-opened",
    "scheduler-multiplied",
    "signal-taken",
}


def found(app: Opening, python: Path, directory: Path, ports: Mapping[str, str]) -> list[Finding]:
    write(directory, {"wsgi.py": app.source.format(**ports)})
    served = {"preload": app.preload}
    findings = looked(python, directory, served=served, environ=app.environ)
    assert [f for f in findings if f.code in ("import-failed", "module-missing")] == []
    return [finding for finding in findings if finding.code in CODES]


@pytest.mark.slow
@pytest.mark.requirement("R52")
@pytest.mark.parametrize("app", BAD, ids=lambda app: app.name)
def test_what_a_fork_breaks_is_found(
    app: Opening, python: Path, tmp_path: Path, ports: Mapping[str, str]
) -> None:
    findings = found(app, python, tmp_path, ports)

    assert [finding.code for finding in findings] == [app.code]
    text = "\n".join([findings[0].message, *findings[0].evidence])
    assert app.words.format(**ports) in text
    assert findings[0].help


@pytest.mark.slow
@pytest.mark.parametrize("app", GOOD, ids=lambda app: app.name)
def test_what_a_fork_does_not_break_is_let_be(
    app: Opening, python: Path, tmp_path: Path, ports: Mapping[str, str]
) -> None:
    assert found(app, python, tmp_path, ports) == []


def test_there_are_enough_of_each(record_property: Callable[[str, object], None]) -> None:
    record_property("figure", f"fork safety: {len(BAD)} bad apps, {len(GOOD)} good ones")
    assert min(len(BAD), len(GOOD)) >= 20


REPORT = {
    "known": [{"library": "sqlalchemy", "what": "1 pooled connection to db/shop"}],
    "sockets": [{"kind": "connected", "address": "db:5432", "place": "models.py:9"}],
    "threads": [{"name": "t", "what": "jobs.tick", "place": "jobs.py:3"}],
    "children": [],
    "signals": [],
    "forks": [],
}


def served(server: str, preload: bool) -> Served:
    return Served("shop", "wsgi:app", server, 3, "localhost", "/c", "/s", preload=preload)


@pytest.mark.parametrize(
    ("server", "cure"), [("uwsgi", "lazy-apps = true"), ("gunicorn", "preload_app = False")]
)
def test_one_finding_names_everything_and_the_cure_for_the_server(server: str, cure: str) -> None:
    (finding,) = fork_findings(REPORT, served(server, preload=True))

    assert finding.code == "fork-unsafe"
    assert finding.place == "models.py:9"
    assert len(finding.evidence) == 3
    assert finding.help.startswith(cure)
    assert "engine.dispose(close=False) in each worker" in finding.help


def test_a_server_whose_workers_import_for_themselves_breaks_none_of_it() -> None:
    assert list(fork_findings(REPORT, served("gunicorn", preload=False))) == []


@pytest.mark.parametrize(
    ("server", "settings", "environ", "expected"),
    [
        ("uwsgi", "master = true\n", {}, True),
        ("uwsgi", "master = true\nlazy-apps = true\n", {}, False),
        ("uwsgi", "; lazy-apps = true\n", {}, True),
        ("uwsgi", "lazy-apps = false\n", {}, True),
        ("gunicorn", "preload_app = False\n", {}, False),
        ("gunicorn", "preload_app = True\n", {}, True),
        ("gunicorn", "# preload_app = True\n", {}, False),
        ("gunicorn", "", {"GUNICORN_CMD_ARGS": "--preload --threads 4"}, True),
        ("granian", "", {}, False),
        ("uvicorn", "", {}, False),
    ],
)
def test_settings_say_whether_a_server_forks_after_the_import(
    server: str, settings: str, environ: dict[str, str], expected: bool
) -> None:
    assert preloads(server, settings, environ) is expected
