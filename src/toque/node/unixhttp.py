"""HTTP over a unix socket, for the two that are asked that way: apps and supervisord."""

import http.client
import socket


class UnixConnection(http.client.HTTPConnection):
    """A connection to the server that listens at ``path``; ``timeout_s`` is for each wait."""

    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
