"""A work tree of a git repository at a revision, for what is not an app of Toque's.

Git runs as the user that the tree belongs to, never as root: a repository's own configuration may
name programs to run.
"""

import re
from typing import ClassVar, Dict, FrozenSet, List, Optional, Sequence

from .. import git
from ..accounts import accounts, teams
from ..claim import Claim
from ..errors import NotReady, StepFailed
from ..mirror import REMOTE, Mirror
from ..record import dataclass
from ..resource import Invalid, Resource, State
from ..system import Result, System
from .checkout import FULL_REF

KEPT = "refs/toque/wanted"
BUSY = "refs/toque/busy"  # there while we change the tree


@dataclass(frozen=True)
class Git(Resource):
    """``path`` is a work tree of the repository at ``url``, at ``revision``, owned by ``user``.

    ``revision`` is a commit's 40 hex digits, or a full name such as ``refs/heads/main`` or
    ``refs/tags/v1``, which is looked up once in a run.  Tracked files are as in the commit: local
    changes to them are put back, other files stay.  Its parent directory has to be there.

    The URL is https or ssh; ssh needs ``key_path`` and ``known_hosts``, files on the node that
    ``user`` can read.  ``depth`` limits the history that is fetched; ``submodules`` brings those,
    too, theirs included.  No hook and no program that the repository or the machine's
    configuration names is run.

    An app that is deployed does not need this: its releases are checkouts of their own.
    """

    path: str
    url: str
    revision: str
    user: str
    key_path: Optional[str] = None
    known_hosts: Optional[str] = None
    depth: Optional[int] = None
    submodules: bool = False

    kind: ClassVar[str] = "git"
    disturbs: ClassVar[Optional[FrozenSet[str]]] = frozenset({"files"})

    def validate(self) -> None:
        for name in ("path", "key_path", "known_hosts"):
            path = getattr(self, name)
            if path is not None and (not re.fullmatch(r"(/[^/\0]+)+", path)):
                raise Invalid(name, "an absolute path", path)
        try:
            git.address(self.url)
        except ValueError as error:
            raise Invalid("url", str(error), self.url) from error
        if not re.fullmatch(rf"[0-9a-f]{{40}}|{FULL_REF}", self.revision):
            expected = "40 hex digits, or a full name such as refs/heads/main"
            raise Invalid("revision", expected, self.revision)
        if not self.user:
            raise Invalid("user", "the name of a user", self.user)
        if self.depth is not None and self.depth < 1:
            raise Invalid("depth", "a number of commits from 1", self.depth)

    def claims(self) -> Sequence[Claim]:
        return (Claim(self.path),)

    def wanted(self) -> State:
        return {"at": self.revision, "changed": [], "submodules": True if self.submodules else None}

    def found(self, system: System) -> Optional[State]:
        commit = self._commit(system)
        there = system.stat(self.path)
        if there is None:
            return None
        if there.kind != "directory" or there.owner != self.user:
            raise self._not_ours(f"a {there.kind} of {there.owner}")
        try:
            head = system.read(f"{self._repository}/HEAD").decode("utf-8", "replace").strip()
        except (FileNotFoundError, NotADirectoryError):
            if system.names(self.path):
                raise self._not_ours("other files, and no repository") from None
            return None
        at = self.revision if head == commit else f"{head[:12]}, where it is {commit[:12]} by now"
        mirror = self._mirror(system)
        modules = not self._stray_modules(mirror) if self.submodules else None
        return {"at": at, "changed": self._changed(mirror), "submodules": modules}

    def fix(self, system: System, keys: FrozenSet[str]) -> None:
        commit, mirror = self._commit(system), self._mirror(system)
        if system.stat(self.path) is None:
            system.mkdir(self.path, owner=self.user, group=self._group(system), mode=0o755)
        if system.stat(f"{self._repository}/HEAD") is None:
            mirror.call("init", "--quiet", "--bare", "--template=", "--", self._repository)
        for name, value in (("core.bare", "false"), ("remote.origin.url", self.url)):
            mirror.call("config", name, value)
        if not mirror.has(commit):
            mirror.fetch(self.url, commit, KEPT, self._branch)
            if not mirror.has(commit):
                raise self._missing()
        self._sweep(mirror)
        mirror.keep(commit, BUSY)
        system.progress(f"checking out {commit[:12]}")
        self._call(mirror, "checkout", "--quiet", "--force", "--detach", commit)
        if self.submodules:
            self._update_modules(mirror)
        mirror.keep(commit, KEPT)
        mirror.forget(BUSY)

    @property
    def _repository(self) -> str:
        return f"{self.path}/.git"

    @property
    def _branch(self) -> Optional[str]:
        return self.revision if self.revision.startswith("refs/") else None

    def _mirror(self, system: System) -> Mirror:
        return Mirror(
            system, self._repository, self.user, self.key_path, self.known_hosts, self.depth
        )  # fmt: skip

    def _call(
        self, mirror: Mirror, *rest: str, protocols: str = "none", check: bool = True
    ) -> Result:
        """A git command that works on the tree."""
        tree = f"--work-tree={self.path}"
        return mirror.call(tree, *rest, protocols=protocols, cwd=self.path, check=check)

    def _commit(self, system: System) -> str:
        """The commit that ``revision`` means: asked of the server once in a run."""
        if self._branch is None:
            return self.revision
        return system.observe(f"git:{self.url} {self.revision}", lambda: self._resolved(system))

    def _resolved(self, system: System) -> str:
        where = git.address(self.url)
        if where.scheme == "ssh" and self.key_path is None:
            raise git.key_needed(self.url, where)
        ssh = git.ssh_command(self.key_path, self.known_hosts)
        result = system.run(
            [*git.HARDENED, "ls-remote", "--", self.url, self.revision, f"{self.revision}^{{}}"],
            user=self.user, env=git.environment("/", REMOTE, ssh), check=False, timeout_s=60,
        )  # fmt: skip
        if result.code != 0:
            raise git.fetch_failed(self.url, result.tail(), self.key_path)
        # It lists all that ends so; a tag that is an object of its own has its commit as "^{}".
        listed: Dict[str, str] = {}
        for row in result.text.splitlines():
            commit, _, name = row.partition("\t")
            listed[name] = commit
        commit = listed.get(f"{self.revision}^{{}}") or listed.get(self.revision, "")
        if not re.fullmatch(r"[0-9a-f]{40}", commit):
            raise self._missing()
        return commit

    def _changed(self, mirror: Mirror) -> List[str]:
        """Tracked files that are not as in the commit that is checked out."""
        listed = self._call(
            mirror, "status", "--porcelain", "-z", "--untracked-files=no", "--no-renames",
            "--ignore-submodules=all",
        ).text  # fmt: skip
        return [row[3:] for row in listed.split("\0") if row]

    def _stray_modules(self, mirror: Mirror) -> List[str]:
        rows = self._call(mirror, "submodule", "status", "--recursive").text.splitlines()
        return [row for row in rows if not row.startswith(" ")]

    def _update_modules(self, mirror: Mirror) -> None:
        mirror.system.progress("fetching submodules")
        depth = [f"--depth={self.depth}"] if self.depth else []
        result = self._call(
            mirror, "submodule", "update", "--quiet", "--init", "--recursive", "--force", *depth,
            protocols=REMOTE, check=False,
        )  # fmt: skip
        if result.code != 0:
            raise git.fetch_failed(f"a submodule of {self.url}", result.tail(), self.key_path)

    def _sweep(self, mirror: Mirror) -> None:
        """Remove the lock that a killed run of ours has left; one of somebody else stays."""
        if mirror.call("rev-parse", "--quiet", "--verify", BUSY, check=False).code == 0:
            mirror.system.run(["rm", "-f", "--", f"{self._repository}/index.lock"], user=self.user)

    def _group(self, system: System) -> str:
        """The primary group of the user.  Raises ``NotReady``."""
        account = accounts(system).get(self.user)
        if account is None:
            raise NotReady("user-missing", f"there is no user {self.user}")
        return next((t.name for t in teams(system).values() if t.gid == account.gid), "root")

    def _not_ours(self, found: str) -> StepFailed:
        return StepFailed(
            "work-tree-not-ours",
            f"{self.path} is not a work tree of {self.user}",
            expected=f"nothing there, or a git work tree that belongs to {self.user}",
            found=found,
            hint="move it away, or name another path",
        )

    def _missing(self) -> StepFailed:
        return StepFailed(
            "revision-missing",
            f"{self.url} has no {self.revision}",
            expected="a branch or tag of exactly that name, or a commit that is pushed",
            found="none",
            hint=f"on the node: git ls-remote -- {self.url}",
        )
