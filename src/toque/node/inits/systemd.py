"""systemd through systemctl and journalctl.

One ``show`` with names costs 10 ms and 1 ms more a name; one with a pattern answers for every
loaded unit and costs 270 ms (Debian 12, 72 units), so names it is.
"""

from functools import partial
from typing import Dict, FrozenSet, List, Sequence

from ..applayout import UNITS as UNIT_FILES
from ..applayout import release_in
from ..contents import text_at
from ..errors import StepFailed
from ..record import replace
from ..system import Result, System
from .protocol import UNIT_DIRECTORIES, UnitState

UNITS: FrozenSet[str] = frozenset({"units"})

_PROPERTIES = (
    "Id,Names,LoadState,LoadError,ActiveState,SubState,UnitFileState,NeedDaemonReload,"
    "MainPID,Result,ExecMainStatus,NRestarts,Wants,Job"
)

# A service of Type=simple counts as started before its program has done anything: one that dies
# at once is looked at again after this time.
SETTLE_S = 0.15

WAIT_S = 1800.0  # a unit's own TimeoutStartSec decides; this only bounds a broken systemctl


class Systemd:
    """The init system of an ordinary machine."""

    name = "systemd"

    def __init__(self, system: System) -> None:
        self._system = system

    def state(self, name: str) -> UnitState:
        show = self._show
        state = self._system.observe(f"units:{name}", lambda: show([name]).get(name))
        state = state or UnitState(name)
        members = [self.state(member) for member in state.members]
        down = next((m for m in members if not m.running), None)
        partly = any(m.running for m in members) and (down is not None or not state.running)
        if state.running and down is not None:
            worst = replace(down, name=state.name, file=state.file, members=state.members)
            return replace(worst, stale=state.stale, partly=partly)
        return replace(state, partly=True) if partly else state

    def prefetch(self, names: Sequence[str]) -> None:
        known = self._show(names) if names else {}
        for name in names:
            self._system.observe(f"units:{name}", partial(known.get, name, UnitState(name)))

    def start(self, name: str) -> None:
        self._refresh(name)
        self._pardon(name)
        self._act("start", name)
        members = self.state(name).members
        if members:
            self._act("start", *members)
        self._settled("start", name)

    def launch(self, name: str) -> None:
        self._refresh(name)
        self._pardon(name)
        self._ctl("start", "--no-block", name)

    def stop(self, name: str) -> None:
        # A template is stopped by stopping what was made from it: systemctl(1), "Unit patterns".
        self._act("stop", name.replace("@.", "@*."), *self.state(name).members)

    def discard(self, name: str, patience_s: float) -> None:
        try:
            self._act("stop", name, timeout_s=patience_s)
        except StepFailed as error:
            if error.code != "command-timeout":
                raise
            self._ctl("kill", "--signal=SIGKILL", name, check=False)
            self._act("stop", name)
            self._pardon(name)

    def stop_all(self, names: Sequence[str]) -> None:
        if names:
            self._act("stop", *names)

    def restart(self, name: str) -> None:
        self._refresh(name)
        self._pardon(name)
        self._act("restart", name)
        # An umbrella hands a restart on to its running members (PartOf=); start the others.
        members = [m for m in self.state(name).members if not self.state(m).running]
        if members:
            self._act("start", *members)
        self._settled("restart", name)

    def reload(self, name: str) -> None:
        # An umbrella hands a reload on by itself (ReloadPropagatedFrom=).
        self._refresh(name)
        self._act("reload", name)

    def enable(self, name: str, *, later: bool = False) -> None:
        self._act("enable", name, *(["--no-reload"] if later else []))

    def disable(self, name: str, *, later: bool = False) -> None:
        self._act("disable", name, *(["--no-reload"] if later else []))

    def catch_up(self) -> None:
        self._ctl("daemon-reload")

    def loaded(self, name: str) -> bool:
        state = self.state(name)
        return state.load not in ("not-found", "bad-setting", "error") and not state.stale

    def examine(self, name: str, text: str) -> None:
        """systemd-analyze(1) verify reads the text as PID 1 does, but under another directory.

        Its exit status does not matter: it also counts programs that are to come later.  A text
        that the unit of another release has, but for the release's id, was examined with that one.
        """
        if self._has_a_twin(name, text):
            return
        folder = "/run/toque-verify"
        if self._system.stat(folder) is None:
            self._system.mkdir(folder, owner="root", group="root", mode=0o700)
        path = f"{folder}/{name}"
        self._system.write(path, text.encode())
        try:
            result = self._system.run(
                ["systemd-analyze", "verify", "--man=no", "--generators=no", path], check=False
            )
        finally:
            self._system.remove(path)
        said = [line.replace(f"{folder}/", "") for line in result.tail(200)]
        stem = name.partition(".")[0]
        mine = [line for line in said if line.startswith((stem, f"Unit {stem}"))]
        if any(line.endswith(("bad unit file setting.", "Refusing.")) for line in mine):
            raise StepFailed(
                "unit-refused",
                f"systemd refuses the new {name}; the old one stays",
                expected="a unit that systemd can load",
                found=mine[0],
                hint="man systemd.directives",
                log=mine,
            )
        for line in mine:
            if line.endswith("ignoring."):
                self._system.note(f"systemd: {line}")

    def _has_a_twin(self, name: str, text: str) -> bool:
        mine = release_in(name)
        if not mine:
            return False
        for other in self._system.names(UNIT_FILES):
            its = release_in(other)
            if its and its != mine and other.replace(its, mine) == name:
                twin = text_at(self._system, f"{UNIT_FILES}/{other}") or ""
                if twin.replace(its, mine) == text:
                    return True
        return False

    def load(self, name: str) -> None:
        """A unit that systemd reads for the first time needs no reload of all others: by itself it
        looks for one that it does not know when its directories have changed (since version 246).
        """
        state = self.state(name)
        # What it could not load it does not look at again by itself, not even a file put back.
        if state.load in ("not-found", "bad-setting", "error") or state.stale:
            self._ctl("daemon-reload")
            state = self.state(name)
        if state.load in ("bad-setting", "error"):
            raise StepFailed(
                "unit-refused",
                f"systemd refuses {name}",
                expected="LoadState loaded",
                found=f"LoadState {state.load}: {state.error}",
                hint=f"systemd-analyze verify {name}",
                log=self._complaints(name),
            )

    def unload(self, name: str) -> None:
        self._ctl("daemon-reload")
        self._ctl("reset-failed", name, check=False)

    def log(self, name: str, lines: int = 40) -> List[str]:
        state = self.state(name)
        argv = ["journalctl", "-n", str(lines), "-o", "cat", "--no-pager", "-q"]
        for unit in (name, *state.members):
            argv += ["-u", unit]
        return self._system.run(argv, check=False, timeout_s=30).text.splitlines()

    def places(self, name: str) -> Sequence[str]:
        return UNIT_DIRECTORIES

    def _show(self, names: Sequence[str]) -> Dict[str, UnitState]:
        # A template has no state of its own: one made from it tells whether it can be read.
        asked = {name.replace("@.", "@toque."): name for name in names}
        argv = ["systemctl", "show", "--no-pager", f"--property={_PROPERTIES}", "--", *asked]
        result = self._system.run(argv, check=False, timeout_s=60)
        if result.code != 0:
            raise unreachable("systemd", result)
        return {asked.get(key, key): state for key, state in parse_show(result.text).items()}

    def _pardon(self, name: str) -> None:
        """Forget earlier failures, which could be too many for another start."""
        if self.state(name).active == "failed":
            self._ctl("reset-failed", name, check=False)

    def _refresh(self, name: str) -> None:
        if self.state(name).stale:
            self._ctl("daemon-reload")

    def _ctl(self, verb: str, *names: str, check: bool = True, timeout_s: float = WAIT_S) -> Result:
        result = self._system.run(["systemctl", verb, *names], check=False, timeout_s=timeout_s)
        self._system.forget(UNITS)
        if check and result.code != 0:
            raise StepFailed(
                "service-failed",
                f"systemctl {verb} ended with status {result.code}",
                expected="status 0",
                found=f"status {result.code}",
                hint=f"systemctl status {' '.join(names)}" if names else "systemctl --failed",
                log=result.tail(),
            )
        return result

    def _act(self, verb: str, *names: str, timeout_s: float = WAIT_S) -> None:
        result = self._ctl(verb, *names, check=False, timeout_s=timeout_s)
        if result.code == 0:
            return
        name = names[0]
        state = self.state(name)
        raise StepFailed(
            "service-failed",
            f"{name} did not {verb}",
            expected=f"systemctl {verb} {name} to end with status 0",
            found=_describe(state),
            hint=f"systemctl status {name}",
            log=[*result.tail(5), *self.log(name)],
        )

    def _settled(self, verb: str, name: str) -> None:
        state = self.state(name)
        if state.running:
            self._system.sleep(SETTLE_S)
            self._system.forget(UNITS)
            state = self.state(name)
        # A oneshot without RemainAfterExit is done and inactive: that is success.
        if state.running or (state.active == "inactive" and state.result == "success"):
            return
        raise StepFailed(
            "service-failed",
            f"{name} ended right after its {verb}",
            expected="a service that keeps running",
            found=_describe(state),
            hint=f"systemctl status {name}",
            log=self.log(name),
        )

    def _complaints(self, name: str) -> List[str]:
        argv = ["journalctl", "-n", "40", "-o", "cat", "--no-pager", "-q", "_PID=1"]
        lines = self._system.run(argv, check=False, timeout_s=30).text.splitlines()
        return [line for line in lines if name in line][-5:]


