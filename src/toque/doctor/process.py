"""The current release on disk and the unit that runs it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ..node.evidence import cause as last_exception
from ..node.finding import REFUSE, WARN, Finding
from ..node.record import replace
from .facts import Facts, Rule, part, telling_lines


def _link(facts: Facts) -> Iterator[Finding]:
    link = part(facts, "link")
    if not link:
        return
    app = facts["app"]
    if not link["there"]:
        path = f"there is no /srv/www/{app}/current"
        if link.get("app"):
            yield Finding(
                "current-missing", REFUSE, f"no release is current: {path}",
                help=f"toque deploy {app}",
            )  # fmt: skip
        else:
            yield Finding(
                "app-not-here", REFUSE, f"the app was never deployed here: {path}",
                help=f"toque setup; toque deploy {app}",
            )  # fmt: skip
    elif not link["release_there"]:
        yield Finding(
            "release-missing", REFUSE, f"the current release {link['release']} is gone",
            (f"current -> {link['target']}, which is not there",), help=f"toque deploy {app}",
        )  # fmt: skip
    elif not link["venv_there"]:
        yield Finding(
            "venv-missing", REFUSE, f"the packages of release {link['release']} are gone",
            (f".toque/venv -> {link['venv']}, which is not there",), help=f"toque deploy {app}",
        )  # fmt: skip
    elif not link["environment"]:
        yield Finding(
            "environment-missing", REFUSE, f"the variables of release {link['release']} are gone",
            (f"there is no /etc/toque/apps/{app}/{link['release']}.env",),
            help=f"toque deploy {app}",
        )  # fmt: skip


def _unit(facts: Facts) -> Iterator[Finding]:
    unit, link = part(facts, "unit"), part(facts, "link")
    if not unit:
        return
    name = unit["name"]
    log = list(unit.get("log", ()))
    if unit["load"] == "masked":
        yield Finding(
            "unit-masked", REFUSE, f"{name} is masked: nothing can start it",
            (f"LoadState=masked, {unit['active']}",),
            help=f"systemctl unmask {name} && systemctl start {name}",
        )  # fmt: skip
    elif unit["load"] == "not-found" and unit.get("there"):
        return  # its init has not answered
    elif unit["load"] == "not-found":
        yield Finding(
            "unit-missing", REFUSE, f"there is no unit {name}", help=f"toque deploy {facts['app']}"
        )
    elif unit["running"]:
        direct = part(facts, "direct")
        moves = unit.get("restarts") or not unit.get("steady", True)
        refused = any(re.match(r"unable to load app |.*Worker failed to boot", x) for x in log)
        silent = direct and not direct["status"] and last_exception(log)
        if silent and (moves or refused):  # between two attempts of its server
            yield replace(_ended(unit, log, facts), certain=bool(moves))
            return
        if not unit.get("enabled"):
            yield Finding(
                "unit-disabled", WARN, f"{name} will not start at the next boot",
                (f"UnitFileState={unit['file']}",), help=f"systemctl enable {name}",
            )  # fmt: skip
        if unit.get("restarts", 0) >= 3:
            yield Finding(
                "app-restarting", WARN, f"{name} was restarted {unit['restarts']} times",
                telling_lines(log)[-6:], help=f"toque logs {facts['app']} --app",
            )  # fmt: skip
    elif unit.get("result") == "oom-kill":
        return  # told by the machine
    elif not all(link.get(name, True) for name in ("release_there", "venv_there", "environment")):
        return  # explained above
    else:
        yield _ended(unit, log, facts)


def _ended(unit: Facts, log: Sequence[str], facts: Facts) -> Finding:
    """Why a unit does not run, by how it ended last and what its log says."""
    name, app = unit["name"], facts["app"]
    how = f"{unit['active']} ({unit['sub']}), result {unit.get('result') or 'none'}"
    if unit.get("exit_status"):
        how += f", status {unit['exit_status']}"
    why = last_exception(log)
    failed = unit.get("result") not in ("success", "", None) or unit["active"] != "inactive"
    if not failed:
        return Finding(
            "unit-stopped", REFUSE, f"{name} was stopped and does not run", (how,),
            help=f"systemctl start {name}",
        )  # fmt: skip
    if unit.get("exit_status") == 203:
        return Finding(
            "venv-missing", REFUSE, f"the program of {name} cannot be started", (how, *log[-3:]),
            help=f"toque deploy {app}",
        )  # fmt: skip
    if why:
        return Finding(
            "app-not-starting", REFUSE, f"the app cannot be loaded: {why}",
            (how, *telling_lines(log)[-12:]), help=f"toque rollback {app}",
        )  # fmt: skip
    return Finding(
        "app-not-starting", REFUSE, f"{name} does not stay up", (how, *log[-6:]),
        help=f"journalctl -u {name} -n 50", certain=False,
    )  # fmt: skip


RULES: Sequence[Rule] = (_link, _unit)
