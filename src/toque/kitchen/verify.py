"""Verify machines: run a suite's pytest files against them, see how each goes, end what hangs."""

from __future__ import annotations

import importlib.util
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import Failed
from .ending import end_all
from .outcome import FAILED, HUNG, Check, Result, reasons
from .subject import Subject, to_text

MARK = "TOQUE_VERIFY_RUN"
SHORT = 50  # characters; sun_path of unix(7) has 108, and ssh adds up to 60
SHOWN = 40  # lines of the output that an error has


@dataclass(frozen=True)
class Limits:
    """Seconds that one check may take, and all of them.

    A check is first interrupted; what does not heed that is killed ``grace_s`` later, and no
    check is run after it.
    """

    check_s: float = 300.0
    all_s: float = 3600.0
    grace_s: float = 5.0


USUAL = Limits()


def ready(path: Path) -> None:
    """Whether checks could be run at all.

    Raises ``Failed``: ``kitchen-no-pytest``, ``kitchen-no-checks``.
    """
    if importlib.util.find_spec("pytest") is None:
        raise Failed(
            "kitchen-no-pytest",
            "pytest is not installed beside toque",
            expected="the extra `kitchen`",
            hint="pip install pytest pytest-timeout   (beside toque)",
        )
    if not path.exists():
        raise Failed(
            "kitchen-no-checks",
            "the suite has 0 checks: its folder is not there",
            expected=f"pytest files in {path}",
            found="no such folder",
        )


def run_verify(
    machines: Mapping[str, Subject],
    path: Path,
    environ: Mapping[str, str],
    *,
    limits: Limits = USUAL,
    options: tuple[str, ...] = (),
) -> Result:
    """Run the pytest files at ``path`` against ``machines``, each by what the suite calls it.

    The fixture ``machines`` has all of them, ``machine`` is the first.  In a process of its own,
    because checks are the user's code; it has ended, with all that it started, when this returns.
    ``options`` go to pytest.

    Raises ``Failed`` (``kitchen-no-pytest``, ``kitchen-no-checks``).
    """
    ready(path)
    with tempfile.TemporaryDirectory(prefix="toque-verify-") as folder:
        words = [*_options(path, limits), *options, *_for_testinfra(machines, Path(folder))]
        child = {**environ, "TOQUE_VERIFY_CHECKS": str(path.absolute())}
        return _run(machines, [*words, str(path)], child, limits, Path(folder))


def require(result: Result) -> None:
    """Raise unless there were checks and all of them passed."""
    if result.ok:
        return
    if result.hung:
        raise Failed(
            "kitchen-verify-hangs",
            f"the machine was not verified: {result.hung}",
            expected="checks that end",
            found=result.summary,
            log=result.output.splitlines()[-SHOWN:],
        )
    raise Failed(
        "kitchen-verify-failed",
        f"the machine was not verified: {result.summary}",
        expected="at least 1 check that looks at the machine and asserts, and none that fails",
        found="; ".join(reasons(result.each)[:3]) or result.summary,
        log=result.output.splitlines()[-SHOWN:],
    )


def _run(
    machines: Mapping[str, Subject],
    words: Sequence[str],
    environ: Mapping[str, str],
    limits: Limits,
    folder: Path,
) -> Result:
    events, said, mark = folder / "events", folder / "output", secrets.token_hex(16)
    # The parent of the package: checks must see this very toque, installed or not.
    paths = [str(Path(__file__).parents[2]), environ.get("PYTHONPATH", "")]
    child = {
        **environ,
        "PYTHONPATH": os.pathsep.join(p for p in paths if p),
        "PYTHONUNBUFFERED": "1",  # what a check prints before it hangs is seen
        "TOQUE_VERIFY_MACHINES": to_text(machines),
        "TOQUE_VERIFY_FOLDER": str(folder),
        MARK: mark,
    }
    with said.open("wb") as output:
        running = subprocess.Popen(
            [sys.executable, "-m", "pytest", *words],
            env=child,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            hung = _watched(running, events, limits)
        finally:
            end_all(f"{MARK}={mark}")
            running.wait()
    each, begun = _read(events)
    if hung and begun:
        each = (*each, Check(begun, HUNG, limits.check_s, hung))
    elif begun:
        each = (*each, Check(begun, FAILED, 0.0, "pytest itself ended while it ran"))
    text = said.read_bytes().decode("utf-8", "replace")
    # pytest's: 0 all passed, 1 some failed, 5 there are none; others say that it could not go on.
    broken = not hung and running.returncode not in (0, 1, 5)
    return Result(each, text, broken, hung)


def _options(path: Path, limits: Limits) -> list[str]:
    words = ["-p", "toque.kitchen.checks", "-p", "no:cacheprovider", "-q", "--rootdir", str(path)]
    words += ["-o", "enable_assertion_pass_hook=true"]
    if importlib.util.find_spec("pytest_timeout"):
        words += [f"--timeout={limits.check_s:g}", "--timeout-method=signal"]
    return words


def _for_testinfra(machines: Mapping[str, Subject], folder: Path) -> list[str]:
    """Binds pytest-testinfra's own fixture ``host`` to the first machine, where that is there.

    Its ssh finds all machines by their names; only the keys pinned here say who they are.
    """
    if not importlib.util.find_spec("testinfra"):
        return []
    known, config, first = folder / "known_hosts", folder / "ssh_config", next(iter(machines))
    pinned = [f"{one.name} {key}\n" for one in machines.values() for key in one.host_keys]
    known.write_text("".join(pinned))
    ours = {"UserKnownHostsFile": known, "GlobalKnownHostsFile": "/dev/null"}
    ours |= {"StrictHostKeyChecking": "yes", "BatchMode": "yes", "IdentitiesOnly": "yes"}
    # A path that is too long for a socket: then each command has a connection of its own.
    ours |= {"ControlPath": folder / "%C" if len(str(folder)) < SHORT else "none"}
    text = "".join(one.ssh_config(ours) for one in machines.values())
    config.write_text(f"{text}Host *\n  Include ~/.ssh/config\n")
    sudo = ["--sudo"] if machines[first].sudo else []
    return [f"--hosts={machines[first].testinfra}", f"--ssh-config={config}", *sudo]


def _watched(running: subprocess.Popen[bytes], events: Path, limits: Limits) -> str:
    """Wait for the end; why it has to be ended when it takes too long."""
    start = since = time.monotonic()
    before = ""
    while True:
        try:
            running.wait(timeout=0.25)
        except subprocess.TimeoutExpired:
            now, begun = time.monotonic(), _read(events)[1]
            if begun != before:
                before, since = begun, now
            if begun and now - since > limits.check_s + limits.grace_s:
                return f"{begun} did not end within {limits.check_s:g} s"
            if now - start > limits.all_s:
                at = f", at {begun}" if begun else ""
                return f"the checks did not end within {limits.all_s:g} s{at}"
        else:
            return ""


def _read(events: Path) -> tuple[tuple[Check, ...], str]:
    """The checks that have ended, and the one that has begun and not ended."""
    each: list[Check] = []
    begun = ""
    lines = events.read_text().splitlines(keepends=True) if events.exists() else []
    for line in lines:
        if not line.endswith("\n"):
            break  # half written
        value = json.loads(line)
        begun = value.get("began", "")
        if not begun:
            each.append(Check(**value))
    return tuple(each), begun
