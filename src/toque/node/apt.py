"""apt-get as every resource here runs it: its words, its index, and what it is about to do.

Never with a question, never cut short by us, and never while another program installs: apt waits
for dpkg's own lock, but not for that of its index, so we wait for both and say for whom.
"""

import itertools
import re
from typing import List, Optional, Sequence, Tuple

from .dpkg import APT, ENVIRONMENT, NO_LIMIT_S, wait_for
from .errors import StepFailed
from .system import Result, System

LISTS = "/var/lib/apt/lists"
LISTS_LOCK = LISTS + "/lock"
# Touched whenever the whole index was fetched: the first by Ubuntu's own hook and by us, the
# second by the daily timer of apt.
STAMP = "/var/lib/apt/periodic/update-success-stamp"
STAMPS = (STAMP, "/var/lib/apt/periodic/update-stamp")

# One change of a transaction: what happens, to which package, from and to which version.
Change = Tuple[str, str, str, str]
ADDED, CHANGED, REMOVED = "+", "~", "-"

UNKNOWN = ("Unable to locate package", "has no installation candidate", "was not found")
FETCH = ("Failed to fetch", "Unable to fetch", "Temporary failure resolving", "Could not resolve")
CONFLICT = (
    "held broken packages",
    "unmet dependencies",
    "Held packages were changed",
    "held packages will be changed",
    "pkgProblemResolver",
    "were downgraded and -y",
    "Essential packages were removed",
    "Conflicts:",
)

FULL = ("No space left on device", "enough free space")

_SECTIONS = {
    "The following NEW packages will be installed:": ADDED,
    "The following packages will be upgraded:": CHANGED,
    "The following packages will be DOWNGRADED:": CHANGED,
    "The following packages will be REMOVED:": REMOVED,
}
_LISTED = re.compile(r"   (\S+?)\*?(?: \((\S*)(?: => (\S+))?\))?\Z")


def apt_get(system: System, argv: Sequence[str]) -> Result:
    """Run apt-get to its end, however long that is; its failure is in the result."""
    return system.run([*APT, *argv], env=ENVIRONMENT, timeout_s=NO_LIMIT_S, check=False)


def foreseen(system: System, argv: Sequence[str]) -> Result:
    """What apt-get says of doing ``argv``, not done: for ``changes`` or ``trouble`` to read.

    ``--print-uris`` ends where downloading would begin, takes no lock, and costs half of ``-s``
    (measured: 0.32 s of CPU against 0.68 s), which also tries the order of unpacking.
    """
    return apt_get(system, ["-V", "--print-uris", *argv])


def changes(text: str) -> List[Change]:
    """Every package that apt lists as touched, in its order.  Pure.

    apt names a removed package's candidate, if anything; what goes is in dpkg's database.
    """
    found: List[Change] = []
    verb = ""
    for line in text.splitlines():
        if not line.startswith(" "):
            verb = _SECTIONS.get(line, "")
        listed = _LISTED.match(line) if verb else None
        if listed:
            name, one, two = listed[1], listed[2] or "", listed[3] or ""
            before, after = {ADDED: ("", one), CHANGED: (one, two), REMOVED: ("", "")}[verb]
            found.append((verb, name, before, after))
    return found


def held(text: str) -> List[str]:
    """The held packages that apt lists as touched.  Pure."""
    _, _, after = text.partition("The following held packages will be changed:\n")
    listed = (_LISTED.match(line) for line in after.splitlines())
    return [one[1] for one in itertools.takewhile(bool, listed) if one]


def has_index(system: System) -> bool:
    """Whether any index was ever fetched."""
    return any(name.endswith(("Packages", "Packages.lz4")) for name in system.names(LISTS))


def index_older_than(system: System, seconds: int) -> bool:
    """Whether neither we nor the machine's own timer have fetched the index for ``seconds``."""
    argv = ["find", *STAMPS, "-newermt", f"-{seconds} seconds"]
    return not system.run(argv, check=False).out.strip()


