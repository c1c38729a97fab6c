"""nginx: what its configuration says, as nginx itself reads it (``nginx -T``)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from .ask import Ask
from .program import ended

# ngx_conf_read_token in ngx_conf_file.c: quoted text, a word, or what ends a directive.
TOKEN = re.compile(r"""#[^\n]*|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[{};]|(?:\\.|\$\{|[^\s{};])+""")
PASSES = ("proxy_pass", "uwsgi_pass", "fastcgi_pass", "scgi_pass", "grpc_pass")


@dataclass(frozen=True)
class Site:
    """A ``server`` block: its names, what it listens on, and where it passes requests on to."""

    names: tuple[str, ...]
    listens: tuple[str, ...]
    passes: tuple[str, ...]


@dataclass(frozen=True)
class Nginx:
    """``valid`` says whether nginx takes its configuration; ``said`` is what it says of it.

    ``upstreams`` has the servers of each ``upstream`` block by its name.
    """

    valid: bool
    said: str
    sites: tuple[Site, ...]
    upstreams: Mapping[str, tuple[str, ...]]

    def site(self, name: str) -> Site | None:
        """The site with exactly this name."""
        return next((site for site in self.sites if name in site.names), None)


def nginx(ask: Ask) -> Nginx:
    shown = ended(ask, "nginx", "-T")
    sites, upstreams = read(shown.out)
    return Nginx(shown.code == 0, shown.err.strip(), sites, upstreams)


def read(text: str) -> tuple[tuple[Site, ...], dict[str, tuple[str, ...]]]:
    """The sites and upstreams of a configuration."""
    sites: list[Site] = []
    upstreams: dict[str, tuple[str, ...]] = {}
    blocks: list[list[str]] = []  # the words before each brace that is open
    inside: list[list[str]] = []  # the directives of the server or upstream that is open
    words: list[str] = []
    for part in TOKEN.findall(text):
        if part.startswith("#"):
            continue
        if part == "{":
            blocks.append(words)
        elif part == "}":
            block = blocks.pop() if blocks else []
            if block == ["server"]:
                sites.append(_site(inside))
            elif block[:1] == ["upstream"]:
                upstreams[block[1]] = tuple(row[1] for row in inside if row[0] == "server")
        elif part != ";":
            words.append(part[1:-1] if part[0] in "\"'" else part)
            continue
        elif words:
            inside.append(words)
        if part == "{" and (words == ["server"] or words[:1] == ["upstream"]):
            inside = []
        words = []
    return tuple(sites), upstreams


def _site(directives: list[list[str]]) -> Site:
    names = [name for row in directives if row[0] == "server_name" for name in row[1:]]
    listens = [row[1] for row in directives if row[0] == "listen" and len(row) > 1]
    passes = [row[1] for row in directives if row[0] in PASSES and len(row) > 1]
    return Site(tuple(names), tuple(listens), tuple(dict.fromkeys(passes)))
