"""Which systems a cookbook is for, and that a run on another ends before it begins."""

from __future__ import annotations

from pathlib import Path

import pytest

from toque.cookbooks.manifest import Manifest
from toque.cookbooks.platforms import check_platforms
from toque.errors import AskedWrongly
from toque.testing import DEBIAN_11, DEBIAN_12, UBUNTU_24_04


def book(name: str, *platforms: str, needs: tuple[str, ...] = ()) -> Manifest:
    return Manifest(f"{name}-book", "1", Path("/x"), {name: name}, needs, platforms=platforms)


@pytest.mark.parametrize(
    ("platforms", "facts", "suits"),
    [
        ((), UBUNTU_24_04, True),
        (("debian",), DEBIAN_11, True),
        (("debian 12",), DEBIAN_12, True),
        (("debian 12", "ubuntu 24.04"), UBUNTU_24_04, True),
        (("debian 12",), DEBIAN_11, False),
        (("debian 1",), DEBIAN_11, False),
        (("ubuntu",), DEBIAN_12, False),
    ],
)
def test_a_platform_is_a_system_or_one_release_of_it(platforms, facts, suits) -> None:
    if suits:
        check_platforms([book("web", *platforms)], {"web"}, facts, "web1")
        return
    with pytest.raises(AskedWrongly) as caught:
        check_platforms([book("web", *platforms)], {"web"}, facts, "web1")
    assert caught.value.code == "platform-not-supported"
    assert caught.value.trouble.found == f"{facts.os} {facts.release}"
    assert caught.value.trouble.place == "/x/pyproject.toml"


def test_what_a_cookbook_needs_counts_and_what_does_not_run_does_not() -> None:
    manifests = [
        book("web", needs=("db-book>=1", "elsewhere")),
        book("db", "ubuntu", needs=("web-book",)),
        book("other", "alpine"),
    ]

    for runs in ("web", "db"):
        with pytest.raises(AskedWrongly, match="db-book is not for the system of n"):
            check_platforms(manifests, {runs}, DEBIAN_12, "n")
    check_platforms(manifests, {"nginx"}, DEBIAN_12, "n")
