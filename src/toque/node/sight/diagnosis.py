"""What is wrong, by the facts: the links from the visitor to the database, and findings.  Pure.

Each rule looks at one link and proves what it says with lines it has read; what it only suspects
is a finding that is not certain.  A broken link further down explains those above it, so the
findings come deepest first: the first one is the cause.

A rule says nothing about what could not be looked at: facts that are missing prove nothing.
"""

import re
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from ..evidence import cause as last_exception
from ..evidence import telling
from ..finding import REFUSE, WARN, Finding
from ..record import dataclass, replace
from .failures import NO_TELLING, Cause, Failure, failures
from .lines import Entry

Facts = Mapping[str, Any]
Rule = Callable[[Facts], Iterator[Finding]]

LINKS = ("client", "dns", "nginx", "socket", "process", "app", "database", "machine")
FINE, BROKEN, DOUBTFUL, UNSEEN = "fine", "broken", "doubtful", "not seen"

FULL_BYTES = 1 << 20  # a file system with less than this free, for whoever is not root, is full
NEARLY = 0.05
CLOCK_S = 60.0  # certificates and signatures begin to fail
STALLED_PERCENT = 20.0  # of the last ten seconds all processes waited for memory
SOON_S = 14 * 86400.0  # a certificate that ends within this should have been renewed


@dataclass(frozen=True)
class Link:
    name: str
    state: str
    said: str


@dataclass(frozen=True)
class Diagnosis:
    """``links`` from the visitor inwards; ``findings`` deepest first: the first is the cause."""

    links: Tuple[Link, ...]
    findings: Tuple[Finding, ...]

    @property
    def cause(self) -> Optional[Finding]:
        return self.findings[0] if self.findings else None


def diagnose(facts: Facts) -> Diagnosis:
    """All rules, and what they leave of each link."""
    found: Dict[str, List[Finding]] = {
        name: [finding for rule in RULES[name] for finding in rule(facts)]
        for name in reversed(LINKS)
    }
    ordered = [finding for name in found for finding in found[name]]
    if not any(finding.refuses for finding in ordered):
        past = [*_past(facts), *_blind(facts)]
        known = {finding.code for finding in ordered}
        ordered += [finding for finding in past if finding.code not in known]
    ordered.sort(key=lambda f: (not f.refuses, not f.certain))
    links = tuple(Link(name, *_state(name, found[name], facts)) for name in LINKS)
    return Diagnosis(links, tuple(ordered))


def _state(name: str, found: Sequence[Finding], facts: Facts) -> Tuple[str, str]:
    worst = next((f for f in found if f.refuses), found[0] if found else None)
    if worst is not None:
        return (BROKEN if worst.refuses and worst.certain else DOUBTFUL), worst.message
    return _fine(name, facts)


def _fine(name: str, facts: Facts) -> Tuple[str, str]:
    """What can be said for a link that no rule has anything against."""
    through, direct = _of(facts, "through"), _of(facts, "direct")
    unit, queue = _of(facts, "unit"), _of(facts, "socket")
    if name == "client":
        seen = _of(facts, "client")
        return _answered(seen) if seen.get("status") else (UNSEEN, "not asked from here")
    if name == "dns":
        domains = _of(facts, "names")
        return (FINE, ", ".join(domains)) if domains else (UNSEEN, "no domains are declared")
    if name == "nginx":
        return _answered(through) if through.get("status") else (UNSEEN, "no answer")
    if name == "socket" and "queued" in queue:
        if not queue.get("there"):
            return DOUBTFUL, f"there is no {queue['path']}"
        said = f"mode {queue.get('mode')}, group {queue.get('group')}, {queue['queued']} waiting"
        return FINE, said
    if name == "process" and unit.get("running"):
        return FINE, f"{unit['name']} runs, {len(_listed(facts, 'processes'))} processes"
    if name == "app" and direct.get("status"):
        return _answered(direct)
    if name == "database":
        databases = [d for d in _listed(facts, "database") if d.get("code") == 0]
        said = ", ".join(f"{d['name']} takes {d['user']}" for d in databases)
        return (FINE, said) if databases else (UNSEEN, "no variable names one")
    if name == "machine" and _listed(facts, "disk"):
        least = min(_listed(facts, "disk"), key=lambda d: float(d["free"]))
        return FINE, f"{least['free'] >> 20} MiB free at {least['path']}"
    return UNSEEN, "could not be looked at"


