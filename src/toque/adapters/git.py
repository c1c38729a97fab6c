"""An app's repository on this machine: resolve, look inside, bundle.

Hardened: no system or user hooks, no prompts, values after ``--`` or as full ids only.  A remote
one is read by the nodes (``usecases/repository.py``).
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import AskedWrongly, Failed

HARDENED = (
    "-c", "core.hooksPath=/dev/null",
    "-c", "core.fsmonitor=false",
    "-c", "protocol.ext.allow=never",
    "-c", "safe.directory=*",
)  # fmt: skip
FULL_ID = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Repository:
    """A repository on this machine: a work tree or a bare one.

    ``prefix`` is the folder of a work tree that ``path`` names, from its top: ``examples/thena``.
    """

    path: Path
    prefix: str = ""

    def resolve(self, ref: str) -> str:
        """The full id of a branch, tag or commit.

        Raises ``Failed`` (``repository-empty``, ``commit-missing``).
        """
        tried = [f"refs/heads/{ref}", f"refs/tags/{ref}"]
        if FULL_ID.fullmatch(ref):
            tried = [ref]  # git, too, takes it for an id before anything else
        elif re.fullmatch("[0-9a-f]{7,39}", ref):
            tried.append(ref)
        for name in tried:
            found = self._git(
                "rev-parse",
                "--verify",
                "--quiet",
                "--end-of-options",
                f"{name}^{{commit}}",
                check=False,
            )
            if found.returncode == 0:
                return found.stdout.decode().strip()
        if not self._git("for-each-ref", "--count=1").stdout.strip():
            raise Failed(
                "repository-empty",
                f"the repository {self.path} has no commit yet",
                expected=f"a branch {ref}",
                found="no branch at all",
                hint="commit something and push it first",
            )
        branches = self._git("for-each-ref", "--format=%(refname:short)", "refs/heads")
        names = ", ".join(branches.stdout.decode("utf-8", "replace").split()[:10])
        raise Failed(
            "commit-missing",
            f"the repository {self.path} has no {ref}",
            expected="a branch, a tag or a commit id",
            found=f"branches: {names}" if names else "no branch",
            hint=f"git -C {self.path} log --oneline --all",
        )

    def resolve_head(self) -> str:
        """The full id of the commit that is checked out.  Raises ``Failed("repository-empty")``."""
        found = self._git("rev-parse", "--verify", "--quiet", "HEAD^{commit}", check=False)
        if found.returncode != 0:
            raise Failed(
                "repository-empty",
                f"the repository {self.path} has no commit yet",
                expected="a commit: what is deployed is a commit, never loose files",
                found="none",
                hint="git add -A && git commit -m 'First'",
            )
        return found.stdout.decode().strip()

    def read(self, commit: str, path: str) -> bytes | None:
        """A file's bytes at a commit, or None when it is not there."""
        return self.read_all(commit, [path])[path]

    def read_all(self, commit: str, paths: Sequence[str]) -> dict[str, bytes | None]:
        """Several files at once: each git program that is started takes its time."""
        asked = [path for path in paths if "\n" not in path]  # one a line: git-cat-file(1)
        lines = "".join(f"{commit}:{path}\n" for path in asked)
        said = self._git("cat-file", "--batch", stdin=lines.encode("utf-8", "surrogateescape"))
        rest, found = said.stdout, dict[str, bytes | None](dict.fromkeys(paths))
        for path in asked:
            head, _, rest = rest.partition(b"\n")
            words = head.rsplit(b" ", 2)
            if words[-1] != b"missing":
                size = int(words[-1])
                found[path] = rest[:size] if words[-2] == b"blob" else None
                rest = rest[size + 1 :]
        return found

    def names(self, commit: str, path: str) -> list[str]:
        """Names at ``path`` (``.`` is the top) of a commit; empty when there is no such folder."""
        at = commit if path in ("", ".") else f"{commit}:{path}"
        found = self._git("ls-tree", "-z", "--name-only", at, check=False)
        return [n for n in found.stdout.decode("utf-8", "replace").split("\0") if n]

    def containing(self, commit: str, words: Sequence[str]) -> list[str]:
        """The files of a commit that contain one of some words, from the top of the repository."""
        asked = [part for word in words for part in ("-e", word)]
        found = self._git(
            "grep", "-l", "-z", "-a", "-F", "--full-name", *asked, commit, "--", ":/", check=False
        )
        if found.returncode > 1:
            raise Failed(
                "git-failed",
                f"git grep ended with status {found.returncode}",
                log=found.stderr.decode("utf-8", "replace").splitlines()[-8:],
            )
        names = found.stdout.decode("utf-8", "surrogateescape").split("\0")
        return [name.partition(":")[2] for name in names if name]

    def files(self, commit: str, folder: str) -> dict[str, tuple[str, int]]:
        """Object id and bytes of each regular file below ``folder``, by its path from there."""
        at = f"{commit}:{folder}" if folder else commit
        found = self._git("ls-tree", "-r", "-l", "-z", "--full-tree", at)
        entries = {}
        for line in found.stdout.decode("utf-8", "replace").split("\0"):
            described, _, path = line.partition("\t")
            if described.startswith("100"):  # neither a link nor a submodule
                _, _, oid, size = described.split()
                entries[path] = (oid, int(size))
        return entries

    def blobs(self, oids: Sequence[str]) -> list[bytes]:
        """The contents of objects, in their order."""
        asked = "".join(f"{oid}\n" for oid in oids).encode()
        data = self._git("cat-file", "--batch", stdin=asked).stdout
        found, at = [], 0
        for _ in oids:
            end = data.index(b"\n", at)
            size = int(data[at:end].split()[2])
            found.append(data[end + 1 : end + 1 + size])
            at = end + 1 + size + 1
        return found

    def branch(self) -> str:
        """The branch that is checked out; empty when a commit is."""
        found = self._git("symbolic-ref", "--quiet", "--short", "HEAD", check=False)
        return found.stdout.decode("utf-8", "replace").strip()

    def uncommitted(self) -> list[str]:
        """Files below here that differ from the commit that is checked out; new ones too."""
        found = self._git("status", "--porcelain", "-z", "--no-renames", "--", ".")
        lines = found.stdout.decode("utf-8", "replace").split("\0")
        return [line[3:] for line in lines if line]

    def has(self, commit: str) -> bool:
        if not FULL_ID.fullmatch(commit):
            return False
        return self._git("cat-file", "-e", f"{commit}^{{commit}}", check=False).returncode == 0

    def _adds_to(self, commit: str, known: str) -> bool:
        """Whether ``commit`` is not in the history of ``known``, which has to be there."""
        argv = ("merge-base", "--is-ancestor", commit, known)
        return bool(FULL_ID.fullmatch(known)) and self._git(*argv, check=False).returncode == 1

    def subject(self, commit: str) -> str:
        found = self._git("log", "-1", "--format=%s", commit, check=False)
        return found.stdout.decode("utf-8", "replace").strip()

    def bundle(self, commit: str, target: Path, known: Sequence[str] = ()) -> None:
        """Write ``commit`` and what it needs beyond the commits ``known`` into a bundle.

        A bundle carries refs, so the commit gets one of its own for the moment.
        """
        ref = f"refs/toque/send-{commit}-{os.getpid()}"
        self._git("update-ref", ref, commit)
        try:
            create = ("bundle", "create", "-q", str(target), ref)
            without = [f"^{c}" for c in known if FULL_ID.fullmatch(c)]
            if self._git(*create, *without, check=False).returncode != 0:
                # git refuses one that is not here, and one that came after it: nothing to send.
                self._git(*create, *(f"^{c}" for c in known if self._adds_to(commit, c)))
        finally:
            self._git("update-ref", "-d", ref)

    def _git(
        self, *argv: str, check: bool = True, stdin: bytes | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        return git("-C", str(self.path), *argv, check=check, stdin=stdin)


def prefix(folder: Path) -> str:
    """The path of ``folder`` from the top of its repository; empty without one."""
    found = git("-C", str(folder), "rev-parse", "--show-prefix", check=False)
    return os.fsdecode(found.stdout.strip()).rstrip("/") if found.returncode == 0 else ""


def open_repository(where: str) -> Repository:
    """The repository at a path.  Raises ``AskedWrongly("repository-missing")``."""
    path = Path(where)
    # Where it is inside its work tree; empty at the top of one and in a bare repository.
    found = git("-C", str(path), "rev-parse", "--show-prefix", check=False)
    if found.returncode != 0:
        raise AskedWrongly(
            "repository-missing",
            f"there is no git repository at {path}",
            expected="a work tree or a bare repository",
            found="a directory without one" if path.is_dir() else "nothing there",
            hint=f"git init {path}, or correct 'repository' in toque.toml",
        )
    return Repository(path, found.stdout.decode("utf-8", "surrogateescape").strip().rstrip("/"))


def init_bare(path: Path) -> Repository:
    """An empty bare repository; one that is there already is used as it is.

    Raises ``AskedWrongly("hook-not-bare")`` rather than writing among somebody's files.
    """
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        git("init", "-q", "--bare", "--initial-branch=main", str(path))
    elif not _is_bare(path):
        raise AskedWrongly(
            "hook-not-bare",
            f"{path} is not a bare repository",
            expected="a bare repository, an empty folder, or a path where nothing is yet",
            found="a work tree" if (path / ".git").exists() else "something else",
            hint=f"toque hook install --repository {path.with_suffix('.git')}",
        )
    return Repository(path)


def _is_bare(path: Path) -> bool:
    """Whether ``path`` itself is one, not a folder somewhere inside."""
    found = git("-C", str(path), "rev-parse", "--is-bare-repository", "--git-dir", check=False)
    return found.stdout.split() == [b"true", b"."]


def git(
    *argv: str, check: bool = True, stdin: bytes | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run git without prompts; inside a hook its GIT_DIR and the like are not inherited."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    environment.update(GIT_TERMINAL_PROMPT="0", LC_ALL="C.UTF-8")
    found = subprocess.run(
        ["git", *HARDENED, *argv], capture_output=True, env=environment, check=False, input=stdin
    )
    if check and found.returncode != 0:
        raise Failed(
            "git-failed",
            f"git {argv[2] if argv[0] == '-C' else argv[0]} ended with status {found.returncode}",
            hint=f"git -C {argv[1]} fsck" if argv[0] == "-C" else "",
            log=found.stderr.decode("utf-8", "replace").splitlines()[-8:],
        )
    return found
