"""Argument lists as programs understand them: is it a shell, does it restart something.  Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence

SHELLS = ("sh", "bash", "dash", "ash", "zsh", "ksh")
# Programs that run the rest of their words, and their options that take a word of their own.
WRAPPERS = {"sudo": "ug", "env": "uC", "nice": "n", "ionice": "cn", "timeout": "ks", "nohup": "",
            "runuser": "u", "setpriv": "", "chroot": "", "flock": "", "exec": ""}  # fmt: skip
PLACED = {"timeout": 1, "chroot": 1, "flock": 1}  # words that they take before the program
VERBS = ("restart", "reload", "try-restart", "reload-or-restart", "try-reload-or-restart",
         "force-reload", "condrestart", "graceful", "force-restart")  # fmt: skip
CONTROLS = ("systemctl", "service", "invoke-rc.d", "rc-service", "supervisorctl", "initctl",
            "apachectl", "apache2ctl", "pg_ctl", "pg_ctlcluster")  # fmt: skip
HANGUPS = ("-HUP", "-USR1", "-USR2", "-1", "-SIGHUP", "-SIGUSR1", "-SIGUSR2")

# What may stand before the program of a shell's command.
BEFORE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=.*|if|then|else|do|while|!")

Word = str | None  # None for one that is not known
Words = Sequence[Word]


def shell_text(words: Words) -> int | None:
    """Where in ``words`` the text stands that a shell reads; None when none does."""
    at = _program(words)
    if at is None:
        return None
    name = _name(words[at])
    if name in SHELLS or name in ("su", "runuser"):
        for number in range(at + 1, len(words)):
            word = words[number]
            if word is None:
                return None
            if re.fullmatch(r"-[a-z]*c|--command", word):
                return number + 1 if number + 1 < len(words) else None
            if name in SHELLS and not word.startswith(("-", "+")):
                return None  # a script, with its arguments
    return None


def restarted(words: Words) -> str:
    """What a command restarts or reloads, as it is written; empty when it does not."""
    at = _program(words)
    if at is None:
        return ""
    text = shell_text(words)
    if text is not None and words[text]:
        inside = [restarted(line) for line in commands(words[text] or "")]
        return next(filter(None, inside), "")
    name, rest = _name(words[at]), [word for word in words[at + 1 :] if word]
    said = " ".join([name, *rest])
    if name in CONTROLS or (words[at] or "").startswith("/etc/init.d/"):
        return said if any(word in VERBS for word in rest) else ""
    if name == "nginx":
        return said if "-s" in rest and "reload" in rest else ""
    if name in ("kill", "pkill", "killall"):
        return said if any(word in HANGUPS for word in rest) else ""
    return ""


def commands(text: str) -> Iterator[list[str]]:
    """The commands of a shell text, roughly: enough to see what programs they begin with."""
    for part in re.split(r"&&|\|\||[;|&\n(){}]", text):
        try:
            words = shlex.split(part, comments=True)
        except ValueError:
            words = part.split()
        while words and BEFORE.fullmatch(words[0]):
            words = words[1:]
        if words:
            yield words


def _program(words: Words) -> int | None:
    """Where the program stands behind all wrappers; None when that is not known."""
    at = 0
    while at < len(words):
        word = words[at]
        if word is None:
            return None
        name = _name(word)
        if name not in WRAPPERS or (name == "runuser" and "-c" in words[at:]):
            return at
        at += 1
        while at < len(words) and (words[at] or "").startswith("-"):
            option = words[at] or ""
            at += 1
            if option == "--":
                break
            if len(option) == 2 and option[1] in WRAPPERS[name]:
                at += 1
        at += PLACED.get(name, 0)
        while at < len(words) and name in ("env", "sudo") and "=" in (words[at] or ""):
            at += 1
    return None


def _name(word: Word) -> str:
    return (word or "").rpartition("/")[2]
