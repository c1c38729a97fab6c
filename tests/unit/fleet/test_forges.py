"""The forges that Toque knows: their keys are those they publish, and their pages."""

from __future__ import annotations

import pytest

from toque.fleet import forges
from toque.node import knownhosts
from toque.node.formats import publickey


def test_the_shipped_keys_are_those_that_the_forges_publish() -> None:
    by_host: dict[str, set[str]] = {}
    for line in forges.shipped().splitlines():
        if not line.startswith("#"):
            host, _, key = line.partition(" ")
            by_host.setdefault(host, set()).add(publickey.parse(key).fingerprint)

    assert by_host == {host: set(known) for host, known in forges.FINGERPRINTS.items()}
    assert set(by_host) == set(forges.FORGES)


@pytest.mark.parametrize(
    ("url", "page"),
    [
        ("git@github.com:me/app.git", "https://github.com/me/app/settings/keys/new"),
        ("ssh://git@gitlab.com/a/b/c.git", "https://gitlab.com/a/b/c/-/settings/repository"),
        ("git@bitbucket.org:me/app.git", "https://bitbucket.org/me/app/admin/access-keys/"),
        ("git@codeberg.org:me/app", "https://codeberg.org/me/app/settings/keys"),
        ("git@git.sr.ht:~me/app", "https://git.sr.ht/~me/app/settings/access"),
        (
            "git@gitlab.example.org:me/app",
            "https://gitlab.example.org/me/app/-/settings/repository",
        ),
        ("git@forgejo.example.org:me/app", "https://forgejo.example.org/me/app/settings/keys"),
        ("git@code.example.org:me/app", "as a deploy key"),
    ],
)
def test_the_page_that_takes_a_key_is_known_by_the_host(url: str, page: str) -> None:
    assert page in forges.where_to_paste(url)
    assert "read" in forges.where_to_paste(url) or "off" in forges.where_to_paste(url)


def test_keys_of_the_project_stand_in_the_place_of_ours() -> None:
    mine = "github.com ssh-ed25519 AAAAmine\n[git.example.org]:2222 ssh-ed25519 AAAAother\n"

    text = forges.merged(forges.shipped(), mine)

    assert [line for line in text.splitlines() if line.startswith("github.com ")] == [
        "github.com ssh-ed25519 AAAAmine"
    ]
    assert "[git.example.org]:2222 ssh-ed25519 AAAAother" in text
    assert text.count("gitlab.com ") == 3
    assert "#" not in text
    assert len(knownhosts.keys_of(text, "codeberg.org")) == 3
