"""How git is called on a node, and what its complaints mean.  Pure.

Git runs as the deploy user, never as root: a repository may carry hooks, aliases and monitors that
run programs.  No configuration but ours is read, only https and ssh are spoken (``file`` for a
bundle that we put there), and values stand after ``--`` or ``--end-of-options``.
"""

import re
import shlex
from typing import Dict, List, Optional, Sequence, Tuple

from .errors import StepFailed
from .record import dataclass

# Each -c wins over the mirror's own config file, which the deploy user can write.
HARDENED = (
    "git",
    "-c", "core.hooksPath=/dev/null",
    "-c", "core.fsmonitor=false",
    "-c", "core.attributesFile=/dev/null",
    "-c", "core.excludesFile=/dev/null",
    "-c", "credential.helper=",
    "-c", "fetch.fsckObjects=true",
    # Harmless faults that old tools wrote into the history of well-known projects.
    "-c", "fetch.fsck.zeroPaddedFilemode=ignore",
    "-c", "fetch.fsck.missingSpaceBeforeDate=ignore",
    "-c", "fetch.fsck.badTimezone=ignore",
    "-c", "http.lowSpeedLimit=1000",
    "-c", "http.lowSpeedTime=30",
    "-c", "fetch.unpackLimit=1",  # one pack, moved in whole: a killed fetch leaves no half commit
    "-c", "fetch.recurseSubmodules=false",
    "-c", "gc.auto=0",
    "-c", "http.followRedirects=false",
    "-c", "protocol.version=2",
    "-c", "advice.detachedHead=false",
)  # fmt: skip


def words(mirror: str, *rest: str) -> List[str]:
    """The argument list of one git command on ``mirror``."""
    return [*HARDENED, f"--git-dir={mirror}", *rest]


def environment(home: str, protocols: str, ssh: str = "/bin/false") -> Dict[str, str]:
    """What git sees.  ``protocols`` is a colon-separated list, e.g. ``https:ssh``."""
    return {
        "HOME": home,
        "XDG_CONFIG_HOME": home,
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_SYSTEM": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "/bin/false",
        "GIT_ALLOW_PROTOCOL": protocols,
        "GIT_SSH_COMMAND": ssh,
        "GIT_SSH_VARIANT": "ssh",
        "LC_ALL": "C",  # its complaints are read below
    }


def credential(url: str, file: str) -> List[str]:
    """Words that make git read a user name and a token from ``file``, for the host of ``url`` only.

    git gives the helper to a shell; ``file`` is a path of ours.  What git wants stored or erased
    is dropped.
    """
    where = address(url)
    at = where.host if where.port is None else f"{where.host}:{where.port}"
    return ["-c", f"credential.https://{at}.helper=!cat -- {shlex.quote(file)}; :"]


def ssh_command(key: Optional[str], known_hosts: Optional[str]) -> str:
    """The ssh that git calls: this key and these host keys, no configuration, no agent.

    Git gives this text to a shell, so both paths are quoted; both are ours, not a user's.
    """
    options = ["ssh", "-F", "none", "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none"]
    options += ["-i", key or "/dev/null", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes"]
    options += ["-o", f"UserKnownHostsFile={known_hosts or '/dev/null'}"]
    options += ["-o", "GlobalKnownHostsFile=/dev/null", "-o", "ConnectTimeout=10"]
    return " ".join(shlex.quote(option) for option in options)


@dataclass(frozen=True)
class Address:
    """A repository's URL, taken apart.  ``port`` is None when it is not written."""

    scheme: str  # https or ssh
    host: str
    path: str
    port: Optional[int] = None
    user: str = ""

    @property
    def as_https(self) -> str:
        return f"https://{self.host}/{self.path.lstrip('/')}"


def address(url: str) -> Address:
    """Take a repository URL apart.  Raises ``ValueError`` for what we do not speak.

    ``https://host/path``, ``ssh://[user@]host[:port]/path`` and ``[user@]host:path`` (gitrevisions
    calls it the scp-like form) are understood; no password may stand in any of them, because an
    argument list can be read by every user of the node.
    """
    if re.search(r"[\x00-\x20\x7f]", url) or url.startswith("-"):
        raise ValueError("no spaces, control characters or leading dash")
    host_port = r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\])(?::(\d+))?"
    full = re.fullmatch(r"(https|ssh)://(?:([^/@]*)@)?" + host_port + "(/.+)", url)
    if full:
        scheme, user, host, port, path = full.groups()
        if scheme == "https" and user:
            raise ValueError("no user or password inside an https URL")
        if ":" in (user or "") or (user or "").startswith("-") or host.startswith("-"):
            raise ValueError("no password inside a URL")
        return Address(scheme, host, path, int(port) if port else None, user or "")
    short = re.fullmatch(r"(?:([A-Za-z0-9._-]+)@)?([A-Za-z0-9._-]+):(?!//)(.+)", url)
    if short and not (short.group(1) or "").startswith("-") and not short.group(2).startswith("-"):
        return Address("ssh", short.group(2), short.group(3), None, short.group(1) or "")
    raise ValueError("https://host/path, ssh://host/path or user@host:path")


