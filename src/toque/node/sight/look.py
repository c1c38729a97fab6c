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
from urllib.parse import parse_qsl, unquote, urlsplit

from ..applayout import UNITS, app_path, env_path, release_of, socket_path, unit_name
from ..errors import StepFailed
from ..inits import choose
from ..probe import Question, accepts, ask, visit
from ..system import System
from . import logs
from .lines import nginx_line

Facts = Dict[str, Any]

ANSWER_S = 2.0  # an app that is slower than this counts as not answering
ALL_S = 4.0  # after this the facts are what is there
SHOW = (
    "Id,LoadState,ActiveState,SubState,UnitFileState,MainPID,Result,ExecMainStatus,ExecMainCode,"
    "NRestarts,MemoryCurrent,MemoryMax,ActiveEnterTimestamp,StateChangeTimestamp,ControlGroup"
)
ASIDE = ("node_modules", "migrations", "alembic", "tests", "test")  # serve no visitor
UPSTREAM = r"(?:server\s+|proxy_pass\s+http://)unix:([^\s;:]+)"
LOCAL = ("/var/run/postgresql", "/run/postgresql", "localhost", "127.0.0.1", "::1", "")


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
        facts["memory"] = _number(said.get("MemoryCurrent", ""))
        facts["memory_max"] = _number(said.get("MemoryMax", ""))
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
        text = _text(f"{folder}/{name}")
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
    for process in _all_processes():
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


def _all_processes() -> List[Facts]:
    """Name, state, user, groups of every process that this machine's /proc tells of."""
    import grp

    found = []
    for pid in filter(str.isdigit, _listed("/proc")):
        lines = dict(
            line.split(":", 1) for line in _text(f"/proc/{pid}/status").splitlines() if ":" in line
        )
        if "Uid" not in lines:
            continue
        groups = []
        for number in lines.get("Groups", "").split():
            try:
                groups.append(grp.getgrgid(int(number)).gr_name)
            except KeyError:
                groups.append(number)
        found.append(
            {
                "pid": int(pid),
                "name": lines["Name"].strip(),
                "state": lines["State"].strip()[:1],
                "uid": int(lines["Uid"].split()[1]),
                "groups": groups,
                "rss_kb": int(lines.get("VmRSS", "0").split()[0] or 0),
                "swap_kb": int(lines.get("VmSwap", "0").split()[0] or 0),
            }
        )
    return found


def processes(system: System, app: str) -> List[Facts]:
    """The app's own, with how many descriptors each has open and may have."""
    import pwd

    try:
        uid = pwd.getpwnam(app).pw_uid
    except KeyError:
        return []
    found = []
    for process in _all_processes():
        if process["uid"] != uid or process["state"] == "Z":
            continue
        limit = re.search(r"Max open files\s+(\d+)", _text(f"/proc/{process['pid']}/limits"))
        process["descriptors"] = len(_listed(f"/proc/{process['pid']}/fd"))
        process["descriptors_max"] = int(limit.group(1)) if limit else 0
        found.append(process)
    return found


def disks(app: str) -> List[Facts]:
    """The file systems that an app and its neighbours write to; each once."""
    found: Dict[int, Facts] = {}
    for path in (
        "/", f"{app_path(app)}/shared", "/var/log", "/var/log/nginx", "/var/lib/nginx",
        "/var/lib/postgresql", "/tmp", "/run", f"{app_path(app)}/releases",
    ):  # fmt: skip
        try:
            device, room = os.stat(path).st_dev, os.statvfs(path)
        except OSError:
            continue
        found.setdefault(
            device,
            {
                "path": path,
                "free": room.f_bavail * room.f_frsize,
                "size": room.f_blocks * room.f_frsize,
                "files_free": room.f_favail,
                "files": room.f_files,
                "read_only": bool(room.f_flag & os.ST_RDONLY),
            },
        )
    return list(found.values())


def memory(system: System, unit: str) -> Facts:
    """Of the machine and of the unit's control group: events of the kernel's killer."""
    lines = dict(x.split(":", 1) for x in _text("/proc/meminfo").splitlines() if ":" in x)
    facts: Facts = {
        name: int(lines[key].split()[0]) * 1024
        for name, key in (
            ("total", "MemTotal"), ("available", "MemAvailable"),
            ("swap", "SwapTotal"), ("swap_free", "SwapFree"),
        )
        if key in lines
    }  # fmt: skip
    stalled = re.search(r"full avg10=([\d.]+)", _text("/proc/pressure/memory"))
    if stalled:
        facts["stalled_percent"] = float(stalled.group(1))
    events = _text(f"/sys/fs/cgroup/system.slice/{unit}/memory.events")
    killed = re.search(r"oom_kill (\d+)", events)
    facts["killed_in_unit"] = int(killed.group(1)) if killed else 0
    if system.facts.init == "systemd":
        argv = ["journalctl", "-k", "-q", "--no-pager", "-o", "short-unix", "-n", "50"]
        argv += ["--grep=[Oo]ut of memory|oom-kill"]
        facts["kernel"] = system.run(argv, check=False, timeout_s=3).text.splitlines()[-5:]
    return facts