def update(system: System, options: Sequence[str] = ()) -> Result:
    """Fetch the index, with ``options`` that limit it; the result may hold failures of apt's."""
    wait_for(system, LISTS_LOCK)
    system.progress("fetching the package index")
    result = apt_get(system, [*options, "update"])
    if not options and not complaints(result):
        system.write(STAMP, b"")
    return result


def complaints(result: Result) -> List[str]:
    """What apt says was wrong with an update, which it may call a success all the same."""
    lines = said(result).splitlines()
    bad = [line for line in lines if line.startswith(("E:", "Err:"))]
    bad += [line for line in lines if line.startswith("W:") and _serious(line)]
    return bad or ([f"status {result.code}"] if result.code else [])


def _serious(line: str) -> bool:
    return any(word in line for word in (*FETCH, "GPG error", "signature verification"))


def trouble(result: Result, names: Sequence[str], fetched: Optional[Result] = None) -> StepFailed:
    """What apt's last words mean.  Pure."""
    text = said(result)
    index = said(fetched) if fetched else ""
    errors = _errors(text)
    log = result.tail(25)
    asked = ", ".join(names)
    found = errors[0] if errors else f"status {result.code}"
    if any(word in text for word in ("Could not get lock", "Unable to acquire the dpkg")):
        return StepFailed(
            "package-locked", "another program holds dpkg's lock", found=found, log=log,
            hint="ps -e | grep -E 'apt|dpkg|unattended'",
        )  # fmt: skip
    if any(word in text for word in FULL):
        full = [x for x in text.splitlines() if any(word in x for word in FULL)]
        return StepFailed(
            "disk-full",
            f"there is no room for {asked}; the next converge repairs what is half done",
            found=full[0].strip(),
            hint="df -h; apt-get clean",
            log=log,
        )
    unreachable = any(word in text + index for word in FETCH)
    if unreachable and any(word in text for word in (*UNKNOWN, *FETCH)):
        lines = (index + text).splitlines()
        bad = [x for x in lines if x.startswith(("E:", "W:", "Err:"))]
        return StepFailed(
            "package-index-unreachable",
            f"the package index did not answer, so {asked} could not be installed",
            expected="apt-get update to reach every source",
            found=bad[0] if bad else found,
            hint="apt-get update",
            log=bad[-15:] or log,
        )
    if any(word in text for word in UNKNOWN):
        bad = [line for line in errors if any(word in line for word in UNKNOWN)]
        return StepFailed(
            "package-unknown",
            f"no package source has what was asked for ({asked})",
            expected="a package that apt-cache policy knows",
            found=bad[0] if bad else found,
            hint=f"apt-cache policy {' '.join(names)}",
            log=bad or log,
        )
    if any(word in text for word in CONFLICT):
        return StepFailed(
            "package-conflict",
            f"{asked} cannot be had together with what is installed or held",
            found=found,
            hint="apt-mark showhold",
            log=log,
        )
    return StepFailed(
        "package-failed",
        f"apt could not change {asked}",
        expected="status 0",
        found=found,
        hint="dpkg --audit; apt-get check",
        log=log,
    )


def _errors(text: str) -> List[str]:
    """Lines that say what is wrong; dpkg says it in two, of which the first ends with a colon."""
    lines = text.splitlines()
    pairs = zip(lines, [*lines[1:], ""])
    joined = [f"{a} {b.strip()}" if a.startswith("dpkg:") and a[-1] == ":" else a for a, b in pairs]
    return [line for line in joined if line.startswith(("E:", "W:", "dpkg: error"))]


def said(result: Result) -> str:
    """Both streams as one text."""
    return "\n".join((result.out.decode("utf-8", "replace"), result.err.decode("utf-8", "replace")))


def stale(result: Result) -> bool:
    """Whether a new index may be all that is missing.  Pure."""
    text = said(result)
    return any(word in text for word in (*UNKNOWN, "404 ", "Hash Sum", "unauthenticated"))
