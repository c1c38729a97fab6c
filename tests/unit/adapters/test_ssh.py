"""What ssh is asked to do, seen by ssh itself where it is installed."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from toque.adapters.hostkeys import HostKeys
from toque.adapters.ssh import SshTransport, remote_command, ssh_command
from toque.adapters.target import Target
from toque.errors import AskedWrongly, Unreachable

TARGET = Target("web1", "192.0.2.1", "deploy", 2222, Path("/keys/100%/id"))

EVIL = """
Host *
  StrictHostKeyChecking no
  UserKnownHostsFile /dev/null
  GlobalKnownHostsFile /etc/motd
  KnownHostsCommand /bin/echo %H
  NoHostAuthenticationForLocalhost yes
  VerifyHostKeyDNS yes
  UpdateHostKeys yes
  HostKeyAlias other
  ForwardAgent yes
  ForwardX11 yes
  LocalForward 8080 localhost:80
  RemoteForward 8081 localhost:81
  PermitLocalCommand yes
  LocalCommand /bin/id
  RemoteCommand /bin/id
  RequestTTY force
  ControlMaster auto
  ControlPath /tmp/control-%C
  BatchMode no
  LogLevel QUIET
  ProxyJump bastion
"""


def command(target: Target = TARGET, known_hosts: Path = Path("/p/known hosts")) -> list[str]:
    return list(ssh_command(target, known_hosts=known_hosts, strict="yes", remote=remote_command()))


@pytest.fixture
def understood(tmp_path: Path) -> Callable[[list[str]], dict[str, str]]:
    """What ssh makes of a command line on top of a configuration that undoes all of it."""
    if shutil.which("ssh") is None:
        pytest.skip("no ssh on this machine")
    (tmp_path / "config").write_text(EVIL)

    def ask(words: list[str]) -> dict[str, str]:
        done = subprocess.run(
            ["ssh", "-G", "-F", str(tmp_path / "config"), *words[1:]],
            capture_output=True,
            text=True,
            check=True,
        )
        return dict(line.split(" ", 1) for line in done.stdout.splitlines() if " " in line)

    return ask


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("stricthostkeychecking", "true"),
        ("userknownhostsfile", "/p/known hosts"),
        ("globalknownhostsfile", "/dev/null"),
        ("nohostauthenticationforlocalhost", "no"),
        ("verifyhostkeydns", "false"),
        ("updatehostkeys", "false"),
        ("hostkeyalias", "web1"),
        ("forwardagent", "no"),
        ("forwardx11", "no"),
        ("clearallforwardings", "yes"),
        ("permitlocalcommand", "no"),
        ("requesttty", "false"),
        ("controlmaster", "false"),
        ("batchmode", "yes"),
        ("identitiesonly", "yes"),
        ("loglevel", "INFO"),
        ("port", "2222"),
        ("user", "deploy"),
        ("hostname", "192.0.2.1"),
        ("proxyjump", "bastion"),  # the user's way there stays
    ],
)
def test_users_configuration_changes_the_way_not_the_rules(
    understood: Callable[[list[str]], dict[str, str]], option: str, value: str
) -> None:
    assert understood(command())[option] == value


@pytest.mark.parametrize("option", ["knownhostscommand", "remotecommand", "controlpath"])
def test_users_commands_are_off(
    understood: Callable[[list[str]], dict[str, str]], option: str
) -> None:
    assert understood(command()).get(option, "none") == "none"


def test_remote_command_is_the_same_for_every_node() -> None:
    other = Target("db1", "db.example.org", "admin")

    assert command()[-1] == command(other)[-1] == remote_command()


def test_destination_stands_behind_the_end_of_options() -> None:
    assert command()[-3:-1] == ["--", "192.0.2.1"]


def test_sudo_stands_before_the_same_command() -> None:
    assert remote_command(become=True) == f"sudo -n -- {remote_command()}"


@pytest.mark.parametrize("name", ['a"b', "a$HOME", "a\\b", "a\nb"])
def test_project_path_that_ssh_would_read_otherwise_is_refused(name: str) -> None:
    with pytest.raises(AskedWrongly) as caught:
        command(known_hosts=Path("/p", name))
    assert caught.value.code == "known-hosts-path"


def test_machine_without_ssh_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    transport = SshTransport(TARGET, HostKeys(tmp_path / "known_hosts"))

    with pytest.raises(Unreachable) as caught:
        transport.open(["facts"])

    assert caught.value.code == "ssh-missing"
