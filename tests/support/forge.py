"""A forge of one's own on a site's machine: SSH with git-shell, and https with a token."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

from machine_site import Site, until

SSH_PORT, HTTPS_PORT = 2222, 8443
TOP = "/srv/forge"
TOKEN = "forge-token-" + "7f3a9c" * 4
MAKE = f"""
set -e
useradd --system --home-dir {TOP} --shell "$(command -v git-shell)" git
usermod -p '*' git  # '!' is a locked account to sshd, whatever its keys
install -d -o git -g git {TOP} {TOP}/.ssh
install -d -m 755 /run/sshd
ssh-keygen -q -t ed25519 -N '' -f {TOP}/host
install -o git -g git -m 600 /dev/null {TOP}/.ssh/authorized_keys
cat > {TOP}/sshd_config <<END
Port {SSH_PORT}
HostKey {TOP}/host
PidFile {TOP}/sshd.pid
UsePAM no
PasswordAuthentication no
AllowUsers git
END
openssl req -x509 -newkey rsa:2048 -nodes -keyout {TOP}/tls.key -out {TOP}/tls.crt -days 2 \\
    -subj /CN=forge -addext "subjectAltName=IP:$ADDRESS" 2>/dev/null
chown git {TOP}/tls.key
cp {TOP}/tls.crt /usr/local/share/ca-certificates/forge.crt
update-ca-certificates >/dev/null 2>&1
"""
START = f"/usr/sbin/sshd -f {TOP}/sshd_config"
STOP = f"kill $(cat {TOP}/sshd.pid)"
# git http-backend behind TLS and HTTP's basic authentication, as forges do it.
SERVER = f"""
import base64, http.server, os, ssl, subprocess, sys

WANTED = "Basic " + base64.b64encode(b"git:{TOKEN}").decode()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"

    def do_GET(self):
        if self.headers.get("Authorization") != WANTED:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="forge"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        path, _, query = self.path.partition("?")
        size = int(self.headers.get("Content-Length") or 0)
        environ = dict(os.environ, GIT_PROJECT_ROOT="{TOP}", GIT_HTTP_EXPORT_ALL="1",
            PATH_INFO=path, QUERY_STRING=query, REQUEST_METHOD=self.command, REMOTE_USER="git",
            CONTENT_TYPE=self.headers.get("Content-Type", ""), CONTENT_LENGTH=str(size),
            GIT_PROTOCOL=self.headers.get("Git-Protocol", ""),
            HTTP_CONTENT_ENCODING=self.headers.get("Content-Encoding", ""),
            GIT_CONFIG_COUNT="1", GIT_CONFIG_KEY_0="safe.directory", GIT_CONFIG_VALUE_0="*")
        done = subprocess.run(["git", "http-backend"], input=self.rfile.read(size), env=environ,
            capture_output=True)
        head, _, body = done.stdout.partition(b"\\r\\n\\r\\n")
        status = 200
        lines = [line.split(": ", 1) for line in head.decode().split("\\r\\n") if line]
        for name, value in lines:
            if name == "Status":
                status = int(value.split()[0])
        self.send_response(status)
        for name, value in lines:
            if name != "Status":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))  # Python's TLS says no goodbye
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *words):
        pass


server = http.server.ThreadingHTTPServer(("", {HTTPS_PORT}), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("{TOP}/tls.crt", "{TOP}/tls.key")
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"""


@dataclass
class Forge:
    site: Site

    @property
    def host(self) -> str:
        return self.site.machine.address

    def url(self, name: str = "thena") -> str:
        return f"ssh://git@{self.host}:{SSH_PORT}{TOP}/{name}.git"

    def https(self, name: str = "thena") -> str:
        return f"https://{self.host}:{HTTPS_PORT}/{name}.git"

    @property
    def fingerprint(self) -> str:
        return self.site.out("ssh-keygen", "-l", "-f", f"{TOP}/host.pub").split()[1]

    def make(self) -> None:
        self.sh(f"ADDRESS={self.host}\n{MAKE}")
        self.site.write(f"{TOP}/server.py", SERVER)
        self.sh(START)
        self.sh(f"systemd-run -q --unit forge-https --uid git /usr/bin/python3 {TOP}/server.py")
        until(lambda: self.listening(SSH_PORT) and self.listening(HTTPS_PORT))

    def listening(self, port: int) -> bool:
        ask = f"import socket; socket.create_connection(('{self.host}', {port}), 1)"
        return self.site.run(["python3", "-c", ask], check=False).returncode == 0

    def sh(self, script: str, check: bool = True) -> str:
        return self.site.run(["bash", "-c", script], check=check).stdout.strip()

    def let_in(self, *public: str) -> None:
        """The keys that may read, and no others."""
        self.site.write(f"{TOP}/.ssh/authorized_keys", "".join(f"{line}\n" for line in public))

    def new_host_key(self) -> None:
        self.sh(f"{STOP}; rm {TOP}/host*; ssh-keygen -q -t ed25519 -N '' -f {TOP}/host; {START}")
        until(lambda: self.listening(SSH_PORT))

    def publish(self, name: str, work: str, *refs: str) -> None:
        """Make a repository of the forge hold ``refs`` (``HEAD:refs/heads/main``) of a clone."""
        git = ["git", "-C", work]
        pack = subprocess.run(
            [*git, "bundle", "create", "-q", "-", "--all"], check=True, capture_output=True
        ).stdout
        self.site.run(["tee", "/tmp/forge.bundle"], stdin=pack)
        at = f"{TOP}/{name}.git"
        commits = []
        for ref in refs:
            source, _, goal = ref.partition(":")
            argv = [*git, "rev-parse", source]
            commit = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
            commits.append(f"git --git-dir={at} update-ref {goal} {commit.strip()}")
        self.sh(
            f"set -e; test -d {at} || git init -q --bare --initial-branch=main {at}\n"
            f"git --git-dir={at} fetch -q /tmp/forge.bundle '+refs/*:refs/bundle/*'\n"
            + "\n".join(commits)
            + f"\ngit --git-dir={at} for-each-ref --format='delete %(refname)' refs/bundle"
            f" | git --git-dir={at} update-ref --stdin\nchown -R git:git {at}"
        )
