"""SshTransport against a real sshd on loopback: every way in which a login goes wrong, and right.

They need root (sshd changes users, and /run/sshd must be there) and OpenSSH's client and server.
Each test has its own server, keys and state directory; nothing of the machine's is changed but
a passing user for the sudo case.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from toque.adapters import shipping
from toque.adapters.hostkeys import HostKeys, parse_key
from toque.adapters.ssh import SshTransport, fetch
from toque.adapters.target import Target
from toque.errors import Unreachable

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/sbin")
OLD_PYTHON = Path("/root/.pyenv/versions/3.8.18/bin")

pytestmark = [
    pytest.mark.machine,
    pytest.mark.skipif(os.geteuid() != 0, reason="a real sshd needs root"),
    pytest.mark.skipif(SSHD is None, reason="no sshd: apt-get install openssh-server"),
    pytest.mark.skipif(shutil.which("ssh") is None, reason="no ssh: openssh-client"),
]

ECHO = b"""
def main(argv, stdin, stdout):
    import os
    stdout.write(repr((list(argv), os.getuid(), sorted(os.environ))).encode() + b"\\n")
    stdout.flush()
    for line in stdin:
        size = int(line)
        stdout.write(b"%d\\n" % len(stdin.read(size)))
        stdout.flush()
    return 9
