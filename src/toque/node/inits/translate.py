"""From a unit file to a supervisor program.  Pure.

What supervisor cannot do is either named in ``Translation.lost`` (sandboxing, limits) or refused
with ``Untranslatable`` (what would change which program runs, or with which values).
"""

import re
import shlex
from typing import List, Sequence, Tuple

from ..record import dataclass
from . import launch
from .unitfile import UnitFile, UnitSyntax, seconds, split

HEADER = "; Written by Toque from the unit file {name}: change that one."

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# Directives that are kept, or that mean nothing where supervisor runs.
_KEPT = frozenset(
    "Type ExecStart ExecStartPre ExecReload User Group WorkingDirectory EnvironmentFile Environment"
    " RuntimeDirectory RuntimeDirectoryMode RuntimeDirectoryPreserve UMask KillSignal KillMode"
    " TimeoutStopSec TimeoutStartSec TimeoutSec Restart RestartSec NoNewPrivileges StandardOutput"
    " StandardError SyslogIdentifier NotifyAccess GuessMainPID SendSIGKILL".split()
)

_RESTARTS = {"": "false", "no": "false", "always": "true"}  # anything else: unexpected


class Untranslatable(ValueError):
    """A unit that supervisor cannot run as systemd would.

    ``code`` tells a unit without any foreground command from one with a value we refuse.
    """

    def __init__(self, message: str, code: str = "unit-untranslatable") -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Translation:
    """``conf`` is the text for conf.d; ``reload`` the signal, or a command with $MAINPID in it."""

    conf: str
    lost: Tuple[str, ...] = ()
    runtime: Tuple[str, ...] = ()
    reload_signal: str = ""
    reload_command: Tuple[str, ...] = ()
    user: str = ""


def translate(name: str, unit: UnitFile, *, enabled: bool) -> Translation:
    """The program of ``name`` (``thena.service``).  Raises ``Untranslatable``."""
    try:
        return _translate(name, unit, enabled)
    except UnitSyntax as error:
        raise Untranslatable(str(error)) from error


def _translate(name: str, unit: UnitFile, enabled: bool) -> Translation:
    lost = [key for key in unit.keys("Service") if key not in _KEPT]
    kind = unit.last("Service", "Type", "simple")
    if kind in ("forking", "oneshot", "dbus", "idle"):
        raise Untranslatable(
            f"{name} has Type={kind}, and no foreground command is known for it",
            "no-foreground-command",
        )
    if kind.startswith("notify"):
        lost.append(f"Type={kind}")
    starts = unit.values("Service", "ExecStart")
    if len(starts) != 1:
        raise Untranslatable(f"{name} has {len(starts)} ExecStart lines, expected 1")
    may_fail, command = _command(starts[0])
    if may_fail:
        lost.append("ExecStart=-")
    program = name[: -len(".service")]
    runtime = _runtime(unit)
    argv = ["/usr/bin/env", "-i", f"PATH={DEFAULT_PATH}", "LANG=C.UTF-8", *_environment(unit)]
    argv += launch.arguments(
        user=_plain(unit.last("Service", "User")),
        group=_plain(unit.last("Service", "Group")),
        cwd=_plain(unit.last("Service", "WorkingDirectory", "/")),
        umask=_octal(unit.last("Service", "UMask", "0022")),
        runtime=runtime,
        runtime_mode=_octal(unit.last("Service", "RuntimeDirectoryMode", "0755")),
        keep=unit.last("Service", "RuntimeDirectoryPreserve", "no") != "no",
        environment_files=[_plain(v) for v in unit.values("Service", "EnvironmentFile")],
        before=[_command(line) for line in unit.values("Service", "ExecStartPre")],
        command=command,
    )
    signal = unit.last("Service", "KillSignal", "SIGTERM")
    if not re.fullmatch(r"SIG(TERM|HUP|INT|QUIT|KILL|USR1|USR2|WINCH)", signal):
        lost.append(f"KillSignal={signal}")
        signal = "SIGTERM"
    patience = seconds(
        unit.last("Service", "TimeoutStopSec", unit.last("Service", "TimeoutSec", "90"))
    )
    reload_signal, reload_command = _reload(unit)
    restarts = _RESTARTS.get(unit.last("Service", "Restart"), "unexpected")
    lines = [
        HEADER.format(name=name),
        f"[program:{program}]",
        f"command={quote(argv)}",
        "directory=/",
        f"autostart={'true' if enabled else 'false'}",
        f"autorestart={restarts}",
        "startsecs=1",
        f"startretries={0 if restarts == 'false' else 10}",
        f"stopsignal={signal[3:]}",
        f"stopwaitsecs={int(min(max(patience, 1), 86400))}",
        "stopasgroup=false",
        "killasgroup=true",
        "redirect_stderr=true",
        f"stdout_logfile={log_path(name).replace('%', '%%')}",
        "stdout_logfile_maxbytes=10MB",
        "stdout_logfile_backups=2",
    ]
    return Translation(
        "\n".join(lines) + "\n",
        tuple(lost),
        tuple(runtime),
        reload_signal,
        reload_command,
        unit.last("Service", "User"),
    )


