"""What users may do as other users: one file of /etc/sudoers.d each."""

import re
from typing import ClassVar, Tuple, Union

from ..formats import sudoers
from ..fragment import Fragment
from ..record import dataclass
from ..resource import Invalid
from .file import File
from .user import valid_name

# sudo skips files with a dot or a ~ at the end in their name, without a word.
_NAME = re.compile(r"[a-z0-9_][a-z0-9_-]{0,63}")


@dataclass(frozen=True)
class Sudoers(Fragment):
    """A rule of sudo: ``Sudoers("deploy-reload", "deploy", (("/usr/bin/systemctl", ...),))``.

    ``name`` is the file's name in /etc/sudoers.d.  ``who`` is a user, or a group as ``%group``.
    ``commands`` are argument lists, each a program's absolute path and *exactly* these arguments;
    there are no patterns, because sudo's ``*`` also matches spaces and so lets in more arguments
    than it seems to.  ``commands="ALL"`` allows every command.  ``as_user`` is whom the commands
    run as, a user or ``ALL``.  ``password=False`` asks for none (``NOPASSWD``).

    ``visudo`` has to accept the file before it is put in place, with mode 0440.
    """

    name: str
    who: str = ""
    commands: Union[str, Tuple[Tuple[str, ...], ...]] = ()
    as_user: str = "root"
    password: bool = True
    absent: bool = False
    kind: ClassVar[str] = "sudoers"

    @property
    def file(self) -> File:
        if not _NAME.fullmatch(self.name):
            raise Invalid("name", "up to 64 of a-z 0-9 _ -, which sudo reads", self.name)
        path = f"/etc/sudoers.d/{self.name}"
        if self.absent:
            return File(path, absent=True)
        return File(path, self._text(), mode=0o440, check=("visudo", "--check", "--file", "{}"))

    def _text(self) -> str:
        valid_name("who", self.who[1:] if self.who.startswith("%") else self.who)
        if self.as_user != sudoers.ALL:
            valid_name("as_user", self.as_user)
        if isinstance(self.commands, str):
            if self.commands != sudoers.ALL:
                raise Invalid("commands", 'argument lists, or "ALL"', self.commands)
            commands = [sudoers.ALL]
        else:
            if not self.commands or any(isinstance(argv, str) for argv in self.commands):
                raise Invalid("commands", 'a tuple of argument lists, or "ALL"', self.commands)
            commands = [sudoers.command(argv) for argv in self.commands]
        rule = sudoers.rule(self.who, self.as_user, commands, password=self.password)
        return f"# Written by Toque; changes made here are lost.\n{rule}"
