"""Which words from settings may become user names, refs, addresses and paths on machines.

Everything here is checked once, where the file is read, so that no later step has to quote.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from ..errors import AskedWrongly
from .spot import Spot

NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")  # also a user's and a unit's name: useradd(8) takes 32
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")  # POSIX environment variable
# Users that Debian's packages make: an app of that name would run as root, or as the web server.
_TAKEN = frozenset(
    "root daemon bin sys sync games man lp mail news uucp proxy www-data backup list irc gnats"
    " nobody postgres sshd messagebus systemd-network systemd-timesync systemd-resolve".split()
)
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")  # RFC 1123, lower case
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:%-]{0,254}|\[[0-9A-Fa-f:.%a-z]+\]")
_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}")
_ENTRY = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*(\(\))?")  # "()": a factory, which is called
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9.+-]+")  # Debian policy, 5.6.1
_PLAIN_PATH = re.compile(r"[A-Za-z0-9_@+.,-]+(/[A-Za-z0-9_@+.,-]+)*")
_PROCESS = re.compile(r"[a-z][a-z0-9_]{0,23}")
_CALENDAR = re.compile(r"[A-Za-z0-9 *:/.,~+_-]+")
_CODE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_COOKBOOK = re.compile(r"[a-z][a-z0-9_]*")
_PYTHON = re.compile(r"3(\.\d{1,2}){0,2}")
_SCP = re.compile(r"(?P<user>[^@/:\s]+)@(?P<host>[^@/:\s]+):(?P<path>[^:].*)")
_URL = re.compile(
    r"(?P<scheme>https|ssh)://(?:(?P<user>[^@/\s]+)@)?(?P<host>[^@/:\s]+)"
    r"(?::(?P<port>\d{1,5}))?/(?P<path>.+)"
)


def _refuse(what: str, expected: str, found: str, spot: Spot) -> AskedWrongly:
    return AskedWrongly(
        "bad-name",
        f"{spot.name} is not {what}",
        expected=expected,
        found=repr(found),
        place=str(spot),
    )


def invisible(text: str) -> bool:
    """Whether ``text`` holds control, format (bidi) or line-breaking characters."""
    return any(unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp", "Cs", "Co") for c in text)


def name(text: str, spot: Spot) -> None:
    if not NAME.fullmatch(text):
        raise _refuse("a usable name", "a-z first, then a-z 0-9 -, at most 31", text, spot)


def is_taken(text: str) -> bool:
    """Whether Debian has a user of that name."""
    return text in _TAKEN


def app_name(text: str, spot: Spot) -> None:
    """Shorter than other names: the user APP-deploy has to fit into 32 characters too."""
    if not NAME.fullmatch(text) or len(text) > 24 or text in _TAKEN:
        raise _refuse(
            "a usable app name",
            "a-z first, then a-z 0-9 -, at most 24, and no user of the system",
            text,
            spot,
        )


def cookbook_name(text: str, spot: Spot) -> None:
    if not _COOKBOOK.fullmatch(text):
        raise _refuse("a cookbook's name", "a-z first, then a-z 0-9 _", text, spot)


def variable(text: str, spot: Spot) -> None:
    if not VARIABLE.fullmatch(text):
        raise _refuse("a variable's name", "A-Z a-z _ first, then also 0-9", text, spot)


def ref(text: str, spot: Spot) -> None:
    """A branch: any that git allows, except what could be an option or deceive a reader."""
    bad = (
        not text
        or text.startswith(("-", "/", "."))
        or text.endswith(("/", ".", ".lock"))
        or invisible(text)
        or any(part in text for part in ("..", "//", "@{", "/.", ".lock/"))
        or any(c in " ~^:?*[\\" for c in text)
        or text == "@"
        or len(text) > 200
    )
    if bad:
        raise _refuse("a branch", "a branch as git allows it, no leading dash", text, spot)


def repository(text: str, spot: Spot) -> None:
    """``https://``, ``ssh://``, ``user@host:path`` or a path on this machine; nothing else.

    git's other transports run programs (``ext::``) or read any file (``file://``).
    """
    expected = "https://HOST/PATH, ssh://USER@HOST/PATH, USER@HOST:PATH or a path on this machine"
    if not text or text.startswith("-") or invisible(text):
        raise _refuse("a repository", expected, text, spot)
    if match := _URL.fullmatch(text) or _SCP.fullmatch(text):
        parts = match.groupdict()
        if parts.get("scheme") == "https" and parts.get("user"):
            raise _refuse(
                "a repository without credentials",
                "no user or password in the URL",
                f"https://...@{parts['host']}/...",
                spot,
            )
        if not _HOST.fullmatch(parts["host"]) or parts["path"].startswith("-"):
            raise _refuse("a repository", expected, text, spot)
        if parts.get("user") and not _USER.fullmatch(parts["user"]):
            raise _refuse("a repository", expected, text, spot)
    elif "://" in text or "::" in text or ":" in text.split("/", maxsplit=1)[0]:
        raise _refuse("a repository", expected, text, spot)


def is_remote(text: str) -> bool:
    """Whether a checked repository is a URL (the node fetches it) and not a path here."""
    return bool(_URL.fullmatch(text) or _SCP.fullmatch(text))


def address(text: str, spot: Spot) -> None:
    if text == "local":
        return
    if text.startswith("kitchen:"):
        name(text.removeprefix("kitchen:"), spot)
        return
    user, at, host = text.rpartition("@")
    if (at and not _USER.fullmatch(user)) or not _HOST.fullmatch(host):
        raise _refuse("an address", "USER@HOST, HOST, kitchen:NAME or local", text, spot)


def domain(text: str, spot: Spot) -> None:
    labels = text.split(".")
    if len(text) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise _refuse("a domain", "lower-case letters, digits, dashes and dots", text, spot)


def inside(text: str, spot: Spot) -> None:
    """A relative path that stays below where it starts."""
    parts = text.split("/")
    if not text or text.startswith(("/", "-")) or ".." in parts or invisible(text):
        raise _refuse("a path inside the repository", "a relative path without ..", text, spot)


def here(directory: Path, text: str) -> Path:
    """A path of this machine: relative to ``directory``, absolute, or below ``~/``."""
    return Path.home() / text[2:] if text.startswith("~/") else directory / text


def local_path(text: str, spot: Spot) -> None:
    if not text or text.startswith("-") or invisible(text):
        raise _refuse("a path of this machine", "a path without control characters", text, spot)


def web_path(text: str, spot: Spot) -> None:
    if not text.startswith("/") or invisible(text) or " " in text or not text.isascii():
        raise _refuse("a path of the site", "a path that begins with /", text, spot)


def web_folder(text: str, spot: Spot) -> None:
    """A part of the site: ``/static/``."""
    if not re.fullmatch(r"/([A-Za-z0-9_.~-]+/)+", text) or ".." in text.split("/"):
        raise _refuse("a folder of the site", "/NAME/, with plain letters", text, spot)


def plain_inside(text: str, spot: Spot) -> None:
    """A path inside the repository that needs no quotes in any file."""
    inside(text, spot)
    if not _PLAIN_PATH.fullmatch(text) or text.partition("/")[0] in (".", ".git", ".toque"):
        raise _refuse(
            "a folder inside the repository", "plain letters, no slash at the end", text, spot
        )


def command(words: Sequence[str], spot: Spot) -> None:
    """A program and its arguments."""
    if not words:
        raise _refuse("a command", "a program and its arguments", "[]", spot)
    for word in words:
        value(word, spot)


def process_name(text: str, spot: Spot) -> None:
    """Of a worker or a schedule; part of a unit's name."""
    if not _PROCESS.fullmatch(text):
        raise _refuse("a usable name", "a-z first, then a-z 0-9 _, at most 24", text, spot)