def log_path(name: str) -> str:
    return f"/var/log/toque/{name[: -len('.service')]}.log"


def quote(argv: Sequence[str]) -> str:
    """An argument list as supervisor reads it: shlex, its comments, its % expansions."""
    words = []
    for word in argv:
        if any(ord(char) < 32 and char != "\t" for char in word):
            raise Untranslatable(f"a command of supervisor cannot hold a line break: {word!r}")
        # A ; or # after a blank starts a comment, even between quotes; '' between them does not.
        words.append(re.sub(r"([ \t])([;#])", r"\1''\2", shlex.quote(word)))
    return " ".join(words).replace("%", "%%")


def _plain(value: str) -> str:
    """``value`` with %% as %.  Raises for any other specifier, whose meaning is systemd's."""
    if re.search(r"%(?!%)", value.replace("%%", "")):
        raise Untranslatable(f"specifiers (%) are not translated: {value!r}; write the value")
    return value.replace("%%", "%")


def _octal(value: str) -> str:
    if not re.fullmatch(r"[0-7]{3,4}", value):
        raise Untranslatable(f"expected an octal mode, found {value!r}")
    return value


def _command(line: str) -> Tuple[bool, List[str]]:
    """(may fail, argument list) of an Exec line."""
    line = line.strip()
    may_fail = False
    while line[:1] in ("-", ":"):
        may_fail = may_fail or line[0] == "-"
        line = line[1:]
    if line[:1] in ("@", "+", "!", "|"):
        raise Untranslatable(f"the prefix {line[0]!r} of a command is not translated: {line!r}")
    argv = []
    for word in split(line):
        if "$" in word.replace("$$", ""):
            raise Untranslatable(f"variables ($) in a command are not translated: {word!r}")
        argv.append(_plain(word.replace("$$", "$")))
    if not argv or not argv[0].startswith("/"):
        raise Untranslatable(f"expected a command with an absolute path, found {line!r}")
    if ";" in argv:
        raise Untranslatable(f"several commands in one line are not translated: {line!r}")
    return may_fail, argv


def _environment(unit: UnitFile) -> List[str]:
    pairs = []
    for value in unit.values("Service", "Environment"):
        for word in split(value):
            if not re.match(r"[A-Za-z_][A-Za-z0-9_]*=", word):
                raise Untranslatable(f"expected NAME=VALUE in Environment, found {word!r}")
            pairs.append(_plain(word))
    return pairs


def _runtime(unit: UnitFile) -> List[str]:
    names = [n for v in unit.values("Service", "RuntimeDirectory") for n in split(_plain(v))]
    for name in names:
        if name.startswith("/") or ".." in name.split("/") or not name.strip("/."):
            raise Untranslatable(f"expected a name below /run in RuntimeDirectory, found {name!r}")
    return names


def _reload(unit: UnitFile) -> Tuple[str, Tuple[str, ...]]:
    lines = unit.values("Service", "ExecReload")
    if not lines:
        return "", ()
    words = split(lines[-1].lstrip("-"))
    if words[0].rpartition("/")[2] == "kill" and words[-1] in ("$MAINPID", "${MAINPID}"):
        named = re.fullmatch(r"-(?:s ?)?(?:SIG)?([A-Z0-9]+)", " ".join(words[1:-1]))
        if named:
            return named.group(1), ()
    return "", tuple(words)
