"""What a node says of an app's repository: how far it gets, and what a revision holds there.

``repository`` on the command line: lines of JSON come in, each an order; the first names the
repository (``open``), those after it ask.  Git runs as the deploy user, with the command, the key
and the host keys of a deploy, so what is said here is what a deploy will meet.
"""

import base64
import json
import re
from typing import Any, BinaryIO, Callable, Dict, List, Mapping, Optional, Tuple

from . import git
from .access import Access, lent
from .accounts import accounts
from .errors import StepFailed
from .formats import publickey
from .mirror import REMOTE, Mirror
from .record import dataclass
from .system import Result, System

Say = Callable[[Mapping[str, Any]], None]
ASKED = "refs/toque/asked"
CONNECT_S = 10.0
# In the order in which they are gone through; the first that fails ends a check.
STAGES = ("name", "port", "host key", "authentication", "repository", "revision", "submodules")


@dataclass(frozen=True)
class Stage:
    """One stage of a check.  ``said`` is one line; ``hint`` is what helps when it failed."""

    name: str
    good: bool
    said: str
    hint: str = ""
    log: Tuple[str, ...] = ()


def serve(system: System, stdin: BinaryIO, say: Say) -> int:
    """Answer orders until there are no more.  What fails is told as ``failed``."""
    asked: Optional[Repository] = None
    for line in stdin:
        order = json.loads(line)
        try:
            if order["do"] == "open":
                asked = opened(system, order)
            elif asked is not None:
                say({"type": "repository", **asked.answer(order)})
        except StepFailed as error:
            say({"type": "failed", **told(error)})
    return 0


def told(error: StepFailed) -> Dict[str, Any]:
    return {
        "code": error.code,
        "message": error.message,
        "expected": error.expected,
        "found": error.found,
        "hint": error.hint,
        "log": list(error.log),
    }


def opened(system: System, order: Mapping[str, Any]) -> "Repository":
    """The repository that an order names."""
    access = Access(
        order["user"],
        order["key_path"],
        order["known_hosts"],
        order.get("host_keys", ""),
        order.get("token", ""),
        order.get("login", "git"),
    )
    return Repository(system, order["app"], order["url"], order["mirror"], access)


