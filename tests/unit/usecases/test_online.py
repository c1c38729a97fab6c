"""What a machine has to be for a project, and what somebody else does there already."""

from __future__ import annotations

from dataclasses import replace

import pytest

from toque.detect import detect
from toque.detect.found import Database, Detected, Python, Reason
from toque.detect.tree import Files
from toque.errors import Failed
from toque.node import survey
from toque.testing import DEBIAN
from toque.usecases.online import fit, in_use

APP = "from flask import Flask\n\napp = Flask(__name__)\n"
FOUND: Detected = detect(Files({"app.py": APP, "requirements.txt": "flask==3\n"}))
WITH_DATABASE = replace(FOUND, database=Database("DATABASE_URL", "postgresql", Reason("x")))


def wants(wanted: str = "", allowed: str = "") -> Detected:
    return replace(FOUND, python=Python(wanted, allowed, Reason("says so", "pyproject.toml", 3)))


def test_a_machine_as_the_project_wants_it_is_nothing_unusual() -> None:
    assert fit(wants("3.11", ">=3.10"), replace(DEBIAN, python="3.11.2"), "web1") == []


def test_another_python_that_will_do_is_told() -> None:
    (words,) = fit(wants("3.12", ">=3.10"), replace(DEBIAN, python="3.11.2"), "web1")
    assert words == "Python 3.11.2 of web1 is used; pyproject.toml says so"


def test_a_python_that_will_not_do_is_refused_before_anything_is_changed() -> None:
    with pytest.raises(Failed) as caught:
        fit(wants("", ">=3.13"), replace(DEBIAN, python="3.11.2"), "web1")
    assert caught.value.code == "python-unsuited"
    assert caught.value.trouble.place == "pyproject.toml:3"


@pytest.mark.parametrize("system", ["fedora", "", "alpine"])
def test_a_system_that_no_cookbook_knows_is_refused(system: str) -> None:
    with pytest.raises(Failed) as caught:
        fit(FOUND, replace(DEBIAN, os=system), "web1")
    assert caught.value.code == "system-unsupported"


def test_a_machine_of_200_mb_is_told() -> None:
    (words,) = fit(FOUND, replace(DEBIAN, memory_mb=200), "web1")
    assert "200 MiB" in words


@pytest.mark.parametrize(
    "said",
    [{}, {"sites": [], "clusters": [], "listening": {}}, {"listening": {"80": "nginx"}},
     {"sites": "x", "clusters": 3, "listening": []}],
)  # fmt: skip
def test_a_machine_that_does_nothing_else_is_free(said: dict[str, object]) -> None:
    assert in_use(said, WITH_DATABASE) == []


@pytest.mark.requirement("R66")
def test_what_somebody_else_runs_is_told() -> None:
    said = {
        "sites": ["shop"],
        "clusters": ["15/main"],
        "listening": {"80": "apache2", "22": "sshd"},
    }

    assert in_use(said, WITH_DATABASE) == [
        "a site of nginx that is not ours: shop",
        "PostgreSQL 15/main, which would listen on its socket only",
        "port 80 is taken by apache2",
    ]
    assert not [words for words in in_use(said, FOUND) if "PostgreSQL" in words]


def test_a_survey_tells_ours_from_others(tmp_path) -> None:  # type: ignore[no-untyped-def]
    sites = tmp_path / "etc/nginx/sites-enabled"
    sites.mkdir(parents=True)
    (sites / "mine").write_text("# The site of mine.  Written by Toque (cookbook nginx)\n")
    (sites / "theirs").write_text("server {}\n")
    (sites / "default").symlink_to("/etc/nginx/sites-available/default")
    for version in ("13", "15"):
        (tmp_path / f"etc/postgresql/{version}/main/conf.d").mkdir(parents=True)
    ours = tmp_path / "etc/postgresql/15/main/conf.d/toque.conf"
    ours.write_text("# Written by Toque (cookbook postgresql)\n")
    proc = tmp_path / "proc"
    (proc / "net").mkdir(parents=True)
    line = "0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 4711 1"
    (proc / "net/tcp").write_text(
        f"header\n{line}\n{line.replace('0A', '01').replace('4711', '9')}\n"
    )
    (proc / "12/fd").mkdir(parents=True)
    (proc / "12/fd/3").symlink_to("socket:[4711]")
    (proc / "12/comm").write_text("apache2\n")

    assert survey.look(str(tmp_path)) == {
        "sites": ["theirs"], "clusters": ["13/main"], "listening": {"80": "apache2"},
    }  # fmt: skip


def test_a_survey_of_a_machine_without_any_of_it_is_empty(tmp_path) -> None:  # type: ignore[no-untyped-def]
    assert survey.look(str(tmp_path)) == {"sites": [], "clusters": [], "listening": {}}
