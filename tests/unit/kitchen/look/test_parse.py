"""What programs of a machine print, as values; and how values are shown."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from toque.kitchen.look import NotSeen, certificate, journal, mount, nginx, package, service
from toque.kitchen.look.ask import answered
from toque.kitchen.look.file import File, Mode
from toque.kitchen.look.program import Ended
from toque.kitchen.look.text import Variables, encoded, short

CONFIG = """\
# configuration file /etc/nginx/nginx.conf:
http {
    log_format main '{"a": "$b"; }';  # } in a comment
    upstream thena { server unix:/run/thena/a.sock; server 10.0.0.1:80 weight=2; }
    server {
        listen 80; listen [::]:80;
        server_name thena.example "www.thena.example";
        location / { if ($x) { return 404; } proxy_pass http://thena; }
        location ~ \\.php$ { uwsgi_pass unix:/run/x.sock; }
    }
    server { listen 81 default_server; return 444; }
}
"""


class Played:
    """A machine whose programs print what is written here, by their first words."""

    def __init__(self, **prints: tuple[int, str]) -> None:
        self.prints = prints
        self.asked: list[tuple[Any, ...]] = []

    def __call__(self, what: str, *of: Any) -> Any:
        self.asked.append((what, *of))
        if what == "file":
            found = {"kind": "file", "owner": "root", "group": "root", "mode": 0o444, "size": 1}
            content = encoded(self.prints["file"][1])
            return {**found, "target": "", "sha256": "", "content": content}
        status, out = self.prints[of[0][0].replace("-", "_")]
        return {"status": status, "out": encoded(out), "err": encoded(""), "late": False}


def test_nginx_configuration() -> None:
    sites, upstreams = nginx.read(CONFIG)

    assert upstreams == {"thena": ("unix:/run/thena/a.sock", "10.0.0.1:80")}
    assert sites == (
        nginx.Site(
            ("thena.example", "www.thena.example"),
            ("80", "[::]:80"),
            ("http://thena", "unix:/run/x.sock"),
        ),
        nginx.Site((), ("81",), ()),
    )


def test_nginx_that_refuses_its_configuration() -> None:
    seen = nginx.nginx(Played(nginx=(1, "")))

    assert (seen.valid, seen.sites, seen.site("thena.example")) == (False, (), None)


@pytest.mark.parametrize(
    ("printed", "version"),
    [
        ((0, "installed\t1.22.1-9+deb12u1"), "1.22.1-9+deb12u1"),
        ((0, "config-files\t1.22.1-9"), None),
        ((0, "half-configured\t1.22.1-9"), None),
        ((1, ""), None),
    ],
)
def test_package(printed: tuple[int, str], version: str | None) -> None:
    seen = package.package(Played(dpkg_query=printed), "nginx")

    assert (seen.version if seen else None) == version


def test_services_of_both_inits() -> None:
    shown = "ActiveState=active\nUnitFileState=enabled\nMainPID=35\n"
    waits = "web STARTING\n"
    runs = "web RUNNING   pid 17, uptime 0:00:09\n"

    assert service.service(Played(systemctl=(0, shown)), "web", systemd=True) == (
        service.Service("web", True, True, 35)
    )
    assert service.service(Played(supervisorctl=(0, runs)), "web", systemd=False) == (
        service.Service("web", True, None, 17)
    )
    assert not service.service(Played(supervisorctl=(3, waits)), "web", systemd=False).running


def test_a_unit_that_failed_and_one_that_is_not_there() -> None:
    shown = "Id=web.service\nLoadState=loaded\nActiveState=failed\nSubState=failed\n"
    seen = service.unit(
        Played(systemctl=(0, f"{shown}Result=exit-code\nExecStart={{ a=b }}\n")), "web"
    )

    assert seen is not None
    assert (seen.state, seen.result, seen.enabled) == ("failed", "exit-code", False)
    assert seen.properties["ExecStart"] == "{ a=b }"
    assert service.unit(Played(systemctl=(0, "LoadState=not-found\n")), "no") is None


def test_certificate() -> None:
    shown = (
        "subject=CN=thena.example\nissuer=CN=authority,O=Us\n"
        "notBefore=Nov  4 01:02:03 2026 GMT\nnotAfter=Nov 24 01:02:03 2036 GMT\n"
        "X509v3 Subject Alternative Name: \n    DNS:thena.example, IP Address:10.0.0.1\n"
    )
    pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    asked = Played(file=(0, ""), cat=(0, f"a comment\n{pem}{pem}"), openssl=(0, shown))

    seen = certificate.in_file(asked, "/etc/ssl/thena.pem")

    assert seen is not None
    assert (seen.subject, seen.issuer) == ("CN=thena.example", "CN=authority,O=Us")
    assert not seen.self_signed
    assert seen.names == ("thena.example", "10.0.0.1")
    assert (seen.begins, seen.ends) == (
        datetime(2026, 11, 4, 1, 2, 3, tzinfo=UTC),
        datetime(2036, 11, 24, 1, 2, 3, tzinfo=UTC),
    )
    assert len(seen.chain) == 2
    assert "AAAA" not in repr(seen)


def test_a_file_without_a_certificate_is_told_as_that() -> None:
    with pytest.raises(NotSeen, match="/x has no certificate"):
        certificate.in_file(Played(file=(0, ""), cat=(0, "nothing")), "/x")


def test_message_of_the_journal() -> None:
    line = '{"__REALTIME_TIMESTAMP":"1000000","_SYSTEMD_UNIT":"a.service",'
    line += '"PRIORITY":"3","MESSAGE":"oh"}'
    bytes_line = '{"__REALTIME_TIMESTAMP":"0","MESSAGE":[104,105,255]}'

    assert journal.message(line) == journal.Message(
        datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), "a.service", "err", "oh"
    )
    assert journal.message(bytes_line).text == "hi\ufffd"


def test_mount_is_the_last_one_and_its_name_may_have_a_blank() -> None:
    table = (
        "22 1 0:20 / /srv\\040data rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro\n"
        "23 1 0:21 / /srv\\040data ro,nosuid - tmpfs tmpfs rw,size=1k\n"
    )

    seen = mount.mount(Played(file=(0, table)), "/srv data")

    assert seen == mount.Mount(
        "/srv data", "tmpfs", "tmpfs", frozenset({"ro", "nosuid", "rw", "size=1k"})
    )
    assert mount.mount(Played(file=(0, table)), "/srv") is None


def test_what_others_may_not_read_and_values_of_variables_are_not_shown() -> None:
    def seen(mode: int) -> str:
        content = b"SECRET_KEY=hunter2"
        return repr(File("/x", "file", "root", "root", Mode(mode), "", 18, "", content))

    assert "hunter2" in seen(0o644)
    assert "hunter2" not in seen(0o640)
    assert "0o640" in seen(0o640)
    shown = repr(Variables({"SECRET_KEY": "hunter2"}))
    assert "SECRET_KEY" in shown
    assert "hunter2" not in shown


def test_long_output_is_shown_by_its_ends() -> None:
    shown = repr(Ended(0, "a" * 500 + "b" * 500, ""))

    assert len(shown) < 300
    assert "800 more" in shown
    assert short("abc") == "'abc'"


def test_no_answer_is_explained() -> None:
    with pytest.raises(NotSeen, match="file /x: no answer from the machine: Connection refused"):
        answered("file", ["/x"], b"", lambda: "Connection refused")
