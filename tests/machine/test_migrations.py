"""Migrations with a real PostgreSQL: judged, locked, limited, and rolled back across."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from machine_site import Site, until

RECORDS = "/var/lib/toque/apps/thena.migrations.jsonl"
LOCK = "1953460597, 1835624306"  # of node/inside/held.py
MIGRATION = '''"""{title}"""
import sqlalchemy as sa
from alembic import op
revision = "{revision}"
down_revision = "{down}"
def upgrade():
    {upgrade}
def downgrade():
    {downgrade}
'''


@pytest.fixture
def migrating(site: Site) -> Iterator[Site]:
    """The site; its database and what is on record of it are as before when the test is over."""
    site.deploy()
    records = site.run(["cat", RECORDS]).stdout
    version = sql(site, "SELECT version_num FROM alembic_version")
    site.edit(
        "[apps.thena.env]", "[apps.thena.migrations]\nlock_timeout = 1\nwaits = 1\n[apps.thena.env]"
    )
    yield site
    sql(site, "ALTER TABLE arcs DROP COLUMN IF EXISTS note")
    sql(site, f"UPDATE alembic_version SET version_num = '{version}'")
    site.write(RECORDS, records)


def sql(site: Site, text: str) -> str:
    return site.out("psql", "-d", "thena", "-At", "-c", text, user="thena")


def holding(site: Site, unit: str, text: str) -> None:
    """A session of somebody else, which keeps what ``text`` takes until it is stopped."""
    argv = ["systemd-run", "--quiet", f"--unit={unit}", "--uid=thena", f"--setenv=PGAPPNAME={unit}"]
    site.run([*argv, "sh", "-c", f"(echo '{text}'; sleep 900) | psql -d thena"])
    asked = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle%' AND application_name = "
    until(lambda: sql(site, f"{asked}'{unit}'") == "1")


def commit(site: Site, number: int, upgrade: str, downgrade: str = "pass") -> str:
    down = "0002" if number == 3 else f"{number - 1:04}"
    name = f"migrations/versions/{number:04}_tried.py"
    text = MIGRATION.format(
        title=f"try {number}", revision=f"{number:04}", down=down,
        upgrade=upgrade, downgrade=downgrade,
    )  # fmt: skip
    site.commit({name: text})
    return name


@pytest.mark.parametrize("served_site", ["nspawn"], indirect=True)
def test_a_migration_from_verdict_to_rollback(migrating: Site) -> None:
    site = migrating
    old = site.served()

    # Old code uses what it drops: refused, with its file and line, and nothing was touched.
    name = commit(site, 3, 'op.drop_column("arcs", "created_at")')
    _, error = site.try_deploy()
    assert error["code"] == "migration-unsafe", error
    assert f"{name}:7" in json.dumps(error)
    assert "deploy code that does not use the column" in error["hint"]
    assert sql(site, "SELECT version_num FROM alembic_version") == "0002"

    # Somebody else migrates the same database: waited for, then named.
    commit(site, 3, 'op.add_column("arcs", sa.Column("note", sa.Text()))')
    holding(site, "toque-other-by-bob", f"SELECT pg_advisory_lock({LOCK});")
    _, error = site.try_deploy()
    assert error["code"] == "migration-locked", error
    assert error["found"].startswith("toque-other-by-bob, since 20")
    site.run(["systemctl", "kill", "--signal=KILL", "toque-other-by-bob"])

    # A table that is in use: the migration gives up before visitors queue behind it.
    holding(site, "long-report", "BEGIN; SELECT count(*) FROM arcs;")
    _, error = site.try_deploy()
    assert error["code"] == "migration-failed", error
    assert error["found"] == "a table was in use for longer than 1 s; none of 1 are applied"
    assert site.served() == old
    site.run(["systemctl", "stop", "long-report"])

    # It is safe, and it is on record for which release it was run.
    site.deploy()
    kept = site.json("releases", "thena")["nodes"][0]["releases"]
    now = next(one for one in kept if one["current"])
    assert [(m["revision"], m["verdict"]) for m in now["migrations"]] == [("0003", "safe")]
    assert sql(site, "SELECT count(note) FROM arcs") == "0"
    before = now["id"]

    # One that is wanted all the same; the rollback says what it means first.
    commit(site, 4, 'op.drop_column("arcs", "note")')
    site.ok("deploy", "thena", "--ref", site.publish(), "--allow-unsafe-migration")
    done = site.toque("rollback", "thena", "--to", before)
    assert "[rollback-across-migration]" in done.stdout + done.stderr
    assert "0004 (try 4): its code may break on it" in done.stdout
    assert site.release != before
    site.ok("rollback", "thena", "--to", before, "--across-migrations")
    assert site.release == before


@pytest.mark.parametrize("served_site", ["nspawn"], indirect=True)
def test_an_owner_that_is_killed_blocks_nobody(migrating: Site) -> None:
    site = migrating
    old = site.served()
    commit(site, 3, 'op.execute("SELECT pg_sleep(600)")')
    argv = [sys.executable, "-m", "toque", "deploy", "thena", "--ref", site.publish(), "--json"]
    deploy = subprocess.Popen(
        argv, cwd=site.space.directory, env=dict(site.environ), stdout=subprocess.PIPE, text=True
    )
    sleeping = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(600)%'"
    until(lambda: sql(site, sleeping) == "1")

    owner = json.loads(site.out("cat", "/var/lib/toque/apps/thena.migrating"))
    label = "SELECT application_name FROM pg_stat_activity WHERE application_name LIKE 'toque %'"
    assert sql(site, label).startswith(f"toque thena {owner['release']} by "[:63])
    assert (owner["app"], bool(owner["since"]), bool(owner["by"])) == ("thena", True, True)
    assert sql(site, f"SELECT pg_try_advisory_lock({LOCK})") == "f"
    # The limits hold for the migration's session and for no other.
    limits = "SELECT setting FROM pg_settings WHERE name = 'lock_timeout'"
    assert sql(site, limits) == "0"
    holder = next(p for p in site.processes_of("thena") if "toque thena" in " ".join(p.argv))
    site.run(["kill", "-9", str(holder.pid)])

    said = json.loads(deploy.communicate(timeout=240)[0].splitlines()[-1])
    assert said["error"]["code"] == "migration-failed", said
    until(lambda: sql(site, sleeping) == "0")
    assert sql(site, f"SELECT pg_try_advisory_lock({LOCK})") == "t"
    assert site.run(["test", "-e", "/var/lib/toque/apps/thena.migrating"], check=False).returncode
    assert site.served() == old
    commit(site, 3, 'op.add_column("arcs", sa.Column("note", sa.Text()))')
    site.deploy()
    assert site.served() == site.head
