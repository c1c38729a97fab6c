"""The file that stands between an app server and the app: honest failures, all else untouched."""

from __future__ import annotations

import asyncio
import importlib.util
import io
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from wsgiref.handlers import SimpleHandler
from wsgiref.util import FileWrapper, setup_testing_defaults
from wsgiref.validate import validator

import pytest

from toque.node.inside import serving, text_of
from toque.node.inside.serving import Asgi, Wsgi, is_asgi, load

ID = "0123456789abcdef0123456789abcdef"


def served(app: Any, path: str = "/boom", checked: bool = True, **given: str) -> bytes:
    """What a server of PEP 3333 (wsgiref's) sends for one request; checked by its validator."""
    environ: dict[str, Any] = {"PATH_INFO": path, "HTTP_X_REQUEST_ID": ID, **given}
    environ["SCRIPT_NAME"] = ""
    setup_testing_defaults(environ)
    environ["QUERY_STRING"] = ""
    out, errors = io.BytesIO(), io.StringIO()
    handler = SimpleHandler(environ.pop("wsgi.input"), out, errors, environ)
    handler.http_version = "1.0"
    handler.run(validator(app) if checked else app)
    assert not errors.getvalue() or not checked, errors.getvalue()
    return out.getvalue()


def plain(environ: Any, start: Any) -> list[bytes]:
    start("200 OK", [("Content-Type", "text/plain")])
    return [b"well"]


def raises(environ: Any, start: Any) -> list[bytes]:
    raise RuntimeError("no arcs")


