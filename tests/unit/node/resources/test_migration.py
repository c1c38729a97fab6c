"""A migration that is judged, run under its lock, and put on record; the app's Python is played."""

import dataclasses
import json

import pytest

from toque.node.errors import NotReady, StepFailed
from toque.node.memory import MemorySystem
from toque.node.migrated import owner_path, read_migrated
from toque.node.resource import Invalid
from toque.node.resources.migration import Migration, findings
from toque.node.resources.releases import list_releases
from toque.node.system import Result
from toque.node.verdicts import Judged, Reason

ID, OLD = "0123456789ab-0123ab", "abcdefabcdef-abcdef"
HOME = "/srv/www/shop"
MIGRATION = Migration(
    "shop",
    release=ID,
    commit="c" * 40,
    argv=(f"{HOME}/releases/{ID}/.toque/venv/bin/alembic", "upgrade", "head"),
    user="shop",
    cwd=f"{HOME}/releases/{ID}",
    python=f"{HOME}/releases/{ID}/.toque/venv/bin/python",
    environment_file=f"/etc/toque/apps/shop/{ID}.env",
    current=f"{HOME}/current",
    by="ann",
)


def pending(name, *operations, **rest):
    made = {"revision": name, "title": f"does {name}", "path": f"m/{name}.py", "undo": True}
    return {**made, "reviewed": None, "operations": list(operations), **rest}


def operation(name, *args, **keywords):
    return {"name": name, "line": 7, "table": None, "args": list(args), "keywords": keywords}


COLUMN = {"call": "sa.Column", "args": ["note", {"call": "sa.Text", "args": [], "keywords": {}}]}
SAFE = pending("one", operation("add_column", "arcs", {**COLUMN, "keywords": {}}))
DROP = pending("two", operation("drop_column", "arcs", "note"))
BLIND = pending("three", operation("call", code="fill_in(op.get_bind())"))


class App:
    """The release's Python: lists what is pending and, asked to migrate, has done it."""

    def __init__(self, *pending, listing=None, status=0, said="", applies=None):
        self.pending = list(pending)
        self.listing = listing
        self.status, self.said = status, said
        self.applies = len(pending) if applies is None else applies
        self.ran = []
        self.owner = None
        self.system = MemorySystem(programs={"python": self})
        self.system.put(MIGRATION.environment_file, b'DATABASE_URL="postgresql://x:word@h/d"\n')
        self.system.put("/var/lib", kind="directory")
        self.system.put(f"{HOME}/current", kind="link", target=f"releases/{OLD}")

    def __call__(self, argv, stdin, user):
        assert user == "shop"
        if b"pg_try_advisory_lock" in stdin:
            self.ran.append(list(argv))
            self.owner = json.loads(self.system.read(owner_path("shop")))
            self.pending = self.pending[self.applies :]
            return Result(argv, self.status, self.said.encode())
        assert list(argv[2:]) == ["alembic", *MIGRATION.argv]
        listing = self.listing or {
            "database": "postgresql", "current": ["zero"], "heads": ["two"], "missing": [],
            "sizes": {}, "pending": self.pending,
        }  # fmt: skip
        return Result(argv, 0, b"words of the app\n" + json.dumps(listing).encode())

    def fix(self, **changes):
        dataclasses.replace(MIGRATION, **changes).fix(self.system, frozenset())

    def refuses(self, code, **changes):
        with pytest.raises(StepFailed) as caught:
            self.fix(**changes)
        assert caught.value.code == code
        return caught.value


def test_a_safe_migration_is_run_under_the_lock_with_limits_and_put_on_record():
    app = App(SAFE)
    assert MIGRATION.found(app.system) == {"migrated": False}

    app.fix()

    python, dash, variable, label, waits, options, *argv = app.ran[0]
    assert (python, dash, variable, waits) == (MIGRATION.python, "-", "DATABASE_URL", "60")
    assert label == f"toque shop {ID} by ann"
    assert options == "-c lock_timeout=5s -c statement_timeout=600s"
    assert tuple(argv) == MIGRATION.argv
    assert (app.owner["by"], app.owner["release"]) == ("ann", ID)
    assert app.system.stat(owner_path("shop")) is None
    assert MIGRATION.found(app.system) == {"migrated": True}
    record = read_migrated(app.system, "shop")[-1]
    assert [one["revision"] for one in record["applied"]] == ["one"]
    assert (record["by"], record["tool"], record["complete"]) == ("ann", "alembic", True)
    assert app.system.stat("/var/lib/toque/apps/shop.migrations.jsonl").mode == 0o600
    assert "safe: one (does one)" in app.system.taken_notes()


