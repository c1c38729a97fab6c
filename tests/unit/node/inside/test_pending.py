"""What the real tools say when the answer is not a list of migrations."""

import subprocess
import sys
from pathlib import Path

import pytest

import toque.node.inside
from migration_projects import alembic_project, django_project, listed

BRANCH = '"""another"""\nrevision = "b"\ndown_revision = "r001"\ndef upgrade():\n    pass\n'
FLASK = """
import os
from flask import Flask
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["DATABASE_URL"]
Migrate(app, SQLAlchemy(app))
print("an app that prints")
"""


def test_several_heads_are_no_place_to_go(tmp_path):
    project = alembic_project(tmp_path, extra={"b.py": BRANCH})
    error = listed(project, "alembic", "alembic", "upgrade", "head")["error"]
    assert error["code"] == "migration-heads"
    assert error["found"].startswith("b, r0")


def test_all_heads_may_be_asked_for(tmp_path):
    project = alembic_project(tmp_path, extra={"b.py": BRANCH})
    said = listed(project, "alembic", "/v/bin/python", "-m", "alembic", "upgrade", "heads")
    assert "b" in [one["revision"] for one in said["pending"]]


def test_a_database_that_is_ahead(tmp_path):
    project = alembic_project(tmp_path, applied=["from-the-future"])
    said = listed(project, "alembic", "alembic", "upgrade", "head")
    assert (said["missing"], said["pending"]) == (["from-the-future"], [])


def test_a_database_that_does_not_answer(tmp_path):
    url = f"sqlite:///{tmp_path}/none/db.sqlite"
    project = alembic_project(tmp_path)
    error = listed(project, "alembic", "alembic", "upgrade", "head", DATABASE_URL=url)["error"]
    assert error["code"] == "database-unreachable"


def test_a_project_that_breaks_is_told_with_its_place(tmp_path):
    project = alembic_project(tmp_path)
    (project / "migrations" / "env.py").write_text("raise SystemExit('not today')\n")
    error = listed(project, "alembic", "alembic", "upgrade", "head")["error"]
    assert error["code"] == "migration-unreadable"
    assert "not today" in error["message"]


def test_flask_migrate_is_asked_through_the_app(tmp_path):
    project = alembic_project(tmp_path)
    (project / "alembic.ini").rename(project / "migrations" / "alembic.ini")
    (project / "shop.py").write_text(FLASK)
    argv = ["/v/bin/flask", "--app", "shop", "db", "upgrade", "r003"]
    said = listed(project, "flask", *argv)
    assert [one["revision"] for one in said["pending"]] == ["r001", "r002", "r003"]


def test_django_tells_of_heads_and_of_what_is_ahead(tmp_path):
    text = (
        "from django.db import migrations\nclass Migration(migrations.Migration):\n"
        '    dependencies = [("shop", "m001")]\n    operations = []\n'
    )
    project = django_project(tmp_path / "heads", extra={"other.py": text})
    error = listed(project, "django", "python", "manage.py", "migrate")["error"]
    assert (error["code"], "other" in error["found"]) == ("migration-heads", True)

    project = django_project(tmp_path / "ahead", applied=["m000", "m999"])
    said = listed(project, "django", "python", "manage.py", "migrate", "shop", "m002")
    assert said["missing"] == ["shop.m999"]
    assert [one["title"] for one in said["pending"]] == ["m001", "m002"]


HELD = (Path(toque.node.inside.__file__).parent / "held.py").read_text()
SHOWS = "import os,sys; print(os.environ['PGOPTIONS'], sys.argv[1:]); sys.exit(7)"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("sqlite:///x", "no variable holds the address"),
        ("postgresql+psycopg://u:secret@127.0.0.1:1/d", "the app has none of psycopg"),
    ],
)
def test_without_a_lock_the_command_runs_all_the_same(url, why):
    done = subprocess.run(
        [sys.executable, "-", "DATABASE_URL", "toque x", "1", "-c lock_timeout=5s",
         sys.executable, "-c", SHOWS, "a b"],
        input=HELD, env={"DATABASE_URL": url, "PGOPTIONS": "-c x=1"},
        capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert done.returncode == 7, done.stderr
    assert "-c x=1 -c lock_timeout=5s ['a b']" in done.stdout
    assert '"lock": "none"' in done.stdout
    assert why in done.stdout
    assert "secret" not in done.stdout
