"""The probe itself, in another Python of this host that plays the machine."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from toque.kitchen.look import Inside, NotSeen, ThroughCommand, python_words
from toque.kitchen.look.ask import program
from toque.kitchen.process import until, with_argument
from toque.kitchen.subject import Subject


@pytest.fixture
def machine() -> Iterator[Inside]:
    way = ThroughCommand(python_words(sys.executable))
    yield Inside(Subject("here", "127.0.0.1"), way)
    way.close()


def test_files_links_and_nothing(machine: Inside, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\0text")
    (tmp_path / "a").chmod(0o640)
    (tmp_path / "link").symlink_to("a")

    seen = machine.file(str(tmp_path / "a"))

    assert seen is not None
    assert (seen.kind, seen.mode, seen.size, seen.content) == ("file", 0o640, 5, b"\0text")
    assert seen.sha256 == hashlib.sha256(b"\0text").hexdigest()
    link = machine.file(str(tmp_path / "link"))
    assert link is not None
    assert (link.kind, link.target) == ("link", "a")
    assert machine.file(str(tmp_path / "a" / "below")) is None
    assert list(machine.seen)[-1].endswith("below: not there")


def test_a_large_file_has_its_hash_and_no_content(machine: Inside, tmp_path: Path) -> None:
    data = b"x" * ((8 << 20) + 1)
    (tmp_path / "large").write_bytes(data)

    seen = machine.file(str(tmp_path / "large"))

    assert seen is not None
    assert seen.sha256 == hashlib.sha256(data).hexdigest()
    with pytest.raises(NotSeen, match="8388609 bytes"):
        _ = seen.content


def test_programs_get_words_and_input_as_they_are(machine: Inside) -> None:
    words = ["a b", "$HOME", "; true", "é\n"]

    done = machine.run(sys.executable, "-c", "import sys; print(sys.argv[1:])", *words)

    assert done.out == f"{words}\n"
    assert machine.run("cat", stdin=b"\0\xff").out == "\0\ufffd"
    assert machine.run("false", check=False).code == 1
    with pytest.raises(NotSeen, match="false ended with 1"):
        machine.run("false")
    with pytest.raises(NotSeen, match=r"FileNotFoundError.*no-such-program"):
        machine.run("no-such-program")


def test_a_program_that_takes_too_long_is_ended_with_its_children(machine: Inside) -> None:
    script = "echo begun; sleep 31.41 & wait"

    with pytest.raises(NotSeen, match=r"was ended after 0.3 s\nbegun"):
        machine.run("sh", "-c", script, timeout=0.3)

    assert until(lambda: not with_argument("31.41"), 5)


def test_a_program_ends_with_who_asked_for_it(tmp_path: Path) -> None:
    """Whoever asks may be killed: nothing stays in the machine."""
    asked = '{"what": "run", "of": [["sleep", "27.18"], "", "", 60]}\n'
    probe = subprocess.Popen(
        python_words(sys.executable), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert probe.stdin is not None
    assert probe.stdout is not None
    probe.stdin.write(program() + asked.encode())
    probe.stdin.flush()
    assert until(lambda: bool(with_argument("27.18")), 10)

    probe.stdout.close()

    assert until(lambda: not with_argument("27.18"), 10)
    probe.stdin.close()
    probe.wait()


def test_a_probe_that_was_killed_is_started_again(machine: Inside) -> None:
    assert machine.user("root") is not None
    (probe,) = [p for p in machine.processes(argument="-c") if p.parent == os.getpid()]
    os.kill(probe.pid, signal.SIGKILL)

    with suppress(NotSeen):  # unless it has been seen to be gone already
        machine.user("root")

    assert machine.user("root") is not None


def test_noise_of_a_login_script_is_passed_over() -> None:
    way = ThroughCommand(("sh", "-c", 'echo welcome; exec "$@"', "sh", *python_words()))

    assert way("user", "root")["home"] == "/root"
    way.close()


def test_a_connection_that_fails_says_why() -> None:
    way = ThroughCommand(("sh", "-c", "echo Permission denied >&2; exit 255"))

    with pytest.raises(NotSeen, match="user root: no answer from the machine: Permission denied"):
        way("user", "root")


def test_users_and_groups(machine: Inside) -> None:
    root, shadow = machine.user("root"), machine.group("root")

    assert root is not None
    assert (root.uid, "root" in root.groups) == (0, True)
    assert shadow is not None
    assert "root" in shadow.members
    assert machine.user("nobody-there") is machine.group("nobody-there") is None


def test_ports_know_who_listens_where(machine: Inside) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        number = server.getsockname()[1]
        seen = machine.port(number)

        assert seen is not None
        assert seen.addresses == ("127.0.0.1",)
        assert os.getpid() in [one.pid for one in seen.processes]
        assert machine.listening(number)
        assert machine.port(number, "udp") is None
    assert machine.port(number) is None
    assert not machine.listening(number)


def test_an_address_of_ipv6_is_read(machine: Inside) -> None:
    with socket.socket(socket.AF_INET6) as server:
        try:
            server.bind(("::1", 0))
        except OSError:
            pytest.skip("this host has no IPv6")
        server.listen()
        seen = machine.port(server.getsockname()[1])

    assert seen is not None
    assert seen.addresses == ("::1",)


def test_processes_by_user_and_argument_and_their_variables(machine: Inside) -> None:
    with subprocess.Popen(["sleep", "16.18"], env={"TOKEN": "hunter2"}) as sleeping:
        assert until(lambda: bool(with_argument("16.18")), 5)
        (seen,) = machine.processes("sleep", argument="16.18")

        assert (seen.pid, seen.argv) == (sleeping.pid, ("sleep", "16.18"))
        assert machine.processes("sleep", argument="16.18", user="nobody") == ()
        assert machine.variables(seen.pid)["TOKEN"] == "hunter2"
        assert "hunter2" not in "".join(machine.seen)
        sleeping.kill()


class Hello(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = f"{self.path} {self.headers['Host']} {self.headers.get('X-A')}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: object) -> None: ...


def test_http_from_inside_and_outside(machine: Inside) -> None:
    with HTTPServer(("127.0.0.1", 0), Hello) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        inside = machine.http("/a?b", host="thena.example", where=server.server_port)
        outside = machine.visit("/a", port=server.server_port, headers={"X-A": "1"})
        server.shutdown()

    assert (inside.status, inside.text) == (200, "/a?b thena.example None")
    assert (outside.status, outside.text) == (200, "/a 127.0.0.1 1")
    assert "GET" not in repr(inside)
    with pytest.raises(NotSeen, match="does not answer /"):
        machine.visit("/", port=server.server_port)
    with pytest.raises(NotSeen, match="Refused"):
        machine.http("/", where=server.server_port)


def test_facts(machine: Inside) -> None:
    assert machine.facts.hostname == socket.gethostname()
    assert machine.facts.architecture == os.uname().machine
    assert machine.facts.memory_mb > 0
