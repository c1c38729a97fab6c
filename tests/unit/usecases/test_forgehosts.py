"""Host keys of forges: shipped, taken over from what a forge publishes, confirmed by a person."""

from __future__ import annotations

import http.server
import json
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from toque.adapters import https
from toque.errors import AskedWrongly, Failed
from toque.fleet import forges
from toque.node.formats import publickey
from toque.usecases import forgehosts

NEW = publickey.parse(
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIVIC02vnjFyL+I4RHfvIGNtOgJMe769VTF1VR4EB3ZB"
)
GITHUB = [f"{key.type} {key.data}" for key in forges.keys_of(forges.shipped(), "github.com")]


def meta(*keys: str) -> bytes:
    """As https://docs.github.com/rest/meta/meta#get-github-meta-information shows it."""
    return json.dumps(
        {
            "verifiable_password_authentication": True,
            "ssh_key_fingerprints": {
                "SHA256_ED25519": "+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU"
            },
            "ssh_keys": list(keys),
            "hooks": ["192.0.2.0/24"],
        }
    ).encode()


def test_what_is_published_and_known_changes_nothing(tmp_path: Path) -> None:
    done = forgehosts.update(tmp_path, "github.com", lambda url: meta(*GITHUB))

    assert (done.added, done.gone) == ((), ())
    assert list(tmp_path.iterdir()) == []


def test_a_key_that_was_replaced_is_taken_over_and_the_old_one_is_gone(tmp_path: Path) -> None:
    asked = []

    def fetch(url: str) -> bytes:
        asked.append(url)
        return meta(f"{NEW.type} {NEW.data}", *GITHUB[1:])

    done = forgehosts.update(tmp_path, "github.com", fetch)

    assert asked == ["https://api.github.com/meta"]
    assert [key.fingerprint for key in done.added] == [NEW.fingerprint]
    assert [key.fingerprint for key in done.gone] == [
        "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU"
    ]
    text = forgehosts.host_keys(tmp_path)
    assert [key.data for key in forges.keys_of(text, "github.com")][0] == NEW.data
    assert GITHUB[0] not in text
    shown = {one.host: one.source for one in forgehosts.known(tmp_path)}
    assert shown["github.com"] != shown["gitlab.com"] == "came with Toque"


def test_lines_of_known_hosts_are_read_too(tmp_path: Path) -> None:
    text = f"bitbucket.org {NEW.type} {NEW.data}\nelsewhere.org {GITHUB[0]}\n"

    done = forgehosts.update(tmp_path, "bitbucket.org", lambda url: text.encode())

    assert [key.data for key in done.added] == [NEW.data]
    assert len(done.gone) == 3


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b'{"ssh_keys": []}', b'{"ssh_keys": ["nonsense"]}', b"<html>", b"\xff", b"[]"],
)
def test_what_holds_no_keys_changes_nothing(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(Failed) as caught:
        forgehosts.update(tmp_path, "github.com", lambda url: data)

    assert caught.value.code == "hostkey-source-wrong"
    assert list(tmp_path.iterdir()) == []


def test_a_forge_that_publishes_no_list_is_said_to(tmp_path: Path) -> None:
    for host in ("gitlab.com", "git.example.org"):
        with pytest.raises(AskedWrongly) as caught:
            forgehosts.update(tmp_path, host, lambda url: b"")
        assert caught.value.code == "hostkey-no-source"
        assert f"toque hostkey add {host}" in caught.value.trouble.hint


def test_a_host_that_is_added_replaces_what_was_known_of_it(tmp_path: Path) -> None:
    forgehosts.add(tmp_path, "git.example.org", 2222, [NEW])
    forgehosts.add(tmp_path, "git.example.org", 22, [NEW])
    other = publickey.parse(GITHUB[0])
    forgehosts.add(tmp_path, "git.example.org", 2222, [other])

    text = forgehosts.host_keys(tmp_path)
    assert forges.keys_of(text, "git.example.org", 2222) == [other]
    assert forges.keys_of(text, "git.example.org", 22) == [NEW]


def test_a_file_with_nonsense_is_named(tmp_path: Path) -> None:
    (tmp_path / "forge_hosts").write_text("git.example.org nonsense\n")

    with pytest.raises(AskedWrongly) as caught:
        forgehosts.known(tmp_path)

    assert caught.value.code == "hostkey-file-damaged"


@pytest.mark.parametrize(("text", "there"), [
    ("GitHub.com", ("github.com", 22)), ("a.example:2222", ("a.example", 2222)),
    ("[a.example]:2222", ("a.example", 2222)), ("-x", None), ("a b", None), ("a:99999", None),
])  # fmt: skip
def test_hosts_are_taken_apart(text: str, there: tuple[str, int] | None) -> None:
    if there is not None:
        assert forgehosts.split(text) == there
        return
    with pytest.raises(AskedWrongly):
        forgehosts.split(text)


# --- the client, against a TLS server of our own -----------------------------------------------

Serve = Callable[[int, bytes, dict[str, str]], str]


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    key, certificate = tmp_path / "tls.key", tmp_path / "tls.crt"
    argv = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key)]
    argv += ["-out", str(certificate), "-days", "2", "-subj", "/CN=localhost"]
    subprocess.run(
        [*argv, "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True
    )
    return certificate, key


@pytest.fixture
def serve(pair: tuple[Path, Path]) -> Iterator[Serve]:
    running = []

    def start(status: int, body: bytes, headers: dict[str, str]) -> str:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *words: object) -> None:
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*pair)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        running.append(server)
        return f"https://localhost:{server.server_port}/meta"

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


def test_keys_are_read_over_tls_and_from_nobody_else(
    serve: Serve, pair: tuple[Path, Path], tmp_path: Path
) -> None:
    trusting = ssl.create_default_context(cafile=str(pair[0]))
    good = serve(200, meta(f"{NEW.type} {NEW.data}"), {})

    keys = forgehosts.published("github.com", https.fetch(good, context=trusting), good)

    assert keys == [NEW]
    for url, context in (
        (good, None),  # a certificate that nobody vouches for
        (good.replace("localhost", "127.0.0.1"), trusting),  # of another name
        (serve(500, b"", {}), trusting),
        (serve(302, b"", {"Location": good}), trusting),  # led elsewhere
        (serve(200, b"x" * (https.LONGEST + 1), {}), trusting),
        ("https://localhost:9/", trusting),
    ):
        with pytest.raises(Failed) as caught:
            https.fetch(url, context=context)
        assert caught.value.code == "hostkey-source-unreachable"
    with pytest.raises(ValueError, match="https"):
        https.fetch("http://localhost/meta")
