"""Faults that a running site can have, each injected for real and taken away again.

``FAULTS`` is the corpus: what breaks, how, what a doctor has to call it.  A fault is injected into
a site of the kitchen (systemd, uWSGI, the example app with ``PAGES``), looked at, and mended.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from machine_site import PATIENCE_S, Site

# Appended to wsgi.py: pages that misbehave, and an engine that does not ask before use.
PAGES = """

import os as _os
import signal as _signal

from flask import Response as _Response
from sqlalchemy import create_engine as _create_engine

app.config["PROPAGATE_EXCEPTIONS"] = True
app.extensions["engine"] = _create_engine(app.extensions["engine"].url)


@app.get("/wide")
def _wide():
    return _Response("wide\\n", headers={"X-Wide": "w" * 20000})


@app.get("/killed")
def _killed():
    _os.kill(_os.getpid(), _signal.SIGKILL)
"""

FLOOD = """
import socket, sys, threading, time
def one():
    while True:
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(sys.argv[1])
                s.sendall(b"GET /slow?s=1.5 HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n")
                while s.recv(4096): pass
        except OSError: time.sleep(0.05)
for _ in range(150): threading.Thread(target=one, daemon=True).start()
time.sleep(600)
"""

FLOODED = "systemd-run -q --unit=flood --collect python3 /root/flood.py {socket}; "

Do = Callable[["Ill"], None]


def come(test: str) -> str:
    """A shell's wait until ``test`` succeeds; after a minute it goes on without."""
    return "for i in $(seq 600); do " + test + " && break; sleep 0.1; done"


FLOODED += come("ss -Hxl src {socket} | awk '$3 >= 100 {{ full = 1 }} END {{ exit !full }}'")


@dataclass(frozen=True)
class Fault:
    """``codes`` are the right names for the cause, ``also`` codes that are true of it besides;
    ``past`` when it is a request that failed, and the site is well again."""

    name: str
    codes: tuple[str, ...]
    inject: Do
    mend: Do
    also: tuple[str, ...] = ()
    past: bool = False


class Ill:
    """A site and the paths that faults need."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.unit, self.socket, self.release = site.unit, site.socket, site.release
        self.home = "/srv/www/thena"
        self.top = f"{self.home}/releases/{self.release}"
        self.conf = "/etc/nginx/sites-enabled/thena"
        self.env = f"/etc/toque/apps/thena/{self.release}.env"
        self.failed_at = 0.0  # when a visitor last got no page

    def sh(self, script: str) -> str:
        """A script as root inside; it may fail, as an injection that comes too late does."""
        return self.site.run(["sh", "-c", script], check=False).stdout.strip()

    def get(self, path: str) -> int:
        try:
            return self.site.http(path).status
        except Exception:  # noqa: BLE001 - a fault is what is wanted
            return 0

    def sql(self, statement: str) -> str:
        return self.site.run(
            ["psql", "-XAtq", "-d", "postgres", "-c", statement], "postgres", check=False
        ).stdout.strip()

    def well(self) -> None:
        """Wait until the page comes again."""
        until = time.monotonic() + PATIENCE_S
        while not self.site.answers():
            self.failed_at = time.time()
            assert time.monotonic() < until, "the site does not come back"
            time.sleep(0.1)

    def since(self, *, new: bool) -> int:
        """A time in whole seconds, as nginx writes them, that no failure before now is in.

        ``new``: nor any other request.
        """
        since = int(time.time())
        if new or since <= int(self.failed_at):
            since += 1
            time.sleep(max(0.0, since - time.time()))
        return since


def shell(script: str) -> Do:
    """Runs ``script``; ``{unit}``, ``{socket}``, ``{home}``, ``{top}``, ``{conf}``, ``{env}``."""

    def do(ill: Ill) -> None:
        ill.sh(script.format(**vars(ill)))

    return do


def page(path: str) -> Do:
    return lambda ill: void(ill.get(path))


def void(_: object) -> None: ...


# At once: what was under way is of no interest.
AGAIN = "systemctl stop --no-block {unit}; sleep 0.1; systemctl kill --signal=KILL {unit}; "
AGAIN += "systemctl reset-failed {unit}; systemctl start {unit}"

# Its first attempt is over: until then the app is only starting.
GIVEN_UP = come("test $(systemctl show -P NRestarts {unit}) != 0")
# Each of its two workers has loaded the app.
LOADED = "journalctl -q -o cat _SYSTEMD_INVOCATION_ID=$(systemctl show -P InvocationID {unit})"
LOADED = come("test $(" + LOADED + " | grep -c '^WSGI app 0 .* ready') -ge 2")
# nginx starts new workers, then tells the old ones to end: their titles change.
WORKERS = "pgrep -f '^nginx: worker process$'"
RELOAD = f"W=$({WORKERS} | head -n 1); nginx -s reload; " + come(f'! {WORKERS} | grep -qx "$W"')


def restart(ill: Ill) -> None:
    ill.sh(AGAIN.format(unit=ill.unit))
    ill.well()


def nothing(ill: Ill) -> None: ...


def moved(path: str, then: str = "true") -> tuple[Do, Do]:
    """A file that is away, and what is done after it went and after it came back."""
    return shell(f"mv {path} {path}.away; {then}"), shell(f"mv {path}.away {path}; {then}")


def edited(expression: str) -> tuple[Do, Do]:
    """nginx's site, changed and loaded; then as before."""
    return (
        shell("cp {conf} /root/site.kept; sed -i '" + expression + "' {conf}; " + RELOAD),
        shell("cp /root/site.kept {conf}; " + RELOAD),
    )


