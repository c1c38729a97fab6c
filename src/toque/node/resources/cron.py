"""Jobs of cron: one file of /etc/cron.d each."""

from typing import ClassVar, Mapping, Tuple

from ..formats import cron
from ..fragment import NAME, Fragment
from ..record import dataclass, field
from ..resource import Invalid
from .file import File
from .user import valid_name


@dataclass(frozen=True)
class Cron(Fragment):
    """A job of cron: ``Cron("tidy", "15 3 * * *", ("/usr/bin/find", ...), user="thena")``.

    ``name`` is the file's name in /etc/cron.d.  ``schedule`` is minute, hour, day, month and
    weekday (0 or 7 is Sunday) as numbers, ``*``, ranges, lists and steps, or ``@reboot``,
    ``@hourly``, ``@daily``, ``@weekly``, ``@monthly``, ``@yearly``.  ``command`` is an argument
    list; every argument arrives as it is, ``%`` included.  ``environment`` goes before it; cron
    sets HOME, LOGNAME, SHELL and a short PATH by itself.  It is readable by everybody, so it holds
    no secrets: let the command read them from a file.

    cron has to be there (``Package("cron")``); it rereads its files every minute.  A ``Timer``
    keeps a log and does not run twice at once.
    """

    name: str
    schedule: str = ""
    command: Tuple[str, ...] = ()
    user: str = "root"
    environment: Mapping[str, str] = field(default_factory=dict)
    absent: bool = False
    kind: ClassVar[str] = "cron"

    @property
    def file(self) -> File:
        if not NAME.fullmatch(self.name):
            raise Invalid("name", "up to 64 of A-Z a-z 0-9 _ -, which cron reads", self.name)
        path = f"/etc/cron.d/{self.name}"
        return File(path, absent=True) if self.absent else File(path, self._text())

    def _text(self) -> str:
        valid_name("user", self.user)
        if isinstance(self.command, str) or not self.command or not self.command[0]:
            raise Invalid("command", "a program and its arguments", self.command)
        variables = [cron.variable(n, self.environment[n]) for n in sorted(self.environment)]
        return "".join(
            [
                "# Written by Toque; changes made here are lost.\n",
                *variables,
                f"{cron.schedule(self.schedule)} {self.user} {cron.command(self.command)}\n",
            ]
        )
