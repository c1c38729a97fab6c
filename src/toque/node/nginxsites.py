"""Which names nginx answers to, as its configuration files say.  Pure."""

import re
from typing import Iterator, List, Tuple

from .record import dataclass

# ngx_conf_read_token in ngx_conf_file.c: quoted text, a word, or what ends a directive.
_TOKEN = re.compile(r"""#[^\n]*|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[{};]|[^\s{};]+""")
_PORT = re.compile(r"(?:.*:)?(\d+)")


@dataclass(frozen=True)
class Server:
    """A ``server`` block: the line where it begins, its names, and the ports it listens on."""

    line: int
    names: Tuple[str, ...]
    ports: Tuple[int, ...]

    def answers(self, name: str, port: int) -> bool:
        """Whether requests for exactly this name are its own; wildcards lose against it."""
        return port in self.ports and any(n.lower() in (name, f".{name}") for n in self.names)


def servers(text: str) -> List[Server]:
    """The server blocks of a file."""
    found: List[Server] = []
    depth, begun = 0, 0  # how deep a server's block is; 0 outside of one
    line, names, ports = 0, [], []  # type: int, List[str], List[int]
    for words, end, at in _directives(text):
        if end == "{":
            depth += 1
            if words == ["server"] and not begun:
                begun, line, names, ports = depth, at, [], []
        elif end == "}":
            if begun and depth == begun:
                found.append(Server(line, tuple(names), tuple(ports or [80])))
                begun = 0
            depth = max(depth - 1, 0)
        elif words and begun and depth == begun:
            if words[0] == "server_name":
                names += words[1:]
            elif words[0] == "listen" and len(words) > 1:
                ports += _port(words[1])
    return found


def _directives(text: str) -> Iterator[Tuple[List[str], str, int]]:
    """Words, what ended them, and the line of the first of them."""
    words: List[str] = []
    line = 1
    for match in _TOKEN.finditer(text):
        token = match.group(0)
        if token.startswith("#"):
            continue
        if token in ("{", "}", ";"):
            yield words, token, line
            words = []
            continue
        if not words:
            line = text.count("\n", 0, match.start()) + 1
        words.append(token[1:-1] if token[0] in "\"'" else token)


def _port(address: str) -> List[int]:
    """The port of ``80``, ``*:80``, ``[::]:80``; 80 of an address alone, none of a socket."""
    if address.startswith("unix:"):
        return []
    if address.endswith("]") or (":" not in address and not address.isdigit()):
        return [80]
    found = _PORT.fullmatch(address)
    return [int(found.group(1))] if found else []