def parse_show(text: str) -> Dict[str, UnitState]:
    """``systemctl show`` blocks by every name that a unit goes by.  Pure."""
    states: Dict[str, UnitState] = {}
    for block in text.split("\n\n"):
        pairs = dict(line.partition("=")[::2] for line in block.splitlines() if "=" in line)
        if not pairs.get("Id"):
            continue
        stem = pairs["Id"].rpartition(".")[0]
        active = pairs.get("ActiveState", "inactive")
        if active in ("inactive", "failed") and pairs.get("Job", "0") not in ("", "0"):
            active = "activating"  # its start is queued
        state = UnitState(
            name=pairs["Id"],
            load=pairs.get("LoadState", "not-found"),
            active=active,
            sub=pairs.get("SubState", "dead"),
            file=pairs.get("UnitFileState", ""),
            stale=pairs.get("NeedDaemonReload") == "yes",
            pid=int(pairs.get("MainPID") or 0),
            result=pairs.get("Result", ""),
            exit_status=int(pairs.get("ExecMainStatus") or 0),
            restarts=int(pairs.get("NRestarts") or 0),
            members=tuple(w for w in pairs.get("Wants", "").split() if w.startswith(stem + "@")),
            error=pairs.get("LoadError", "").strip(),
        )
        for name in {pairs["Id"], *pairs.get("Names", "").split()}:
            states[name] = state
    return states


def unreachable(what: str, result: Result) -> StepFailed:
    return StepFailed(
        "init-unreachable",
        f"{what} does not answer",
        expected=f"{result.argv[0]} to end with status 0",
        found=f"status {result.code}",
        hint="systemctl is-system-running",
        log=result.tail(5),
    )


def _describe(state: UnitState) -> str:
    text = f"{state.active} ({state.sub}), result {state.result or 'unknown'}"
    return f"{text}, exit status {state.exit_status}" if state.exit_status else text
