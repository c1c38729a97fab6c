"""One command of an app's, run by hand with the user, environment, limits and folder of its server.

It takes two connections.  On the first, the ordinary one, what is wanted is put down under a token;
the second, which has the caller's own terminal or pipes, names nothing but that token.  So no word
of anybody's goes through a shell, and no value of the environment into an argument list.
"""

import json
import os
import secrets
import shutil
import sys
from typing import Any, Dict, List, Mapping, Sequence

from .applayout import UNITS, app_path, env_path, unit_name
from .environmentfile import read_environment
from .errors import StepFailed
from .inits.unitfile import UnitFile, parse
from .system import System

FOLDER = "/run/toque/once"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# What of the server's unit also holds for a command beside it.
KEPT = (
    "User", "Group", "WorkingDirectory", "EnvironmentFile", "UMask", "NoNewPrivileges",
    "PrivateTmp", "ProtectHome", "ProtectSystem", "ReadWritePaths", "ReadOnlyPaths",
    "InaccessiblePaths", "CPUQuota", "CPUWeight", "MemoryHigh", "MemoryMax", "MemorySwapMax",
    "TasksMax", "IOWeight", "Nice", "OOMScoreAdjust", "SystemCallFilter", "RestrictAddressFamilies",
)  # fmt: skip


def put_down(system: System, request: Mapping[str, Any]) -> str:
    """Keep a request (``app``, ``argv``, ``shell``, ``entry``, ``tty``, ``term``); its token.

    Raises ``StepFailed("no-release")``.
    """
    app = str(request["app"])
    release = _current(system, app)
    told = {**request, "release": release}
    for directory in ("/run/toque", FOLDER):
        if system.stat(directory) is None:
            system.mkdir(directory, owner="root", group="root", mode=0o700)
    token = secrets.token_hex(8)
    system.write(f"{FOLDER}/{token}", json.dumps(told).encode(), mode=0o600)
    return token


def _current(system: System, app: str) -> str:
    link = system.stat(f"{app_path(app)}/current")
    release = link.target.rsplit("/", 1)[-1] if link is not None else ""
    if not release:
        raise StepFailed(
            "no-release",
            f"no release of {app} serves on this machine",
            expected=f"a release that {app_path(app)}/current names",
            found="none",
            hint=f"toque deploy {app}",
        )
    return release


def run(system: System, token: str) -> int:
    """Become the command that was put down under ``token``; returns only when it cannot."""
    path = f"{FOLDER}/{token}"
    request = json.loads(system.read(path))
    system.remove(path)
    app, release = request["app"], request["release"]
    unit = parse(system.read(f"{UNITS}/{unit_name(app, release)}").decode("utf-8"))
    venv = f"{app_path(app)}/releases/{release}/.toque/venv/bin"
    cwd = unit.last("Service", "WorkingDirectory", f"{app_path(app)}/releases/{release}")
    programs = set(system.names(os.path.realpath(venv)))
    argv = list(request["argv"])
    if request.get("shell"):
        argv = shell_of(set(system.names(cwd)), programs, str(request.get("entry", "")))
    if argv[0] in programs:
        argv[0] = f"{venv}/{argv[0]}"
    elif "/" not in argv[0] and shutil.which(argv[0], path=PATH) is None:
        sys.stderr.write(f"there is no program {argv[0]} in {venv} nor in {PATH}\n")
        return 127  # as shells do
    tty, term = bool(request.get("tty")), str(request.get("term") or "dumb")
    if system.facts.init == "systemd":
        words = transient(unit, argv, name=f"{app}-run-{token}", tty=tty, term=term)
        return os.execvp(words[0], words)
    return _directly(system, unit, argv, cwd=cwd, environment=env_path(app, release), term=term)


def transient(unit: UnitFile, argv: Sequence[str], *, name: str, tty: bool, term: str) -> List[str]:
    """The systemd-run that gives a command what the server's ``unit`` has.  Pure."""
    words = ["systemd-run", "--quiet", "--collect", "--wait", "--service-type=exec"]
    words += ["--pty" if tty else "--pipe", f"--unit={name}"]
    words += [f"--property={key}={v}" for key in KEPT for v in unit.values("Service", key)]
    words += [
        f"--property={key}={unit.last('Service', key)}"
        for key in unit.keys("Service")
        if key.startswith("Limit")
    ]
    if tty:
        words.append(f"--setenv=TERM={term}")
    # systemd puts variables in where it finds a $, in a command that it is given, too.
    return [*words, "--", *(word.replace("$", "$$") for word in argv)]


def shell_of(files: "set[str]", programs: "set[str]", entry: str) -> List[str]:
    """The framework's own shell where there is one, else Python's.  Pure."""
    if "manage.py" in files:
        return ["python", "manage.py", "shell"]
    if "flask" in programs and entry:
        return ["flask", "--app", entry, "shell"]
    if "ipython" in programs:
        return ["ipython"]
    return ["python"]


def _directly(
    system: System, unit: UnitFile, argv: List[str], *, cwd: str, environment: str, term: str
) -> int:
    """Where no systemd runs: give up root, and become the command."""
    from .asuser import becoming

    user = unit.last("Service", "User")
    values: Dict[str, str] = {"PATH": PATH, "LANG": "C.UTF-8", "USER": user, "LOGNAME": user}
    values["TERM"] = term
    become, home = becoming(user, cwd)
    values.update({"HOME": home, **read_environment(system, environment)})
    become()
    os.execvpe(argv[0], argv, values)
