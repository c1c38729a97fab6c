"""Imports an app once, as its server will, and tells what that did.  Runs as the app's user.

A process of its own imports the app under an audit hook; the one above it looks after it: it waits
for no app that never ends, it says how one died that left without a word, and it kills whatever
an app has started and left behind.  One line of JSON on standard output is the whole answer; what
the app prints is part of it.

Values of variables are never told, only their names.
"""

import contextlib
import ctypes
import errno
import faulthandler
import gc
import importlib
import json
import os
import re
import select
import signal
import socket
import stat
import sys
import threading
import time
import traceback
from types import CodeType, FrameType
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Set, Tuple
from urllib.parse import parse_qs, unquote, urlsplit

KEPT = 64 << 10  # bytes of what an app prints
LINES = 40
MOST_FDS = 1024  # what a process may have by default
GRACE_S = 0.3  # a thread that ends this soon after the import was none to worry about
CONNECT_S = 3.0
SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER, prctl(2)
SECRET = re.compile(
    r"(secret|signing_?key|encryption_?key|jwt_?key|session_?key|password_?salt)"
    # What is said about a secret is none.
    r"(?!.*_(prefix|name|header|field|url|uri|file|path|id|length|size|ttl|algorithm|timeout)s?$)",
    re.IGNORECASE,
)
FILE_NAME = re.compile(r".*\.(json|pem|key|txt|toml|ya?ml|ini|env)")
WELL_KNOWN = re.compile(
    r"^(django-insecure-.*|dev|development|test|testing|secret|secret[-_ ]?key|change[-_ ]?me.*|"
    r"password|insecure|default|key|mysecret|my[-_ ]secret([-_ ]key)?|your[-_ ]secret[-_ ]key.*|"
    r"super[-_ ]?secret([-_ ]key)?|not[-_ ]?(so[-_ ])?secret)$",
    re.IGNORECASE,
)
SIGNALS = ("SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGCHLD", "SIGUSR1", "SIGUSR2", "SIGWINCH")
DATABASES = re.compile(r"(postgres|postgresql|mysql|mariadb|redis|rediss)(\+\w+)?://\S+\Z", re.I)
PORTS = {"postgres": 5432, "postgresql": 5432, "mysql": 3306, "mariadb": 3306}

Told = Dict[str, Any]


# --- the process above ----------------------------------------------------------------------------


def watched(work: Callable[[Callable[[Told], None]], None], limit_s: float) -> Told:
    """What ``work`` told in a process of its own, and how that ended.

    ``told`` is None when it ended without a word; ``status`` as of ``os.waitpid``; ``late`` when
    it was killed after ``limit_s``; ``left`` are the processes that it had left behind.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(SUBREAPER, 1, 0, 0, 0)
    words_in, words_out = os.pipe()
    log_in, log_out = os.pipe()
    child = os.fork()
    if child == 0:
        _apart(work, words_out, log_out, limit_s, (words_in, log_in))
    os.close(words_out)
    os.close(log_out)
    words, log = bytearray(), bytearray()
    until = time.monotonic() + limit_s
    ended: Optional[int] = None
    while ended is None and time.monotonic() < until:
        ready, _, _ = select.select([words_in, log_in], [], [], 0.02)
        for source, kept in ((words_in, words), (log_in, log)):
            if source in ready:
                kept += os.read(source, 1 << 16)
        _trim(log)
        gone, status = os.waitpid(child, os.WNOHANG)
        ended = status if gone else None
        if ended is None and not ready:
            time.sleep(0.005)
    told = _drained(words_in, words, log_in, log, child)
    left = [one for one in _descendants(os.getpid()) if one["pid"] != child]
    _kill_all(child)
    more = _drained(words_in, words, log_in, log, child)
    return {
        "told": told or more,
        "status": ended,
        "late": ended is None and told is None,
        "left": left,
        "log": log.decode("utf-8", "replace").splitlines()[-LINES:],
    }


def _apart(
    work: Callable[[Callable[[Told], None]], None],
    words: int,
    log: int,
    limit_s: float,
    others: Tuple[int, ...],
) -> None:
    """The child: everything that the app prints goes to ``log``; never returns."""
    own = os.getpid()

    def tell(told: Told) -> None:
        faulthandler.cancel_dump_traceback_later()
        line = json.dumps({**told, "pid": os.getpid(), "original": os.getpid() == own})
        data = line.encode() + b"\n"
        while data:
            data = data[os.write(words, data) :]

    try:
        os.setpgrp()
        for other in others:
            os.close(other)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.close(nothing)
        os.close(log)
        os.set_inheritable(words, False)
        faulthandler.enable(file=2, all_threads=False)
        faulthandler.dump_traceback_later(max(0.1, limit_s - 0.3), exit=False, file=2)
        work(tell)
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:  # noqa: BLE001 - nothing of this may unwind into the frames above
        with contextlib.suppress(BaseException):
            tell({"broken": traceback.format_exc().splitlines()[-LINES:]})
    finally:
        with contextlib.suppress(Exception):
            sys.stderr.flush()
        os._exit(0)


def _drained(
    words_in: int, words: bytearray, log_in: int, log: bytearray, child: int
) -> Optional[Told]:
    """Read what is there now; the first whole answer, the original process's if there is one."""
    for source, kept in ((words_in, words), (log_in, log)):
        while select.select([source], [], [], 0)[0]:
            part = os.read(source, 1 << 16)
            if not part:
                break
            kept += part
    _trim(log)
    lines = [json.loads(line) for line in bytes(words).split(b"\n")[:-1]]
    return next((one for one in lines if one["original"]), lines[0] if lines else None)


