"""What the app server loads: the app of this release, and an honest end for its failures.

Toque writes this file into each release as ``.toque/toque_entry.py`` and has the server load
``toque_entry:app``; which app that is stands in ``release.json`` beside it.  It adds three things:

* An exception before the response begins is a plain 500 with the id of the request, whatever the
  framework was told about propagating; without this the server hangs up and nginx says 502.
* Its trace is in the log, that id before each line.  So are traces that Flask and Django keep to
  themselves when they answer 500 on their own.
* An exception after the response began ends the connection, so that nobody takes half for all:
  a body whose length nobody knows goes out in chunks, also where the server would only close.

Everything else passes through as it is.  Standard library only, Python 3.9 and newer.
"""

import contextvars
import importlib
import inspect
import json
import os
import re
import sys
import time
import traceback
import uuid
from typing import Any, Callable, Iterator, List, Mapping, Optional, Tuple

NOTHING = object()
KNOWN = re.compile(r"[A-Za-z0-9_-]{1,64}")  # nginx sends 32 hex digits
# The request that this thread or task answers.
NOW: "contextvars.ContextVar[Request]" = contextvars.ContextVar("toque_request")


class Request:
    """Who is told of in the log: ``id`` is what nginx calls it, ``what`` its method and path."""

    def __init__(self, given: str, method: str, path: str) -> None:
        self.id = given if KNOWN.fullmatch(given) else uuid.uuid4().hex
        self.what = f"{method} {path}"
        self.told: Optional[BaseException] = None  # the exception that is in the log already

    def tell(self, how: str, error: BaseException) -> None:
        """``how`` is failed (we answer 500), handled (the app does) or cut (too late for one)."""
        if self.told is error:
            return
        self.told = error
        what = "".join(char if char.isprintable() else "?" for char in self.what)
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())  # a log file may have no times
        lines = [f"toque: {how} {what[:500]} at {at}"]
        for part in traceback.format_exception(type(error), error, error.__traceback__):
            lines += part.rstrip("\n").split("\n")
        # In one piece: other workers write to the same log.
        sys.stderr.write("".join(f"[{self.id}] {line}\n" for line in lines))
        sys.stderr.flush()

    def page(self) -> Tuple[List[Tuple[str, str]], bytes]:
        """The answer in the app's place; it tells nothing but where to look."""
        body = f"Internal Server Error\nrequest {self.id}\n".encode()
        headers = [
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("X-Request-ID", self.id),
        ]
        return headers, body


