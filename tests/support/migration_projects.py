"""Real projects of Alembic and Django made of the catalogue in tests/corpus/migrations.

Each has one migration applied, the catalogue's ``base``, and all others pending in a row.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import toque.node.inside

CORPUS = Path(__file__).parents[1] / "corpus" / "migrations"
SCRIPT = Path(toque.node.inside.__file__).parent / "pending.py"

ALEMBIC_ENV = """
import os
import sqlalchemy
from alembic import context
engine = sqlalchemy.create_engine(os.environ["DATABASE_URL"])
with engine.connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""
ALEMBIC = '''"""{title}"""
import sqlalchemy as sa
from alembic import op
revision = "{revision}"
down_revision = {down}
def upgrade():
    {upgrade}
def downgrade():
    {downgrade}
'''
DJANGO = """from django.db import migrations, models
class Own(migrations.operations.base.Operation):
    def state_forwards(self, app_label, state): pass
def fill(apps, schema_editor): pass
class Migration(migrations.Migration):
    dependencies = [{dependency}]
    operations = [
        {operations}
    ]
"""
SETTINGS = """
SECRET_KEY = "for tests"
INSTALLED_APPS = ["shop"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "shop.sqlite"}}
print("settings are read")
"""
MANAGE = """
import os
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
"""


def catalogue(tool: str) -> tuple[str, list[dict[str, Any]]]:
    """What is applied already, and the migrations that are pending."""
    read = tomllib.loads((CORPUS / f"{tool}.toml").read_text())
    return read["base"], read["migration"]


def alembic_project(
    directory: Path, *, extra: Mapping[str, str] | None = None, applied: Sequence[str] = ("r000",)
) -> Path:
    base, pending = catalogue("alembic")
    versions = directory / "migrations" / "versions"
    versions.mkdir(parents=True)
    (directory / "alembic.ini").write_text("[alembic]\nscript_location = migrations\n")
    (directory / "migrations" / "env.py").write_text(ALEMBIC_ENV)
    bodies = [("the base", base), *((one["name"], one["upgrade"]) for one in pending)]
    for number, (title, upgrade) in enumerate(bodies):
        text = ALEMBIC.format(
            title=title,
            revision=f"r{number:03}",
            down=repr(f"r{number - 1:03}") if number else None,
            upgrade=upgrade.strip(),
            downgrade="pass" if number % 2 else "op.get_bind()",
        )
        (versions / f"r{number:03}.py").write_text(text)
    for name, text in (extra or {}).items():
        (versions / name).write_text(text)
    with sqlite3.connect(directory / "db.sqlite") as database:
        database.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        database.executemany("INSERT INTO alembic_version VALUES (?)", [(one,) for one in applied])
    database.close()
    return directory


def django_project(
    directory: Path, *, extra: Mapping[str, str] | None = None, applied: Sequence[str] = ("m000",)
) -> Path:
    base, pending = catalogue("django")
    migrations = directory / "shop" / "migrations"
    migrations.mkdir(parents=True)
    (directory / "settings.py").write_text(SETTINGS)
    (directory / "manage.py").write_text(MANAGE)
    for package in (directory / "shop", migrations):
        (package / "__init__.py").touch()
    for number, operations in enumerate([base, *(one["operations"] for one in pending)]):
        dependency = f'("shop", "m{number - 1:03}")' if number else ""
        text = DJANGO.format(dependency=dependency, operations=operations.strip().rstrip(",") + ",")
        (migrations / f"m{number:03}.py").write_text(text)
    for name, text in (extra or {}).items():
        (migrations / name).write_text(text)
    with sqlite3.connect(directory / "shop.sqlite") as database:
        database.execute(
            "CREATE TABLE django_migrations (id INTEGER PRIMARY KEY, app VARCHAR(255), "
            "name VARCHAR(255), applied DATETIME)"
        )
        database.executemany(
            "INSERT INTO django_migrations (app, name, applied) VALUES ('shop', ?, '2026-01-01')",
            [(one,) for one in applied],
        )
    database.close()
    return directory


def listed(directory: Path, tool: str, *argv: str, **environ: str) -> dict[str, Any]:
    """What the script says in ``directory``, run by the Python that runs the tests."""
    url = f"sqlite:///{directory}/db.sqlite"
    done = subprocess.run(
        [sys.executable, "-", tool, *argv],
        cwd=directory,
        input=SCRIPT.read_text(),
        env={"PATH": os.environ["PATH"], "DATABASE_URL": url, **environ},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said