def test_nothing_pending_runs_nothing():
    app = App()
    app.fix()
    assert not app.ran
    assert MIGRATION.found(app.system) == {"migrated": True}


def test_what_old_code_cannot_live_with_is_refused_before_anything_is_touched():
    app = App(SAFE, DROP)

    error = app.refuses("migration-unsafe")

    assert "two (does two): needs two steps: it drops the column arcs.note" in error.message
    assert error.found == "at m/two.py:7"
    assert "--allow-unsafe-migration" in error.hint
    assert not app.ran
    assert read_migrated(app.system, "shop") == []
    assert MIGRATION.found(app.system) == {"migrated": False}


@pytest.mark.parametrize("how", ["allowed", "reviewed", "nothing serves", "empty database"])
def test_it_is_run_when_that_harms_nobody_or_is_wanted(how):
    app = App(SAFE, {**DROP, "reviewed": "never used"} if how == "reviewed" else DROP)
    if how == "nothing serves":
        app.system.remove(f"{HOME}/current")
    if how == "empty database":
        app.listing = {"database": "x", "current": [], "missing": [], "pending": [DROP]}

    app.fix(allow_unsafe=how == "allowed")

    assert len(app.ran) == 1
    warned = [finding.code for finding in app.system.taken_findings()]
    assert warned == (["migration-unsafe"] if how == "allowed" else [])


def test_what_is_not_understood_is_run_with_a_warning():
    app = App(BLIND)
    app.fix()
    (found,) = app.system.taken_findings()
    assert (found.code, found.level, found.place) == ("migration-unknown", "warn", "m/three.py:7")
    assert len(app.ran) == 1


def test_a_command_that_nobody_can_read_is_run_and_its_record_says_so():
    app = App()
    app.fix(argv=(f"{HOME}/releases/{ID}/.toque/venv/bin/aerich", "upgrade"))
    assert len(app.ran) == 1
    (applied,) = read_migrated(app.system, "shop")[-1]["applied"]
    assert (applied["title"], applied["verdict"]) == ("aerich upgrade", "unknown")


def test_a_failed_migration_tells_why_and_how_much_is_applied():
    said = "line one\npsycopg.errors.LockNotAvailable: canceling statement due to lock timeout\n"
    app = App(SAFE, BLIND, status=1, said='toque-lock {"lock": "held"}\n' + said, applies=1)

    error = app.refuses("migration-failed")

    assert "in use for longer than 5 s; 1 of 2 are applied" in error.found
    assert error.log[-1].endswith("lock timeout")
    assert not [line for line in error.log if "toque-lock" in line]
    (record,) = read_migrated(app.system, "shop")
    assert [one["revision"] for one in record["applied"]] == ["one"]
    assert MIGRATION.found(app.system) == {"migrated": False}


def test_one_that_applied_nothing_leaves_no_record():
    app = App(SAFE, status=1, said="boom", applies=0)
    assert "none of 1 are applied" in app.refuses("migration-failed").found
    assert read_migrated(app.system, "shop") == []


def test_a_lock_that_is_taken_names_its_owner():
    taken = {"lock": "taken", "owner": f"toque shop {OLD} by bob", "since": "2026-11-23 05:00:00"}
    app = App(SAFE, status=75, said="toque-lock " + json.dumps(taken), applies=0)
    error = app.refuses("migration-locked")
    assert error.found == f"toque shop {OLD} by bob, since 2026-11-23 05:00:00 UTC"
    assert read_migrated(app.system, "shop") == []


