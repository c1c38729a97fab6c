"""What a rollback says of the migrations that lie between."""

import pytest

from toque.errors import Failed
from toque.fleet.app import App, Database
from toque.usecases.across import across_of, refuse

APP = App("shop", "r", "web", migrate=("alembic", "upgrade", "head"))


def across(*since, known=True):
    entry = {"id": "0123456789ab-0123ab", "since": list(since) if known else None}
    return across_of(APP, "web1", entry)


def migration(verdict, **rest):
    return {"revision": "r1", "title": "notes", "verdict": verdict, "what": ["drops it"], **rest}


def test_nothing_between_says_nothing():
    refuse(across())
    assert across().lines == []


def test_safe_ones_are_told_and_do_not_stop_it():
    refuse(across(migration("safe")))
    assert across(migration("safe")).lines == [
        "web1: 1 migration in between; the database stays as it is",
        "  r1 (notes): its code works with it",
    ]


def test_a_reviewed_one_is_as_good_as_safe():
    found = across(migration("needs two steps", reviewed="never used"))
    refuse(found)
    assert "  r1 (notes): reviewed: never used" in found.lines


@pytest.mark.parametrize(
    ("verdict", "says"),
    [
        ("needs two steps", "may break on"),
        ("cannot be undone", "may break on"),
        ("unknown", "is not known to work with"),
        ("a word from a newer node", "is not known to work with"),
    ],
)
def test_others_are_refused(verdict, says):
    with pytest.raises(Failed) as caught:
        refuse(across(migration("safe"), migration(verdict)))
    assert caught.value.code == "rollback-across-migration"
    assert says in str(caught.value)
    assert any("drops it" in line for line in caught.value.trouble.log)
    assert "--across-migrations" in caught.value.trouble.hint


def test_what_is_not_on_record_is_said_and_stops_nobody():
    refuse(across(known=False))
    assert "is not on record" in across(known=False).lines[0]


def test_one_node_migrates_a_database_that_all_share():
    nodes = ("web1", "web2")
    assert APP.migrating(nodes) == ("web1",)
    elsewhere = App("shop", "r", "web", migrate=("x",), database=Database("d", host="db.example"))
    assert elsewhere.migrating(nodes) == ("web1",)
    own = App("shop", "r", "web", migrate=("x",), database=Database("d"))
    assert own.migrating(nodes) == nodes
    assert App("shop", "r", "web").migrating(nodes) == ()