def _answered(answer: Facts) -> Tuple[str, str]:
    """A link that only hands on what is broken behind it is not broken itself."""
    return (FINE if answer["status"] < 500 else DOUBTFUL), _said(answer)


def _said(answer: Facts) -> str:
    what = f"{answer.get('status')} {answer.get('reason', '')}".strip()
    return f"{what} in {answer.get('seconds', 0):.2f} s"


# --- reading facts --------------------------------------------------------------------------------


def _of(facts: Facts, name: str) -> Facts:
    found = facts.get(name)
    return found if isinstance(found, Mapping) and _looked(facts, name) else {}


def _looked(facts: Facts, name: str) -> bool:
    """Whether it was looked at at all: an empty answer is one."""
    found = facts.get(name)
    return isinstance(found, Mapping) and "unknown" not in found


def _listed(facts: Facts, name: str) -> Sequence[Facts]:
    found = facts.get(name)
    return found if isinstance(found, list) else []


def entries(facts: Facts) -> List[Entry]:
    """The merged log, as entries again."""
    return [
        Entry(
            float(one["at"]), one["source"], one["text"], one.get("release", ""),
            one.get("request", ""), one.get("data", {}),
        )
        for one in _listed(facts, "log")
    ]  # fmt: skip


def _telling(log: Sequence[str]) -> Tuple[str, ...]:
    return tuple(line for line in telling(list(log)) if not NO_TELLING.fullmatch(line))


def _app_lines(facts: Facts) -> List[str]:
    return [entry.text for entry in entries(facts) if entry.source == "app"]


def _nginx_lines(facts: Facts, words: str) -> Tuple[str, ...]:
    said = [entry.text for entry in entries(facts) if entry.source == "nginx"]
    return tuple(text for text in said if re.search(words, text))[-3:]


def _broken(facts: Facts) -> bool:
    """Whether the page does not come through nginx."""
    through = _of(facts, "through")
    return bool(through) and (not through["status"] or through["status"] >= 500)


def _dead(facts: Facts) -> bool:
    """Whether the app does not answer well past nginx."""
    direct = _of(facts, "direct")
    return bool(direct) and (not direct["status"] or direct["status"] >= 500)


# --- machine --------------------------------------------------------------------------------------


def _disk(facts: Facts) -> Iterator[Finding]:
    for disk in _listed(facts, "disk"):
        size, free = float(disk["size"]), float(disk["free"])
        shown = f"{disk['path']}: {free / 2**20:.1f} of {size / 2**20:.0f} MiB free"
        counts = disk.get("files", 0) and disk.get("files_free", 0) <= 0
        if disk.get("read_only") and disk["path"] != "/run":
            yield Finding(
                "file-system-read-only", REFUSE, f"the file system of {disk['path']} is read-only",
                (f"{disk['path']} is mounted read-only",), help="dmesg | tail",
            )  # fmt: skip
        elif size and free < min(FULL_BYTES, size * 0.01):
            yield Finding(
                "disk-full", REFUSE, f"the file system of {disk['path']} is full", (shown,),
                help=f"du -xh {disk['path']} | sort -h | tail",
            )  # fmt: skip
        elif counts:
            yield Finding(
                "disk-full", REFUSE, f"the file system of {disk['path']} has no inode left",
                (f"{disk['path']}: {disk['files_free']} of {disk['files']} inodes free",),
                help=f"du -x --inodes {disk['path']} | sort -n | tail",
            )  # fmt: skip
        elif size and free < size * NEARLY and free < 1 << 30:
            yield Finding(
                "disk-nearly-full", WARN, f"the file system of {disk['path']} is nearly full",
                (shown,), help=f"du -xh {disk['path']} | sort -h | tail",
            )  # fmt: skip