@dataclass(frozen=True)
class Repository:
    """``url`` is empty for a repository that this node cannot fetch from by itself."""

    system: System
    app: str
    url: str
    mirror: str
    access: Access

    def answer(self, order: Mapping[str, Any]) -> Dict[str, Any]:
        """The answer to one order.  Raises ``StepFailed``."""
        do = order["do"]
        if do == "key":
            return {"key": public_half(self.system, self.access.user, order["path"])}
        self._user_there()
        if do == "check":
            stages = self.check(order["ref"], order["submodules"])
            return {"stages": [_as_json(stage) for stage in stages]}
        if do == "resolve":
            return {"commit": self.resolved(order["ref"])}
        mirror = Mirror(self.system, self.mirror, self.access.user)
        at = order["commit"]
        if do == "names":
            inside = at if order["path"] in ("", ".") else f"{at}:{order['path']}"
            listed = mirror.call("ls-tree", "-z", "--name-only", inside, check=False)
            return {"names": [name for name in listed.text.split("\0") if name]}
        if do == "read":
            blob = mirror.call("cat-file", "blob", f"{at}:{order['path']}", check=False)
            text = base64.b64encode(blob.out).decode() if blob.code == 0 else None
            return {"bytes": text}
        if do == "containing":
            asked = [part for word in order["words"] for part in ("-e", word)]
            listed = mirror.call(
                "grep", "-l", "-z", "-a", "-F", "--full-name", *asked, at, "--", check=False
            )
            found = listed.text.split("\0") if listed.code == 0 else []
            return {"names": [name.partition(":")[2] for name in found if name]}
        return {"subject": mirror.call("log", "-1", "--format=%s", at).text.strip()}

    def resolved(self, ref: str) -> str:
        """The commit of a branch, a tag or an id; it is in the mirror then.

        Raises ``StepFailed``: ``repository-...``, ``commit-missing``.
        """
        with lent(self.system, self.mirror, self.access, self.url) as mirror:
            mirror.make()
            mirror.check_key(self.url)
            self.system.progress(f"asking {self.url}")
            commit, name = self._meant(mirror, ref)
            if not mirror.has(commit):
                mirror.fetch(self.url, commit, ASKED, name or None)
            if not mirror.has(commit):
                raise self._missing(ref, [])
            return commit

    def _meant(self, mirror: Mirror, ref: str) -> Tuple[str, str]:
        """The commit that ``ref`` means, and the full name of the branch or tag if it is one."""
        if re.fullmatch("[0-9a-f]{40}", ref):
            return ref, ""
        listed = self._listed(mirror)
        if listed.code != 0:
            lines = listed.tail()
            if git.complaint(lines)[0] == "host-key":
                lines = [*lines, *mirror.offered_keys(self.url)]
            ssh = git.address(self.url).scheme == "ssh"
            raise git.fetch_failed(self.url, lines, self.access.key_path if ssh else None)
        names = rows(listed.text)
        for name in (f"refs/heads/{ref}", f"refs/tags/{ref}"):
            if name in names:
                # A tag that is an object of its own has its commit as "^{}".
                return names.get(f"{name}^{{}}", names[name]), name
        if re.fullmatch("[0-9a-f]{7,39}", ref):
            return self._by_beginning(mirror, ref), ""
        if not names:
            raise StepFailed(
                "repository-empty",
                f"{self.url} has no commits yet",
                expected="at least one commit",
                found="an empty repository",
                hint="git push its main branch first",
            )
        raise self._missing(ref, [name[11:] for name in names if name.startswith("refs/heads/")])

    def _by_beginning(self, mirror: Mirror, ref: str) -> str:
        """The commit whose id begins so; all branches and tags are fetched to find it."""
        mirror.call(
            "fetch", "--quiet", "--prune", "--no-write-fetch-head", "--no-auto-gc", "--", self.url,
            "+refs/heads/*:refs/remotes/heads/*", "+refs/tags/*:refs/remotes/tags/*",
            protocols=REMOTE,
        )  # fmt: skip
        found = mirror.call(
            "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}",
            check=False,
        )  # fmt: skip
        if found.code != 0:
            raise self._missing(ref, [])
        return found.text.strip()

    def check(self, ref: str, submodules: bool) -> List[Stage]:
        """How far a deploy would get, stage by stage; the last one is the first that failed."""
        done: List[Stage] = []
        for stage in self._stages(ref, submodules):
            done.append(stage)
            if not stage.good:
                break
        return done

    def _stages(self, ref: str, submodules: bool) -> "Any":
        where = git.address(self.url)
        found = self.system.run(
            ["getent", "ahosts", where.host], user=self.access.user, check=False
        )
        addresses = sorted({line.split()[0] for line in found.text.splitlines() if line.split()})
        if not addresses:
            yield Stage("name", False, f"nobody knows {where.host}", f"getent hosts {where.host}")
            return
        yield Stage("name", True, f"{where.host} is {', '.join(addresses[:3])}")
        port = where.port or (22 if where.scheme == "ssh" else 443)
        why = self.system.accepts(where.host, port, timeout_s=CONNECT_S)
        yield Stage(
            "port", not why, f"port {port} {why or 'answers'}",
            "look for a firewall between this node and the forge" if why else "",
        )  # fmt: skip
        with lent(self.system, self.mirror, self.access, self.url) as mirror:
            mirror.make()
            try:
                mirror.check_key(self.url)
                commit, name = self._meant(mirror, ref)
                passed, failed = len(STAGES), None
            except StepFailed as error:
                passed, failed = STAGES.index(stage_of(error)), error
            yield from self._between(passed, failed)
            if failed is not None:
                return
            if not mirror.has(commit):
                mirror.fetch(self.url, commit, ASKED, name or None)
            there = mirror.has(commit)
            yield Stage(
                "revision", there, f"{ref} is commit {commit[:12]}" if there else f"no {ref}"
            )
            if submodules and there:
                yield from self._modules(mirror, commit)

    def _between(self, passed: int, failed: Optional[StepFailed]) -> "Any":
        """The stages that one question to the repository answers together."""
        ssh = git.address(self.url).scheme == "ssh"
        good = {
            "host key": "the host shows a key we know" if ssh else "its certificate is good",
            "authentication": self._by_what(ssh),
            "repository": "there, and may be read",
        }
        for name, said in good.items():
            if STAGES.index(name) < passed:
                yield Stage(name, True, said)
        if failed is not None:
            said = failed.found or failed.message
            yield Stage(STAGES[passed], False, said, failed.hint, failed.log)

    def _by_what(self, ssh: bool) -> str:
        if ssh:
            return f"the deploy key lets {self.access.user} in"
        return "the token lets us in" if self.access.token else "none is needed"

    def _modules(self, mirror: Mirror, commit: str) -> "Any":
        for module in modules_at(mirror, commit, self.url):
            try:
                with lent(self.system, self.mirror, self.access, module.url) as other:
                    other.check_key(module.url)
                    listed = other.call(
                        "ls-remote", "--", module.url, protocols=REMOTE, check=False
                    )
                    if listed.code != 0:
                        raise git.fetch_failed(module.url, listed.tail(), self.access.key_path)
                yield Stage("submodules", True, f"{module.path} from {module.url}")
            except StepFailed as error:
                said = f"{module.path} from {module.url}: {error.found or error.message}"
                yield Stage("submodules", False, said, error.hint, error.log)

    def _listed(self, mirror: Mirror) -> Result:
        return mirror.call("ls-remote", "--", self.url, protocols=REMOTE, check=False)

    def _user_there(self) -> None:
        if self.access.user not in accounts(self.system):
            raise StepFailed(
                "user-missing",
                f"this node has no user {self.access.user}: it was not set up for {self.app}",
                expected=f"the user that fetches {self.app}",
                hint="toque setup NODE --only-setup",
            )

    def _missing(self, ref: str, branches: List[str]) -> StepFailed:
        return StepFailed(
            "commit-missing",
            f"the repository {self.url} has no {ref}",
            expected="a branch, a tag or a commit id that is pushed",
            found=f"branches: {', '.join(branches[:10])}" if branches else f"no {ref}",
            hint=f"git push, then the same command again; toque repo check {self.app}",
        )


