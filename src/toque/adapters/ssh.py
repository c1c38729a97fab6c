"""Another machine, through the OpenSSH client: one connection per run, one constant command.

The user's ssh configuration, agent and jump hosts keep working.  What is ours to decide is on
the command line, where it wins: which host keys count, that nothing is forwarded, that nobody is
asked anything.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from toque.errors import AskedWrongly, Unreachable

from . import handshake, shipping
from .hostkeys import HostKey, HostKeys, parse_key
from .pipe import PipeChannel, clean
from .shipping import Runtime
from .starting import ssh_environment, started
from .target import Target

CONNECT_S = 10
FETCH_S = 30.0

T = TypeVar("T")
Begun = Callable[[Sequence[str]], "subprocess.Popen[bytes] | None"]

OPTIONS = (
    # Options an older client does not know; the user's file could set them, so we must too.
    "IgnoreUnknown=KnownHostsCommand,SessionType,ForkAfterAuthentication,StdinNull",
    "BatchMode=yes",  # no prompt, ever
    f"ConnectTimeout={CONNECT_S}",
    "ServerAliveInterval=5",  # a silent node is noticed after 15 s
    "ServerAliveCountMax=3",
    "ControlMaster=no",
    "ControlPath=none",
    "ForwardAgent=no",
    "ForwardX11=no",
    "ClearAllForwardings=yes",
    "Tunnel=no",
    "PermitLocalCommand=no",
    "GSSAPIDelegateCredentials=no",
    # Only our file says who a machine is: each of these is a way around it.
    "GlobalKnownHostsFile=/dev/null",
    "KnownHostsCommand=none",
    "VerifyHostKeyDNS=no",
    "NoHostAuthenticationForLocalhost=no",
    "UpdateHostKeys=no",
    "CheckHostIP=no",
    "HashKnownHosts=no",
    # The command is ours.
    "RemoteCommand=none",
    "RequestTTY=no",
    "SessionType=default",
    "ForkAfterAuthentication=no",
    "StdinNull=no",
    "LogLevel=INFO",  # what sshwords.py reads
)


class SshTransport:
    """Runs the node program on ``target``, as root through ``sudo`` when ``become``.

    ``env`` replaces our own environment for ssh (tests); ``state`` and ``runtime`` as for
    ``LocalTransport``.
    """

    def __init__(
        self,
        target: Target,
        keys: HostKeys,
        *,
        become: bool = False,
        env: Mapping[str, str] | None = None,
        state: str = "",
        runtime: Callable[[], Runtime] = shipping.runtime,
    ) -> None:
        self.target = target
        self._keys = keys
        self._become = become
        self._env = env
        self._state = state
        self._runtime = runtime
        self._dialled: PipeChannel | None = None

    @property
    def name(self) -> str:
        return self.target.name

    def dial(self, begun: Begun = lambda command: None) -> None:
        """Start ssh now; the next ``open`` goes on with it.  Raises ``Unreachable``.

        ``begun`` is asked first for one that runs already.  Without an ``open``, ssh's input ends
        with this process, and so does ssh.
        """
        self._dialled = self._connected(begun)

    def open(self, argv: Sequence[str]) -> PipeChannel:
        channel, self._dialled = self._dialled or self._connected(), None
        handshake.start(
            channel, self._runtime(), argv, explain=self._not_started, state=self._state
        )
        return channel

    def attended(self, words: Sequence[str], *, tty: bool) -> tuple[str, ...]:
        """The argument list that runs ``words`` there with our own terminal or pipes."""
        sudo = ("sudo", "-n", "--") if self._become else ()
        command = ssh_command(
            self.target,
            known_hosts=self._keys.path,
            strict="yes",
            remote=shlex.join((*sudo, *words)),
        )
        if not tty:
            return command
        no_tty = command.index("RequestTTY=no")
        kept = [word for at, word in enumerate(command) if at not in (1, no_tty - 1, no_tty)]
        return (kept[0], "-tt", *kept[1:])

    def _connected(self, begun: Begun = lambda command: None) -> PipeChannel:
        command = ssh_command(
            self.target,
            known_hosts=self._keys.path,
            strict="yes",
            remote=remote_command(become=self._become),
        )
        process = begun(command) or _spawn(lambda: started(command, ssh_environment(self._env)))
        return PipeChannel(process, explain=self._lost)

    def _not_started(self, stderr: str, status: int) -> Unreachable:
        from .sshwords import SSH_FAILED, about_host_key, classify  # only who failed needs words

        offered = ""
        if status == SSH_FAILED and about_host_key(stderr):
            try:
                offered = fetch(self.target, env=self._env).fingerprint
            except Unreachable:
                offered = ""  # ssh's own words have to do
        pinned = [key.fingerprint for key in self._keys.pinned(self.target.name)]
        return classify(stderr, status, self.target, pinned=pinned, offered=offered)

    def _lost(self, stderr: str, status: int) -> Unreachable | None:
        """ssh reports a broken connection, and a program killed by a signal, with 255."""
        from .sshwords import SSH_FAILED, lost

        return lost(stderr, self.target) if status < 0 or status == SSH_FAILED else None


def remote_command(*, become: bool = False) -> str:
    """The one command we ever run over SSH; no value of anybody's is in it."""
    words = ("sudo", "-n", "--") if become else ()
    return shlex.join((*words, *shipping.python_command()))