def in_order(*steps: Do) -> Do:
    def do(ill: Ill) -> None:
        for step in steps:
            step(ill)

    return do


def sql(statement: str) -> Do:
    return lambda ill: void(ill.sql(statement))


def wrong_password(ill: Ill) -> None:
    """Over a password instead of the user's own name, which is what remote servers ask for."""
    ill.sh("sed -i '1i local thena thena scram-sha-256' /etc/postgresql/15/main/pg_hba.conf")
    kept = ill.sql("SELECT rolpassword FROM pg_authid WHERE rolname = 'thena'")
    ill.site.write("/root/verifier.kept", kept)
    ill.sql("ALTER ROLE thena PASSWORD 'another'; SELECT pg_reload_conf()")
    ill.sql(TERMINATE)


def right_password(ill: Ill) -> None:
    kept = ill.sh("cat /root/verifier.kept; rm /root/verifier.kept")
    ill.sh("sed -i 1d /etc/postgresql/15/main/pg_hba.conf")
    ill.sql(f"ALTER ROLE thena PASSWORD '{kept}'; SELECT pg_reload_conf()")


def suspended(ill: Ill) -> None:
    ill.sh(f"systemctl kill --signal=STOP {ill.unit}")


def crashing(ill: Ill) -> None:
    for _ in range(3):
        ill.sh(f"systemctl kill --signal=KILL {ill.unit}")
        ill.well()


def domains(*names: str) -> Do:
    def do(ill: Ill) -> None:
        ill.site.edit('layer = "web"\nserver', f'layer = "web"\ndomains = {list(names)}\nserver')

    return do


def no_domains(ill: Ill) -> None:
    text = ill.site.project.read_text().splitlines(keepends=True)
    ill.site.project.write_text("".join(x for x in text if not x.startswith("domains = ")))


TERMINATE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'thena'"
LOCK = "systemd-run -q --unit=locker --collect --uid=postgres psql -d thena -c 'BEGIN; "
LOCK += "LOCK TABLE arcs; SELECT pg_sleep(600)'; "
LOCK += come(
    'runuser -u postgres -- psql -XAtqd thena -c "SELECT mode FROM pg_locks WHERE granted '
    "AND relation = 'arcs'::regclass\" | grep -q AccessExclusive"
)
UNLOCK = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%LOCK TABLE%'"
UNLOCK += " AND pid <> pg_backend_pid()"
CERTIFICATE = """
cd /root; : > index; echo 01 > serial
printf '[ca]\\ndefault_ca=d\\n[d]\\ndatabase=index\\nserial=serial\\nnew_certs_dir=.\\n' > ca.conf
printf 'default_md=sha256\\npolicy=p\\n[p]\\ncommonName=supplied\\n' >> ca.conf
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=thena.example \
    -keyout thena.key -out thena.csr
openssl ca -batch -selfsign -config ca.conf -keyfile thena.key -in thena.csr -out thena.crt \
    -startdate 20250101000000Z -enddate 20250201000000Z
"""
HOLD_PORT = "systemctl stop nginx; "
HOLD_PORT += "systemd-run -q --unit=holder --collect python3 -m http.server 80; "
HOLD_PORT += come("ss -Hltn 'sport = :80' | grep -q .") + "; systemctl start nginx"
FEW = "mkdir -p /run/systemd/system/{unit}.d; printf '[Service]\\nLimitNOFILE=12\\n' > "
FEW += "/run/systemd/system/{unit}.d/few.conf; systemctl daemon-reload; " + AGAIN + "; " + LOADED
ENOUGH = "rm -r /run/systemd/system/{unit}.d; systemctl daemon-reload"
DATABASE_READY = come("pg_isready -q")
FULL = "mount -t tmpfs -o size=1m,mode=750,uid=thena none {home}/shared; "
FULL += "head -c 2M /dev/zero > {home}/shared/upload 2>/dev/null"
UPLOAD = (
    'import http.client as h; c = h.HTTPConnection("127.0.0.1"); '
    'c.putrequest("POST", "/"); c.putheader("Content-Length", "2000000"); c.endheaders(); '
    "print(c.getresponse().status)"
)
STATIC = r"s|location / {{|location /static/ {{ alias /srv/static/; }}\n    location / {{|"
NFT = "nft add table inet wall; nft add chain inet wall in "
NFT += "{{ type filter hook input priority 0\\; }}; nft add rule inet wall in "
NFT += "iifname != lo tcp dport 80 drop"