"""


def keygen(path: Path, kind: str = "ed25519") -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", path], check=True)
    return path


def public(path: Path) -> str:
    return path.with_name(path.name + ".pub").read_text()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@dataclass(frozen=True)
class Server:
    port: int
    folder: Path
    user_key: Path
    host_key: Path
    config: Path

    @property
    def target(self) -> Target:
        return Target("web1", "127.0.0.1", "root", self.port, self.user_key)

    @property
    def keys(self) -> HostKeys:
        return HostKeys(self.folder / "project dir" / "known_hosts")

    def pinned(self) -> HostKeys:
        self.keys.pin("web1", public(self.host_key))
        return self.keys

    def transport(self, target: Target | None = None, *, become: bool = False) -> SshTransport:
        return SshTransport(
            target or self.target,
            self.keys,
            become=become,
            state=str(self.folder / "state"),
            runtime=lambda: shipping.pack(self.folder / "node"),
        )


Serve = Callable[..., Server]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    running: list[subprocess.Popen[bytes]] = []

    def start(*extra: str, kind: str = "ed25519") -> Server:
        host_key = keygen(tmp_path / f"host_{kind}_{len(running)}", kind)
        user_key = tmp_path / "user"
        if not user_key.exists():
            keygen(user_key)
            (tmp_path / "node").mkdir()
            (tmp_path / "node/__init__.py").write_text("")
            (tmp_path / "node/__main__.py").write_bytes(ECHO)
        port = free_port()
        config = tmp_path / f"sshd_config_{port}"
        (tmp_path / "authorized_keys").write_text(public(user_key))
        lines = [
            *extra,
            f"Port {port}",
            "ListenAddress 127.0.0.1",
            f"HostKey {host_key}",
            f"AuthorizedKeysFile {tmp_path}/authorized_keys",
            "PermitRootLogin yes",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "StrictModes no",
            "UsePAM no",
            "PidFile none",
        ]
        config.write_text("\n".join(lines) + "\n")
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        assert SSHD is not None
        process = subprocess.Popen([SSHD, "-D", "-e", "-f", str(config)], stderr=subprocess.DEVNULL)
        running.append(process)
        for _ in range(6000):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except ConnectionRefusedError:
                assert process.poll() is None, "sshd did not start"
                time.sleep(0.01)
        return Server(port, tmp_path, user_key, host_key, config)

    yield start
    for process in running:
        process.terminate()
        process.wait()


def fails(transport: SshTransport) -> Unreachable:
    with pytest.raises(Unreachable) as caught:
        transport.open(["facts"])
    if os.environ.get("SHOW_WORDS"):
        sys.stderr.write(f"\n{caught.value.trouble}\n")
    return caught.value


def test_node_program_runs_and_takes_a_large_payload(serve: Serve) -> None:
    server = serve()
    server.pinned()

    for _ in range(2):  # the second time the runtime is there already
        with server.transport().open(["apply", "--x", "a b'c"]) as channel:
            channel.send(b"50000000")
            channel.send_bytes(bytes(50_000_000))
            channel.close_input()
            lines = list(channel.lines())
            status = channel.wait()

        assert lines == [
            b"""(['apply', '--x', "a b'c"], 0, ['HOME', 'LANG', 'PATH'])""",
            b"50000000",
        ]
        assert status == 9


def test_name_that_does_not_resolve(serve: Serve) -> None:
    server = serve()

    error = fails(server.transport(Target("web1", "no-such-machine.invalid", "root")))

    assert error.code == "host-name-unknown"


def test_port_where_nothing_listens(serve: Serve) -> None:
    server = serve()

    error = fails(server.transport(Target("web1", "127.0.0.1", "root", free_port())))

    assert error.code == "host-unreachable"
    assert error.trouble.found == "Connection refused"


def test_unconfirmed_host_key_is_refused_and_its_fingerprint_told(serve: Serve) -> None:
    server = serve()

    error = fails(server.transport())

    fingerprint = parse_key(public(server.host_key)).fingerprint
    assert error.code == "host-key-unknown"
    assert error.trouble.found == fingerprint
    assert error.trouble.hint == f"toque node trust web1 --fingerprint {fingerprint}"
    assert not server.keys.path.exists()


def test_changed_host_key_names_both_fingerprints(serve: Serve) -> None:
    server = serve()
    other = keygen(server.folder / "other")
    server.keys.pin("web1", public(other))

    error = fails(server.transport())

    assert error.code == "host-key-changed"
    assert error.trouble.expected == parse_key(public(other)).fingerprint
    assert error.trouble.found == parse_key(public(server.host_key)).fingerprint


def test_host_key_of_another_type_is_a_changed_key(serve: Serve) -> None:
    server = serve(kind="ecdsa")
    server.keys.pin("web1", public(keygen(server.folder / "other")))

    error = fails(server.transport())

    assert error.code == "host-key-changed"
    assert error.trouble.found == parse_key(public(server.host_key)).fingerprint


def test_another_node_of_ours_at_the_address_is_not_taken_for_this_one(serve: Serve) -> None:
    server = serve()
    server.keys.pin("web1", public(keygen(server.folder / "other")))
    server.keys.pin("web2", public(server.host_key))

    assert fails(server.transport()).code == "host-key-changed"


def test_fetch_shows_the_key_of_the_machine_and_pins_nothing(serve: Serve) -> None:
    server = serve()

    key = fetch(server.target)

    assert key == parse_key(public(server.host_key))
    assert not server.keys.path.exists()


def test_key_nobody_authorised(serve: Serve) -> None:
    server = serve()
    server.pinned()
    stranger = keygen(server.folder / "stranger")

    error = fails(server.transport(Target("web1", "127.0.0.1", "root", server.port, stranger)))

    assert error.code == "ssh-authentication"
    assert error.trouble.found == "the server takes publickey"


def test_key_file_that_others_can_read_is_named(serve: Serve) -> None:
    server = serve()
    server.pinned()
    server.user_key.chmod(0o644)

    error = fails(server.transport())

    assert error.code == "ssh-authentication"
    assert "UNPROTECTED PRIVATE KEY FILE" in error.trouble.found


def test_server_without_a_common_method(serve: Serve) -> None:
    server = serve("Ciphers 3des-cbc")
    server.pinned()

    error = fails(server.transport())

    assert error.code == "ssh-negotiation"


def test_node_without_python(serve: Serve) -> None:
    server = serve('ForceCommand PATH=/nonexistent; eval "$SSH_ORIGINAL_COMMAND"')
    server.pinned()

    error = fails(server.transport())

    assert error.code == "python-missing"


@pytest.mark.skipif(not OLD_PYTHON.exists(), reason="no Python 3.8 on this machine")
def test_node_with_an_old_python(serve: Serve) -> None:
    server = serve(f'ForceCommand PATH={OLD_PYTHON}:$PATH; eval "$SSH_ORIGINAL_COMMAND"')
    server.pinned()

    error = fails(server.transport())

    assert error.code == "python-too-old"
    assert error.trouble.found == "3.8.18"


def test_login_that_runs_nothing(serve: Serve) -> None:
    server = serve("ForceCommand echo This account is currently not available.; exit 1")
    server.pinned()

    error = fails(server.transport())

    assert error.code == "bootstrap-failed"
    assert error.trouble.log == ("This account is currently not available.",)


def test_login_script_that_prints_is_passed_over(serve: Serve) -> None:
    server = serve('ForceCommand echo "{hello}"; echo Welcome; eval "$SSH_ORIGINAL_COMMAND"')
    server.pinned()

    with server.transport().open(["facts"]) as channel:
        channel.close_input()
        lines = list(channel.lines())

    assert lines == [b"(['facts'], 0, ['HOME', 'LANG', 'PATH'])"]


@pytest.fixture
def passing_user() -> Iterator[str]:
    name = f"toque-t{os.getpid()}"
    subprocess.run(["useradd", "-M", "-d", "/", "-s", "/bin/sh", "-p", "*", name], check=True)
    yield name
    Path(f"/run/{name}.keys").unlink(missing_ok=True)
    subprocess.run(["userdel", "--force", name], check=True)


def served_to(serve: Serve, user: str) -> tuple[Server, Target]:
    """A server whose key list ``user`` can read, and the way to it as that user."""
    server = serve(f"AuthorizedKeysFile /run/{user}.keys")
    server.pinned()
    Path(f"/run/{user}.keys").write_text(public(server.user_key))
    return server, Target("web1", "127.0.0.1", user, server.port, server.user_key)


needs_sudo = pytest.mark.skipif(shutil.which("sudo") is None, reason="no sudo on this machine")


@needs_sudo
def test_user_who_may_not_become_root(serve: Serve, passing_user: str) -> None:
    server, target = served_to(serve, passing_user)

    refused = fails(server.transport(target, become=True))

    assert refused.code == "sudo-refused"
    assert refused.trouble.found == "sudo: a password is required"


def test_user_who_is_not_root(serve: Serve, passing_user: str) -> None:
    server, target = served_to(serve, passing_user)

    error = fails(SshTransport(target, server.keys))

    assert error.code == "needs-root"


@needs_sudo
def test_user_with_sudo_runs_the_program_as_root(serve: Serve, passing_user: str) -> None:
    server, target = served_to(serve, passing_user)
    rule = Path(f"/etc/sudoers.d/{passing_user}")
    rule.write_text(f"{passing_user} ALL=(root) NOPASSWD: ALL\n")
    try:
        with server.transport(target, become=True).open(["facts"]) as channel:
            channel.send(b"100000")
            channel.send_bytes(bytes(range(250)) * 400)
            channel.close_input()
            lines = list(channel.lines())
    finally:
        rule.unlink()

    assert lines == [b"(['facts'], 0, ['HOME', 'LANG', 'PATH'])", b"100000"]


def test_broken_connection_is_lost_not_failed(serve: Serve) -> None:
    server = serve()
    server.pinned()
    channel = server.transport().open(["facts"])
    stream = channel.lines()
    next(stream)

    sessions = subprocess.run(
        ["ss", "-tnpH", "state", "established", f"( sport = :{server.port} )"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for word in sessions.replace(",", " ").split():
        if word.startswith("pid="):
            os.kill(int(word.removeprefix("pid=")), 9)

    with pytest.raises(Unreachable) as caught:
        list(stream)
    assert caught.value.code == "connection-lost"


def test_state_directory_on_a_full_or_read_only_disk(serve: Serve) -> None:
    server = serve()
    server.pinned()
    transport = SshTransport(server.target, server.keys, state="/proc/toque")

    error = fails(transport)

    assert error.code == "node-not-writable"
