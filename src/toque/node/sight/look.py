"""The facts that a diagnosis is made from, collected in a few seconds.

Everything is asked for side by side and has a limit of its own; what could not be found out is
missing, and nobody waits for it.  Nothing is changed, and no code of the app's is run by us: its
site is asked for one page, as a visitor would, through nginx and past it.

Secrets stay here: a database's password is used to sign in and is not among the facts.
"""

import os
import re
import socket
import ssl
import threading
import time
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence

from ..applayout import UNITS, app_path, env_path, release_of, socket_path, unit_name
from ..errors import StepFailed
from ..inits import choose
from ..probe import Question, accepts, ask, visit
from ..system import System
from . import logs
from .database import database, engines
from .lines import nginx_line
from .machine import (
    Facts,
    all_processes,
    disks,
    firewall,
    memory,
    number_of,
    processes,
    text_of,
)

ANSWER_S = 2.0  # an app that is slower than this counts as not answering
ALL_S = 4.0  # after this the facts are what is there
SHOW = (
    "Id,LoadState,ActiveState,SubState,UnitFileState,MainPID,Result,ExecMainStatus,ExecMainCode,"
    "NRestarts,MemoryCurrent,MemoryMax,ActiveEnterTimestamp,StateChangeTimestamp,ControlGroup"
)
UPSTREAM = r"(?:server\s+|proxy_pass\s+http://)unix:([^\s;:]+)"


def look(system: System, asked: Mapping[str, Any], another: Callable[[], System]) -> Facts:
    """``asked`` has ``app``, ``host``, ``page``, ``domains``, ``since`` (seconds since 1970).

    ``another`` makes one more view of the same machine.
    """
    app = str(asked["app"])
    began = time.monotonic()
    facts: Facts = {"app": app, "asked": dict(asked), "at": system.now()}
    facts["link"] = link(system, app)
    release = facts["link"].get("release", "")
    unit = unit_name(app, release) if release else ""
    site = nginx_site(system, app)
    found: Facts = {}
    # Each with a machine of its own: what one remembers between two looks is not for threads.
    jobs: Dict[str, Callable[[System], Any]] = {
        "unit": lambda own: unit_facts(own, unit) if unit else {},
        "others": lambda own: running_units(own, app, unit),
        "socket": lambda own: socket_facts(own, app, release),
        "site": lambda own: site,
        "nginx": nginx_facts,
        "port": lambda own: port_facts(own, site.get("port", 80)),
        "direct": lambda own: direct(app, release, asked),
        "through": lambda own: through(site, asked),
        "processes": lambda own: processes(own, app),
        "disk": lambda own: disks(app),
        "memory": lambda own: memory(own, unit),
        "database": lambda own: database(own, app, release, str(asked.get("user", app))),
        "names": lambda own: names(asked.get("domains", ())),
        "certificates": lambda own: certificates(own, site),
        "firewall": firewall,
        "engines": lambda own: engines(own, app, release),
    }
    threads = [
        threading.Thread(target=_kept, args=(found, name, job, another()), daemon=True)
        for name, job in jobs.items()
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, began + ALL_S - time.monotonic()))
    facts.update(found)
    if unit and "pid" in found.get("unit", {}):
        # One that ends while we look explains what the looks do not agree on.
        after = choose(another()).state(unit)
        facts["unit"]["steady"] = (after.pid, after.running) == (
            found["unit"]["pid"],
            found["unit"]["running"],
        )
    # Last, so that what our own requests left in the logs is among it.
    entries = logs.read(system, app, float(asked.get("since", system.now() - 600)))
    facts["log"] = [{**entry.as_json(), "data": dict(entry.data)} for entry in entries[-1500:]]
    facts["errors"] = [
        entry.text
        for entry in logs.of_file(
            system, "/var/log/nginx/error.log", nginx_line, float(asked.get("since", 0))
        )
    ][-40:]
    facts["seconds"] = round(time.monotonic() - began, 3)
    return facts


def _kept(found: Facts, name: str, job: Callable[[System], Any], own: System) -> None:
    try:
        found[name] = job(own)
    except (OSError, StepFailed, ValueError, KeyError) as error:
        found[name] = {"unknown": str(error)}