FAULTS: tuple[Fault, ...] = (
    Fault("socket permission", ("socket-permissions",), shell("chmod 600 {socket}"),
          shell("chmod 660 {socket}")),
    Fault("folder of the socket closed", ("socket-permissions",),
          shell("chmod 700 $(dirname {socket})"), shell("chmod 750 $(dirname {socket})")),
    Fault("socket removed", ("socket-missing",), *moved("{socket}")),
    Fault("socket that nobody listens on", ("socket-refused",),
          shell("mv {socket} {socket}.away; python3 -c 'import socket as s; "
                "s.socket(s.AF_UNIX).bind(\"{socket}\")'; chown thena:thena {socket}; "
                "chmod 660 {socket}"),
          shell("mv {socket}.away {socket}")),
    Fault("backlog full", ("backlog-full",),
          in_order(lambda ill: ill.site.write("/root/flood.py", FLOOD), shell(FLOODED)),
          in_order(shell("systemctl stop flood"), restart)),
    Fault("app suspended", ("app-suspended",), suspended,
          shell("systemctl kill --signal=CONT {unit}")),
    Fault("harakiri", ("worker-timeout",), page("/slow?s=6"), nothing, past=True),
    Fault("worker killed", ("worker-killed",), page("/killed"), nothing, past=True),
    Fault("header too big", ("header-too-big",), page("/wide"), nothing, past=True),
    Fault("timeout chain", ("answer-too-late",),
          in_order(edited("s/proxy_read_timeout .*/proxy_read_timeout 1s;/")[0],
                   page("/slow?s=1.6")),
          edited("")[1], past=True),
    Fault("exception with propagation", ("app-exception",), page("/boom"), nothing, past=True),
    Fault("truncated body", ("response-cut",), page("/late"), nothing, past=True),
    Fault("body too large", ("body-too-large",),
          lambda ill: void(ill.site.run(["python3", "-c", UPLOAD], check=False)), nothing,
          past=True),
    Fault("static files unreadable", ("static-unreadable",),
          in_order(shell("mkdir -m 700 -p /srv/static; echo x > /srv/static/x"),
                   edited(STATIC)[0], page("/static/x")),
          edited("")[1], past=True),
    Fault("unit stopped", ("unit-stopped",), shell("systemctl stop {unit}"),
          shell("systemctl start {unit}")),
    Fault("unit disabled", ("unit-disabled",), shell("systemctl disable -q {unit}"),
          shell("systemctl enable -q {unit}"), past=True),
    Fault("nginx masked", ("unit-masked",), shell("systemctl mask -q --now nginx"),
          shell("systemctl unmask -q nginx; systemctl start nginx")),
    Fault("current link removed", ("current-missing",), *moved("{home}/current")),
    Fault("current link to nowhere", ("release-missing",),
          shell("ln -sfn releases/0123456789ab-0123ab {home}/current"),
          lambda ill: shell("ln -sfn releases/" + ill.release + " {home}/current")(ill),
          also=("unit-missing",)),
    Fault("release deleted", ("release-missing",), *moved("{top}")),
    Fault("packages deleted", ("venv-missing",),
          shell("V=$(readlink -f {top}/.toque/venv); echo $V > /root/venv.kept; "
                "mv $V $V.away; " + AGAIN),
          in_order(shell("V=$(cat /root/venv.kept); mv $V.away $V"), restart)),
    Fault("variables deleted", ("environment-missing",),
          moved("{env}", AGAIN)[0], in_order(moved("{env}")[1], restart)),
    Fault("import error", ("app-not-starting",),
          moved("{top}/thena/views.py", AGAIN + "; " + GIVEN_UP)[0],
          in_order(moved("{top}/thena/views.py")[1], restart)),
    Fault("crash loop", ("app-restarting",), crashing, restart,
          also=("socket-missing", "socket-refused", "worker-killed"), past=True),
    Fault("nginx stopped", ("nginx-stopped",), shell("systemctl stop nginx"),
          shell("systemctl start nginx")),
    Fault("nginx configuration broken", ("nginx-config-broken",),
          shell("echo 'liisten 80;' > /etc/nginx/conf.d/typo.conf"),
          shell("rm /etc/nginx/conf.d/typo.conf"), past=True),
    Fault("nginx broken and stopped", ("nginx-config-broken",),
          shell("echo 'liisten 80;' > /etc/nginx/conf.d/typo.conf; systemctl restart nginx"),
          shell("rm /etc/nginx/conf.d/typo.conf; systemctl reset-failed nginx; "
                "systemctl start nginx")),
    Fault("port taken by another", ("port-taken",), shell(HOLD_PORT),
          shell("systemctl stop holder; systemctl reset-failed nginx; systemctl start nginx")),
    Fault("wrong upstream", ("upstream-wrong",), *edited("s|app.sock|old.sock|")),
    Fault("site removed", ("site-missing",),
          shell("mv {conf} /root/site.kept; " + RELOAD),
          shell("mv /root/site.kept {conf}; " + RELOAD)),
    Fault("nginx not in the group", ("nginx-not-in-group",),
          shell("gpasswd -d www-data thena; systemctl restart nginx"),
          shell("gpasswd -a www-data thena; systemctl restart nginx")),
    Fault("disk full", ("disk-full",), shell(FULL), shell("umount {home}/shared")),
    Fault("file system read-only", ("file-system-read-only",),
          shell("mount -t tmpfs -o ro,size=1m none {home}/shared"), shell("umount {home}/shared")),
    Fault("database gone", ("database-down",), shell("systemctl stop postgresql 'postgresql@*'"),
          in_order(shell(f"systemctl start postgresql; {DATABASE_READY}"), restart),
          also=("app-exception",)),
    Fault("wrong password", ("database-login-refused",), wrong_password,
          in_order(right_password, restart), also=("app-exception",)),
    Fault("role may not sign in", ("database-login-refused",),
          in_order(sql("ALTER ROLE thena NOLOGIN"), sql(TERMINATE)),
          in_order(sql("ALTER ROLE thena LOGIN"), restart), also=("app-exception",)),
    Fault("database renamed", ("database-missing",),
          in_order(sql(TERMINATE), sql("ALTER DATABASE thena RENAME TO other")),
          in_order(sql("ALTER DATABASE other RENAME TO thena"), restart), also=("app-exception",)),
    Fault("connections exhausted", ("database-connections-exhausted",),
          in_order(sql("ALTER DATABASE thena CONNECTION LIMIT 0"), sql(TERMINATE)),
          in_order(sql("ALTER DATABASE thena CONNECTION LIMIT -1"), restart),
          also=("app-exception",)),
    Fault("database restarted", ("database-connection-stale",),
          in_order(*[page("/")] * 9, sql(TERMINATE), *[page("/")] * 3), restart,
          also=("app-exception",), past=True),
    Fault("table locked", ("database-locked",), shell(LOCK), in_order(sql(UNLOCK), restart)),
    Fault("too few descriptors", ("descriptors-exhausted",), shell(FEW),
          in_order(shell(ENOUGH), restart), also=("app-exception",)),
    Fault("certificate expired", ("certificate-expired",),
          in_order(shell(CERTIFICATE),
                   edited(r"s|listen 80 default_server;|&\n    listen 443 ssl;\n    "
                          r"ssl_certificate /root/thena.crt;\n    "
                          r"ssl_certificate_key /root/thena.key;|")[0]),
          edited("")[1]),
    Fault("domain without address", ("domain-unknown",), domains("thena.invalid"), no_domains),
    Fault("domain that leads elsewhere", ("domain-elsewhere",),
          in_order(shell("echo 192.0.2.7 thena.example >> /etc/hosts"), domains("thena.example")),
          in_order(shell("sed -i /thena.example/d /etc/hosts"), no_domains)),
    Fault("firewall drops", ("port-blocked",), shell(NFT), shell("nft delete table inet wall")),
)  # fmt: skip