def program(words: Sequence[str], spot: Spot) -> None:
    """A command whose program stands in a unit as it is."""
    command(words, spot)
    if not _PLAIN_PATH.fullmatch(words[0].lstrip("/")):
        raise _refuse("a program", "a name or a path of plain letters", words[0], spot)


def calendar(text: str, spot: Spot) -> None:
    if not _CALENDAR.fullmatch(text):
        expected = "a calendar event of systemd.time(7), such as *-*-* 03:30"
        raise _refuse("a time", expected, text, spot)


def package(text: str, spot: Spot) -> None:
    if not _PACKAGE.fullmatch(text):
        raise _refuse("a package of the system", "a name as apt has it", text, spot)


def entry(text: str, spot: Spot) -> None:
    if not _ENTRY.fullmatch(text):
        expected = "module:object or module:factory(), such as wsgi:app"
        raise _refuse("an entry point", expected, text, spot)


def code(text: str, spot: Spot) -> None:
    if not _CODE.fullmatch(text):
        raise _refuse("a code", "a code as errors show it, such as secret-in-code", text, spot)


def python(text: str, spot: Spot) -> None:
    if not _PYTHON.fullmatch(text):
        raise _refuse("a Python version", "3.11 or 3.11.2", text, spot)


def value(text: str, spot: Spot) -> None:
    """What the kernel can pass in an environment."""
    if "\0" in text:
        raise _refuse("a value", "text without a NUL character", text, spot)


def within(number: int, least: int, most: int, spot: Spot) -> None:
    if not least <= number <= most:
        raise _refuse("in its range", f"a number from {least} to {most}", str(number), spot)