def link(system: System, app: str) -> Facts:
    """Where ``current`` leads, and whether that is there."""
    there = system.stat(f"{app_path(app)}/current")
    if there is None:
        return {"there": False, "app": os.path.isdir(app_path(app))}
    release = there.target.rsplit("/", 1)[-1]
    path = f"{app_path(app)}/releases/{release}"
    venv = system.stat(f"{path}/.toque/venv")
    return {
        "there": True,
        "kind": there.kind,
        "target": there.target,
        "release": release,
        "release_there": os.path.isdir(path),
        "venv": venv.target if venv else "",
        "venv_there": os.path.isdir(f"{path}/.toque/venv"),
        "environment": os.path.exists(env_path(app, release)),
    }


def unit_facts(system: System, unit: str) -> Facts:
    state = choose(system).state(unit)
    facts = {
        "name": unit,
        "load": state.load,
        "there": system.stat(f"{UNITS}/{unit}") is not None,
        "active": state.active,
        "sub": state.sub,
        "file": state.file,
        "pid": state.pid,
        "result": state.result,
        "exit_status": state.exit_status,
        "restarts": state.restarts,
        "enabled": state.enabled,
        "running": state.running,
        "log": choose(system).log(unit, 80),
    }
    if system.facts.init == "systemd":
        argv = ["systemctl", "show", unit, f"--property={SHOW}"]
        shown = system.run(argv, check=False, timeout_s=5).text
        said = dict(x.split("=", 1) for x in shown.splitlines() if "=" in x)
        facts["exit_code"] = said.get("ExecMainCode", "")
        facts["since"] = said.get("ActiveEnterTimestamp", "")
        facts["memory"] = number_of(said.get("MemoryCurrent", ""))
        facts["memory_max"] = number_of(said.get("MemoryMax", ""))
        facts["group"] = said.get("ControlGroup", "")
    return facts


def running_units(system: System, app: str, unit: str) -> List[str]:
    """Units of other releases that run."""
    init = choose(system)
    names = [n for n in system.names(UNITS) if release_of(app, n) is not None and n != unit]
    init.prefetch(names)
    return [name for name in names if init.state(name).alive]


def socket_facts(system: System, app: str, release: str) -> Facts:
    """The socket that nginx is sent to, its folder, and its queue by ``ss``."""
    path = socket_path(app, release)
    link = system.stat(f"{app_path(app)}/releases/{release}/.toque/app.sock")
    facts: Facts = {"path": path, "link": link.target if link else "", "there": False}
    folder = system.stat(path.rsplit("/", 1)[0])
    if folder is not None:
        facts["folder"] = {"owner": folder.owner, "group": folder.group, "mode": f"{folder.mode:o}"}
    there = system.stat(path)
    if there is not None:
        facts.update(
            there=True, kind=there.kind, owner=there.owner, group=there.group,
            mode=f"{there.mode:o}",
        )  # fmt: skip
    rows = system.run(["ss", "-xanH"], check=False, timeout_s=4).text
    facts.update(listening=False, queued=0, backlog=0, connected=0)
    for row in rows.splitlines():
        words = row.split()
        if len(words) < 6 or words[4] != path:
            continue
        if words[1] == "LISTEN":
            facts.update(listening=True, queued=int(words[2]), backlog=int(words[3]))
        else:
            facts["connected"] += 1
    return facts


def nginx_site(system: System, app: str) -> Facts:
    """What the site's text says of its upstream, its port and its limits."""
    folder = "/etc/nginx/sites-enabled"
    mine = f"{app_path(app)}/"
    for name in [app, *(n for n in system.names(folder) if n != app)]:
        text = text_of(f"{folder}/{name}")
        if text and (name == app or mine in text):
            plain = re.sub(r"(?m)#.*$", "", text)
            return {
                "file": f"{folder}/{name}",
                "upstreams": re.findall(
                    r"(?:server\s+|proxy_pass\s+http://)unix:([^\s;:]+)", plain
                ),
                "port": int((re.findall(r"listen\s+(?:\S+:)?(\d+)", plain) or ["80"])[0]),
                "names": " ".join(re.findall(r"server_name\s+([^;]+);", plain)).split(),
                "read_timeout": _seconds(re.findall(r"proxy_read_timeout\s+(\w+)", plain)),
                "largest_body": (re.findall(r"client_max_body_size\s+(\w+)", plain) or [""])[0],
                "certificates": re.findall(r"ssl_certificate\s+([^;\s]+)", plain),
            }
    return {}


