"""What an app has opened while it was imported, and whether that survives its server.  Pure.

A server that imports the app once and then forks (``preload``) gives every worker a copy of what
was open: one connection for all of them, threads that are not there.  One whose workers import it
for themselves gives each its own, and then only what may exist once does harm.
"""

from typing import Any, Dict, Iterator, List, Mapping, Tuple

from ..finding import Finding
from .served import Served

# What a worker has to do with what it has inherited, by library.
CURES: Dict[str, str] = {
    "sqlalchemy": "engine.dispose(close=False) in each worker",
    "psycopg": "connect in the worker, not at import",
    "psycopg2": "connect in the worker, not at import",
    "psycopg_pool": "ConnectionPool(open=False), and pool.open() in each worker",
    "sqlite3": "connect in the worker, not at import",
    "redis": "subscribe in the worker, not at import",
    "grpc": "make the channel in the worker, not at import",
    "pymongo": "make the MongoClient in the worker, not at import",
    "asyncio": "make the loop in the worker, not at import",
}
SERVERS: Dict[str, str] = {
    "uwsgi": "lazy-apps = true in the server's settings",
    "gunicorn": "preload_app = False in the server's settings",
}
ENDS = ("SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGCHLD")
QUIET = ("multiprocessing.resource_tracker",)  # ends with its parent, keeps nothing
ONCE = ("apscheduler", "prometheus-client")  # not broken by a fork, but by there being several


def fork_findings(report: Mapping[str, Any], served: Served) -> Iterator[Finding]:
    known: List[Mapping[str, Any]] = report["known"]
    if served.preload:
        yield from _shared(report, served)
    else:
        yield from _schedulers(known, served)
    yield from _metrics(known, served)
    yield from _ports(report["sockets"])
    yield from _processes(report, served)
    yield from _signals(report["signals"])


def _shared(report: Mapping[str, Any], served: Served) -> Iterator[Finding]:
    evidence: List[str] = []
    cures: List[str] = []
    places: List[str] = []
    for one in report["known"]:
        if one["library"] in CURES:
            evidence.append(f"{one['library']}: {one['what']}")
            cures.append(CURES[one["library"]])
    for one in report["sockets"]:
        if one["kind"] == "connected":
            evidence.append(f"a connection to {one['address']}{_at(one)}")
            places.append(one["place"])
    for one in report["threads"]:
        evidence.append(f"a thread, {one['what']}{_at(one)}: the workers will not have it")
        places.append(one["place"])
    for one in _running(report):
        evidence.append(f"process {one['pid']}: {one['command']}")
    if not evidence:
        return
    help = SERVERS.get(served.server, "have each worker import the app")
    if cures:
        help += f"; or {'; '.join(dict.fromkeys(cures))}"
    yield Finding(
        "fork-unsafe",
        "refuse",
        f"{served.server} imports the app once and then forks; what is open by then is shared by "
        f"{served.processes} workers, or lost",
        tuple(evidence),
        next((place for place in places if place), ""),
        help,
    )


def _schedulers(known: List[Mapping[str, Any]], served: Served) -> Iterator[Finding]:
    for one in known:
        if one["library"] == "apscheduler" and served.processes > 1:
            yield Finding(
                "scheduler-multiplied",
                "warn",
                f"the app starts a scheduler while it is imported: each of {served.processes} "
                "processes runs every job",
                (f"{one['library']}: {one['what']}",),
                help="run it as a process of its own, or start it in one of them only",
            )


def _metrics(known: List[Mapping[str, Any]], served: Served) -> Iterator[Finding]:
    for one in known:
        if one["library"] == "prometheus-client" and served.processes > 1:
            yield Finding(
                "metrics-apart",
                "warn",
                f"each of {served.processes} processes counts its metrics for itself; whoever "
                "reads them gets those of any one",
                (f"{one['library']}: {one['what']}",),
                help=f"PROMETHEUS_MULTIPROC_DIR, a directory below {served.shared} that is emptied "
                "at each start",
            )


def _ports(sockets: List[Mapping[str, Any]]) -> Iterator[Finding]:
    for one in sockets:
        if one["kind"] == "listens":
            yield Finding(
                "port-opened",
                "refuse",
                f"the app listens on {one['address']} by itself as soon as it is imported",
                ("two releases run side by side during a deploy, and each has several processes",),
                one["place"],
                'call run() only under if __name__ == "__main__": the app server listens',
            )


def _processes(report: Mapping[str, Any], served: Served) -> Iterator[Finding]:
    running = _running(report)
    if not running or served.preload:
        return
    copies = [one for one in running if "copy of the app" in one["command"]]
    place = next((place for place in report["forks"] if place), "")
    evidence = tuple(f"process {one['pid']}: {one['command']}" for one in running[:5])
    if copies:
        yield Finding(
            "import-leaves-running",
            "refuse",
            "the app forks while it is imported, and the copy goes on: its server knows nothing "
            "of it",
            evidence,
            place,
            "fork in a process of its own, not in a web worker",
        )
    else:
        yield Finding(
            "import-leaves-running",
            "warn",
            "the app starts processes while it is imported: each of its server's "
            f"{served.processes} processes starts its own",
            evidence,
            place,
            "run them beside the web processes, as processes of the app",
        )


def _running(report: Mapping[str, Any]) -> List[Mapping[str, Any]]:
    return [one for one in report["children"] if not any(word in one["command"] for word in QUIET)]


def _signals(signals: List[Mapping[str, Any]]) -> Iterator[Finding]:
    taken = [one for one in signals if one["signal"] in ENDS]
    if taken:
        names = " and ".join(one["signal"] for one in taken)
        yield Finding(
            "signal-taken",
            "warn",
            f"the app takes {names} from its server, which is told by it to end its requests",
            tuple(f"{one['signal']}: {one['handler']}" for one in taken),
            next((one["place"] for one in taken if one["place"]), ""),
            "use atexit, or the server's own hooks",
        )


def _at(one: Mapping[str, Any]) -> str:
    return f" ({one['place']})" if one["place"] else ""


def library_names() -> Tuple[str, ...]:
    """Libraries that are known by name."""
    return (*CURES, *ONCE)
