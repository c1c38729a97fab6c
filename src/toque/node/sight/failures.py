"""The failures of requests, each with the cause that the logs prove.  Pure.

nginx knows how a request ended and the app's log why; neither names the other, so they are joined
by the request's id where the middleware has written it, else by the second.
"""

import re
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

from ..evidence import cause as last_exception
from ..evidence import place
from ..probe import OURS as ASKED_BY_US
from ..record import dataclass, replace
from .lines import ACCESS, APP, NGINX, Entry

NEAR_S = (
    2.5  # nginx and the app write down the same moment; app servers look at workers each second
)
SHOWN = 30  # lines of a trace

OURS = re.compile(r"\[[\w-]{1,64}\] toque: (?P<how>failed|handled|cut) ")
NO_TELLING = re.compile(r"[\s^~]*")  # the marks that Python draws below a line of code


@dataclass(frozen=True)
class Cause:
    """``code`` has a page in docs/errors; ``words`` is what proves it in a log (an expression)."""

    code: str
    message: str
    words: str = ""
    helps: str = ""
    certain: bool = True


# Words of nginx's error log that prove a cause by themselves.
BY_NGINX: Sequence[Cause] = (
    Cause("socket-missing", "there is no socket", r"connect\(\) to unix:\S+ failed \(2: "),
    Cause("socket-permissions", "nginx may not connect", r"connect\(\) to unix:\S+ failed \(13: "),
    Cause("socket-refused", "nobody listens on the socket", r"connect\(\) to \S+ failed \(111: "),
    Cause("backlog-full", "the queue of the socket is full", r"connect\(\) to \S+ failed \(11: "),
    Cause("header-too-big", "the app's headers do not fit", r"upstream sent too big header"),
    Cause("backlog-full", "nobody takes the connection", r"upstream timed out .* while connecting"),
    Cause("answer-too-late", "nginx waited no longer", r"upstream timed out"),
    Cause("body-too-large", "the body is too large", r"client intended to send too large body"),
    Cause("disk-full", "nginx cannot write: the disk is full", r"\(28: No space left on device\)"),
    Cause("descriptors-exhausted", "nginx has no descriptors left", r"\(24: Too many open files\)"),
    Cause("static-unreadable", "nginx may not read a file", r"open\(\) \"[^\"]*\" failed \(13: "),
    Cause("static-unreadable", "nginx may not read a directory", r"is forbidden \(13: "),
)

# What a worker's end looks like in the log: uWSGI, gunicorn, uvicorn and granian, systemd.
BY_APP: Sequence[Cause] = (
    Cause(
        "worker-timeout",
        "the app server ended a worker that took too long",
        r"HARAKIRI ON WORKER|WORKER TIMEOUT",
    ),
    Cause(
        "out-of-memory",
        "the kernel killed a process: no memory was left",
        r"(?i)out.of.memory|oom-kill|OOM killer|oom_reaper",
    ),
    Cause(
        "worker-crashed",
        "a worker crashed",
        r"(?i)killed by signal (4|6|7|8|11)\b|was sent SIG(SEGV|ABRT|BUS|ILL|FPE)|"
        r"Segmentation Fault|status=(6|11)/|core.dump",
    ),
    Cause(
        "worker-killed",
        "a worker was killed by SIGKILL",
        r"(?i)killed by signal 9\b|was sent SIGKILL|code=killed, status=9|signal 9 SIGKILL|"
        r"code -9\b",
    ),
)
ENDED = Cause(
    "worker-ended",
    "a worker ended under a request",
    r"(?i)Worker (failed|exiting)|Worker exited|worker .* died|DAMN",
    certain=False,
)
# uWSGI names what the worker that it ended had at hand; other servers do not.
AT_HAND = re.compile(r"HARAKIRI \[core \d+\] \S+ - (?P<method>\S+) (?P<uri>\S+) since ")
LOST = re.compile(
    r"upstream prematurely closed connection while reading response header|recv\(\) failed \(104"
)
IN_BODY = "while reading upstream"  # what nginx was at when the headers had been sent on
CUT = re.compile(r"upstream prematurely closed connection while reading upstream")


@dataclass(frozen=True)
class Failure:
    """One request that failed.  ``code`` names the cause (docs/errors); without ``certain`` it is
    only the most likely one.  ``trace`` are the lines that show it, oldest first."""

    at: float
    code: str
    message: str
    status: int = 0
    method: str = ""
    uri: str = ""
    request: str = ""
    release: str = ""
    trace: Tuple[str, ...] = ()
    certain: bool = True

    @property
    def visited(self) -> bool:
        """Whether a visitor made the request, and not a rehearsal or a doctor of ours."""
        return not self.request.startswith(ASKED_BY_US)

    def as_json(self) -> Dict[str, Any]:
        return {
            "at": round(self.at, 3), "code": self.code, "message": self.message,
            "status": self.status, "method": self.method, "uri": self.uri,
            "request": self.request, "release": self.release, "trace": list(self.trace),
            "certain": self.certain, "visited": self.visited,
        }  # fmt: skip


def failures(entries: Sequence[Entry]) -> List[Failure]:
    """All failed requests in merged logs, oldest first."""
    logs = Logs(entries)
    found = [failure for failure in map(logs.failed, logs.access) if failure is not None]
    # Also what the app's log has of requests that nginx's log does not (or no longer).
    known = {failure.request for failure in found if failure.request}
    found += [logs.own(entry) for rid, entry in logs.told.items() if rid not in known]
    return sorted(found, key=lambda failure: failure.at)


