"""The bare mirror of an app's repository on a node: its commits, and how they get there.

Everything here runs as the deploy user.  What is downloaded arrives as one pack that is moved in
whole, so a killed fetch leaves no half of a commit.
"""

import re
from typing import Iterator, List, Mapping, Optional, Tuple

from . import git
from .errors import StepFailed
from .record import dataclass
from .system import Result, System, no_room
from .values import Blob

INDEX = "toque-index"  # of exports, in the mirror
REMOTE = "https:ssh"  # the protocols spoken with others


@dataclass(frozen=True)
class Mirror:
    """``path`` is owned by ``user``.  ``key_path`` and ``known_hosts`` are what ssh uses.

    ``depth`` is how many commits of history are fetched, all when None.  ``credentials`` is a file
    with a user name and a token, for the URL that stands beside it.
    """

    system: System
    path: str
    user: str
    key_path: Optional[str] = None
    known_hosts: Optional[str] = None
    depth: Optional[int] = None
    credentials: Optional[Tuple[str, str]] = None

    def call(
        self, *rest: str, check: bool = True, protocols: str = "none",
        extra: Optional[Mapping[str, str]] = None, cwd: str = "/", stdin: bytes = b"",
    ) -> Result:  # fmt: skip
        """One git command on this mirror; ``extra`` is added to its environment."""
        ssh = git.ssh_command(self.key_path, self.known_hosts)
        env = {**git.environment(self.path, protocols, ssh), **(extra or {})}
        lent = git.credential(*self.credentials) if self.credentials else []
        argv = git.words(self.path, *lent, *rest)
        return self.system.run(argv, user=self.user, env=env, cwd=cwd, stdin=stdin, check=check)

    def make(self) -> None:
        """Make it when it is not there, or not finished; mend what a power cut did to it."""
        head = self.system.stat(f"{self.path}/HEAD")
        if head is None or not head.size:
            self.system.remove_tree(self.path)
            self.system.mkdir(self.path, owner=self.user, group="root", mode=0o700)
            self.call("init", "--quiet", "--bare", "--template=", "--", self.path)
        for path in self._names():
            there = self.system.stat(path)
            # Older gits do not wait until a name is on the disk, and refuse all with an empty one.
            if there is not None and not there.size and not path.endswith(".lock"):
                self.system.remove(path)

    def unlock(self) -> None:
        """Take away locks of a git that was killed.  Nobody else may be at work here."""
        for path in (f"{self.path}/{INDEX}.lock", *self._names()):
            if path.endswith(".lock"):
                self.system.remove(path)

    def _names(self) -> Iterator[str]:
        """The files that names of commits are kept in, and locks beside them."""
        folders = [f"{self.path}/refs"]
        for folder in folders:
            for name in self.system.names(folder):
                path = f"{folder}/{name}"
                there = self.system.stat(path)
                if there is not None and there.kind == "directory":
                    folders.append(path)
                else:
                    yield path

    def has(self, commit: str) -> bool:
        return self.call("cat-file", "-e", f"{commit}^{{commit}}", check=False).code == 0

    def keep(self, commit: str, ref: str) -> bool:
        """Keep a commit alive under a name; the next bundle may build upon it.

        False when it is not here.
        """
        if self.call("update-ref", ref, commit, check=False).code == 0:
            return True
        if not self.has(commit):
            return False
        self.call("update-ref", ref, commit)  # raises what is in its way
        return True

    def forget(self, ref: str) -> Result:
        return self.call("update-ref", "-d", ref, check=False)

    def refs(self, below: str) -> List[str]:
        """The full names below ``below``."""
        return self.call("for-each-ref", "--format=%(refname)", "--", below).text.split()

    def tidy(self) -> Result:
        """Repack when git finds it worth it: each fetch adds a pack."""
        return self.call("-c", "gc.auto=6700", "gc", "--auto", "--quiet", check=False)

    def tree(self, commit: str) -> List[git.Entry]:
        return git.entries(self.call("ls-tree", "-r", "-z", "--full-tree", commit).out)

    def contents(self, oids: List[str]) -> List[str]:
        """The texts of small blobs, in the order asked for."""
        if not oids:
            return []
        asked = "".join(f"{oid}\n" for oid in oids).encode("ascii")
        return git.batch(self.call("cat-file", "--batch", stdin=asked).out)

    def export(self, commit: str, directory: str) -> None:
        """Write a commit's files into ``directory``.

        No filter runs, because no configuration that is read defines one.
        """
        index = {"GIT_INDEX_FILE": f"{self.path}/{INDEX}"}
        work = f"--work-tree={directory}"
        self.call(work, "read-tree", commit, extra=index)
        self.call(
            work, "checkout-index", "--all", "--force", "--quiet", extra=index, cwd=directory
        )  # fmt: skip

    def unbundle(self, bundle: Blob, handed: str) -> None:
        """Take in what was sent.

        ``handed`` is where the deploy user finds its copy for the moment; it stands in a directory
        of root's, so that nobody can swap the name while root writes it.
        """
        self.system.progress("unpacking what was sent")
        sent = self.system.blob(bundle.sha256)
        self.system.run(["install", "-o", self.user, "-m", "0400", "-T", "--", sent, handed])
        try:
            result = self.call("bundle", "unbundle", handed, check=False)
        finally:
            self.system.remove(handed)
        if result.code == 0:
            return
        full = no_room(result)
        if full is not None:
            raise full
        lines = result.tail()
        if re.search("prerequisite|not connected", "\n".join(lines)):
            raise StepFailed(
                "bundle-incomplete",
                "what was sent builds on commits that the node does not have",
                expected="the commits that the bundle names as its base",
                found=git.last_words(lines),
                hint="deploy again; the whole repository is sent then",
                log=lines,
            )
        raise StepFailed(
            "bundle-damaged",
            "what was sent is not a git bundle that can be read",
            found=git.last_words(lines),
            hint="git fsck in the repository that is deployed from",
            log=lines,
        )

    def fetch(self, url: str, commit: str, ref: str, branch: Optional[str]) -> None:
        """Fetch one commit; ``branch`` is a full name to try where bare ids are not served.

        Raises ``StepFailed`` when the repository cannot be read; that the commit is not in it is
        for the caller to find out.
        """
        where = git.address(url)
        self.check_key(url)
        self.system.progress(f"fetching {commit[:12]} from {url}")
        result = self._fetch_spec(url, f"+{commit}:{ref}")
        if result.code == 0:
            return
        lines = result.tail()
        meaning, _ = git.complaint(lines)
        if meaning == "host-key":
            raise git.fetch_failed(url, [*lines, *self.offered_keys(url)], self._shown_key(where))
        if meaning == "authentication" or not self._fetch_branches(url, branch or "refs/heads/*"):
            raise git.fetch_failed(url, lines, self._shown_key(where))

    def _shown_key(self, where: git.Address) -> Optional[str]:
        return self.key_path if where.scheme == "ssh" else None

    def check_key(self, url: str) -> None:
        """Raise ``StepFailed`` when ssh would have no key to show, or would not use it."""
        where = git.address(url)
        if where.scheme != "ssh":
            return
        there = self.system.stat(self.key_path) if self.key_path else None
        if there is None or self.key_path is None:
            raise git.key_needed(url, where)
        if there.kind != "file" or there.owner != self.user or there.mode & 0o077:
            found = f"a {there.kind} with owner {there.owner} and mode {there.mode:o}"
            raise git.key_unusable(self.key_path, self.user, found)

    def _fetch_branches(self, url: str, branch: str) -> bool:
        """Fetch what is advertised; False when nobody answers."""
        listed = self.call("ls-remote", "--", url, protocols=REMOTE, check=False)
        if listed.code != 0:
            return False
        if not listed.out.strip():
            raise StepFailed(
                "repository-empty",
                f"{url} has no commits yet",
                expected="at least one commit",
                found="an empty repository",
                hint="git push its main branch first",
            )
        goal = branch.replace("refs/", "refs/remotes/", 1)
        fetched = self._fetch_spec(url, f"+{branch}:{goal}")
        # A branch that is gone is an answer too: the commit is not there.
        return fetched.code == 0 or git.complaint(fetched.tail())[0] == "commit"

    def _fetch_spec(self, url: str, spec: str) -> Result:
        depth = [f"--depth={self.depth}"] if self.depth else []
        result = self.call(
            "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-gc", *depth,
            "--", url, spec, protocols=REMOTE, check=False,
        )  # fmt: skip
        full = no_room(result) if result.code else None
        if full is not None:
            raise full
        return result

    def offered_keys(self, url: str) -> List[str]:
        """Fingerprints of the host's keys, to compare with what its owner publishes (R40)."""
        where = git.address(url)
        try:
            scanned = self.system.run(
                ["ssh-keyscan", "-T", "5", "-p", str(where.port or 22), "--", where.host],
                user=self.user, timeout_s=20, check=False,
            )  # fmt: skip
            shown = self.system.run(
                ["ssh-keygen", "-l", "-f", "-"], user=self.user, stdin=scanned.out, check=False
            )
        except StepFailed:
            return []
        return [f"the host offers {line}" for line in shown.text.splitlines()]