class Wsgi:
    """PEP 3333."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __call__(self, environ: Mapping[str, Any], start_response: Any) -> Any:
        request = Request(
            environ.get("HTTP_X_REQUEST_ID", ""),
            environ.get("REQUEST_METHOD", ""),
            environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", ""),
        )
        NOW.set(request)
        answer = Answer(start_response)
        body: Any = None
        try:
            body = self.inner(environ, answer)
            if is_whole(body, environ.get("wsgi.file_wrapper")):
                answer.send()
                return body
            # An app that is a generator runs from here on: nothing is sent before its first part.
            parts = iter(body)
            first = next(parts, NOTHING)
            return Rest(request, body, parts, first, answer.send(framing(environ)))
        except Exception as error:
            if answer.sent:
                request.tell("cut", error)
                raise
            request.tell("failed", error)
            close(body)
            headers, page = request.page()
            start_response("500 Internal Server Error", headers)
            return [page]


class Answer:
    """The app's ``start_response``: held back until the app has shown that it has a body.

    Not left to the server's ``exc_info``, which uWSGI 2.0 takes for an error of its own.
    """

    def __init__(self, start_response: Any) -> None:
        self.start_response = start_response
        self.begun: Any = None
        self.sent = False

    def __call__(self, status: str, headers: Any, exc_info: Any = None) -> Any:
        if self.sent:
            return self.start_response(status, headers, exc_info)
        self.begun = (status, headers)
        return self.write

    def send(self, framed: bool = False) -> bool:
        """Hand it to the server; says whether the body has to be framed."""
        if self.begun is not None and not self.sent:
            status, headers = self.begun
            known = {name.lower() for name, _ in headers}
            framed = framed and not known & {"content-length", "transfer-encoding"}
            framed = framed and not status.startswith(("1", "204", "304"))
            if framed:
                headers = [*headers, ("Transfer-Encoding", "chunked")]
            self.written = self.start_response(status, headers)
        else:
            framed = False
        self.sent = True
        return framed

    def write(self, data: bytes) -> None:
        self.send()
        self.written(data)


def framing(environ: Mapping[str, Any]) -> bool:
    """Whether the end of a body has to be said by us: uWSGI only closes, whole or not."""
    http11 = environ.get("SERVER_PROTOCOL") == "HTTP/1.1"
    return "uwsgi.version" in environ and http11 and environ.get("REQUEST_METHOD") != "HEAD"


def is_whole(body: Any, wrapper: Any) -> bool:
    """Whether nothing of the app runs any more.  A file has to reach the server as it is."""
    if isinstance(body, (list, tuple, bytes)) or hasattr(body, "read"):
        return True
    return isinstance(wrapper, type) and isinstance(body, wrapper)


def close(body: Any) -> None:
    ends = getattr(body, "close", None)
    if ends is not None:
        ends()


class Rest:
    """A body of which the first part is known; ``framed`` in chunks of HTTP/1.1."""

    def __init__(
        self, request: Request, body: Any, parts: Iterator[bytes], first: Any, framed: bool
    ) -> None:
        self.request = request
        self.body = body
        self.parts = parts
        self.first = first
        self.framed = framed

    def __iter__(self) -> "Rest":
        return self

    def __next__(self) -> Any:
        part = self._part()
        if not self.framed:
            if part is NOTHING:
                raise StopIteration
            return part
        if part is NOTHING:
            self.framed = False
            return b"0\r\n\r\n"
        return b"%x\r\n%s\r\n" % (len(part), part) if part else b""

    def _part(self) -> Any:
        if self.first is not NOTHING:
            first, self.first = self.first, NOTHING
            return first
        try:
            return next(self.parts, NOTHING)
        except Exception as error:
            self.request.tell("cut", error)
            raise

    def close(self) -> None:
        close(self.body)


class Asgi:
    """ASGI 3.  Lifespan and websockets go by untouched."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    async def __call__(self, scope: Any, receive: Any, send: Callable[[Any], Any]) -> None:
        if scope["type"] != "http":
            await self.inner(scope, receive, send)
            return
        given = next((v for k, v in scope["headers"] if k == b"x-request-id"), b"")
        request = Request(given.decode("latin-1"), scope["method"], scope["path"])
        NOW.set(request)
        begun = done = False

        async def sent(message: Mapping[str, Any]) -> None:
            nonlocal begun, done
            kind = message["type"]
            if kind == "http.response.start":
                begun = True
            elif kind == "http.response.body" and not message.get("more_body", False):
                done = True
            await send(message)

        try:
            await self.inner(scope, receive, sent)
        except Exception as error:
            if done:  # Starlette answers 500 and raises all the same, so that somebody tells it
                request.tell("handled", error)
                return
            request.tell("cut" if begun else "failed", error)
            if begun:
                raise
            headers, page = request.page()
            raw = [(name.lower().encode(), value.encode()) for name, value in headers]
            await send({"type": "http.response.start", "status": 500, "headers": raw})
            await send({"type": "http.response.body", "body": page})


def handled(sender: Any = None, exception: Optional[BaseException] = None, **_: Any) -> None:
    """Flask and Django call this for an exception that they are about to answer with 500."""
    request = NOW.get(None)
    error = exception or sys.exc_info()[1]
    if request is not None and error is not None:
        request.tell("handled", error)


def listen() -> None:
    """Hear of what the frameworks in use keep to themselves."""
    for module in ("flask", "django.core.signals"):
        signal = getattr(sys.modules.get(module), "got_request_exception", None)
        try:
            if signal is not None:
                signal.connect(handled, weak=False)
        except RuntimeError:
            pass  # an old Flask without blinker has no signals


def is_asgi(app: Any) -> bool:
    """As uvicorn tells them apart."""
    if inspect.isclass(app):
        return hasattr(app, "__await__")
    return inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(
        getattr(app, "__call__", None)  # noqa: B004 - its kind is asked, not whether it is there
    )


def load(entry: str) -> Any:
    """What ``module:name`` or, for a factory, ``module:name()`` means."""
    module, _, name = entry.partition(":")
    found: Any = importlib.import_module(module)
    for part in name.replace("()", "").split("."):
        found = getattr(found, part)
    return found() if name.endswith("()") else found


def wrapped(inner: Any) -> Any:
    return Asgi(inner) if is_asgi(inner) else Wsgi(inner)


def entry_here() -> str:
    folder = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(folder, "release.json"), encoding="utf-8") as file:
        return str(json.load(file)["entry"])


if __name__ == "toque_entry":
    app = wrapped(load(entry_here()))
    listen()