# The first pattern that is found decides; the order goes from the most telling line to the least.
_COMPLAINTS: Tuple[Tuple[str, str], ...] = (
    ("host-key", r"Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED|"
                 r"host key is known for"),
    ("authentication", r"Permission denied|could not read Username|Authentication failed|"
                       r"terminal prompts disabled|returned error: 40[13]|Load key|"
                       r"invalid format|error in libcrypto|Too many authentication failures"),
    ("damaged", r"fsck error|corrupt|index-pack failed|inflate"),
    ("commit", r"not our ref|unadvertised object|couldn't find remote ref|bad object|"
               r"did not send all necessary objects"),
    ("unreachable", r"Could not resolve|Connection refused|timed out|Network is unreachable|"
                    r"No route to host|Connection reset|Connection closed|SSL|certificate|"
                    r"not found|does not appear to be a git repository|does not exist|"
                    r"unable to access|Could not read from remote repository"),
)  # fmt: skip


def complaint(lines: Sequence[str]) -> Tuple[str, str]:
    """What git's words mean, and the line that says so.

    ``host-key``, ``authentication``, ``commit``, ``unreachable``, or empty when it is none of them.
    """
    for meaning, pattern in _COMPLAINTS:
        for line in lines:
            if re.search(pattern, line):
                return meaning, line.strip()
    return "", last_words(lines)


def last_words(lines: Sequence[str]) -> str:
    """The line of git's output that says most: the last one that names a fault."""
    telling = [line for line in lines if re.match(r"(fatal|error|ERROR|ssh|remote):? ?", line)]
    return (telling or list(lines) or [""])[-1].strip()


def fetch_failed(url: str, lines: Sequence[str], key: Optional[str]) -> StepFailed:
    """The failure to raise when git ended a fetch from ``url`` with these words."""
    meaning, found = complaint(lines)
    if meaning == "host-key":
        return StepFailed(
            "repository-host-key",
            f"the host of {url} did not show a key we know",
            expected="a host key that stands in the app's known hosts",
            found=found,
            hint=f"compare it with what its owner publishes: toque hostkey add {host_of(url)}",
            log=lines,
        )
    if meaning == "authentication":
        return StepFailed(
            "repository-authentication",
            f"{url} does not let us in" + (" with the deploy key" if key else ""),
            expected="a deploy key that may read the repository" if key else "a public repository",
            found=found,
            hint="toque deploykey show APP shows the key and where to paste it"
            if key
            else "toque repo token APP, or an SSH URL and toque deploykey create APP",
            log=lines,
        )
    if meaning == "damaged":
        return StepFailed(
            "repository-damaged",
            f"what {url} sent is not sound",
            expected="objects that pass git's own checks",
            found=found,
            hint="git fsck --full in a clone of it",
            log=lines,
        )
    return StepFailed(
        "repository-unreachable",
        f"nothing could be fetched from {url}",
        expected="a git repository that answers there",
        found=found,
        hint=f"on the node: git ls-remote -- {shlex.quote(url)}",
        log=lines,
    )