def _trim(log: bytearray) -> None:
    """Keep its last whole lines."""
    if len(log) > KEPT:
        del log[:-KEPT]
        del log[: log.find(b"\n") + 1 or len(log)]


def _processes() -> Dict[int, Tuple[int, str]]:
    """Every process: the one above it, and its state as of proc(5); none without a /proc."""
    found = {}
    for name in os.listdir("/proc") if os.path.isdir("/proc/self") else ():
        if name.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:
                words = file.read().rpartition(b")")[2].split()
                found[int(name)] = int(words[1]), words[0].decode()
    return found


def _descendants(above: int) -> List[Told]:
    """The processes below one that still run."""
    there = _processes()
    below: Set[int] = set()
    for pid in there:
        line, at = [pid], there[pid][0]
        while at in there and at != above and len(line) < 100:
            line.append(at)
            at = there[at][0]
        if at == above:
            below.update(line)
    return [{"pid": pid, "command": _command(pid)} for pid in sorted(below) if there[pid][1] != "Z"]


def _command(pid: int) -> str:
    with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as file:
        words = file.read().rstrip(b"\0").split(b"\0")
        text = " ".join(os.fsdecode(word) for word in words)
        return "a copy of the app's own process" if "<rehearsal>" in text else text[:100]
    return ""


