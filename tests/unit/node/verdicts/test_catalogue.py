"""Migrations with known verdicts, read by the real tools from real projects."""

import pytest

from migration_projects import alembic_project, catalogue, django_project, listed
from toque.node.verdicts import judge

ALEMBIC = ("alembic", "upgrade", "head")
DJANGO = ("python", "manage.py", "migrate", "--noinput")
BIG = 1024 * 1024 * 1024


@pytest.fixture(scope="module")
def alembic_judged(tmp_path_factory):
    project = alembic_project(tmp_path_factory.mktemp("alembic"))
    said = listed(project, "alembic", *ALEMBIC)
    assert "pending" in said, said
    # SQLite tells no sizes; these are those that PostgreSQL would tell.
    return judge({**said, "database": "postgresql", "sizes": {"visits": BIG}}, "alembic")


@pytest.fixture(scope="module")
def django_judged(tmp_path_factory):
    project = django_project(tmp_path_factory.mktemp("django"))
    said = listed(project, "django", *DJANGO)
    assert "pending" in said, said
    return judge({**said, "database": "postgresql", "sizes": {"shop_visit": BIG}}, "django")


def check(known, judged):
    reasons = [f"{r.verdict}: {r.what}; {r.why}; {r.instead}" for r in judged.reasons]
    assert judged.verdict == known["verdict"], reasons
    told = [text for text in reasons if text.startswith(judged.verdict)]
    assert any(known.get("says", "") in text for text in told) or "says" not in known, reasons
    assert any(known.get("instead", "") in text for text in told) or "instead" not in known, told


@pytest.mark.parametrize(
    "at", range(len(catalogue("alembic")[1])), ids=[m["name"] for m in catalogue("alembic")[1]]
)
def test_alembic(alembic_judged, at):
    known = catalogue("alembic")[1][at]
    assert alembic_judged[at].title == known["name"]
    check(known, alembic_judged[at])


@pytest.mark.parametrize(
    "at", range(len(catalogue("django")[1])), ids=[m["name"] for m in catalogue("django")[1]]
)
def test_django(django_judged, at):
    check(catalogue("django")[1][at], django_judged[at])


def test_there_are_at_least_thirty():
    known = catalogue("alembic")[1] + catalogue("django")[1]
    assert len(known) >= 30
    assert {one["verdict"] for one in known} == {
        "safe",
        "needs two steps",
        "cannot be undone",
        "unknown",
    }


def test_the_line_of_the_operation_is_told(alembic_judged, django_judged, tmp_path):
    dropped = next(j for j in alembic_judged if "drops the column arcs.note" in j.worst.what)
    assert (dropped.path, dropped.worst.line) == ("migrations/versions/r007.py", 7)
    removed = next(j for j in django_judged if "shop_item.old" in j.worst.what)
    assert (removed.path, removed.worst.line) == ("shop/migrations/m007.py", 8)


def test_a_way_back_is_one_that_does_something(alembic_judged, django_judged):
    assert [j.undo for j in alembic_judged[:4]] == [False, True, False, True]
    ways = {j.worst.what: j.undo for j in django_judged}
    assert ways["runs the function fill"]
    assert not ways["deletes rows of shop_item"]