def raises_after_start(environ: Any, start: Any) -> list[bytes]:
    start("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "400")])
    raise RuntimeError("no arcs")


def generator_that_raises(environ: Any, start: Any) -> Iterator[bytes]:
    raise RuntimeError("no arcs")
    yield b""


def generator_raises_before_its_first_part(environ: Any, start: Any) -> Iterator[bytes]:
    start("200 OK", [("Content-Type", "text/plain")])
    raise RuntimeError("no arcs")
    yield b""


@pytest.mark.requirement("R48", "R51")
@pytest.mark.parametrize(
    "app",
    [
        raises,
        raises_after_start,
        generator_that_raises,
        generator_raises_before_its_first_part,
    ],
)
def test_an_exception_before_the_response_is_a_plain_500_with_the_id_and_the_trace(
    app: Any, capsys: pytest.CaptureFixture[str]
):
    answer = served(Wsgi(validator(app)))

    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.0 500 Internal Server Error\r\n")
    assert body == f"Internal Server Error\nrequest {ID}\n".encode()
    assert head.count(b"Content-Length") == 1 and b"X-Request-ID: " + ID.encode() in head
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith(f"[{ID}] toque: failed GET /boom at 20")
    assert lines[-1] == f"[{ID}] RuntimeError: no arcs"
    assert all(line.startswith(f"[{ID}] ") for line in lines)
    assert b"arcs" not in answer  # nothing of the inside goes out


def written(environ: Any, start: Any) -> list[bytes]:
    start("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "400")])(b"half")
    raise RuntimeError("no arcs")


def streamed(environ: Any, start: Any) -> Iterator[bytes]:
    start("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "400")])
    yield b"half"
    raise RuntimeError("no arcs")


@pytest.mark.requirement("R50")
@pytest.mark.parametrize("app", [written, streamed])
def test_an_exception_after_the_headers_cuts_the_response_and_is_counted(
    app: Any, capsys: pytest.CaptureFixture[str]
):
    answer = served(Wsgi(app), checked=False)

    assert answer.startswith(b"HTTP/1.0 200 OK") and answer.endswith(b"\r\n\r\nhalf")
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith(f"[{ID}] toque: cut GET /boom at 20")
    assert said[-1] == f"[{ID}] RuntimeError: no arcs"


@pytest.mark.requirement("R50")
def test_under_uwsgi_a_body_of_unknown_length_says_where_it_ends():
    """It would only close the connection, after a whole body as after half of one."""
    given: list[Any] = []

    def sent(app: Any, **more: str) -> bytes:
        environ = {"uwsgi.version": b"2.0", "SERVER_PROTOCOL": "HTTP/1.1", "REQUEST_METHOD": "GET"}
        got = b""
        try:
            for part in Wsgi(app)({**environ, **more}, lambda *start: given.append(start)):
                got += part
        except RuntimeError:
            got += b"(cut)"
        return got

    def app(environ: Any, start: Any) -> Iterator[bytes]:
        start("200 OK", [("Content-Type", "text/plain")])
        yield from (b"one", b"", b"three")
        if "fails" in environ:
            raise RuntimeError("no arcs")

    assert sent(app) == b"3\r\none\r\n5\r\nthree\r\n0\r\n\r\n"
    assert given[-1][1][-1] == ("Transfer-Encoding", "chunked")
    assert sent(app, fails="yes") == b"3\r\none\r\n5\r\nthree\r\n(cut)"
    for more in ({"SERVER_PROTOCOL": "HTTP/1.0"}, {"REQUEST_METHOD": "HEAD"}):
        assert sent(app, **more) == b"onethree"
        assert len(given[-1][1]) == 1
    assert sent(streamed) == b"half(cut)"  # its length was announced


def test_an_app_may_start_anew_as_long_as_nothing_was_sent():
    def app(environ: Any, start: Any) -> list[bytes]:
        start("200 OK", [("Content-Type", "text/plain")])
        try:
            raise RuntimeError("no arcs")
        except RuntimeError:
            start("503 Busy", [("Content-Type", "text/plain")], sys.exc_info())
        return [b"its own page"]

    answer = served(Wsgi(validator(app)))

    assert answer.startswith(b"HTTP/1.0 503 Busy") and answer.endswith(b"its own page")


def test_what_goes_well_is_not_touched(capsys: pytest.CaptureFixture[str]):
    body = [b"well"]
    file = FileWrapper(io.BytesIO(b"a file"))
    environ = {"wsgi.file_wrapper": FileWrapper}

    assert Wsgi(lambda e, s: body)({}, None) is body
    assert Wsgi(lambda e, s: file)(environ, None) is file  # sendfile needs the very object
    stream = io.BytesIO(b"uWSGI hands the file itself over")
    assert Wsgi(lambda e, s: stream)({"wsgi.file_wrapper": lambda f, size: f}, None) is stream
    assert served(Wsgi(validator(plain))).endswith(b"\r\n\r\nwell")
    assert capsys.readouterr().err == ""


class Told:
    """A body that remembers what was done with it."""

    def __init__(self, parts: list[bytes], fails_at: int = 99) -> None:
        self.parts, self.fails_at, self.taken, self.closed = parts, fails_at, 0, 0

    def __iter__(self) -> Iterator[bytes]:
        for part in self.parts:
            if self.taken == self.fails_at:
                raise RuntimeError("no arcs")
            self.taken += 1
            yield part

    def close(self) -> None:
        self.closed += 1


@pytest.mark.parametrize("fails_at", [0, 2, 99])
def test_a_body_is_taken_part_by_part_and_closed_once(fails_at: int):
    body = Told([b"1", b"2", b"3"], fails_at)

    def app(environ: Any, start: Any) -> Told:
        start("200 OK", [("Content-Type", "text/plain")])
        return body

    answer = Wsgi(app)({}, lambda *given: None)
    if fails_at == 0:
        assert body.closed == 1 and list(answer)[0].startswith(b"Internal")
        return
    assert body.taken == 1  # nobody runs ahead
    parts = iter(answer)
    assert next(parts) == b"1" and body.taken == 1
    assert next(parts) == b"2"
    if fails_at == 2:
        with pytest.raises(RuntimeError):
            next(parts)
    answer.close()  # type: ignore[attr-defined]
    assert body.closed == 1


def test_an_end_of_the_worker_is_no_failure_of_the_app():
    def ends(environ: Any, start: Any) -> Any:
        raise SystemExit(0)

    with pytest.raises(SystemExit):
        Wsgi(ends)({}, None)


def test_an_id_from_nobody_is_made_and_a_hostile_one_is_not_repeated(
    capsys: pytest.CaptureFixture[str],
):
    for given in ({}, {"HTTP_X_REQUEST_ID": "x\n[y] RuntimeError: forged"}):
        environ = {**given, "PATH_INFO": "/\n[z] forged", "REQUEST_METHOD": "GET"}
        Wsgi(raises)(environ, lambda *given: None)
        lines = capsys.readouterr().err.splitlines()
        made = lines[0][1:33]
        assert all(line.startswith(f"[{made}] ") for line in lines)
        assert lines[0].startswith(f"[{made}] toque: failed GET /?[z] forged at 20")


class Signal:
    """As blinker's and Django's: whoever connects is called while the exception is handled."""

    def connect(self, receiver: Callable[..., None], *, weak: bool) -> None:
        assert not weak
        self.receiver = receiver


@pytest.mark.requirement("R51")
@pytest.mark.parametrize("name", ["flask", "django.core.signals"])
@pytest.mark.parametrize("propagate", [True, False])
def test_a_trace_that_a_framework_keeps_to_itself_is_told_once(
    name: str,
    propagate: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    framework, signal = ModuleType(name), Signal()
    framework.got_request_exception = signal  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, name, framework)
    serving.listen()

    def app(environ: Any, start: Any) -> list[bytes]:
        try:
            raise RuntimeError("no arcs")
        except RuntimeError as error:
            given = {"exception": error} if name == "flask" else {"request": object()}
            signal.receiver(app, **given)
            if propagate:
                raise
        start("500 INTERNAL SERVER ERROR", [("Content-Type", "text/plain")])
        return [b"its own page"]

    answer = served(Wsgi(app))

    assert answer.startswith(b"HTTP/1.0 500 ")
    assert answer.endswith(b"its own page") is not propagate
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith(f"[{ID}] toque: handled GET /boom at 20")
    assert lines[-1] == f"[{ID}] RuntimeError: no arcs"
    assert len([line for line in lines if "Traceback" in line]) == 1


HEADERS = [(b"x-request-id", ID.encode())]
HTTP = {"type": "http", "method": "GET", "path": "/boom", "headers": HEADERS}


def in_asgi(app: Any) -> tuple[list[Any], BaseException | None]:
    """The messages that an app sends for one request, and what it raised."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    try:
        asyncio.run(Asgi(app)(HTTP, receive, send))
    except Exception as error:  # noqa: BLE001
        return sent, error
    return sent, None


START = {"type": "http.response.start", "status": 200, "headers": []}


async def asgi_raises(scope: Any, receive: Any, send: Any) -> None:
    raise RuntimeError("no arcs")


async def asgi_cut(scope: Any, receive: Any, send: Any) -> None:
    await send(START)
    await send({"type": "http.response.body", "body": b"half", "more_body": True})
    raise RuntimeError("no arcs")


async def asgi_done(scope: Any, receive: Any, send: Any) -> None:
    await send({**START, "status": 500})
    await send({"type": "http.response.body", "body": b"the app's own page"})
    raise RuntimeError("no arcs")  # as Starlette does


@pytest.mark.requirement("R48", "R50", "R51")
def test_an_asgi_app_that_raises_before_within_and_after_its_response(
    capsys: pytest.CaptureFixture[str],
):
    sent, error = in_asgi(asgi_raises)
    assert error is None and [m["type"] for m in sent] == [
        "http.response.start", "http.response.body",
    ]  # fmt: skip
    assert sent[0]["status"] == 500 and sent[1]["body"].endswith(f"request {ID}\n".encode())
    headers = dict(sent[0]["headers"])
    assert headers[b"x-request-id"] == ID.encode()
    assert int(headers[b"content-length"]) == len(sent[1]["body"])
    assert all(name == name.lower() for name in headers)
    first = capsys.readouterr().err.splitlines()
    assert first[0].startswith(f"[{ID}] toque: failed GET /boom at 20")
    assert first[-1] == f"[{ID}] RuntimeError: no arcs"

    sent, error = in_asgi(asgi_cut)
    assert isinstance(error, RuntimeError) and len(sent) == 2  # the server cuts the connection
    assert capsys.readouterr().err.startswith(f"[{ID}] toque: cut GET /boom")

    sent, error = in_asgi(asgi_done)
    assert error is None and sent[1]["body"] == b"the app's own page"
    assert capsys.readouterr().err.startswith(f"[{ID}] toque: handled GET /boom")


@pytest.mark.parametrize("kind", ["lifespan", "websocket"])
def test_lifespan_and_websockets_get_the_very_same_channels(kind: str):
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.extend([scope, receive, send])
        raise RuntimeError("not supported")  # which is how an app says so

    scope, receive, send = {"type": kind}, object(), object()
    with pytest.raises(RuntimeError, match="not supported"):
        asyncio.run(Asgi(app)(scope, receive, send))  # type: ignore[arg-type]
    assert seen[0] is scope and seen[1] is receive and seen[2] is send


def test_a_client_that_left_is_no_failure(capsys: pytest.CaptureFixture[str]):
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(Asgi(app)(HTTP, None, None))  # type: ignore[arg-type]
    assert capsys.readouterr().err == ""


async def coroutine(scope: Any, receive: Any, send: Any) -> None: ...


class Callable3:
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...


@pytest.mark.parametrize(
    ("app", "expected"),
    [(coroutine, True), (Callable3(), True), (plain, False), (Wsgi(plain), False)],
)
def test_the_two_interfaces_are_told_apart(app: Any, expected: bool):
    assert is_asgi(app) is expected


def release(folder: Path, entry: str) -> ModuleType:
    """The file as a release has it, loaded as a server does."""
    (folder / "toque_entry.py").write_text(text_of("serving"))
    (folder / "release.json").write_text(json.dumps({"entry": entry}))
    spec = importlib.util.spec_from_file_location("toque_entry", folder / "toque_entry.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("entry", ["thena_of_a_test:app", "thena_of_a_test:make()"])
def test_a_release_names_a_callable_or_a_factory(
    entry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    module = ModuleType("thena_of_a_test")
    module.app = plain  # type: ignore[attr-defined]
    module.make = lambda: plain  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "thena_of_a_test", module)

    loaded = release(tmp_path, entry)

    assert loaded.app.inner is plain


def test_a_name_that_is_not_there_is_said_as_python_says_it():
    with pytest.raises(AttributeError, match="module 'json' has no attribute 'nothing'"):
        load("json:nothing")


def test_what_it_costs_for_each_request(record_property: Callable[[str, object], None]):
    """Printed, not asserted: a busy machine is no reason to fail."""

    def seconds(app: Any, count: int = 20_000) -> float:
        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "HTTP_X_REQUEST_ID": ID}
        start = lambda *given: None  # noqa: E731
        began = time.perf_counter()
        for _ in range(count):
            app(environ, start)
        return (time.perf_counter() - began) / count

    extra = min(seconds(Wsgi(plain)) - seconds(plain) for _ in range(3))
    figure = f"the middleware costs {extra * 1e6:.1f} microseconds a request"
    record_property("figure", figure)
    assert served(Wsgi(plain)).endswith(b"well")