def _memory(facts: Facts) -> Iterator[Finding]:
    memory, unit = _of(facts, "memory"), _of(facts, "unit")
    kernel = [x for x in memory.get("kernel", ()) if re.search(r"[Kk]illed process", x)]
    log = [x for x in _app_lines(facts) if re.search(r"OOM killer|oom-kill|out of memory", x, re.I)]
    evidence = tuple(log[-3:] or kernel[-2:])
    if memory.get("killed_in_unit"):
        evidence += (f"{unit.get('name')}: oom_kill {memory['killed_in_unit']} in memory.events",)
    if unit.get("result") == "oom-kill" or log or memory.get("killed_in_unit"):
        limit = unit.get("memory_max")
        what = f", at its limit of {limit >> 20} MiB" if limit else ""
        level = REFUSE if _broken(facts) or not unit.get("running") else WARN
        yield Finding(
            "out-of-memory", level, f"the kernel killed a process of the app for memory{what}",
            evidence or (f"{unit.get('name')}: Result=oom-kill",),
            help="give it fewer processes in toque.toml, or the machine more memory",
        )  # fmt: skip
    total, left = memory.get("total", 0), memory.get("available", 0)
    stalled = memory.get("stalled_percent", 0.0)
    swap = memory.get("swap", 0)
    swapped = swap and memory.get("swap_free", swap) < swap * 0.1
    if stalled >= STALLED_PERCENT or (total and left < total * 0.03 and (swapped or not swap)):
        yield Finding(
            "memory-short", REFUSE if _dead(facts) else WARN,
            "the machine has no memory left and spends its time on swapping",
            (f"{left >> 20} of {total >> 20} MiB available, swap "
             f"{memory.get('swap_free', 0) >> 20} of {swap >> 20} MiB free, "
             f"all waited for memory {stalled:.0f} % of ten seconds",),
            help="ps -eo rss,args --sort=-rss | head",
            certain=stalled >= STALLED_PERCENT,
        )  # fmt: skip


def _clock(facts: Facts) -> Iterator[Finding]:
    skew = _of(facts, "clock").get("skew_s")
    if skew is not None and abs(float(skew)) > CLOCK_S:
        yield Finding(
            "clock-off", WARN, f"the clock of the machine is {abs(skew):.0f} s "
            f"{'ahead of' if skew > 0 else 'behind'} ours",
            (f"it says {facts.get('at', 0):.0f}, we say {facts.get('at', 0) - skew:.0f}",),
            help="timedatectl set-ntp true",
        )  # fmt: skip


# --- database -------------------------------------------------------------------------------------

# What PostgreSQL and libpq say, in English and with their codes where the words may be translated.
LOGINS: Sequence[Cause] = (
    Cause("database-login-refused",
          "{server} does not take the password of {variable} for {user}",
          r"password authentication failed|no password supplied|[Pp]eer authentication failed",
          "toque setup"),
    Cause("database-login-refused", "{server} has no role {user} that may sign in",
          r"role \"[^\"]*\" (does not exist|is not permitted to log in)", "toque setup"),
    Cause("database-missing", "{server} has no database {name}",
          r"database \"[^\"]*\" does not exist", "toque setup"),
    Cause("database-login-refused", "{server} does not let {user} into {name}",
          r"permission denied for database|no pg_hba.conf entry", "toque setup"),
    Cause("database-connections-exhausted", "{server} takes no more connections",
          r"too many (clients|connections)|remaining connection slots",
          "SELECT pid, state, query FROM pg_stat_activity  -- as postgres, in psql"),
    Cause("database-starting", "{server} is starting or stopping",
          r"the database system is (starting up|shutting down|in recovery)|not yet accepting",
          "journalctl -u 'postgresql*' -n 30"),
    Cause("database-host-unknown", "the name of {server} has no address",
          r"could not translate host name|Name or service not known|Temporary failure in name",
          "getent hosts {host}"),
    Cause("database-unreachable", "{server} cannot be reached",
          r"timeout expired|timed out|No route to host|unreachable", "nc -vz {host} {port}"),
    Cause("database-unreachable", "{server} closes connections at once",
          r"server closed the connection|terminating connection|SSL error",
          "journalctl -u 'postgresql*' -n 30"),
)  # fmt: skip
DOWN = re.compile(r"Connection refused|No such file or directory|Is the server running")


def _database(facts: Facts) -> Iterator[Finding]:
    for database in _listed(facts, "database"):
        server = _of(database, "server")
        where = database["host"] if not database.get("local") else "the database server"
        words = {**database, "server": where}
        said = "\n".join(database.get("said", ()))
        if database.get("code") in (0, -1):
            yield from _load(server, facts)
            continue
        for known in LOGINS:
            if re.search(known.words, said):
                evidence = [*said.splitlines()]
                if server.get("most"):
                    evidence.append(f"{server['used']} of {server['most']} connections are open")
                yield Finding(  # relays a code
                    known.code, REFUSE, known.message.format(**words), tuple(evidence),
                    help=known.helps.format(**words),
                )  # fmt: skip
                break
        else:
            if DOWN.search(said):
                state = server.get("active", "")
                evidence = [*said.splitlines()]
                if server:
                    evidence.append(f"postgresql.service is {state}")
                yield Finding(
                    "database-down", REFUSE, f"{where} does not run", tuple(evidence),
                    help="systemctl start postgresql" if database.get("local")
                    else f"start the server on {database['host']}",
                )  # fmt: skip
            else:
                yield Finding(
                    "database-refused", REFUSE, f"signing in to {where} fails",
                    tuple(said.splitlines()), certain=False,
                )  # fmt: skip


