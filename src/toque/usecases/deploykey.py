"""Deploy keys: one for each app on each node that fetches it, made there, never leaving it."""

from __future__ import annotations

from dataclasses import dataclass

from ..cookbooks.compile import assemble
from ..cookbooks.recipe import Added
from ..errors import AskedWrongly, Failed
from ..fleet import forges
from ..fleet.app import App
from ..node import git
from ..node.applayout import deploy_key_path
from ..node.privatekey import BadKey, Cleaned, cleaned
from ..node.resources.deploy_key import DeployKey
from ..node.values import Secret
from . import converge as carry
from .converge import Stop, Watch
from .place import Place
from .repository import NEXT, NodeRepository, PublicKey, on_node, opening
from .site import Site


@dataclass(frozen=True)
class Shown:
    """A key of ``app`` on ``node``, where to paste its public half, and whether it is new."""

    node: str
    key: PublicKey
    page: str
    made: bool = False


@dataclass(frozen=True)
class Rotated:
    """Where a rotation stands on ``node``: ``waiting`` until the forge lets ``new`` in."""

    node: str
    old: PublicKey
    new: PublicKey
    page: str
    waiting: bool


def create(
    site: Site, app: App, place: Place, *, given: str = "", watch: Watch, stop: Stop | None = None
) -> tuple[Shown, tuple[str, ...]]:
    """A key that reads ``app``'s repository from ``place``; one that is there stays.

    With ``given`` that private key is used.  Also says what was repaired in it.
    Raises ``AskedWrongly``: ``deploy-key-not-used``, ``deploy-key-bad``.
    """
    page = page_of(app)
    key = read_key(given) if given else None
    private = Secret(f"{app.name}/deploy-key", key.text) if key else None
    wanted = DeployKey(
        deploy_key_path(app.name),
        user=app.deploy_user,
        comment=f"{app.name}@{place.node.name}",
        private=private,
    )
    changed = _converge(site, app, place, wanted, watch=watch, stop=stop)
    with on_node(site, app, place) as repository:
        return _shown(repository, app, place, page, changed), key.repairs if key else ()


def show(site: Site, app: App, place: Place) -> Shown:
    """The public half of the key on ``place``.  Raises ``Failed("deploy-key-missing")``."""
    page = page_of(app)
    with on_node(site, app, place) as repository:
        return _shown(repository, app, place, page, False)


def rotate(
    site: Site, app: App, place: Place, *, watch: Watch, stop: Stop | None = None
) -> Rotated:
    """Make a new key beside the one in use, or, once the forge knows it, put it in its place.

    The key in use goes on until then, so no deploy fails meanwhile.
    """
    page, path = page_of(app), deploy_key_path(app.name)
    with on_node(site, app, place) as repository:
        old = _shown(repository, app, place, page, False).key
        new = repository.key(path + NEXT)
    if new is None:
        made = DeployKey(path + NEXT, user=app.deploy_user, comment=f"{app.name}@{place.node.name}")
        _converge(site, app, place, made, watch=watch, stop=stop)
    with NodeRepository(
        place.transport, {**opening(site, app), "key_path": path + NEXT}
    ) as repository:
        new = repository.key(path + NEXT)
        if new is None:
            raise _missing(app, place)
        stages = repository.check(app.branch, submodules=False)
        let_in = [stage.name for stage in stages if stage.good]
    if "authentication" not in let_in or "repository" not in let_in:
        return Rotated(place.node.name, old, new, page, waiting=True)
    taken = DeployKey(path, user=app.deploy_user, successor=path + NEXT)
    _converge(site, app, place, taken, watch=watch, stop=stop)
    return Rotated(place.node.name, old, new, page, waiting=False)


def page_of(app: App) -> str:
    """Where a key of ``app`` is pasted.  Raises ``AskedWrongly("deploy-key-not-used")``."""
    where = git.address(app.repository) if app.remote else None
    if where is not None and where.scheme == "ssh":
        return forges.where_to_paste(app.repository)
    raise AskedWrongly(
        "deploy-key-not-used",
        f"{app.name} is not fetched by SSH",
        expected="a repository like git@HOST:PATH or ssh://git@HOST/PATH",
        found=app.repository,
        hint=f"a private repository over https takes a token: toque repo token {app.name}"
        if where
        else "the commits of a repository on this machine are sent along: no key is needed",
    )


def read_key(given: str) -> Cleaned:
    """A private key as somebody gave it.  Raises ``AskedWrongly("deploy-key-bad")``."""
    try:
        return cleaned(given)
    except BadKey as error:
        raise AskedWrongly(
            "deploy-key-bad",
            "this cannot be used as a deploy key",
            expected="a private key of OpenSSH, without a passphrase",
            found=error.why,
            hint=error.hint,
        ) from error


def _shown(repository: NodeRepository, app: App, place: Place, page: str, made: bool) -> Shown:
    key = repository.key(deploy_key_path(app.name))
    if key is None:
        raise _missing(app, place)
    return Shown(place.node.name, key, page, made)


def _missing(app: App, place: Place) -> Failed:
    return Failed(
        "deploy-key-missing",
        f"{place.node.name} has no deploy key for {app.name}",
        expected=f"a key in {deploy_key_path(app.name)}",
        found="none",
        hint=f"toque deploykey create {app.name}",
    )


def _converge(
    site: Site, app: App, place: Place, key: DeployKey, *, watch: Watch, stop: Stop | None
) -> bool:
    """Whether the node was changed."""
    with carry.Session(place.transport) as session:
        made = assemble(
            f"deploykey {app.name}", [Added(key, "toque deploykey")], {}, facts=session.facts
        )
        sent = carry.Parcel(made.plan, dict(made.secrets))
        report = session.carry_out(sent, by=site.by, watch=watch, stop=stop)
    return carry.succeeded(report, place.node.name).changed > 0
