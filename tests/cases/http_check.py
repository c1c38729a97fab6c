"""Pages of a real server: Python's own."""

import contextlib
import socket
import subprocess

from toque_node.resources.http_check import HttpCheck

NOT = {
    "absent": "a page that must not answer is a status; see unmanaged",
    "sensitive": "a URL is written to logs everywhere, so no secret may be in it",
    "absent_tool": "the runtime asks by itself",
}


@contextlib.contextmanager
def _serving(node, later=0.0):
    """A server of ``node.tree`` on a port of its own, after ``later`` seconds."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    text = "import time, sys; from http.server import test, SimpleHTTPRequestHandler as h;"
    text += f"time.sleep({later}); test(h, port={port}, bind='127.0.0.1')"
    server = subprocess.Popen(
        ["python3", "-c", text], cwd=node.tree, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        yield port
    finally:
        server.kill()
        server.communicate()


def present(node):
    node.put(node.tree + "/index.html", b"all is well\n")
    with _serving(node, later=0.5) as port:
        outcome = node.walk(HttpCheck(f"http://127.0.0.1:{port}/", text="all is well"))
        assert outcome.status.value == "ok", outcome
        node.leaves(HttpCheck(f"http://site.example:{port}/", at="127.0.0.1"))


def unmanaged(node):
    with _serving(node) as port:
        node.leaves(HttpCheck(f"http://127.0.0.1:{port}/none", status=(404,)))


def never(node):
    node.put(node.tree + "/index.html", b"all is bad\n")
    with _serving(node) as port:
        url = f"http://127.0.0.1:{port}/"
        node.leaves(HttpCheck(url))
        trouble = node.refuses(HttpCheck(url, text="well", timeout_s=0.5), "http-check-failed")
        assert (trouble["found"], trouble["log"]) == ("200 OK, without the text", ["all is bad"])
    trouble = node.refuses(HttpCheck(url, timeout_s=0.5), "http-check-failed")
    assert trouble["found"] == "nobody listens there"
