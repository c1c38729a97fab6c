"""Names and ports of nginx's server blocks, as people write them."""

import pytest

from toque.node.nginxsites import Server, servers

WHOLE = """\
# server { server_name not.this; }
upstream a { server 127.0.0.1:80; }
server {
    listen 80 default_server;
    listen [::]:443 ssl;
    server_name A.example "b.example"  # server_name c.example;
                'd.example';
    location / { return 200 "server { server_name e.example; }"; }
    if ($host = x) { return 301 https://f.example; }
}

server{server_name .g.example;}
server {
    listen unix:/run/x.sock;
    listen 127.0.0.1;
    listen 127.0.0.1:8080;
}
"""


def test_blocks_are_read():
    assert servers(WHOLE) == [
        Server(3, ("A.example", "b.example", "d.example"), (80, 443)),
        Server(12, (".g.example",), (80,)),
        Server(13, (), (80, 8080)),
    ]


@pytest.mark.parametrize(
    ("name", "port", "answers"),
    [
        ("a.example", 80, True),
        ("a.example", 443, True),
        ("a.example", 8080, False),
        ("c.example", 80, False),
        ("e.example", 80, False),
        ("g.example", 80, True),
    ],
)
def test_who_answers(name, port, answers):
    assert any(server.answers(name, port) for server in servers(WHOLE)) is answers


@pytest.mark.parametrize("text", ["", "server {", "}}}", "server_name a.example;", '"', "server ;"])
def test_broken_text_is_no_server(text):
    assert servers(text) == []