def _load(server: Facts, facts: Facts) -> Iterator[Finding]:
    """A server that takes us, and may be too busy for others."""
    most, used = server.get("most", 0), server.get("used", 0)
    log = [x for x in _app_lines(facts) if re.search(r"too many (clients|connections)", x)]
    if log and _dead(facts):
        yield Finding(
            "database-connections-exhausted", REFUSE, "the app gets no connection to its database",
            (log[-1],), help="SELECT pid, state, query FROM pg_stat_activity  -- in psql",
        )  # fmt: skip
    elif most and used >= most * 0.9:
        yield Finding(
            "database-connections-exhausted", REFUSE if _dead(facts) else WARN,
            f"{used} of {most} connections of the database server are in use",
            (f"max_connections = {most}, {used} open, {server.get('idle_in_transaction', 0)} idle "
             "in a transaction",),
            help="SELECT pid, state, query FROM pg_stat_activity  -- as postgres, in psql",
        )  # fmt: skip
    if server.get("waiting"):
        yield Finding(
            "database-locked", REFUSE if _dead(facts) else WARN,
            f"{server['waiting']} queries wait for a lock that another connection holds",
            (f"pid {server['blocked']}",),
            help="SELECT pg_cancel_backend(PID)  -- as postgres, in psql; the PID is above",
        )  # fmt: skip


STALE = re.compile(
    r"terminating connection due to administrator command|server closed the connection unexpectedly"
    r"|SSL connection has been closed unexpectedly|SSL SYSCALL error: EOF|connection is closed"
    r"|AdminShutdown|the connection is lost|consuming input failed"
)
SHARED = re.compile(r"decryption failed or bad record mac|lost synchronization with server")


def _stale(facts: Facts) -> Iterator[Finding]:
    """Pooled connections that the server had dropped, and engines that would not notice."""
    if any(database.get("code") for database in _listed(facts, "database")):
        return  # a server that is away explains them
    blind = [one for one in _listed(facts, "engines") if not one.get("asks")]
    lines = [x for x in _app_lines(facts) if STALE.search(x)]
    shared = [x for x in _app_lines(facts) if SHARED.search(x)]
    if shared:
        yield Finding(
            "database-connection-shared", WARN,
            "workers of the app use one database connection together", tuple(shared[-2:]),
            help="open connections after the fork: no query at import, or preload_app = False",
            certain=False,
        )  # fmt: skip
    elif lines:
        yield Finding(
            "database-connection-stale", REFUSE if _dead(facts) or _broken(facts) else WARN,
            "the app uses a database connection that the server has closed", tuple(lines[-2:]),
            place=blind[0]["place"] if blind else "",
            help="create_engine(..., pool_pre_ping=True)",
        )  # fmt: skip


def _blind(facts: Facts) -> Iterator[Finding]:
    """Engines that would use a connection without asking whether it is still there."""
    blind = [one for one in _listed(facts, "engines") if not one.get("asks")]
    if blind:
        yield Finding(
            "database-connection-stale", WARN,
            "the app's engine does not ask whether a pooled connection is still there: "
            "a restart of the database will cost a request for each",
            place=blind[0]["place"], help="create_engine(..., pool_pre_ping=True)", certain=False,
        )  # fmt: skip


# --- app ------------------------------------------------------------------------------------------


