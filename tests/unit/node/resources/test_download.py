"""A file from the web: verified before it counts, and nothing else ever replaces the old one."""

import hashlib
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from toque.node.errors import StepFailed
from toque.node.memory import MemorySystem
from toque.node.model import Facts
from toque.node.probe import Answer
from toque.node.realsystem import RealSystem
from toque.node.resource import Invalid, differing
from toque.node.resources.download import Download

DATA = b"program\n" * 10_000
SHA = hashlib.sha256(DATA).hexdigest()
URL = "https://example.test/program"


def download(path="/opt/program", **more):
    return Download(path, **{"url": URL, "sha256": SHA, **more})


def apply(resource, system):
    resource.validate()
    keys = differing(resource.wanted(), resource.found(system))
    if keys:
        resource.fix(system, keys)
    assert differing(resource.wanted(), resource.found(system)) == frozenset()
    return keys


def memory(body=DATA, **files):
    system = MemorySystem(answers={URL: Answer(200, "OK", len(body), body=body)})
    system.put("/opt/other", b"")
    for name, data in files.items():
        system.put(f"/opt/{name}", data)
    return system


def test_fetched_once_with_owner_and_mode():
    system = memory()
    assert "exists" in apply(download(owner="app", mode=0o755), system)
    there = system.stat("/opt/program")
    assert (there.owner, there.mode, system.read("/opt/program")) == ("app", 0o755, DATA)
    system.answers.clear()
    assert apply(download(owner="app", mode=0o755), system) == frozenset()
    assert apply(download(mode=0o700), system) == {"owner", "mode"}, "without the web"


def test_other_bytes_are_replaced_and_an_earlier_digest_too():
    system = memory(program=b"other")
    assert apply(download(), system) == {"sha256"}


@pytest.mark.parametrize(
    ("body", "more", "code"),
    [
        (DATA + b"x", {}, "digest-differs"),
        (b"", {}, "digest-differs"),
        (DATA, {"most_bytes": 100}, "download-too-large"),
    ],
)
def test_what_is_not_as_agreed_leaves_the_old_file(body, more, code):
    system = memory(body, program=b"old")
    with pytest.raises(StepFailed) as failed:
        apply(download(**more), system)
    assert failed.value.code == code
    assert system.read("/opt/program") == b"old"
    assert system.names("/opt") == ["other", "program"]


def test_something_else_in_its_place_is_refused():
    system = memory()
    system.put("/opt/program", kind="directory")
    with pytest.raises(StepFailed) as failed:
        download().found(system)
    assert failed.value.code == "wrong-kind"


@pytest.mark.parametrize(
    "declared",
    [
        download(sha256=""),
        download(sha256=SHA.upper()),
        download(sha256=SHA[:-1]),
        download(url="file:///etc/shadow"),
        download(url="ftp://example.test/a"),
        download(url="https://user:password@example.test/a"),
        download(url="https://example.test/a b"),
        download(url="/etc/shadow"),
        download(path="opt"),
        download(timeout_s=0),
        download(most_bytes=0),
        download(mode=-1),
    ],
)
def test_declarations_that_can_never_be_right_are_refused(declared):
    with pytest.raises(Invalid):
        declared.validate()


class Server(BaseHTTPRequestHandler):
    """Pages by name; ``/hold`` gives a little and then nothing."""

    held = threading.Event()

    def do_GET(self):
        name, _, rest = self.path[1:].partition("/")
        if name == "to":
            self.send_response(302)
            self.send_header("Location", rest)
            self.end_headers()
        elif name == "hold":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"x")
            self.wfile.flush()
            self.held.wait(30)
        elif name in ("whole", "short"):
            self.send_response(200)
            self.send_header("Content-Length", str(len(DATA)))
            self.end_headers()
            self.wfile.write(DATA if name == "whole" else DATA[:100])
        else:
            self.send_error(404)

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def web():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    Server.held.set()
    server.shutdown()
    server.server_close()
    thread.join()


def fetched(url, timeout_s=20.0):
    return b"".join(RealSystem(Facts()).fetch(url, timeout_s=timeout_s))


class TestOverHttp:
    def test_whole(self, web):
        assert fetched(f"{web}/whole") == DATA

    def test_redirect_is_followed(self, web):
        assert fetched(f"{web}/to//to//whole") == DATA
        assert fetched(f"{web}/to/{web}/whole") == DATA

    @pytest.mark.parametrize(
        ("page", "found"),
        [
            ("missing", "404"),
            ("short", "too early"),
            ("to/file:///etc/passwd", "redirect from http to 'file:"),
            ("to/ftp://example.test/", "redirect from http to 'ftp:"),
            ("to/", "redirect"),
            ("to//to//to//to//to//to//to//whole", "more than 5 redirects"),
        ],
    )
    def test_refused(self, web, page, found):
        with pytest.raises(StepFailed) as failed:
            fetched(f"{web}/{page}")
        assert failed.value.code == "download-failed"
        assert found in failed.value.found

    def test_no_answer_in_time_ends_even_while_bytes_come(self, web):
        with pytest.raises(StepFailed) as failed:
            fetched(f"{web}/hold", timeout_s=1.0)
        assert "no end within 1 s" in failed.value.found

    def test_nobody_there_and_no_such_name(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
        for url in (f"http://127.0.0.1:{port}/", "http://name.invalid/"):
            with pytest.raises(StepFailed) as failed:
                fetched(url)
            assert failed.value.code == "download-failed"

    def test_proxies_of_the_environment_are_not_asked(self, web, monkeypatch):
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
        assert fetched(f"{web}/whole") == DATA


def test_https_is_never_left():
    from toque.node.fetch import _moved

    assert _moved("x", "http://a/b", "https://a/c") == "https://a/c"
    assert _moved("x", "https://a/b", "/c") == "https://a/c"
    with pytest.raises(StepFailed):
        _moved("x", "https://a/b", "http://a/c")