def nginx_facts(system: System) -> Facts:
    """Whether it runs, what it says of its configuration, and in which groups its workers are."""
    state = choose(system).state("nginx.service")
    if not os.path.exists("/usr/sbin/nginx"):
        return {"load": "not-found", "installed": False, "running": False}
    test = system.run(["nginx", "-t", "-q"], check=False, timeout_s=4)
    groups: List[str] = []
    for process in all_processes():
        if process["name"] == "nginx" and process["uid"] != 0:
            groups = sorted(set(groups) | set(process["groups"]))
    declared = system.run(["id", "-Gn", "www-data"], check=False, timeout_s=4).text.split()
    return {
        "load": state.load,
        "installed": True,
        "running": state.running,
        "active": state.active,
        "test": test.code,
        "said": test.tail(5),
        "groups": groups,
        "declared_groups": declared,
    }


def port_facts(system: System, port: int) -> Facts:
    """Who listens on the site's port."""
    rows = system.run(["ss", "-ltnpH", f"sport = :{port}"], check=False, timeout_s=4).text
    holders = sorted(set(re.findall(r'\(\("([^"]+)",pid=(\d+)', rows)))
    return {
        "port": port,
        "holders": [{"name": name, "pid": int(pid)} for name, pid in holders],
        "open": bool(rows.strip()),
    }


def direct(app: str, release: str, asked: Mapping[str, Any]) -> Facts:
    """The page, asked for past nginx."""
    began = time.monotonic()
    path = socket_path(app, release)
    if os.path.islink(path):  # its folder is the app's own
        return _answer(0, "a link in the place of the socket", "", began)
    answer = ask(path, str(asked["host"]), str(asked.get("page", "/")), timeout_s=ANSWER_S)
    return _answer(answer.status, answer.fault, answer.reason, began)


def through(site: Mapping[str, Any], asked: Mapping[str, Any]) -> Facts:
    """The page, asked for as a visitor does who is on this machine."""
    port, host = int(site.get("port", 80)), str(asked["host"])
    began = time.monotonic()
    fault = accepts("127.0.0.1", port, timeout_s=1.0)
    if fault:
        return _answer(0, fault, "", began)
    usual = "" if port == 80 else f":{port}"
    question = Question(f"http://{host}{usual}{asked.get('page', '/')}", at="127.0.0.1")
    answer = visit(question, timeout_s=ANSWER_S + 0.5)
    return _answer(answer.status, answer.fault, answer.reason, began)


def _answer(status: int, fault: str, reason: str, began: float) -> Facts:
    took = round(time.monotonic() - began, 3)
    return {"status": status, "fault": fault, "reason": reason, "seconds": took}


def names(domains: Sequence[str]) -> Facts:
    """The addresses of each domain, as this machine is told them."""
    found: Facts = {}
    for domain in list(domains)[:8]:
        try:
            rows = socket.getaddrinfo(domain, 80, type=socket.SOCK_STREAM)
            found[domain] = {"addresses": sorted({str(row[4][0]) for row in rows})}
        except socket.gaierror as error:
            found[domain] = {"error": error.strerror or str(error)}
        except UnicodeError as error:
            found[domain] = {"error": str(error)}
    return found


def certificates(system: System, site: Mapping[str, Any]) -> List[Facts]:
    """When the certificates of the site end, by openssl's words."""
    found = []
    for path in site.get("certificates", ()):
        argv = ["openssl", "x509", "-noout", "-enddate", "-subject", "-in", path]
        result = system.run(argv, check=False, timeout_s=3)
        facts: Facts = {"path": path, "said": result.tail(3), "code": result.code}
        ends = re.search(r"notAfter=(.+)", result.text)
        if ends:
            facts["ends"] = ssl.cert_time_to_seconds(ends.group(1).strip())
        found.append(facts)
    return found


def _seconds(found: Sequence[str]) -> Optional[float]:
    """A time as nginx writes it; None when there is none."""
    match = re.fullmatch(r"(\d+)(ms|s|m|h)?", found[0]) if found else None
    if match is None:
        return None
    return int(match.group(1)) * {"ms": 0.001, "m": 60.0, "h": 3600.0}.get(match.group(2), 1.0)