def test_no_lock_in_the_database_is_told():
    app = App(SAFE, said='toque-lock {"lock": "none", "why": "no driver"}')
    app.fix()
    assert "no lock in the database: no driver" in app.system.taken_notes()


def test_a_killed_run_counts_as_applied_until_somebody_knows():
    app = App(SAFE)

    def killed(argv, stdin, user):
        if b"pg_try" in stdin:
            raise KeyboardInterrupt
        return app(argv, stdin, user)

    app.system.programs["python"] = killed
    with pytest.raises(KeyboardInterrupt):
        app.fix()

    (record,) = read_migrated(app.system, "shop")
    assert (record["complete"], record["applied"][0]["revision"]) == (False, "one")
    app.system.programs["python"] = app
    app.fix()
    assert read_migrated(app.system, "shop")[-1]["complete"] is True


@pytest.mark.parametrize(
    ("listing", "code"),
    [
        ({"error": {"code": "database-unreachable", "message": "refused"}}, "database-unreachable"),
        ({"error": {"code": "migration-heads", "message": "2", "found": "a"}}, "migration-heads"),
        ({"pending": [], "missing": ["nine"], "current": ["nine"]}, "migration-ahead"),
    ],
)
def test_what_cannot_be_migrated_is_said(listing, code):
    app = App(listing=listing)
    error = app.refuses(code)
    assert not app.ran
    assert error.hint


def test_a_project_that_cannot_be_read_is_migrated_unseen():
    app = App(listing={"error": {"code": "migration-unreadable", "message": "odd env.py"}})
    app.fix()
    assert len(app.ran) == 1
    assert any("odd env.py" in note for note in app.system.taken_notes())


def test_another_node_only_sees_to_it():
    app = App(SAFE)
    assert "one (does one)" in app.refuses("migration-missing", runs=False).found
    app.pending = []
    app.fix(runs=False)
    assert not app.ran
    assert read_migrated(app.system, "shop")[-1]["elsewhere"] is True


def test_releases_tell_what_was_applied_for_them_and_what_came_since():
    app = App(SAFE)
    app.fix(release=OLD)
    app.pending = [DROP]
    app.fix(allow_unsafe=True)
    for release in (ID, OLD):
        path = f"{HOME}/releases/{release}/.toque/release.json"
        app.system.put(path, json.dumps({"commit": "c" * 40, "created": "1"}).encode())
    app.system.programs["systemctl"] = lambda argv, stdin, user: Result(argv, 0, b"")

    told = {entry["id"]: entry for entry in list_releases(app.system, "shop")}

    assert [m["revision"] for m in told[OLD]["since"]] == ["two"]
    assert told[OLD]["since"][0]["verdict"] == "needs two steps"
    assert [m["revision"] for m in told[ID]["migrations"]] == ["two"]
    assert told[ID]["since"] == []


def test_no_environment_file_is_a_step_that_waits():
    app = App(SAFE)
    app.system.remove(MIGRATION.environment_file)
    with pytest.raises(NotReady):
        app.fix()


@pytest.mark.parametrize(
    "wrong",
    [{"argv": ()}, {"argv": ("a\0b",)}, {"release": "x"}, {"variable": "A B"}, {"cwd": "x"},
     {"python": "python"}, {"waits_s": 0}],
)  # fmt: skip
def test_a_wrong_declaration(wrong):
    with pytest.raises(Invalid):
        dataclasses.replace(MIGRATION, **wrong).validate()


def test_at_most_one_finding_for_a_migration():
    reasons = (
        Reason("unknown", "a", "why", "look", 1),
        Reason("needs two steps", "drops b", "old code uses it", "first deploy", 2),
        Reason("needs two steps", "drops c", "old code uses it", "first deploy", 3),
    )
    judged = Judged("r", "t", "needs two steps", "m/r.py", reasons)
    (found,) = findings(judged, "refuse", "insist")
    assert found.place == "m/r.py:2"
    assert found.evidence == ("m/r.py:2 drops b", "m/r.py:3 drops c")
    assert found.help == "first deploy; or insist: insist"