class Logs:
    """Entries, sorted into what joins them."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.app = [entry for entry in entries if entry.source == APP]
        self.nginx = [entry for entry in entries if entry.source == NGINX]
        self.access = [entry for entry in entries if entry.source == ACCESS]
        self.traces: Dict[str, List[Entry]] = {}
        self.told: Dict[str, Entry] = {}  # the middleware's first line about a request
        for entry in self.app:
            if entry.request:
                self.traces.setdefault(entry.request, []).append(entry)
                if OURS.match(entry.text):
                    self.told.setdefault(entry.request, entry)
        self._used: List[Entry] = []

    def failed(self, entry: Entry) -> Optional[Failure]:
        """What a line of the access log tells of a failure, or None."""
        said = entry.data
        status = int(said.get("status") or 0)
        about = self._about(entry, said, status)
        error = self._error(entry, status)
        told = self.told.get(entry.request)
        if told is not None:
            return about(*self._trace(told))
        if error is not None:
            named = next((c for c in BY_NGINX if re.search(c.words, error.text)), None)
            if named is not None:
                return about(named, (error.text,))
            if LOST.search(error.text):
                return about(*self._lost(error))
            if CUT.search(error.text):
                cut = Cause("response-cut", "the response ended half-way")
                return about(cut, (error.text,))
        return about(_answered(said, status)) if status >= 500 else None

    def own(self, entry: Entry) -> Failure:
        """What the middleware has told of a request that nginx tells nothing of."""
        cause, lines = self._trace(entry)
        found = re.search(r"toque: \w+ (\S+) (\S*)", entry.text)
        method, uri = found.groups() if found else ("", "")
        status = 200 if cause.code == "response-cut" else 500
        return Failure(
            entry.at, cause.code, cause.message, status, method, uri, entry.request,
            entry.release, lines,
        )  # fmt: skip

    def _about(self, entry: Entry, said: Mapping[str, Any], status: int) -> Callable[..., Failure]:
        release = self._release(entry)

        def made(cause: Cause, trace: Sequence[str] = ()) -> Failure:
            return Failure(
                entry.at, cause.code, cause.message, status, str(said.get("method", "")),
                str(said.get("uri", "")), entry.request, release, tuple(trace), cause.certain,
            )  # fmt: skip

        return made

    def _release(self, entry: Entry) -> str:
        """Whose log has the request, else who wrote last before it."""
        mine = self.traces.get(entry.request)
        if mine:
            return mine[0].release
        before = [e for e in self.app if e.at <= entry.at + NEAR_S and e.release]
        return before[-1].release if before else ""

    def _trace(self, told: Entry) -> Tuple[Cause, Tuple[str, ...]]:
        """The cause and the lines of what the middleware has told."""
        prefix = f"[{told.request}] "
        lines = [e.text[len(prefix) :] for e in self.traces[told.request]]
        message, where = last_exception(lines) or "the app raised", place(lines)
        message += f" ({where})" if where else ""
        if " toque: cut " in told.text:
            cause = Cause("response-cut", message)
        else:
            cause = Cause("app-exception", message)
        telling = [line for line in lines if not NO_TELLING.fullmatch(line)]
        return cause, tuple(telling[:1] + telling[1:][-SHOWN:])

    def _error(self, entry: Entry, status: int) -> Optional[Entry]:
        """The line of nginx's error log about the same request, which has no id in it."""
        said = entry.data
        for error in self.nginx:
            same = (error.data.get("method"), error.data.get("uri")) == (
                said.get("method"), said.get("uri"),
            )  # fmt: skip
            near = -1.5 <= entry.at - error.at <= NEAR_S
            # One that began well can only have been cut; else it would take another's line.
            fits = status >= 400 or IN_BODY in error.text
            if same and near and fits and not any(error is used for used in self._used):
                self._used.append(error)
                return error
        return None

    def _lost(self, error: Entry) -> Tuple[Cause, Tuple[str, ...]]:
        """The app server hung up without a word: why, by what stands beside it in its log."""
        near = [e.text for e in self.app if abs(e.at - error.at) <= NEAR_S]
        for cause in BY_APP:
            shown = [line for line in near if re.search(cause.words, line)]
            if shown:
                sure = replace(cause, certain=not _of_others(near, error))
                return sure, (error.text, *shown[:5])
        # A trace without an id: a release from before the middleware, or one that went round it.
        at = next((n for n, line in enumerate(near) if "Traceback (most recent" in line), None)
        if at is not None:
            message = last_exception(near[at:]) or "the app raised"
            return Cause("app-exception", message, certain=False), (error.text, *near[at:][-SHOWN:])
        shown = [line for line in near if re.search(ENDED.words, line)]
        if shown:
            return ENDED, (error.text, *shown[:5])
        message = "the app server hung up without an answer"
        return Cause("connection-lost-inside", message, certain=False), (error.text,)


def _of_others(near: Sequence[str], error: Entry) -> bool:
    """Whether the log names the requests of the workers that were ended, and not this one."""
    named = [at_hand.groups() for at_hand in map(AT_HAND.search, near) if at_hand]
    return bool(named) and (error.data.get("method"), error.data.get("uri")) not in named


def _answered(said: Mapping[str, Any], status: int) -> Cause:
    """A 5xx that is the app's own, or that nothing in the logs explains."""
    by_app = str(said.get("upstream_status", "")).startswith(str(status))
    if by_app and said.get("upstream_header_seconds") not in ("", "-", None):
        return Cause("app-answered-error", f"the app itself answered {status}")
    return Cause("not-explained", f"nginx answered {status}; no log says why", certain=False)