def stage_of(error: StepFailed) -> str:
    """The stage that an error belongs to.  Pure."""
    lines = "\n".join([error.found, *error.log])
    if error.code == "repository-host-key" or re.search("SSL|certificate", lines):
        return "host key"
    if error.code in ("repository-authentication", "deploy-key-unusable"):
        return "authentication"
    if error.code in ("commit-missing",):
        return "revision"
    return "repository"


def modules_at(mirror: Mirror, commit: str, base: str) -> List[git.Module]:
    """The submodules of a commit that is in the mirror."""
    if mirror.call("cat-file", "-e", f"{commit}:.gitmodules", check=False).code != 0:
        return []
    listed = mirror.call("config", "--blob", f"{commit}:.gitmodules", "--list", "-z")
    return git.modules(listed.out, base)


def public_half(system: System, user: str, path: str) -> Optional[Dict[str, str]]:
    """The public half of the private key at ``path``; None when there is none."""
    if system.stat(path) is None:
        return None
    made = system.run(["ssh-keygen", "-y", "-P", "", "-f", path], user=user, check=False)
    if made.code != 0:
        there = system.stat(path)
        found = f"owner {there.owner}, mode {there.mode:o}" if there else "nothing"
        raise git.key_unusable(path, user, found)
    key = publickey.parse(made.text.strip())
    return {"line": key.line(), "fingerprint": key.fingerprint}


def rows(listing: str) -> Dict[str, str]:
    """What ls-remote prints: the commit of each name.  Pure."""
    pairs = (row.partition("\t") for row in listing.splitlines())
    return {name: commit for commit, _, name in pairs if name.startswith("refs/")}


def _as_json(stage: Stage) -> Dict[str, Any]:
    return {
        "stage": stage.name,
        "good": stage.good,
        "said": stage.said,
        "hint": stage.hint,
        "log": list(stage.log),
    }
