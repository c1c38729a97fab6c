"""How an app's repository is looked at from a node: what is pure in it."""

from __future__ import annotations

import pytest

from toque.node import git
from toque.node.errors import StepFailed
from toque.node.repository import STAGES, rows, stage_of
from toque.usecases.repository import STATUSES


@pytest.mark.requirement("R43")
@pytest.mark.parametrize(
    ("words", "stage"),
    [
        ("Host key verification failed.", "host key"),
        ("@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @", "host key"),
        ("fatal: unable to access 'https://x/': SSL certificate problem: self-signed", "host key"),
        ("fatal: unable to access 'x': server certificate verification failed.", "host key"),
        ("git@github.com: Permission denied (publickey).", "authentication"),
        ("fatal: could not read Username for 'https://github.com': ", "authentication"),
        ("fatal: Authentication failed for 'https://x/'", "authentication"),
        ("fatal: unable to access 'x': The requested URL returned error: 403", "authentication"),
        ('Load key "/k": error in libcrypto', "authentication"),
        ("ERROR: Repository not found.", "repository"),
        ("fatal: '/srv/x.git' does not appear to be a git repository", "repository"),
        ("fatal: repository 'https://x/y.git/' not found", "repository"),
        ("kex_exchange_identification: Connection closed by remote host", "repository"),
    ],
)
def test_each_word_of_git_and_ssh_belongs_to_a_stage(words: str, stage: str) -> None:
    assert stage_of(git.fetch_failed("ssh://git@x/y", [words], "/key")) == stage


def test_each_stage_has_a_status_of_its_own() -> None:
    assert tuple(STATUSES) == STAGES
    assert len(set(STATUSES.values())) == len(STAGES)
    assert not {0, 2, 3, 4, 5, 70, 130} & set(STATUSES.values())


@pytest.mark.requirement("R39")
def test_a_missing_key_is_answered_with_advice() -> None:
    url = "git@github.com:me/app.git"
    error = git.key_needed(url, git.address(url))

    assert error.message == "SSH needs a key even for public repositories"
    assert "toque deploykey create APP" in error.hint
    assert "https://github.com/me/app.git" in error.hint
    assert stage_of(error) == "authentication"


@pytest.mark.parametrize(
    ("base", "url", "found"),
    [
        ("https://a.example/me/app.git", "../lib.git", "https://a.example/me/lib.git"),
        ("https://a.example/me/app.git", "../../other/lib", "https://a.example/other/lib"),
        ("https://a.example/me/app.git", "./sub", "https://a.example/me/app.git/sub"),
        ("git@a.example:me/app.git", "../lib.git", "git@a.example:me/lib.git"),
        ("git@a.example:app.git", "../lib.git", "git@a.example:lib.git"),
        ("ssh://git@a.example:22/me/app", "../lib", "ssh://git@a.example:22/me/lib"),
        ("https://a.example/me/app.git", "https://b.example/x", "https://b.example/x"),
    ],
)
def test_a_relative_submodule_starts_at_its_parent(base: str, url: str, found: str) -> None:
    assert git.beside(base, url) == found


def test_submodules_are_read_from_gitmodules() -> None:
    listing = b"submodule.a b.path\nlib/a\0submodule.a b.url\n../a.git\0core.x\ny\0"

    assert git.modules(listing, "https://h.example/me/app") == [
        git.Module("lib/a", "https://h.example/me/a.git")
    ]


@pytest.mark.parametrize(
    "url", ["/srv/x", "file:///srv/x", "ext::sh -c id", "git://h/x", "https://u:p@h/x", "-x", ""]
)
def test_submodules_from_elsewhere_are_refused(url: str) -> None:
    listing = f"submodule.a.path\na\0submodule.a.url\n{url}\0".encode()

    with pytest.raises(StepFailed) as caught:
        git.modules(listing, "https://h.example/me/app")

    assert caught.value.code == "submodule-unusable"


def test_a_token_goes_to_its_own_host_only() -> None:
    assert git.credential("https://h.example:8443/me/app", "/srv/a.token")[1] == (
        "credential.https://h.example:8443.helper=!cat -- /srv/a.token; :"
    )


def test_what_ls_remote_prints() -> None:
    listing = "1" * 40 + "\tHEAD\n" + "2" * 40 + "\trefs/tags/v1^{}\nnonsense\n"

    assert rows(listing) == {"refs/tags/v1^{}": "2" * 40}
