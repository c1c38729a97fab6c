"""The large forges: whose keys they show, and where each of them takes a deploy key.

Known by host name alone.  A forge of one's own is told in plain words what to look for.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

from ..node import git, knownhosts
from ..node.formats.publickey import PublicKey
from ..node.record import dataclass


@dataclass(frozen=True)
class Forge:
    """``keys`` is the path of the page that takes a deploy key, ``{repository}`` in it; ``advice``
    says what to click there.  ``login`` is the user name that goes with an access token.

    ``published`` is the page with the fingerprints, ``source`` what ``toque hostkey update`` reads.
    """

    name: str
    keys: str
    advice: str
    login: str = "git"
    published: str = ""
    source: str = ""


_GITEA = "'Add deploy key', leave 'Enable write access' off"
FORGES: Mapping[str, Forge] = {
    "github.com": Forge(
        "GitHub",
        "/{repository}/settings/keys/new",
        "leave 'Allow write access' off",
        login="x-access-token",
        published="https://docs.github.com/authentication/keeping-your-account-and-data-secure/"
        "githubs-ssh-key-fingerprints",
        source="https://api.github.com/meta",
    ),
    "gitlab.com": Forge(
        "GitLab",
        "/{repository}/-/settings/repository#js-deploy-keys-settings",
        "leave 'Grant write permissions to this key' off",
        login="oauth2",
        published="https://docs.gitlab.com/user/gitlab_com/#ssh-host-keys-fingerprints",
    ),
    "bitbucket.org": Forge(
        "Bitbucket",
        "/{repository}/admin/access-keys/",
        "'Add key'; access keys are always read-only",
        login="x-token-auth",
        published="https://bitbucket.org/site/ssh",
        source="https://bitbucket.org/site/ssh",
    ),
    "codeberg.org": Forge(
        "Codeberg",
        "/{repository}/settings/keys",
        _GITEA,
        published="https://docs.codeberg.org/security/ssh-fingerprint/",
    ),
    "git.sr.ht": Forge(
        "sourcehut",
        "/{repository}/settings/access",
        "it has no keys of repositories: give the key to an account of its own at "
        "https://meta.sr.ht/keys, and that account read-only access on this page",
        published="https://man.sr.ht/git.sr.ht/#ssh-host-keys",
    ),
}
# What these forges publish, by host; the keys themselves are in forge_hosts.
FINGERPRINTS: Mapping[str, frozenset[str]] = {
    "github.com": frozenset(
        {
            "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU",
            "SHA256:p2QAMXNIC1TJYWeIOttrVc98/R1BUFWu3/LiyKgUfQM",
            "SHA256:uNiVztksCsDhcc0u9e8BujQXVUpKZIDTMczCvj3tD2s",
        }
    ),
    "gitlab.com": frozenset(
        {
            "SHA256:eUXGGm1YGsMAS7vkcx6JOJdOGHPem5gQp4taiCfCLB8",
            "SHA256:HbW3g8zUjNSksFbqTiUWPWg2Bq1x8xdGUrliXFzSnUw",
            "SHA256:ROQFvPThGrW4RuWLoL9tq9I9zJ42fK4XywyRtbOz/EQ",
        }
    ),
    "bitbucket.org": frozenset(
        {
            "SHA256:ybgmFkzwOSotHTHLJgHO0QN8L0xErw6vd0VhFA9m3SM",
            "SHA256:FC73VB6C4OQLSCrjEayhMp9UMxS97caD/Yyi2bhW/J0",
            "SHA256:46OSHA1Rmj8E8ERTC6xkNcmGOw9oFxYr0WF6zWW8l1E",
        }
    ),
    "codeberg.org": frozenset(
        {
            "SHA256:mIlxA9k46MmM6qdJOdMnAQpzGxF4WIVVL+fj+wZbw0g",
            "SHA256:T9FYDEHELhVkulEKKwge5aVhVTbqCW0MIRwAfpARs/E",
            "SHA256:6QQmYi4ppFS4/+zSZ5S4IU+4sa6rwvQ4PbhCtPEBekQ",
        }
    ),
    "git.sr.ht": frozenset(
        {
            "SHA256:WXXNZu0YyoE3KBl5qh4GsnF1vR0NeEPYJAiPME+P09g",
            "SHA256:1nUUjsHH0qwfjI3dYFWlXTjPUP/Un1oo6wfu9YL8tCQ",
        }
    ),
}
_OWN = {  # a forge of one's own says by its name what it is, if at all
    "gitlab": FORGES["gitlab.com"],
    "gitea": Forge("Gitea", FORGES["codeberg.org"].keys, _GITEA),
    "forgejo": Forge("Forgejo", FORGES["codeberg.org"].keys, _GITEA),
}
_PLAIN = (
    "in the settings of the repository, as a deploy key (or access key) that may only read; "
    "without such settings: one line of ~/.ssh/authorized_keys of the user in its URL"
)


def forge_of(host: str) -> Forge | None:
    """The forge at ``host``, as far as its name tells."""
    return FORGES.get(host.lower()) or _OWN.get(host.lower().split(".")[0])


def where_to_paste(url: str) -> str:
    """The page of the forge that takes a deploy key for the repository at ``url``, and how."""
    where = git.address(url)
    forge = forge_of(where.host)
    if forge is None:
        return _PLAIN
    repository = where.path.strip("/").removesuffix(".git")
    return f"https://{where.host}{forge.keys.format(repository=repository)}   ({forge.advice})"


def login_at(host: str) -> str:
    """Who is named beside an access token: forges want different words there."""
    forge = forge_of(host)
    return forge.login if forge else "git"


def shipped() -> str:
    """The keys of large forges that come with Toque, as a known_hosts file."""
    return files(__package__).joinpath("forge_hosts").read_text(encoding="utf-8")


def merged(shipped_text: str, own: str) -> str:
    """One known_hosts file: a host that the project has keys for is not looked up in ours."""
    mine = {line.partition(" ")[0] for line in _lines(own)}
    kept = [line for line in _lines(shipped_text) if line.partition(" ")[0] not in mine]
    return "".join(f"{line}\n" for line in [*kept, *_lines(own)])


def keys_of(text: str, host: str, port: int = 22) -> list[PublicKey]:
    return knownhosts.keys_of(text, knownhosts.name_of(host, port))


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
