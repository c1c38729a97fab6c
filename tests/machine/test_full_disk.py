"""A disk that fills up at each stage of a deploy: the old release serves on, and it is said.

The app's whole directory is on a small file system of its own, so nothing else fills.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from machine_site import Site

pytestmark = pytest.mark.parametrize("served_site", ["nspawn"], indirect=True)

HOME = "/srv/www/thena"
SPARE = 2500  # files: more than a build asks for beforehand, fewer than the release below has
FILLS = """
import itertools as _itertools
for _number in _itertools.count():
    try:
        open(f"/srv/www/thena/shared/full-{_number}", "x").close()
    except FileExistsError:
        pass
    except OSError:
        break
"""
MIGRATION = '''"""Much"""
import sqlalchemy as sa
from alembic import op
revision = "0003"
down_revision = "0002"
def upgrade():
    much = op.create_table("much", sa.Column("text", sa.Text()), postgresql_tablespace="small")
    op.bulk_insert(much, [{"text": "x" * 1000}] * 20_000)
'''


@pytest.fixture
def small(site: Site) -> Iterator[Site]:
    """The site on a file system with room for ``SPARE`` more files; as before when it is over."""
    good = site.commit({"CHANGES": "on a small disk\n"})
    site.deploy()
    used = len(site.out("find", HOME, "-printf", "x\n").splitlines())
    options = f"size=2g,mode=755,nr_inodes={used + SPARE}"
    mount = f"mount -t tmpfs -o {options} small /mnt && cp -a {HOME}/. /mnt/"
    site.run(["sh", "-c", f"{mount} && mount --bind /mnt {HOME} && umount /mnt"])
    assert site.out("findmnt", "-n", "-o", "FSTYPE", HOME) == "tmpfs"
    site.init("restart", site.unit)
    try:
        yield site
    finally:
        site.run(["umount", "-l", HOME])
        site.init("restart", site.unit)
        site.space.git("reset", "-q", "--hard", good)
        site.deploy()


def refused(site: Site, code: str) -> dict[str, object]:
    """The error of a deploy of HEAD, which leaves what serves."""
    before = (site.release, site.served())
    status, error = site.try_deploy()
    assert (status, error["code"]) == (5, code), error
    assert error["hint"], error
    assert (error.get("expected") and error.get("found")) or error.get("log"), error
    assert (site.release, site.served()) == before
    return error


def test_full_before_during_and_after_a_build(small: Site) -> None:
    site = small
    good = site.head

    # Larger than it looked: it fills in the middle of the export.
    site.commit({f"many/{number}": "" for number in range(3000)})
    error = refused(site, "disk-full")
    assert "df" in str(error["hint"])
    assert site.out("sh", "-c", f"ls -d {HOME}/releases/.*.partial/many 2>/dev/null; true") == ""

    # The app fills it when it is loaded, so that nothing is left for the switch.
    site.space.git("reset", "-q", "--hard", good)
    site.commit({"wsgi.py": (site.space.work / "wsgi.py").read_text() + FILLS})
    error = refused(site, "disk-full")
    assert f"{HOME}/current" in str(error["message"])

    # Nothing left at all: known before anything is written.
    site.space.git("reset", "-q", "--hard", good)
    site.commit({"CHANGES": "no room\n"})
    error = refused(site, "disk-full")
    assert "files" in str(error["found"])

    site.run(["sh", "-c", f"find {HOME}/shared -name 'full-*' -delete"])
    site.deploy()
    assert site.served() == site.head


def test_full_during_a_migration(site: Site) -> None:
    site.deploy()
    site.run(["sh", "-c", "mkdir -p /mnt/space && mount -t tmpfs -o size=4m,mode=700,uid=postgres "
              "small /mnt/space"])  # fmt: skip
    sql = ["psql", "-XAtq", "-d", "postgres", "-c"]
    site.run([*sql, "CREATE TABLESPACE small LOCATION '/mnt/space'"], "postgres")
    site.run([*sql, "GRANT CREATE ON TABLESPACE small TO thena"], "postgres")
    site.commit({"migrations/versions/0003_much.py": MIGRATION})
    try:
        error = refused(site, "migration-failed")
        assert "No space left on device" in json.dumps(error)
        left = site.out("psql", "-d", "thena", "-At", "-c",
                        "SELECT version_num, to_regclass('much') FROM alembic_version",
                        user="thena")  # fmt: skip
        assert left == "0002|"
    finally:
        site.run([*sql, "DROP TABLESPACE small"], "postgres")
        site.run(["umount", "/mnt/space"])
    site.space.git("reset", "-q", "--hard", "HEAD~1")
    site.commit({"CHANGES": "without it\n"})
    site.deploy()
    assert site.served() == site.head
