"""Links to releases that served before, on files in memory."""

import json

import pytest

from toque.node.memory import MemorySystem
from toque.node.resource import Invalid
from toque.node.resources.earlier import Earlier

A, B, C, D = (f"{letter * 12}-00000{number}" for number, letter in enumerate("abcd", start=1))


def machine(served, releases=(A, B, C, D)):
    system = MemorySystem()
    for path in ("/srv", "/srv/www", "/srv/www/shop", "/srv/www/shop/releases"):
        system.mkdir(path, owner="root", group="root", mode=0o755)
    for release in releases:
        path = f"/srv/www/shop/releases/{release}"
        system.mkdir(path, owner="root", group="root", mode=0o755)
    for path in ("/var", "/var/lib", "/var/lib/toque", "/var/lib/toque/apps"):
        system.mkdir(path, owner="root", group="root", mode=0o700)
    lines = "".join(json.dumps({"release": one}) + "\n" for one in served)
    system.write("/var/lib/toque/apps/shop.jsonl", lines.encode(), mode=0o600)
    if served:
        system.link("/srv/www/shop/current", f"releases/{served[-1]}")
    return system


def links(system):
    names = system.names("/srv/www/shop/earlier")
    return [system.stat(f"/srv/www/shop/earlier/{n}").target.rsplit("/")[-1] for n in sorted(names)]


@pytest.mark.parametrize(
    ("served", "release", "count", "expected"),
    [
        ([], A, 2, []),
        ([A], B, 2, [A]),
        ([A, B, C], D, 2, [C, B]),
        ([A, B, C], D, 4, [C, B, A]),
        ([A, B], B, 4, [A]),  # deployed again, or a second look after the switch
        ([A, B], A, 4, [B]),  # rolled back
        ([A, B, A, B], C, 4, [B, A]),
    ],
)
def test_links_lead_to_what_served_before_the_latest_first(served, release, count, expected):
    system = machine(served)
    earlier = Earlier("shop", release, count)

    earlier.fix(system, frozenset())

    assert links(system) == expected
    assert earlier.found(system) == earlier.wanted()


def test_a_removed_release_and_a_link_too_many_are_let_go():
    system = machine([A, B, C], releases=(B, C, D))
    Earlier("shop", D, 3).fix(system, frozenset())
    assert links(system) == [C, B]

    Earlier("shop", D, 1).fix(system, frozenset())

    assert links(system) == [C]


def test_nothing_that_was_in_reach_is_out_of_it_at_any_moment():
    system = machine([A, B, C])
    Earlier("shop", C, 2).fix(system, frozenset())
    assert links(system) == [B, A]
    seen = []
    link = system.link

    def watched(path, target):
        link(path, target)
        seen.append(set(links(system)) | {C})

    system.link = watched
    Earlier("shop", D, 2).fix(system, frozenset())

    assert len(seen) == 2
    assert all({B, C} <= reach for reach in seen)
    assert links(system) == [C, B]


@pytest.mark.parametrize("fields", [("shop", "x", 1), ("shop", A, 0), ("shop", A, 10)])
def test_what_makes_no_sense_is_refused(fields):
    with pytest.raises(Invalid):
        Earlier(*fields).validate()
