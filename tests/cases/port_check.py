"""Ports of a real machine."""

import socket
import threading

from toque_node.resources.port_check import PortCheck

NOT = {
    "absent": "that nobody listens is not waited for",
    "unmanaged": "a port has one aspect, that somebody accepts connections",
    "sensitive": "a port is no secret",
    "absent_tool": "the runtime connects by itself",
}


def present(node):
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
        node.refuses(PortCheck(port, timeout_s=0.2), "port-check-failed")
        late = threading.Timer(0.4, server.listen)
        late.start()
        assert node.walk(PortCheck(port)).status.value == "ok"
        late.join()
        node.leaves(PortCheck(port))
        assert f":{port} " in node.out("ss", "-ltn")
