"""One commit of an app's repository, exported into its own directory for good.

Git runs as the deploy user.  The export grows in ``releases/.ID.partial`` and gets its real name
by a rename when nothing is left to do, so a release that is there is complete.
"""

import json
import re
from datetime import datetime, timezone
from hashlib import sha256
from typing import Any, ClassVar, FrozenSet, List, Mapping, Optional, Tuple, Union

from .. import git, room
from ..access import Access, lent
from ..errors import NotReady, StepFailed
from ..mirror import Mirror
from ..record import dataclass, field
from ..repository import modules_at
from ..resource import Invalid, Resource, State
from ..system import System
from ..values import Blob, Secret

RESERVED = ".toque"
FULL_REF = r"refs/[^\x00-\x20~^:?*\[\\\x7f-][^\x00-\x20~^:?*\[\\\x7f]*"  # git-check-ref-format(1)
MOST_SYNCED = 5000  # paths; beyond that one sync of the whole file system costs less


@dataclass(frozen=True)
class Checkout(Resource):
    """``path`` holds the tree of ``commit`` (40 hex digits) and ``.toque/`` with what we add.

    ``path`` ends with ``release_id``.  The commit comes from ``url`` (fetched by ``user`` with
    ``key_path`` and ``known_hosts``, both paths on the node), from ``bundle``, or, when neither is
    given, from what ``mirror`` already has.  ``host_keys`` is what the file ``known_hosts`` is made
    to hold; ``token``, with ``login``, is for an https URL.  ``refs`` names a branch that
    holds the commit, for servers that do not serve bare ids.  ``submodules`` brings those, too,
    theirs included.  ``root`` is the app's directory inside the tree.  ``venv``
    and ``socket`` are what the links ``.toque/venv`` and ``.toque/app.sock`` point at.
    ``manifest`` is added to ``.toque/release.json``; ``beside`` has texts of further files there.
    """

    kind: ClassVar[str] = "checkout"

    path: str
    app: str
    release_id: str
    mirror: str
    commit: str
    user: str
    group: str
    venv: str
    socket: str
    url: Optional[str] = None
    bundle: Optional[Blob] = None
    key_path: Optional[str] = None
    known_hosts: Optional[str] = None
    root: str = "."
    refs: Optional[str] = None
    host_keys: str = ""
    token: Union[str, Secret] = ""
    login: str = "git"
    submodules: bool = False
    manifest: Mapping[str, Any] = field(default_factory=dict)
    beside: Mapping[str, str] = field(default_factory=dict)

    def validate(self) -> None:
        if not re.fullmatch(r"[0-9a-f]{40}", self.commit):
            raise Invalid("commit", "40 hex digits", self.commit)
        if self.path.rsplit("/", 1)[-1] != self.release_id or not self.path.startswith("/"):
            raise Invalid("path", f"an absolute path that ends with {self.release_id}", self.path)
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", self.release_id):
            raise Invalid("release_id", "letters, digits, dots and dashes", self.release_id)
        if self.url is not None and self.bundle is not None:
            raise Invalid("bundle", "either url or bundle", "both")
        if self.root.startswith("/") or ".." in self.root.split("/") or not self.root:
            raise Invalid("root", "a directory inside the repository", self.root)
        if self.refs is not None and not re.fullmatch(FULL_REF, self.refs):
            raise Invalid("refs", "a full name such as refs/heads/main", self.refs)
        if self.url is not None:
            try:
                git.address(self.url)
            except ValueError as error:
                raise Invalid("url", str(error), self.url) from error

    def wanted(self) -> State:
        return {"commit": self.commit}

    def found(self, system: System) -> Optional[State]:
        try:
            written = json.loads(system.read(f"{self.path}/{RESERVED}/release.json"))
            return {"commit": written["commit"]}
        except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
            return None

    def fix(self, system: System, keys: FrozenSet[str]) -> None:
        self._sweep(system)
        room.enough(system, self._releases, room.RELEASE)
        with lent(system, self.mirror, self._access, self.url) as mirror:
            mirror.make()
            mirror.unlock()
            # What was sent is taken in unasked: each program that is started takes its time.
            if self.bundle is not None or not mirror.has(self.commit):
                self._fetch(mirror)
        if not mirror.keep(self.commit, self._ref):
            raise self._missing()
        tree = mirror.tree(self.commit)
        self._judge(tree)
        self._note(mirror, tree)
        partial = self._partial
        # Set-group-id: what the deploy user makes below belongs to the app's group, which the
        # deploy user need not be a member of.
        system.mkdir(partial, owner=self.user, group=self.group, mode=0o2750)
        try:
            mirror.export(self.commit, partial)
            if self.submodules:
                tree = [*tree, *self._modules(mirror, self.commit, tree, base=self.url or "")]
            self._sync(system, tree)
        except StepFailed as error:
            if error.code == "disk-full":
                system.remove_tree(partial)  # the app needs the room now, not at the next deploy
            raise
        self._describe(system)
        if system.stat(self.path) is not None:
            system.remove_tree(self.path)  # without its release.json it never was complete
        system.rename(partial, self.path)

    @property
    def _releases(self) -> str:
        return self.path.rsplit("/", 1)[0]

    @property
    def _partial(self) -> str:
        return f"{self._releases}/.{self.release_id}.partial"

    @property
    def _ref(self) -> str:
        return f"refs/toque/{self.release_id}"

    @property
    def _handed_over(self) -> str:
        """Where the deploy user finds the bundle, in the app's own directory, which is root's."""
        return f"{self._releases.rsplit('/', 1)[0]}/.bundle-{self.release_id}"

    def _sweep(self, system: System) -> None:
        """Remove what killed runs left; there is one run at a time on a node."""
        if system.stat(self._releases) is None:
            raise NotReady("directory-missing", f"there is no directory {self._releases}")
        for name in system.names(self._releases):
            if name.startswith(".") and name.endswith(".partial"):
                system.remove_tree(f"{self._releases}/{name}")
        above = self._releases.rsplit("/", 1)[0]
        for name in system.names(above):
            if name.startswith(".bundle-"):
                system.remove(f"{above}/{name}")

    def _fetch(self, mirror: Mirror) -> None:
        if self.bundle is not None:
            mirror.unbundle(self.bundle, self._handed_over)
        elif self.url is not None:
            mirror.fetch(self.url, self.commit, self._ref, self.refs)

    def _missing(self) -> StepFailed:
        where = self.url or ("the mirror on the node" if self.bundle is None else "what was sent")
        return StepFailed(
            "commit-missing",
            f"commit {self.commit[:12]} is not in the repository",
            expected=f"commit {self.commit}",
            found=f"no such commit in {where}",
            hint="push the commit first; git branch -r --contains COMMIT shows where it is",
        )

    @property
    def _access(self) -> Access:
        return Access(
            self.user, self.key_path, self.known_hosts, self.host_keys, self.token, self.login
        )  # fmt: skip

    def _modules(
        self, mirror: Mirror, commit: str, tree: List[git.Entry], *, base: str, at: str = ""
    ) -> List[git.Entry]:
        """Export the submodules of a commit that is exported at ``at``; the paths that they add.

        Their commits are kept in the app's own mirror, beside its history.
        """
        urls = {module.path: module.url for module in modules_at(mirror, commit, base)}
        added: List[git.Entry] = []
        for entry in tree:
            if entry.mode != "160000":
                continue
            url, path = urls.get(entry.path, ""), f"{at}{entry.path}"
            self._fetch_module(mirror, entry, url, module_ref(self.release_id, path))
            folder = f"{self._partial}/{path}"
            mirror.system.run(["mkdir", "-p", "--", folder], user=self.user)
            mirror.export(entry.oid, folder)
            inner = mirror.tree(entry.oid)
            added += [git.Entry(one.mode, one.oid, f"{path}/{one.path}") for one in inner]
            added += self._modules(mirror, entry.oid, inner, base=url, at=f"{path}/")
        return added

    def _fetch_module(self, mirror: Mirror, entry: git.Entry, url: str, ref: str) -> None:
        if not url:
            raise StepFailed(
                "submodule-unusable",
                f"there is a submodule {entry.shown} without a URL",
                expected="an entry for it in .gitmodules",
                hint="git submodule add URL PATH, and commit",
            )
        if not mirror.has(entry.oid):
            with lent(mirror.system, self.mirror, self._access, url) as fetching:
                fetching.fetch(url, entry.oid, ref, None)
        if not mirror.has(entry.oid):
            raise StepFailed(
                "submodule-unusable",
                f"submodule {entry.shown} stands at a commit that {url} does not have",
                expected=f"commit {entry.oid}",
                hint="git push in the submodule",
            )
        mirror.keep(entry.oid, ref)

    def _judge(self, tree: List[git.Entry]) -> None:
        """Refuse what cannot become a release."""
        if any(e.path == RESERVED or e.path.startswith(RESERVED + "/") for e in tree):
            raise StepFailed(
                "reserved-name",
                f"the repository has a file or directory {RESERVED} at its top",
                expected=f"no {RESERVED}: each release keeps its own there",
                hint=f"git mv {RESERVED} another-name",
            )
        root = "" if self.root == "." else self.root.strip("/") + "/"
        if not any(e.path.startswith(root) for e in tree):
            tops = sorted({e.path.split("/", 1)[0] for e in tree if "/" in e.path})
            raise StepFailed(
                "app-root-missing",
                f"commit {self.commit[:12]} has no directory {self.root}",
                expected=f"the app in {self.root}",
                found="directories: " + (", ".join(tops) or "none"),
                hint="set root in toque.toml to the directory that holds the app",
            )

    def _note(self, mirror: Mirror, tree: List[git.Entry]) -> None:
        """Say what a person may not expect of this release."""
        modules = [e.shown for e in tree if e.mode == "160000"]
        if modules and not self.submodules:
            mirror.system.note(
                f"submodules are not fetched: {', '.join(modules)}; submodules = true fetches them"
            )
        links = [e for e in tree if e.mode == "120000"]
        for entry, target in zip(links, mirror.contents([e.oid for e in links])):
            if git.leaves_tree(entry.path, target):
                mirror.system.note(f"the link {entry.shown} points out of the release")

    def _sync(self, system: System, tree: List[git.Entry]) -> None:
        """Have the files survive a power cut before the rename can."""
        files, directories = _parts(tree)
        sync = ["xargs", "-0", "-r", "-n", "400", "sync", "--"]
        if len(files) + len(directories) > MOST_SYNCED:
            sync = ["sync", "-f", "."]
        paths = "\0".join([*files, *directories]).encode("utf-8", "surrogateescape")
        system.run(sync, user=self.user, cwd=self._partial, stdin=paths)

    def _describe(self, system: System) -> None:
        """Write ``.toque``; nothing in it is the repository's."""
        own = f"{self._partial}/{RESERVED}"
        system.mkdir(own, owner=self.user, group=self.group, mode=0o750)
        system.link(f"{own}/venv", self.venv)
        system.link(f"{own}/app.sock", self.socket)
        created = datetime.now(timezone.utc).isoformat(timespec="microseconds")
        described = {"created": created, **self.manifest}
        described.update(id=self.release_id, app=self.app, commit=self.commit, root=self.root)
        text = json.dumps(described, indent=2, sort_keys=True) + "\n"
        for name, content in {**self.beside, "release.json": text}.items():
            system.write(
                f"{own}/{name}", content.encode(), owner=self.user, group=self.group, mode=0o640
            )


def module_ref(release: str, path: str) -> str:
    """The name in the mirror that keeps a submodule's commit for a release."""
    return f"refs/modules/{release}/{sha256(path.encode('utf-8', 'surrogateescape')).hexdigest()}"


def _parts(tree: List[git.Entry]) -> Tuple[List[str], List[str]]:
    """The regular files of a tree and all its directories, relative to its root."""
    files = [e.path for e in tree if e.mode.startswith("100")]
    directories = {"."}
    for entry in tree:
        parts = entry.path.split("/")
        directories.update("/".join(parts[:count]) for count in range(1, len(parts)))
    return files, sorted(directories)
