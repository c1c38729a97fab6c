"""Whose a name is: a Host header of no site, and a site that somebody else has made."""

from __future__ import annotations

import http.client

from machine_site import Site, until

BY_HAND = "/etc/nginx/sites-enabled/by-hand"


def asked(site: Site, host: str) -> tuple[int, str]:
    """Status and body of the front page for a Host header."""
    connection = http.client.HTTPConnection(site.machine.address, site.port, timeout=20)
    try:
        connection.request("GET", "/", headers={"Host": host})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def settled(site: Site, status: int) -> None:
    """Wait until a stranger has it each time: nginx's earlier workers may still take a request."""
    until(lambda: all(asked(site, "evil.example")[0] == status for _ in range(20)))


def test_a_name_is_served_by_its_own_site_or_not_at_all(site: Site) -> None:
    site.deploy()
    site.edit('branch = "main"', 'branch = "main"\ndomains = ["thena.example"]')
    try:
        site.setup()
        settled(site, 421)
        assert asked(site, "thena.example")[0] == 200
        for stranger in ("evil.example", "localhost", site.machine.address, "thena.example.evil"):
            status, body = asked(site, stranger)
            assert status == 421, stranger
            assert "Thena" not in body

        # What somebody made by hand is left alone, and said.
        other = f"server {{ listen {site.port}; server_name x Thena.example; return 200 hand; }}\n"
        site.write(BY_HAND, other)
        done = site.toque("setup", "--only-setup")
        assert done.returncode == 5
        assert "[domain-taken]" in done.stderr
        assert f"{BY_HAND}:1" in done.stderr
        assert site.out("cat", BY_HAND) == other.strip()
        assert asked(site, "thena.example")[0] == 200
    finally:
        site.run(["rm", "-f", BY_HAND])
        site.edit('\ndomains = ["thena.example"]', "")
        site.setup()
        settled(site, 200)  # without domains it answers to all
