"""What of a node's word becomes of the plan that gives the machine back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from toque.errors import Unreachable
from toque.node.model import Facts
from toque.usecases.removal import Data, GiveBack, lines, parsed, plan
from toque.usecases.seeing import parsing

FACTS = Facts(os="debian", release="12", codename="bookworm", init="systemd")
BACK = GiveBack(
    units=("shop-1.service", "shop-job.timer", "toque-watch-shop.service"),
    files=("/etc/nginx/sites-enabled/shop", "/etc/sysctl.d/x.conf"),
    folders=("/srv/www",),
    trees=("/etc/toque", "/srv/www/shop"),
    originals=("/etc/nginx/sites-enabled/default",),
    packages=("git", "liberror-perl"),
    brought=(("/etc/postgresql", 1800000000.0),),
    databases=("shop@5433",),
    roles=("shop",),
    users=("shop",),
    groups=("shop",),
    data=(Data(2048, database="shop", port="5433"), Data(10, folder="/srv/www/shop/shared")),
    nginx=True,
)


def ids(back: GiveBack, keep_in: str = "") -> list[str]:
    return [step.id for step in plan(back, FACTS, keep_in=keep_in).steps]


def test_users_go_last_after_what_they_own_and_units_first() -> None:
    assert ids(BACK) == [
        "unit:shop-job.timer",
        "unit:toque-watch-shop.service",
        "unit:shop-1.service",
        "file:/etc/nginx/sites-enabled/shop",
        "file:/etc/sysctl.d/x.conf",
        "original:/etc/nginx/sites-enabled/default",
        "service:nginx",
        "postgres_database:shop@5433",
        "postgres_role:shop",
        "package:git,liberror-perl",
        "command:clear /etc/postgresql",
        "directory:/etc/toque",
        "directory:/srv/www/shop",
        "directory:/srv/www",
        "user:shop",
        "group:shop",
    ]


def test_everything_is_taken_away_and_nothing_made() -> None:
    steps = plan(BACK, FACTS, keep_in="").steps
    taking = ("original", "command")
    makes = [s.id for s in steps if not s.fields.get("absent") and s.kind not in taking]

    assert makes == ["service:nginx"]  # which others need


def test_nginx_reads_its_sites_again_only_when_it_stays() -> None:
    notified = {s.id for s in plan(BACK, FACTS, keep_in="").steps if s.notify}
    assert notified == {
        "file:/etc/nginx/sites-enabled/shop", "original:/etc/nginx/sites-enabled/default",
    }  # fmt: skip

    without = plan(replace(BACK, nginx=False), FACTS, keep_in="").steps
    assert not [s for s in without if s.notify or s.kind == "service"]


def test_data_is_copied_before_anything_goes() -> None:
    steps = plan(BACK, FACTS, keep_in="/var/backups/toque-1").steps
    first = next(n for n, step in enumerate(steps) if step.kind == "unit")
    words = [step.fields["argv"] for step in steps[:first] if step.kind == "command"]

    assert [argv[0] for argv in words] == ["pg_dump", "tar"]
    assert "--port=5433" in words[0]
    assert all(step.fields["creates"] for step in steps[:first] if step.kind == "command")
    assert "--file=/var/backups/toque-1/databases/shop.dump" in words[0]
    assert "--file=/var/backups/toque-1/srv-www-shop-shared.tar.gz" in words[1]
    # Root writes where nobody else may; the server's user has a directory of its own.
    folders = {s.fields["path"]: s.fields for s in steps[:first] if s.kind == "directory"}
    assert folders["/var/backups/toque-1"].get("owner", "root") == "root"
    assert folders["/var/backups/toque-1/databases"]["mode"] == 0o700


def test_without_data_there_is_nothing_to_copy() -> None:
    assert ids(replace(BACK, data=()), "/var/backups/toque-1") == ids(BACK)


def test_what_goes_is_told_by_kind() -> None:
    assert dict(lines(BACK))["purges"] == "git, liberror-perl"
    assert list(lines(GiveBack())) == []


@pytest.mark.parametrize(
    "wrong", [{"users": 3}, {"users": [3]}, {"data": [{}]}, {"stays": [["a"]]}, {"units": None}]
)
def test_a_node_that_says_something_else_is_at_fault(wrong: dict[str, Any]) -> None:
    names = ("units", "files", "folders", "trees", "originals", "packages", "brought", "databases",
             "roles", "users", "groups", "data", "stays")  # fmt: skip
    told: dict[str, Any] = {name: [] for name in names}
    assert parsed({**told, "nginx": False}) == GiveBack()

    with pytest.raises(Unreachable, match="nobody can read"), parsing("what it can give back"):
        parsed({**told, "nginx": False, **wrong})