def _kill_all(child: int) -> None:
    """Everything below this process; what is orphaned meanwhile becomes ours and is killed too."""
    with contextlib.suppress(OSError):  # all that can be done where there is no /proc
        os.killpg(child, signal.SIGKILL)
    for _ in range(50):
        below = [one["pid"] for one in _descendants(os.getpid())]
        if not below:
            return
        for pid in below:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(OSError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(0.01)


# --- what happens during the import ---------------------------------------------------------------


class Recorder:
    """What the app does while it is imported, and where in its own code."""

    def __init__(self, code: str) -> None:
        self.code = code.rstrip("/") + "/"
        self.on = False
        self.missing: Dict[str, str] = {}  # variables that it looked for in vain
        self.threads: Dict[int, str] = {}  # id of a Thread to the place of its start
        self.bound: Dict[int, str] = {}  # descriptor to the place of its bind or connect
        self.forks: List[str] = []

    def install(self) -> None:
        sys.addaudithook(self._hook)
        start = threading.Thread.start

        def started(self_: threading.Thread) -> None:
            self.threads[id(self_)] = self.place()
            start(self_)

        threading.Thread.start = started  # type: ignore[method-assign, assignment]
        kind = type(os.environ)
        get = kind.__getitem__

        def lookup(environ: Any, key: Any) -> Any:
            try:
                return get(environ, key)
            except KeyError:
                if self.on and isinstance(key, str):
                    self.missing.setdefault(key, self.place())
                raise

        kind.__getitem__ = lookup  # type: ignore[method-assign]

    def _hook(self, event: str, args: Tuple[Any, ...]) -> None:
        if not self.on:
            return
        if event in ("socket.connect", "socket.bind"):
            with contextlib.suppress(Exception):
                self.bound[args[0].fileno()] = self.place()
        elif event in ("os.fork", "os.forkpty", "subprocess.Popen", "os.posix_spawn", "os.system"):
            self.forks.append(self.place())

    def place(self, frame: Optional[FrameType] = None) -> str:
        """``file:line`` of the innermost frame in the app's own code; empty when there is none."""
        at: Optional[FrameType] = frame or sys._getframe(1)
        while at is not None:
            if self.own(at.f_code.co_filename):
                return f"{at.f_code.co_filename[len(self.code) :]}:{at.f_lineno}"
            at = at.f_back
        return ""

    def own(self, path: str) -> bool:
        inside = path.startswith(self.code)
        return inside and not re.search(r"/(site-packages|dist-packages|\.toque)/", path)

    def of(self, code: Optional[CodeType]) -> str:
        """Where a function of the app's is."""
        if code is None or not self.own(code.co_filename):
            return ""
        return f"{code.co_filename[len(self.code) :]}:{code.co_firstlineno}"


def raised(error: BaseException, recorder: Recorder, stage: str) -> Told:
    """An exception as data, with the place in the app's own code."""
    place = ""
    if isinstance(error, SyntaxError) and error.filename and recorder.own(error.filename):
        place = f"{error.filename[len(recorder.code) :]}:{error.lineno}"
    if not place:
        for frame, line in traceback.walk_tb(error.__traceback__):
            if recorder.own(frame.f_code.co_filename):
                place = f"{frame.f_code.co_filename[len(recorder.code) :]}:{line}"
    told = {
        "stage": stage,
        "type": type(error).__name__,
        "bases": [base.__name__ for base in type(error).__mro__[:-1]],
        "message": _text(error),
        "name": str(getattr(error, "name", "") or ""),
        "file": _file_of(error),
        "line": cut((getattr(error, "text", None) or "").strip(), 200),
        "built_for": built_for(error),
        "errno": getattr(error, "errno", None),
        "place": place,
        "trace": _trace(error),
    }
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        told["cause"] = {"type": type(cause).__name__, "message": _text(cause)}
    return told


def _trace(error: BaseException) -> List[str]:
    """The innermost frames, without ours and those of the import system, and the exception."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename != "<rehearsal>" and "importlib" not in frame.filename
    ]
    lines = ["Traceback (most recent call last):", *traceback.format_list(frames[-6:])]
    lines += traceback.format_exception_only(type(error), error)
    kept = [one for line in lines for one in line.splitlines() if one.strip(" ^~")]
    return kept[-LINES:]


def built_for(error: Optional[BaseException]) -> List[str]:
    """Extension modules beside the one that was not found, made for another Python or machine."""
    while error is not None:
        for package, last in _sought(error):
            for folder in _folders(package, error):
                with contextlib.suppress(OSError):
                    there = sorted(os.listdir(folder))
                    found = [one for one in there if re.match(last + r"\..*\.so\Z", one)]
                    if found:
                        return found[:4]
        error = error.__cause__ or error.__context__
    return []


def _folders(package: str, error: BaseException) -> List[str]:
    """Where a package is; one whose import has failed is no longer among the modules."""
    found = list(getattr(sys.modules.get(package), "__path__", ()))
    path = getattr(error, "path", None)
    return found or ([os.path.dirname(path)] if isinstance(path, str) else [])


def _sought(error: BaseException) -> Iterator[Tuple[str, str]]:
    """Package and module that an ImportError is about."""
    name = getattr(error, "name", None)
    if not isinstance(error, ImportError) or not isinstance(name, str):
        return
    if "." in name:
        package, _, last = name.rpartition(".")
        yield package, last
    words = re.match(r"cannot import name '(\w+)' from ", str(error))
    if words:
        yield name, words[1]


def _text(error: BaseException) -> str:
    try:
        return cut(str(error), 1000)
    except Exception:  # noqa: BLE001 - an app's own exception may do anything
        return "(it cannot be printed)"


def cut(text: str, most: int) -> str:
    """At most so many characters, and no word in part: half a secret is not known for one."""
    if len(text) <= most:
        return text
    return "".join(re.findall(r"\S*\s", text[:most])) + "..."


def _file_of(error: BaseException) -> str:
    name = getattr(error, "filename", None) or getattr(error, "path", None) or ""
    return os.path.abspath(name) if isinstance(name, str) and name else ""


# --- importing ------------------------------------------------------------------------------------


def entry_of(entry: str) -> Tuple[str, str, bool]:
    """Module, name and whether it is to be called: ``wsgi:create_app()``."""
    module, _, name = entry.partition(":")
    calls = name.endswith("()")
    return module, name[:-2] if calls else name or "application", calls


class NoEntry(Exception):
    """The module is there, what it was to have is not; ``others`` are what it has."""

    def __init__(self, problem: str, others: List[str]) -> None:
        super().__init__(problem)
        self.problem = problem
        self.others = others


def load(entry: str) -> Any:
    """The callable that a server would serve."""
    name, attribute, calls = entry_of(entry)
    module = importlib.import_module(name)
    try:
        found: Any = module
        for part in attribute.split("."):
            found = getattr(found, part)
    except AttributeError as error:
        if attribute.split(".")[0] in vars(module):
            raise
        raise NoEntry("missing", apps_in(module)) from error
    if calls:
        found = found()
    if not callable(found):
        raise NoEntry("not-callable", apps_in(module))
    if not calls and _factory(found):
        raise NoEntry("factory" if _free(found) else "factory-arguments", apps_in(module))
    return found


def apps_in(module: Any) -> List[str]:
    """Names in a module that look like an app, or like a function that makes one."""
    found = []
    for name, value in sorted(vars(module).items()):
        with contextlib.suppress(Exception):  # a stand-in for a request, which there is none of
            if name.startswith("_") or isinstance(value, type) or not callable(value):
                continue
            if interface_of(value) and not _factory(value):
                found.append(name)
            elif re.match(r"(create|make|build|get)_\w*app", name):
                found.append(f"{name}()")
    return found[:8]


def _parameters(function: Any) -> Optional[List[Any]]:
    import inspect

    try:
        kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        given = inspect.signature(function).parameters.values()
        if any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in given):
            return None
        return [p for p in given if p.kind in kinds]
    except (TypeError, ValueError):
        return None


def _factory(found: Any) -> bool:
    """Whether it cannot be called as a server calls an app: with 2 arguments, or with 3."""
    given = _parameters(found)
    if given is None:
        return False
    needed = [p for p in given if p.default is p.empty]
    return len(given) < 2 or len(needed) > 3


def _free(found: Any) -> bool:
    """Whether it can be called without arguments."""
    return not [p for p in _parameters(found) or () if p.default is p.empty]


def interface_of(app: Any) -> str:
    """``wsgi``, ``asgi`` or nothing when it cannot be told."""
    import inspect

    names = {base.__name__ for base in type(app).__mro__}
    if names & {"Starlette", "ASGIHandler", "Quart"}:
        return "asgi"
    if names & {"Flask", "WSGIHandler", "Bottle"}:
        return "wsgi"
    call = app if inspect.isfunction(app) or inspect.ismethod(app) else type(app).__call__
    given = _parameters(app)
    if inspect.iscoroutinefunction(call):
        return "asgi" if given is None or len(given) in (1, 3) else ""
    if given is None:
        return ""
    return {2: "wsgi", 3: "asgi"}.get(len([p for p in given if p.default is p.empty]), "")


# --- what is open afterwards ----------------------------------------------------------------------


def open_sockets() -> Dict[int, int]:
    """Descriptors that are sockets, and what tells one from another under the same number."""
    found = {}
    for fd in range(MOST_FDS):
        with contextlib.suppress(OSError):
            there = os.fstat(fd)
            if stat.S_ISSOCK(there.st_mode):
                found[fd] = there.st_ino
    return found


def sockets(before: Mapping[int, int], recorder: Recorder, safe: Set[int]) -> Iterator[Told]:
    """Connections and listening sockets that the import has left open.

    Datagrams (statsd, syslog) may be shared by processes, and so may what ``safe`` lists.
    """
    for fd, number in open_sockets().items():
        if before.get(fd) == number or fd in safe:
            continue
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(fd)) as one:
            if one.type != socket.SOCK_STREAM:
                continue
            listens = one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
            try:
                peer = one.getsockname() if listens else one.getpeername()
            except OSError as error:
                if error.errno != errno.ENOTCONN:
                    continue
                # Bound but not listening yet takes the port as well.
                peer, listens = one.getsockname(), 1
                if not peer or (isinstance(peer, tuple) and not peer[1]):
                    continue
            shown = _address(peer)
            if not shown or shown.startswith(("/dev/log", "/run/systemd/journal")):
                continue  # a pair of its own, as each event loop has; a logger
            kind = "listens" if listens else "connected"
            yield {"kind": kind, "address": shown, "place": recorder.bound.get(fd, "")}


def _address(peer: Any) -> str:
    if isinstance(peer, bytes):
        peer = peer.decode("utf-8", "replace")
    if isinstance(peer, str):
        return peer
    return f"{peer[0]}:{peer[1]}"


def threads(recorder: Recorder) -> List[Told]:
    """Python's own threads that still run; libraries in C look after theirs at a fork."""
    until = time.monotonic() + GRACE_S
    while time.monotonic() < until and len(threading.enumerate()) > 1:
        time.sleep(0.02)
    found = []
    for thread in threading.enumerate():
        if thread is threading.main_thread():
            continue
        target = getattr(thread, "_target", None)
        place = recorder.threads.get(id(thread), "") or recorder.of(
            getattr(target, "__code__", None)
        )
        what = getattr(target, "__qualname__", "") or type(thread).__qualname__
        module = getattr(target, "__module__", "") or type(thread).__module__
        if isinstance(thread, threading._DummyThread):
            continue
        found.append({"name": thread.name, "what": f"{module}.{what}", "place": place})
    return found


def known(recorder: Recorder) -> Tuple[List[Told], Set[int]]:
    """Objects of libraries that are known not to survive a fork, and descriptors that do."""
    found: List[Told] = []
    safe: Set[int] = set()
    loops = 0
    for one in gc.get_objects():
        kind = type(one)
        module, name = kind.__module__, f"{kind.__module__}.{kind.__qualname__}"
        if not isinstance(module, str):  # a class may do anything with its own
            continue
        look = LOOKS.get(name)
        if look is None:
            if module.startswith("apscheduler.schedulers.") and "Scheduler" in name:
                look = _scheduler
            elif name.endswith("EventLoop") or name == "uvloop.Loop":
                with contextlib.suppress(Exception):
                    loops += not one.is_closed()
                continue
            elif module == "redis.connection" and name.endswith("Connection"):
                with contextlib.suppress(Exception):  # redis-py opens new ones in a new process
                    safe.add(one._sock.fileno())
                continue
            else:
                continue
        with contextlib.suppress(Exception):
            found += look(one)
    if loops:
        found.append({"library": "asyncio", "what": f"{loops} event loop" + "s" * (loops > 1)})
    found += list(_prometheus())
    return _once(found), safe


def _once(found: List[Told]) -> List[Told]:
    return [one for number, one in enumerate(found) if one not in found[:number]]


def _engine(engine: Any) -> Iterator[Told]:
    pool = engine.pool
    count = 0
    for name in ("checkedin", "checkedout"):
        if hasattr(pool, name):
            count += max(0, getattr(pool, name)())
    url = engine.url
    where = f"{url.host or 'local'}/{url.database or ''}"
    if count and not (engine.dialect.name == "sqlite" and url.database in (None, "", ":memory:")):
        what = f"{count} pooled connection{'s' * (count > 1)} to {where}"
        yield {"library": "sqlalchemy", "what": what}


def _libpq(connection: Any) -> Iterator[Told]:
    if not connection.closed:
        library = type(connection).__module__.split(".")[0]
        yield {"library": library, "what": "an open connection"}


def _pool(pool: Any) -> Iterator[Told]:
    if not pool.closed:
        yield {"library": "psycopg_pool", "what": f"an open pool, {pool.name}"}


def _sqlite(connection: Any) -> Iterator[Told]:
    try:
        rows = connection.execute("PRAGMA database_list").fetchall()
    except Exception:  # noqa: BLE001 - closed, or of another thread
        return
    if any(path for _, _, path in rows):
        yield {"library": "sqlite3", "what": "an open connection"}


def _pubsub(pubsub: Any) -> Iterator[Told]:
    if pubsub.connection is not None:
        yield {"library": "redis", "what": "a subscription"}


def _channel(channel: Any) -> Iterator[Told]:
    yield {"library": "grpc", "what": "an open channel"}


def _mongo(client: Any) -> Iterator[Told]:
    yield {"library": "pymongo", "what": "a MongoClient"}


def _scheduler(scheduler: Any) -> Iterator[Told]:
    if getattr(scheduler, "running", False):
        jobs = len(scheduler.get_jobs())
        yield {"library": "apscheduler", "what": f"a scheduler that runs, {jobs} jobs"}


LOOKS: Dict[str, Callable[[Any], Iterator[Told]]] = {
    "sqlalchemy.engine.base.Engine": _engine,
    "psycopg.Connection": _libpq,
    "psycopg.connection.Connection": _libpq,
    "psycopg2.extensions.connection": _libpq,
    "psycopg_pool.pool.ConnectionPool": _pool,
    "sqlite3.Connection": _sqlite,
    "redis.client.PubSub": _pubsub,
    "grpc._channel.Channel": _channel,
    "pymongo.synchronous.mongo_client.MongoClient": _mongo,
    "pymongo.mongo_client.MongoClient": _mongo,
}


def _prometheus() -> Iterator[Told]:
    """Metrics of the app's own: without a shared directory each process counts for itself."""
    module = sys.modules.get("prometheus_client")
    if module is None or any(
        os.environ.get(name) for name in ("PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir")
    ):
        return
    with contextlib.suppress(Exception):
        own = {
            name
            for name in module.REGISTRY._names_to_collectors
            if not name.startswith(("python_", "process_"))
        }
        if own:
            yield {"library": "prometheus-client", "what": f"{len(own)} series of its own"}


def children() -> List[Told]:
    """Processes below this one; those of multiprocessing look like the app's own."""
    module = sys.modules.get("multiprocessing")
    pool = {one.pid for one in module.active_children()} if module is not None else set()
    return [
        {**one, "command": "a process of multiprocessing"} if one["pid"] in pool else one
        for one in _descendants(os.getpid())
    ]


def handlers() -> Dict[str, Any]:
    return {name: signal.getsignal(getattr(signal, name)) for name in SIGNALS}


def changed_handlers(before: Mapping[str, Any], recorder: Recorder) -> Iterator[Told]:
    for name, now in handlers().items():
        if now is not before[name] and callable(now):
            what = getattr(now, "__qualname__", type(now).__qualname__)
            module = getattr(now, "__module__", "") or ""
            if module == "signal":
                continue
            code = getattr(now, "__code__", None)
            yield {"signal": name, "handler": f"{module}.{what}", "place": recorder.of(code)}


def memory() -> Told:
    """KiB, proc(5): resident now, resident at most, and what of it belongs to this process."""
    wanted = {"VmRSS": "resident", "VmHWM": "most", "RssAnon": "own"}
    found: Told = {}
    with contextlib.suppress(OSError), open("/proc/self/status") as file:
        for line in file:
            name, _, rest = line.partition(":")
            if name in wanted:
                found[wanted[name]] = int(rest.split()[0])
    return found


# --- settings -------------------------------------------------------------------------------------


def inner(app: Any) -> List[Any]:
    """The app and what its middlewares wrap, outermost first."""
    found: List[Any] = []
    ahead = [app]
    while ahead and len(found) < 40:
        one = ahead.pop(0)
        if one is None or any(one is seen for seen in found):
            continue
        found.append(one)
        if hasattr(one, "__self__"):
            ahead.append(one.__self__)
        for name in ("app", "wsgi_app", "application", "wsgi", "_app", "wrapped", "asgi"):
            with contextlib.suppress(Exception):
                value = vars(one).get(name) if hasattr(one, "__dict__") else None
                if callable(value):
                    ahead.append(value)
    return found


def settings(app: Any, host: str, recorder: Recorder) -> Told:
    """What a framework was told that matters in production.  No value of a secret."""
    told: Told = {"secrets": [], "framework": ""}
    texts = Texts(recorder)
    names = [(one, {base.__name__ for base in type(one).__mro__}) for one in inner(app)]
    for one, bases in names:
        if "DebuggedApplication" in bases:
            told["debugger"] = True
        if "Flask" in bases and hasattr(one, "config"):
            _flask(one, told, texts)
            break
        if "Starlette" in bases:
            _starlette(one, told, texts, host)
            break
    django = sys.modules.get("django.conf")
    if django is not None and getattr(django.settings, "configured", False):
        _django(django.settings, told, texts, host)
    return told


def _flask(app: Any, told: Told, texts: "Texts") -> None:
    told["framework"] = "flask"
    told["debug"] = bool(app.debug)
    told["testing"] = bool(app.config.get("TESTING"))
    told["propagate"] = bool(app.config.get("PROPAGATE_EXCEPTIONS"))
    for name, value in app.config.items():
        if isinstance(name, str) and SECRET.search(name):
            _secret(name, value, told, texts)
    uri = app.config.get("SQLALCHEMY_DATABASE_URI")
    if isinstance(uri, str) and uri.startswith("sqlite:") and ":memory:" not in uri:
        path = uri.partition("sqlite:///")[2].partition("?")[0]
        if path:
            # Flask-SQLAlchemy 3 takes a relative path to be in the instance folder.
            own = getattr(app, "instance_path", "") if "flask_sqlalchemy" in sys.modules else ""
            told["sqlite"] = os.path.realpath(os.path.join(own or os.getcwd(), path))


def _starlette(app: Any, told: Told, texts: "Texts", host: str) -> None:
    told["framework"] = "fastapi" if type(app).__name__ == "FastAPI" else "starlette"
    told["debug"] = bool(app.debug)
    for middleware in getattr(app, "user_middleware", ()):
        given = dict(getattr(middleware, "kwargs", None) or getattr(middleware, "options", {}))
        name = getattr(middleware.cls, "__name__", "")
        if name == "TrustedHostMiddleware":
            told["hosts"] = [str(one) for one in given.get("allowed_hosts") or ["*"]]
            told["host_fits"] = host_fits(host, told["hosts"])
        if name == "HTTPSRedirectMiddleware":
            told["redirects"] = True
        if name == "SessionMiddleware":
            _secret("secret_key", given.get("secret_key"), told, texts)


def _django(settings: Any, told: Told, texts: "Texts", host: str) -> None:
    told["framework"] = "django"
    told["debug"] = bool(getattr(settings, "DEBUG", False))
    told["propagate"] = bool(getattr(settings, "DEBUG_PROPAGATE_EXCEPTIONS", False))
    told["redirects"] = bool(getattr(settings, "SECURE_SSL_REDIRECT", False))
    told["proxy_header"] = bool(getattr(settings, "SECURE_PROXY_SSL_HEADER", None))
    hosts = [str(one) for one in getattr(settings, "ALLOWED_HOSTS", ())]
    if told["debug"] and not hosts:
        hosts = [".localhost", "127.0.0.1", "[::1]"]  # as django.http.request does
    told["hosts"], told["host_fits"] = hosts, host_fits(host, hosts)
    _secret("SECRET_KEY", getattr(settings, "SECRET_KEY", ""), told, texts)
    root = getattr(settings, "STATIC_ROOT", None)
    if root:
        told["static_root"] = os.path.abspath(str(root))
    databases = getattr(settings, "DATABASES", {})
    main = databases.get("default", {}) if isinstance(databases, dict) else {}
    name = str(main.get("NAME") or "")
    if str(main.get("ENGINE", "")).endswith("sqlite3") and name and ":memory:" not in name:
        told["sqlite"] = os.path.realpath(name)


def host_fits(host: str, patterns: List[str]) -> bool:
    """Whether a Host header is let in: a pattern is a name, ``*``, ``.example.com`` or
    ``*.example.com``."""
    name = host.rsplit(":", 1)[0].lower().rstrip(".") if not host.endswith("]") else host.lower()
    for pattern in (one.lower() for one in patterns):
        if pattern in ("*", name):
            return True
        if pattern.startswith(".") and (name.endswith(pattern) or name == pattern[1:]):
            return True
        if pattern.startswith("*.") and name.endswith(pattern[1:]):
            return True
    return False


class Texts:
    """Texts that stand in the app's own code, to tell a secret that does too."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self._sources: Optional[Dict[str, str]] = None

    @property
    def sources(self) -> Dict[str, str]:
        if self._sources is None:
            self._sources = {}
            for module in list(sys.modules.values()):
                path = getattr(module, "__file__", None)
                if isinstance(path, str) and path.endswith(".py") and self.recorder.own(path):
                    with (
                        contextlib.suppress(OSError, UnicodeDecodeError),
                        open(path, encoding="utf-8") as file,
                    ):
                        self._sources[path] = file.read(1 << 20)
        return self._sources

    def place(self, value: str) -> str:
        """``file:line`` where the text stands between quotes; empty when it does not."""
        quoted = re.compile("[\"']" + re.escape(value) + "[\"']")
        for path, text in self.sources.items():
            found = quoted.search(text)
            if found:
                line = text.count("\n", 0, found.start()) + 1
                return f"{path[len(self.recorder.code) :]}:{line}"
        return ""


def _secret(name: str, value: Any, told: Told, texts: Texts) -> None:
    """Where a secret comes from: ``code``, ``environment`` or elsewhere."""
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    value = str(value) if type(value).__name__ == "Secret" else value  # starlette's own type
    if not isinstance(value, str) or not value or FILE_NAME.fullmatch(value):
        return
    given = next((key for key, one in os.environ.items() if one == value), "")
    # A text of four letters or less stands in any code.
    place = texts.place(value) if not given and (len(value) > 4 or WELL_KNOWN.match(value)) else ""
    told["secrets"].append(
        {
            "name": name,
            "from": given or ("code" if place else ""),
            "place": place,
            "well_known": bool(WELL_KNOWN.match(value)),
        }
    )


def fallbacks(recorder: Recorder, texts: Texts) -> Iterator[Told]:
    """Secrets that were looked for in the environment in vain, where a text stands in for them."""
    import ast

    for name, place in recorder.missing.items():
        path, _, line = place.rpartition(":")
        source = texts.sources.get(recorder.code + path)
        if not SECRET.search(name) or source is None:
            continue
        with contextlib.suppress(SyntaxError, ValueError, RecursionError):
            for node in ast.walk(ast.parse(source)):
                first, last = getattr(node, "lineno", 0), getattr(node, "end_lineno", 0) or 0
                if first <= int(line) <= last and _stands_in(node, name):
                    yield {"name": name, "place": place}
                    break


def _names_file(value: Any) -> bool:
    return isinstance(value, str) and FILE_NAME.fullmatch(value) is not None


def _stands_in(node: Any, name: str) -> bool:
    """``get(NAME, "text")`` or ``get(NAME) or "text"``."""
    import ast

    def text(one: Any) -> bool:
        value = one.value if isinstance(one, ast.Constant) else None
        return isinstance(value, (str, bytes)) and bool(value) and not _names_file(value)

    def asks(one: Any) -> bool:
        return any(isinstance(n, ast.Constant) and n.value == name for n in ast.walk(one))

    if isinstance(node, ast.Call):
        given = [*node.args[1:], *(k.value for k in node.keywords if k.arg == "default")]
        return bool(node.args) and asks(node.args[0]) and any(text(one) for one in given)
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or):
        return any(asks(one) for one in node.values[:-1]) and text(node.values[-1])
    return False


# --- databases ------------------------------------------------------------------------------------


def databases(environ: Mapping[str, str]) -> Dict[str, str]:
    """Variables that hold the URL of a database, and the URL."""
    return {name: value for name, value in environ.items() if DATABASES.match(value)}


def ask_databases(urls: Mapping[str, str], tell: Callable[[Told], None]) -> None:
    found = []
    for name, url in sorted(urls.items()):
        one = _ask_database(url)
        if one["state"] in ("refused", "starting"):  # it may just be restarted
            time.sleep(1.0)
            one = _ask_database(url)
        found.append({"name": name, **one})
    tell({"databases": found})


def _ask_database(url: str) -> Told:
    try:
        split = urlsplit(url)
        query = parse_qs(split.query)
        port = split.port
    except ValueError:  # it would quote a part of the URL, perhaps of the password
        return {"kind": "", "state": "url", "said": "", "where": ""}
    kind, _, driver = split.scheme.lower().partition("+")
    host = (query.get("host") or [unquote(split.hostname or "")])[0]
    database = unquote(split.path.lstrip("/"))
    told: Told = {"kind": kind, "driver": driver, "user": unquote(split.username or "")}
    told.update(host=host, database=database, where=f"{host or 'the local server'}/{database}")
    if "port" in query and query["port"][0].isdigit():
        port = int(query["port"][0])
    try:
        if kind in ("postgres", "postgresql"):
            _connect_postgres(url, host, port or PORTS[kind])
        else:
            _connect(host or "127.0.0.1", port or PORTS.get(kind, 6379))
    except BaseException as error:  # noqa: BLE001 - drivers raise their own
        said = " ".join(_text(error).split())
        state = database_state(said)
        if state == "url":
            said = ""
        return {**told, "state": state, "said": said, "type": type(error).__name__}
    return {**told, "state": "ok", "said": ""}


def _connect_postgres(url: str, host: str, port: int) -> None:
    """With the app's own driver, or at least with its server's socket."""
    plain = re.sub(r"^\w+(\+\w+)?://", "postgresql://", url)
    for name in ("psycopg", "psycopg2"):
        try:
            driver = importlib.import_module(name)
        except ImportError:
            continue
        driver.connect(plain, connect_timeout=int(CONNECT_S)).close()
        return
    with contextlib.suppress(ImportError):
        asyncpg = importlib.import_module("asyncpg")
        import asyncio

        async def once() -> None:
            connection = await asyncpg.connect(plain, timeout=CONNECT_S)
            await connection.close()

        asyncio.run(once())
        return
    if not host:
        host = "/var/run/postgresql"
    _connect(host, port)


def _connect(host: str, port: int) -> None:
    if not host.startswith("/"):
        socket.create_connection((host, port), CONNECT_S).close()
        return
    with socket.socket(socket.AF_UNIX) as one:
        one.settimeout(CONNECT_S)
        one.connect(host if stat.S_ISSOCK(os.stat(host).st_mode) else f"{host}/.s.PGSQL.{port}")


def database_state(said: str) -> str:
    """What a driver's words mean.  Pure."""
    for state, pattern in STATES:
        if re.search(pattern, said, re.IGNORECASE):
            return state
    return "error"


STATES = (
    ("starting", r"starting up|shutting down"),
    ("full", r"too many (clients|connections)|remaining connection slots"),
    ("auth", r"(password|peer|ident) authentication failed|no password supplied|no pg_hba.conf"),
    ("no-database", r'database "[^"]*" does not exist'),
    ("no-role", r'role "[^"]*" does not exist'),
    ("name", r"translate host name|resolve host|getaddrinfo|Name or service|name resolution"),
    ("timeout", r"time(d )?out"),
    ("refused", r"refused|No such file or directory|no route|unreachable"),
    ("url", r"invalid (dsn|connection option|URI)|missing .* in connection|invalid port|scheme"),
)


# --- all of it ------------------------------------------------------------------------------------


def inspect_app(asked: Mapping[str, Any], tell: Callable[[Told], None]) -> None:
    """Import the app and tell everything about it."""
    code = asked["code"]
    sys.path.insert(0, code)
    sys.argv[:] = [asked.get("server", "server"), asked["entry"]]
    recorder = Recorder(code)
    recorder.install()
    known_sockets, known_handlers = open_sockets(), handlers()
    began = time.monotonic()
    told: Told = {"python": sys.version.split()[0], "error": None, "entry": None}
    app = None
    recorder.on = True
    try:
        app = load(asked["entry"])
    except NoEntry as error:
        told["entry"] = {"problem": error.problem, "others": error.others}
    except BaseException as error:  # noqa: BLE001 - SystemExit, KeyboardInterrupt: all end a server
        told["error"] = raised(error, recorder, "import")
        if isinstance(error, SystemExit):
            told["error"]["status"] = error.code if isinstance(error.code, int) else 1
    recorder.on = False
    told["seconds"] = round(time.monotonic() - began, 3)
    told["memory"] = memory()
    told["missing"] = dict(sorted(recorder.missing.items()))
    told["forks"] = recorder.forks
    if told["error"] is None:
        told["threads"] = threads(recorder)
        told["known"], safe = known(recorder)
        told["sockets"] = list(sockets(known_sockets, recorder, safe))
        told["signals"] = list(changed_handlers(known_handlers, recorder))
        told["children"] = children()
    if app is not None:
        told["interface"] = interface_of(app)
        told["settings"] = settings(app, asked["host"], recorder)
        told["fallbacks"] = list(fallbacks(recorder, Texts(recorder)))
    tell(told)


def answer(asked: Mapping[str, Any]) -> Told:
    """Everything that is told of an app, in one value."""
    requires = [name for name in asked["requires"] if not os.environ.get(name)]
    found: Told = {"requires": requires, "databases": []}
    urls = databases(os.environ)
    if urls:
        asking = watched(lambda tell: ask_databases(urls, tell), 4.0 + 8.0 * len(urls))
        found["databases"] = (asking["told"] or {}).get("databases", [])
    found["app"] = watched(lambda tell: inspect_app(asked, tell), asked["limit_s"])
    return found


if __name__ == "<rehearsal>":
    print(json.dumps(answer(ASKED)))  # type: ignore[name-defined]  # noqa: F821
