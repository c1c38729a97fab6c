"""Who else serves a name or has a port, on a real machine."""

import socket

from toque_node.resources.web_address import WebAddress

NOT = {
    "absent": "it only looks whether somebody else is there",
    "unmanaged": "there is one aspect, that nobody else has it",
    "sensitive": "names and ports are no secret",
    "absent_tool": "it reads files; without ss it only says less",
}
SITE = b"server {\n    listen 80;\n    server_name other.example a.example;\n}\n"


def present(node):
    node.leaves(WebAddress(8123, names=("a.example",)))
    node.put("/etc/nginx/sites-available/by-hand", b"# mine\n" + SITE)
    node.run("mkdir", "-p", "/etc/nginx/sites-enabled")
    node.run("ln", "-s", "/etc/nginx/sites-available/by-hand", "/etc/nginx/sites-enabled/z")

    trouble = node.refuses(WebAddress(80, names=("b.example", "a.example")), "domain-taken")

    assert trouble["found"] == "/etc/nginx/sites-available/by-hand:2"
    node.leaves(WebAddress(8123, names=("a.example",)))  # it is on another port
    node.run("rm", "/etc/nginx/sites-enabled/z")


def port_of_another_program(node):
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        trouble = node.refuses(WebAddress(port), "port-taken")
        assert "python3" in trouble["found"]
    node.leaves(WebAddress(port))