def _app(facts: Facts) -> Iterator[Finding]:
    """What the page says past nginx, when there is a process to say it."""
    direct, unit = _of(facts, "direct"), _of(facts, "unit")
    if not direct or not unit.get("running"):
        return
    status = int(direct["status"])
    page = _of(facts, "asked").get("page", "/")
    if status >= 500:
        last = [f for f in failures(entries(facts)) if f.code == "app-exception"]
        if last:
            yield Finding(
                "app-exception", REFUSE, f"the app raises on {page}: {last[-1].message}",
                last[-1].trace[-12:], help=f"toque errors {facts['app']} --last",
            )  # fmt: skip
        else:
            yield Finding(
                "app-answered-error", REFUSE, f"the app itself answers {page} with {status}",
                (f"{status} {direct.get('reason', '')}",), help=f"toque logs {facts['app']} --app",
            )  # fmt: skip
    elif status and direct.get("fault"):
        yield Finding(
            "response-cut", REFUSE, f"the answer to {page} ends half-way",
            (f"{status}, then {direct['fault']}",), help=f"toque errors {facts['app']} --last",
        )  # fmt: skip
    elif status == 400 and _of(facts, "asked").get("host"):
        yield Finding(
            "host-not-allowed", REFUSE,
            f"the app answers 400 to the host {facts['asked']['host']}",
            (f"{status} {direct.get('reason', '')}",),
            help="add the name to ALLOWED_HOSTS of the app", certain=False,
        )  # fmt: skip


def _silent(facts: Facts) -> Iterator[Finding]:
    """A process that runs and does not answer: stopped, full, waiting, or only slow."""
    direct, unit, queue = _of(facts, "direct"), _of(facts, "unit"), _of(facts, "socket")
    if not direct or direct["status"] or not unit.get("running") or not queue.get("listening"):
        return
    late = "no answer within" in direct["fault"] or "temporarily unavailable" in direct["fault"]
    states = [str(p.get("state", "")) for p in _listed(facts, "processes")]
    waiting = f"{queue['queued']} wait in the socket's queue of {queue['backlog']}"
    if late and states and all(state in "Tt" for state in states):
        yield Finding(
            "app-suspended", REFUSE, "the processes of the app are suspended (SIGSTOP)",
            tuple(f"{p['name']} ({p['pid']}): state {p['state']}" for p in facts["processes"][:4]),
            help=f"systemctl kill --signal=CONT {unit['name']}",
        )  # fmt: skip
    elif late and queue["backlog"] and queue["queued"] >= queue["backlog"]:
        yield Finding(
            "backlog-full", REFUSE, "the queue of the socket is full: more comes than is answered",
            (waiting, *_nginx_lines(facts, r"failed \(11: ")),
            help="give the app more processes or threads in toque.toml, or find what is slow",
        )  # fmt: skip
    elif late and any(state in "Tt" for state in states):
        yield Finding(
            "app-suspended", REFUSE, "processes of the app are suspended (SIGSTOP)",
            tuple(f"{p['name']} ({p['pid']}): state {p['state']}" for p in facts["processes"][:4]),
            help=f"systemctl kill --signal=CONT {unit['name']}", certain=False,
        )  # fmt: skip
    elif late:
        yield Finding(
            "app-not-answering", REFUSE, "the app runs and does not answer", (waiting,),
            help=f"toque logs {facts['app']} --app", certain=False,
        )  # fmt: skip


def _descriptors(facts: Facts) -> Iterator[Finding]:
    log = [x for x in _app_lines(facts) if "Too many open files" in x]
    full = [
        p for p in _listed(facts, "processes")
        if p.get("descriptors_max") and p["descriptors"] >= p["descriptors_max"] * 0.9
    ]  # fmt: skip
    ill = _dead(facts) or _broken(facts)
    if full or (log and ill):
        shown = [
            f"{p['name']} ({p['pid']}): {p['descriptors']} of {p['descriptors_max']} open"
            for p in full[:3]
        ]
        yield Finding(
            "descriptors-exhausted", REFUSE if ill else WARN,
            "the app has no file descriptors left", tuple(log[-2:] + shown),
            help="LimitNOFILE= in the unit, if the app does not leak them: ls -l /proc/PID/fd",
        )  # fmt: skip


# --- process --------------------------------------------------------------------------------------


def _link(facts: Facts) -> Iterator[Finding]:
    link = _of(facts, "link")
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
    unit, link = _of(facts, "unit"), _of(facts, "link")
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
        direct = _of(facts, "direct")
        moves = unit.get("restarts") or not unit.get("steady", True)
        refused = any(re.match(r"unable to load app |.*Worker failed to boot", x) for x in log)
        dead = direct and not direct["status"] and last_exception(log)
        if dead and (moves or refused):  # between two attempts of its server
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
                _telling(log)[-6:], help=f"toque logs {facts['app']} --app",
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
            (how, *_telling(log)[-12:]), help=f"toque rollback {app}",
        )  # fmt: skip
    return Finding(
        "app-not-starting", REFUSE, f"{name} does not stay up", (how, *log[-6:]),
        help=f"journalctl -u {name} -n 50", certain=False,
    )  # fmt: skip