def database(system: System, app: str, release: str, user: str) -> List[Facts]:
    """Every PostgreSQL that the release's variables name, and what signing in there says."""
    found = []
    for name, value in sorted(environment(_text(env_path(app, release))).items()):
        place = postgres_url(value)
        if place is None:
            continue
        password = place.pop("password")
        facts: Facts = {"variable": name, **place}
        facts["local"] = place["host"] in LOCAL
        env = {
            "PGHOST": place["host"], "PGPORT": str(place["port"]), "PGUSER": place["user"],
            "PGDATABASE": place["name"], "PGCONNECT_TIMEOUT": "2",
            "PGPASSWORD": password, "PGAPPNAME": "toque doctor",
        }  # fmt: skip
        env = {key: value for key, value in env.items() if value}
        try:
            argv = ["psql", "-XAtqw", "-c", "SELECT 1"]
            result = system.run(argv, user=user, env=env, check=False, timeout_s=3)
            facts["code"], facts["said"] = result.code, result.tail(3)
        except StepFailed as error:
            facts["code"], facts["said"] = -1, [error.message]
        if facts["local"]:
            facts["server"] = server(system, place["port"])
        found.append(facts)
    return found


def server(system: System, port: int) -> Facts:
    """How full a server on this machine is, and who waits for whom there."""
    state = choose(system).state("postgresql.service")
    facts: Facts = {"running": state.running, "load": state.load, "active": state.active}
    sql = (
        "SELECT current_setting('max_connections'), count(*), "
        "count(*) FILTER (WHERE state LIKE 'idle in transaction%'), "
        "count(*) FILTER (WHERE cardinality(pg_blocking_pids(pid)) > 0), "
        "coalesce(max(CASE WHEN cardinality(pg_blocking_pids(pid)) > 0 THEN "
        "pg_blocking_pids(pid)::text || ' blocks: ' || left(query, 80) END), ''), "
        "pg_postmaster_start_time() FROM pg_stat_activity WHERE backend_type = 'client backend'"
    )
    argv = ["psql", "-XAtqw", f"--port={port}", "-F", "\t", "-c", sql]
    env = {"PGDATABASE": "postgres", "PGCONNECT_TIMEOUT": "2"}
    result = system.run(argv, user="postgres", env=env, check=False, timeout_s=3)
    words = result.text.strip("\n").split("\t")
    if result.code == 0 and len(words) == 6:
        facts.update(
            most=int(words[0]), used=int(words[1]), idle_in_transaction=int(words[2]),
            waiting=int(words[3]), blocked=words[4], started=words[5],
        )  # fmt: skip
    else:
        facts["said"] = result.tail(3)
    return facts


def environment(text: str) -> Dict[str, str]:
    """The variables of an environment file of systemd's, as far as URLs in them go."""
    found = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals and re.fullmatch(r"\w+", name):
            value = value.strip()
            if value[:1] == value[-1:] == '"':
                value = re.sub(r"\\(.)", r"\1", value[1:-1])
            found[name] = value
    return found


def postgres_url(value: str) -> Optional[Facts]:
    """The parts of a database URL, or None when it is none."""
    if not re.match(r"postgres(ql)?(\+\w+)?://", value):
        return None
    try:
        split = urlsplit(value)
        more = dict(parse_qsl(split.query))
        return {
            "host": more.get("host") or unquote(split.hostname or ""),
            "port": int(more.get("port") or split.port or 5432),
            "user": more.get("user") or unquote(split.username or ""),
            "name": unquote(split.path.lstrip("/")),
            "password": unquote(split.password or ""),
        }
    except ValueError:
        return None


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


def firewall(system: System) -> Facts:
    """The rules that drop or reject, with the chain they stand in."""
    result = system.run(["nft", "list", "ruleset"], check=False, timeout_s=3)
    lines = [line.strip() for line in result.text.splitlines()]
    return {
        "code": result.code,
        "refusing": [x for x in lines if re.search(r"\b(drop|reject)\b", x)][:20],
        "input": any("hook input" in x and "policy drop" in x for x in lines),
        "accepted": [x for x in lines if "dport" in x and x.endswith("accept")][:20],
    }


def engines(system: System, app: str, release: str) -> List[Facts]:
    """Where the release makes an engine of SQLAlchemy's, and whether that asks before use."""
    import ast

    found: List[Facts] = []
    top = f"{app_path(app)}/releases/{release}"
    for folder, directories, files in os.walk(top):
        directories[:] = [n for n in directories if not n.startswith(".") and n not in ASIDE]
        for name in sorted(files):
            path = os.path.join(folder, name)
            if not name.endswith(".py") or os.path.islink(path) or len(found) > 20:
                continue
            text = system.read(path).decode("utf-8", "replace")  # never through a link
            if "create_engine" not in text and "engine_from_config" not in text:
                continue
            try:
                tree = ast.parse(text)
            except (SyntaxError, ValueError):
                continue
            for node in ast.walk(tree):
                if isinstance(node, ast.Call):
                    called = node.func.attr if isinstance(node.func, ast.Attribute) else ""
                    called = node.func.id if isinstance(node.func, ast.Name) else called
                    if called in ("create_engine", "create_async_engine"):
                        given = {keyword.arg for keyword in node.keywords}
                        asks = bool(given & {"pool_pre_ping", "poolclass", None})
                        at = f"{os.path.relpath(path, top)}:{node.lineno}"
                        found.append({"place": at, "asks": asks})
    return found


def _listed(path: str) -> List[str]:
    try:
        return os.listdir(path)
    except OSError:
        return []


def _text(path: str, most: int = 1 << 20) -> str:
    try:
        with open(path, "rb") as file:
            return file.read(most).decode("utf-8", "replace")
    except OSError:
        return ""


def _number(text: str) -> Optional[int]:
    return int(text) if text.isdigit() and int(text) < 1 << 62 else None


def _seconds(found: Sequence[str]) -> Optional[float]:
    """A time as nginx writes it; None when there is none."""
    match = re.fullmatch(r"(\d+)(ms|s|m|h)?", found[0]) if found else None
    if match is None:
        return None
    return int(match.group(1)) * {"ms": 0.001, "m": 60.0, "h": 3600.0}.get(match.group(2), 1.0)