def ssh_command(
    target: Target,
    *,
    known_hosts: Path,
    strict: str,
    remote: str,
    more: Sequence[str] = (),
) -> tuple[str, ...]:
    """The argument list of ssh.  Pure."""
    options = [
        *OPTIONS,
        f"StrictHostKeyChecking={strict}",
        f"UserKnownHostsFile={_quoted(known_hosts)}",
        f"HostKeyAlias={target.name}",
        *more,
    ]
    words = ["ssh", "-T"]
    for option in options:
        words += ["-o", option]
    if target.key is not None:
        # ssh expands % in file names.
        words += ["-i", str(target.key).replace("%", "%%"), "-o", "IdentitiesOnly=yes"]
    if target.port is not None:
        words += ["-p", str(target.port)]
    if target.user:
        words += ["-l", target.user]
    return (*words, "--", target.host, remote)


def fetch(target: Target, *, env: Mapping[str, str] | None = None) -> HostKey:
    """The host key ``target`` shows now, unconfirmed: for a person to compare and pin.

    ssh itself goes there, through the user's jump hosts, writes the key to a file of ours, and
    stops before it logs in.  (``ssh-keyscan`` knows no jump hosts.)  Raises ``Unreachable``.
    """
    import tempfile

    from .sshwords import SSH_FAILED, classify

    with tempfile.TemporaryDirectory(prefix="toque-") as folder:
        file = Path(folder, "known_hosts")
        command = ssh_command(
            target,
            known_hosts=file,
            strict="accept-new",
            remote="exit",
            more=("PreferredAuthentications=none",),
        )
        done = _spawn(
            lambda: subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                env=ssh_environment(env),
                timeout=FETCH_S,
                start_new_session=True,
                check=False,
            )
        )
        stderr = clean(done.stderr.decode("utf-8", "replace"))
        if not file.exists():
            raise classify(stderr, SSH_FAILED, target)
        return parse_key(file.read_text(encoding="utf-8").split("\n")[0].partition(" ")[2])


def _spawn(start: Callable[[], T]) -> T:
    """Start an ssh client, or say that there is none."""
    try:
        return start()
    except FileNotFoundError as error:
        raise Unreachable(
            "ssh-missing",
            "there is no OpenSSH client on this machine",
            expected="ssh in PATH",
            found=str(error),
            hint="apt-get install openssh-client",
        ) from error
    except subprocess.TimeoutExpired as error:
        raise Unreachable(
            "host-unreachable",
            "the machine did not show its host key in time",
            expected=f"a host key within {FETCH_S:g} s",
            found="nothing",
        ) from error


def _quoted(path: Path) -> str:
    """A file name as one word of ssh_config(5), which splits at blanks and expands % and ${}."""
    text = str(path.absolute())
    if re.search(r'["\\$\x00-\x1f\x7f]', text):
        raise AskedWrongly(
            "known-hosts-path",
            "ssh cannot be given this path for its known hosts",
            expected='a project directory without quotes, "$", backslashes or control characters',
            found=repr(text),
        )
    return '"' + text.replace("%", "%%") + '"'