# --- socket ---------------------------------------------------------------------------------------


def _socket(facts: Facts) -> Iterator[Finding]:
    """The way from nginx into the app, when the app's unit runs."""
    queue, unit, nginx = _of(facts, "socket"), _of(facts, "unit"), _of(facts, "nginx")
    if not queue or not unit.get("running") or not unit.get("steady", True):
        return
    app, path = facts["app"], queue["path"]
    restart = f"systemctl restart {unit['name']}"
    folder = queue.get("folder") or {}
    if not queue["there"]:
        yield Finding(
            "socket-missing", REFUSE, f"the app runs, and its socket {path} is gone",
            _nginx_lines(facts, r"failed \(2: ") or (f"there is no {path}",), help=restart,
        )  # fmt: skip
        return
    if queue["link"] and queue["link"] != path:
        yield Finding(
            "socket-link-wrong", REFUSE, "the release's link to its socket leads elsewhere",
            (f".toque/app.sock -> {queue['link']}, expected {path}",), help=f"toque deploy {app}",
        )  # fmt: skip
    nobody = _of(facts, "direct").get("fault") == "nobody listens there"
    if nobody or not queue["listening"]:
        yield Finding(
            "socket-refused", REFUSE, f"nobody listens on {path}",
            _nginx_lines(facts, r"failed \(111: ") or ("no row of ss is about it",), help=restart,
        )  # fmt: skip
        return
    mode, open_to = int(queue["mode"], 8), folder.get("mode")
    if mode & 0o060 != 0o060 or queue["group"] != app:
        yield Finding(
            "socket-permissions", REFUSE,
            f"nginx may not connect: {path} has mode {queue['mode']}, group {queue['group']}",
            (f"expected mode 660, group {app}", *_nginx_lines(facts, r"failed \(13: ")),
            help=restart,
        )  # fmt: skip
    elif open_to is not None and (int(open_to, 8) & 0o010 == 0 or folder["group"] != app):
        yield Finding(
            "socket-permissions", REFUSE,
            f"nginx may not enter the folder of {path}: mode {open_to}, group {folder['group']}",
            (f"expected mode 750, group {app}", *_nginx_lines(facts, r"failed \(13: ")),
            help=restart,
        )  # fmt: skip
    elif nginx.get("declared_groups") and app not in nginx["declared_groups"]:
        yield Finding(
            "nginx-not-in-group", REFUSE, f"www-data is no member of the group {app}",
            (f"id www-data: {' '.join(nginx['declared_groups'])}",
             *_nginx_lines(facts, r"failed \(13: ")),
            help="toque setup",
        )  # fmt: skip
    elif nginx.get("running") and nginx.get("groups") and app not in nginx["groups"]:
        yield Finding(
            "nginx-not-in-group", REFUSE,
            f"nginx was started before www-data became a member of the group {app}",
            (f"groups of its processes: {' '.join(nginx['groups'])}",
             *_nginx_lines(facts, r"failed \(13: ")),
            help="systemctl restart nginx",
        )  # fmt: skip


# --- nginx ----------------------------------------------------------------------------------------


def _nginx(facts: Facts) -> Iterator[Finding]:
    nginx, port = _of(facts, "nginx"), _of(facts, "port")
    if not nginx:
        return
    said = tuple(nginx.get("said", ()))
    config = [x for x in said if "[emerg]" in x and "bind()" not in x]
    if not nginx.get("installed", True):
        yield Finding("nginx-missing", REFUSE, "nginx is not installed", help="toque setup")
    elif nginx["load"] == "not-found":
        return  # its init has not answered
    elif nginx["test"] and config:
        yield Finding(
            "nginx-config-broken", WARN if nginx["running"] else REFUSE,
            "nginx refuses its configuration" + (
                "; it runs on with the one before" if nginx["running"] else ""),
            tuple(config), place=_config_place(config), help="toque setup",
        )  # fmt: skip
    elif nginx["load"] == "masked":
        yield Finding(
            "unit-masked", REFUSE, "nginx is masked: nothing can start it", ("LoadState=masked",),
            help="systemctl unmask nginx && systemctl start nginx",
        )  # fmt: skip
    elif not nginx["running"]:
        others = [h for h in port.get("holders", ()) if h["name"] != "nginx"]
        if others:
            yield Finding(
                "port-taken", REFUSE,
                f"port {port['port']} is held by {others[0]['name']}, so nginx cannot start",
                tuple(f"{h['name']} (pid {h['pid']}) listens on {port['port']}" for h in others),
                help=f"systemctl status {others[0]['pid']}",
            )  # fmt: skip
        else:
            yield Finding(
                "nginx-stopped", REFUSE, "nginx does not run",
                (f"nginx.service is {nginx['active']}",), help="systemctl start nginx",
            )  # fmt: skip


