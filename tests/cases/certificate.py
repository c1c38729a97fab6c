"""Certificates on a real machine, looked at by openssl and used by a real client."""

import os
import ssl
import subprocess
import threading

from toque_node.resources.certificate import Certificate
from toque_node.resources.http_check import HttpCheck


def _pair(node, **more):
    """A declaration in the case's tree; the program comes with a package of its own."""
    if not os.path.exists("/usr/bin/openssl"):
        node.run("apt-get", "update", "-q")
        node.run("apt-get", "install", "-qy", "--no-install-recommends", "openssl")
    more.setdefault("names", ("site.example", "*.site.example"))
    return Certificate(node.tree + "/site.pem", node.tree + "/site.key", **more)


def _says(node, *what):
    return node.out("openssl", "x509", "-noout", "-in", node.tree + "/site.pem", *what)


def present(node):
    node.makes(_pair(node, addresses=("127.0.0.1",)))
    assert node.out("stat", "-c", "%a %U", node.tree + "/site.key") == "600 root"
    assert "DNS:site.example, DNS:*.site.example, IP Address:127.0.0.1" in _says(
        node, "-ext", "subjectAltName"
    )
    assert _says(node, "-subject").replace(" ", "") == "subject=CN=site.example"
    public = node.out("openssl", "pkey", "-pubout", "-in", node.tree + "/site.key")
    assert _says(node, "-pubkey") == public
    node.run("openssl", "verify", "-CAfile", node.tree + "/site.pem", node.tree + "/site.pem")


def absent(node):
    node.makes(_pair(node))
    node.makes(_pair(node, absent=True))
    assert os.listdir(node.tree) == []


def unmanaged(node):
    node.put(node.tree + "/site.pem", b"signed by an authority\n")
    trouble = node.refuses(_pair(node), "certificate-not-ours")
    assert "replace=True" in trouble["hint"]
    assert node.read(node.tree + "/site.pem") == b"signed by an authority\n"
    node.makes(_pair(node, replace=True))


def sensitive(node):
    """No file but the key holds the key, and nothing that is said does."""
    outcome = node.makes(_pair(node))
    body = node.read(node.tree + "/site.key").splitlines()[1].decode()
    assert body not in str(outcome)
    found = node.run("grep", "-rlF", "--", body, "/var/lib/toque", "/tmp", "/run", check=False)
    assert found.stdout == ""


def absent_tool(node):
    pair = _pair(node)
    with node.without("openssl"):
        node.refuses(pair, "program-missing")
    assert os.listdir(node.tree) == []


def renewed(node):
    node.makes(_pair(node, days=20, renew_days=10))
    node.makes(_pair(node, days=20, renew_days=15, names=("other.example",)))
    before = _says(node, "-serial")
    node.makes(_pair(node, days=40, renew_days=25, names=("other.example",)))
    assert _says(node, "-serial") != before
    node.run("openssl", "x509", "-noout", "-checkend", str(39 * 86400), "-in", _pair(node).path)


def a_client_trusts_it(node):
    pair = _pair(node, names=("site.example",))
    node.makes(pair)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.path, pair.key_path)
    from http.server import BaseHTTPRequestHandler, HTTPServer

    class Page(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()

        def log_message(self, *words):
            pass

    server = HTTPServer(("127.0.0.1", 0), Page)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        port = server.server_address[1]
        node.leaves(HttpCheck(f"https://site.example:{port}/", at="127.0.0.1", ca=pair.path))
        for url, ca in (("site.example", ""), ("wrong.example", pair.path)):
            check = HttpCheck(f"https://{url}:{port}/", at="127.0.0.1", ca=ca, timeout_s=0.2)
            assert "certificate" in node.refuses(check, "http-check-failed")["found"]
        shown = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", "site.example",
             "-verify_return_error", "-verify_hostname", "site.example", "-CAfile", pair.path],
            input=b"", capture_output=True, timeout=20,
        )  # fmt: skip
        assert b"Verify return code: 0" in shown.stdout, shown
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