def key_needed(url: str, where: Address) -> StepFailed:
    """The advice for an ssh URL without a key (R39)."""
    return StepFailed(
        "repository-authentication",
        "SSH needs a key even for public repositories",
        expected="a deploy key for this app",
        found=f"{url} and no deploy key",
        hint="add a deploy key (toque deploykey create APP), or use "
        f"{where.as_https} when the repository is public",
    )


def host_of(url: str) -> str:
    """``HOST`` or ``HOST:PORT`` of a URL; the URL itself when it cannot be taken apart."""
    try:
        where = address(url)
    except ValueError:
        return url
    return where.host if where.port is None else f"{where.host}:{where.port}"


def key_unusable(path: str, user: str, found: str) -> StepFailed:
    """A key that ssh would leave aside, with no more than "Permission denied" to say (R41)."""
    return StepFailed(
        "deploy-key-unusable",
        f"the deploy key {path} is not {user}'s alone",
        expected=f"a file with owner {user} and mode 600",
        found=found,
        hint="toque deploykey create APP puts it right and keeps the key",
    )


@dataclass(frozen=True)
class Module:
    """A submodule: where it is in the tree, and where it comes from."""

    path: str
    url: str


def modules(listing: bytes, base: str) -> List[Module]:
    """The submodules that ``git config --list -z`` of a .gitmodules names, in written order.

    ``base`` is the URL that relative ones start from (gitmodules(5)).  Raises ``StepFailed``.
    """
    found: Dict[str, Dict[str, str]] = {}
    for row in listing.decode("utf-8", "surrogateescape").split("\0"):
        name, _, value = row.partition("\n")
        parts = re.fullmatch(r"submodule\.(.+)\.(path|url)", name, re.S)
        if parts:
            found.setdefault(parts.group(1), {})[parts.group(2)] = value
    made = []
    for name, both in found.items():
        url = beside(base, both.get("url", ""))
        try:
            address(url)
        except ValueError as error:
            raise StepFailed(
                "submodule-unusable",
                f"submodule {name} has a URL that is not fetched from",
                expected=str(error),
                found=both.get("url", "none"),
                hint="git submodule set-url PATH URL, and commit",
            ) from error
        made.append(Module(both.get("path", ""), url))
    return made


def beside(base: str, url: str) -> str:
    """``url``, or what it means beside ``base`` when it begins with ./ or ../"""
    if not url.startswith(("./", "../")):
        return url
    base = base.rstrip("/")
    while url.startswith(("./", "../")):
        if url.startswith("../"):
            cut = max(base.rfind("/"), base.rfind(":") if "://" not in base else -1)
            base = base[: cut if base[cut] == "/" else cut + 1]
            url = url[3:]
        else:
            url = url[2:]
    return base + url if base.endswith(":") else f"{base}/{url}"


@dataclass(frozen=True)
class Entry:
    """One entry of a commit's tree; ``mode`` is 100644, 100755, 120000 (link), 160000 (module)."""

    mode: str
    oid: str
    path: str

    @property
    def shown(self) -> str:
        """The path as text that can be printed: git allows any bytes but NUL."""
        return self.path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def entries(listing: bytes) -> List[Entry]:
    """What ``git ls-tree -r -z`` prints, as values."""
    rows = []
    for row in listing.split(b"\0"):
        if row:
            head, path = row.split(b"\t", 1)
            mode, _kind, oid = head.decode("ascii").split(" ")
            rows.append(Entry(mode, oid, path.decode("utf-8", "surrogateescape")))
    return rows


def leaves_tree(path: str, target: str) -> bool:
    """Whether a link at ``path`` (relative to the tree's root) points out of the tree."""
    if target.startswith("/"):
        return True
    depth = path.count("/")
    for part in target.split("/"):
        if part == "..":
            depth -= 1
            if depth < 0:
                return True
        elif part not in ("", "."):
            depth += 1
    return False


def batch(output: bytes) -> List[str]:
    """The contents that ``git cat-file --batch`` prints, in order, as text."""
    contents = []
    while output:
        head, rest = output.split(b"\n", 1)
        size = int(head.rsplit(b" ", 1)[1])
        contents.append(rest[:size].decode("utf-8", "surrogateescape"))
        output = rest[size + 1 :]
    return contents