def _config_place(lines: Sequence[str]) -> str:
    found = re.search(r" in (/\S+:\d+)", lines[0])
    return found.group(1) if found else ""


def _site(facts: Facts) -> Iterator[Finding]:
    """Whether nginx's text for this app leads to it."""
    site, nginx, app = _of(facts, "site"), _of(facts, "nginx"), facts["app"]
    if not nginx or not nginx.get("installed", True) or not _looked(facts, "site"):
        return
    expected = f"/srv/www/{app}/current/.toque/app.sock"
    if not site:
        yield Finding(
            "site-missing", REFUSE, f"nginx has no site for {app}",
            (f"nothing in /etc/nginx/sites-enabled names /srv/www/{app}",), help="toque setup",
        )  # fmt: skip
        return
    if site["upstreams"] and expected not in site["upstreams"]:
        yield Finding(
            "upstream-wrong", REFUSE, f"the site of {app} sends visitors to another socket",
            (f"{site['file']}: unix:{site['upstreams'][0]}", f"expected unix:{expected}"),
            place=site["file"], help="toque setup",
        )  # fmt: skip
    elif not _dead(facts) and _of(facts, "direct"):
        lines = _nginx_lines(facts, r"connect\(\) to unix:")
        other = [x for x in lines if expected not in x]
        if other and _broken(facts):
            yield Finding(
                "upstream-wrong", REFUSE, "nginx runs with an older configuration than its files",
                tuple(other), help="systemctl reload nginx",
            )  # fmt: skip


def _through(facts: Facts) -> Iterator[Finding]:
    """The app answers well, and through nginx it does not."""
    through, nginx = _of(facts, "through"), _of(facts, "nginx")
    if not through or _dead(facts) or not nginx.get("running") or not _of(facts, "direct"):
        return
    if _broken(facts):
        last = failures(entries(facts))[-1:]
        codes = {f.code for f in last}
        known = {"socket-missing", "socket-permissions", "socket-refused", "upstream-wrong"}
        if last and codes & {
            "header-too-big",
            "disk-full",
            "descriptors-exhausted",
            "answer-too-late",
        }:
            yield _again(last, REFUSE, facts)
        elif not last or not codes & known:
            yield Finding(
                "nginx-bad-answer", REFUSE,
                f"the app answers {_of(facts, 'direct')['status']}, nginx "
                f"{through['status'] or through['fault']}",
                last[0].trace if last else (), help=f"toque logs {facts['app']} --nginx",
                certain=False,
            )  # fmt: skip
    elif through["status"] in (403, 404) and _of(facts, "direct").get("status", 0) < 400:
        yield Finding(
            "site-missing", REFUSE, "another site of nginx answers in the place of the app's",
            (f"nginx answers {through['status']}, the app {_of(facts, 'direct')['status']}",),
            help="toque setup", certain=False,
        )  # fmt: skip


def _certificates(facts: Facts) -> Iterator[Finding]:
    now = float(facts.get("at", 0))
    for one in _listed(facts, "certificates"):
        ends = one.get("ends")
        if ends is None:
            yield Finding(
                "certificate-unreadable", REFUSE, f"the certificate {one['path']} cannot be read",
                tuple(one.get("said", ())), place=one["path"], help="toque setup",
            )  # fmt: skip
        elif ends <= now:
            yield Finding(
                "certificate-expired", REFUSE, f"the certificate {one['path']} has expired",
                tuple(one.get("said", ())), place=one["path"], help="certbot renew",
            )  # fmt: skip
        elif ends - now < SOON_S:
            yield Finding(
                "certificate-expired", WARN,
                f"the certificate {one['path']} ends in {(ends - now) / 86400:.0f} days",
                tuple(one.get("said", ())), place=one["path"], help="certbot renew",
            )  # fmt: skip


# --- dns and client -------------------------------------------------------------------------------


def _dns(facts: Facts) -> Iterator[Finding]:
    own = {str(one) for one in facts.get("addresses") or ()}
    for domain, found in _of(facts, "names").items():
        seen = _of(_of(facts, "client_names"), domain)
        error = found.get("error") or seen.get("error")
        if found.get("error") and (not seen or seen.get("error")):
            sure = not re.search(r"Temporary|again", f"{found['error']} {seen.get('error', '')}")
            yield Finding(
                "domain-unknown", REFUSE, f"{domain} has no address", (f"{domain}: {error}",),
                help=f"add an A record for {domain} where the domain is registered", certain=sure,
            )  # fmt: skip
            continue
        told = {str(one) for one in seen.get("addresses") or found.get("addresses") or ()}
        if own and told and not told & own:
            yield Finding(
                "domain-elsewhere", REFUSE if _client_fails(facts) else WARN,
                f"{domain} leads to {', '.join(sorted(told)[:3])}, which is not this machine",
                (f"this machine has {', '.join(sorted(own)[:4])}",),
                help=f"point {domain} at this machine, unless a proxy in between is meant",
                certain=False,
            )  # fmt: skip


def _client_fails(facts: Facts) -> bool:
    client = _of(facts, "client")
    return bool(client) and not client.get("status")


def _client(facts: Facts) -> Iterator[Finding]:
    """We get no answer from here, though the machine gives itself one."""
    client, through = _of(facts, "client"), _of(facts, "through")
    if not client or client.get("status") or not through or not through.get("status"):
        return
    port = _of(facts, "port").get("port", 80)
    wall = _of(facts, "firewall")
    drops = [x for x in wall.get("refusing", ()) if f"dport {port} " in x + " " or "dport" not in x]
    named = [x for x in drops if re.search(rf"dport (\{{[^}}]*\b)?{port}\b", x)]
    allowed = any(re.search(rf"\b{port}\b", x) for x in wall.get("accepted", ()))
    said = (f"from here: {client.get('fault')}", f"on the machine: {_said(through)}")
    if named or (wall.get("input") and not allowed):
        yield Finding(
            "port-blocked", REFUSE, f"a firewall on the machine drops what comes to port {port}",
            (*said, *(named or drops)[:3]), help="toque setup",
        )  # fmt: skip
    else:
        yield Finding(
            "port-blocked", REFUSE, f"port {port} cannot be reached from here", said,
            help="look at the firewall of the provider and of this network", certain=False,
        )  # fmt: skip


# --- what was ----------------------------------------------------------------------

WHAT_HELPS = {
    "app-exception": "toque errors {app} --last",
    "answer-too-late": "toque errors {app}; nginx waits proxy_read_timeout",
    "body-too-large": "largest_body in toque.toml, cookbook nginx",
    "header-too-big": "proxy_buffer_size in the site, or smaller cookies",
    "static-unreadable": "namei -l PATH as www-data",
    "worker-timeout": "make it faster, or answer_within_s in toque.toml",
    "worker-killed": "toque errors {app} --last",
    "disk-full": "df -h; df -i",
}


def _past(facts: Facts) -> Iterator[Finding]:
    """Requests that failed lately, though all is well now: one finding for each cause."""
    by_code: Dict[str, List[Failure]] = {}
    for failure in failures(entries(facts)):
        by_code.setdefault(failure.code, []).append(failure)
    for same in sorted(by_code.values(), key=len, reverse=True):
        yield _again(same, WARN, facts)


def _again(same: Sequence[Failure], level: str, facts: Facts) -> Finding:
    last = same[-1]
    message = last.message
    if last.code == "answer-too-late":
        limit = _of(facts, "site").get("read_timeout")
        message = f"nginx waited {limit:g} s for an answer" if limit else message
    times = f"{len(same)} requests failed" if len(same) > 1 else "a request failed"
    what = f"{last.status} {last.method} {last.uri}"
    helps = WHAT_HELPS.get(last.code, "toque errors {app}").format(app=facts["app"])
    return Finding(  # relays a code
        last.code, level, f"{times}, last {what}: {message}", last.trace[-12:], help=helps,
        certain=last.certain,
    )  # fmt: skip


RULES: Mapping[str, Sequence[Rule]] = {
    "machine": (_disk, _memory, _clock),
    "database": (_database, _stale),
    "process": (_link, _unit),
    "app": (_descriptors, _silent, _app),
    "socket": (_socket,),
    "nginx": (_nginx, _site, _through, _certificates),
    "dns": (_dns,),
    "client": (_client,),
}
