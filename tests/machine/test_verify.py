"""Every example of the fixture's reference, on a real machine, by both ways that lead there.

One way is the kitchen's driver, without SSH; the other is that of any node of a project.
"""

from __future__ import annotations

import inspect
import os
import sys
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

import reference
from machine_site import environ_in, kitchen_in, require, until
from toque import bootstrap
from toque.fleet.node import Node
from toque.kitchen import api
from toque.kitchen.look import Inside
from toque.kitchen.machine import Machine
from toque.kitchen.outcome import FAILED, PASSED
from toque.kitchen.subject import Subject, in_kitchen
from toque.kitchen.verify import run_verify

pytestmark = pytest.mark.timeout(900)

# What the examples speak of: a site of nginx with a certificate, a database, a user.
FURNISH = """
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get update -q && apt-get install -q -y --no-install-recommends nginx-light postgresql openssl
useradd --system thena
cd /etc/ssl
openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=authority \
    -keyout authority.key -out authority.pem
openssl req -newkey rsa:2048 -nodes -subj /CN=thena.example -keyout thena.key -out thena.csr
echo subjectAltName=DNS:thena.example,DNS:www.thena.example > names
openssl x509 -req -in thena.csr -CA authority.pem -CAkey authority.key -days 90 \
    -extfile names -out thena.pem
rm /etc/nginx/sites-enabled/default
cat > /etc/nginx/conf.d/thena.conf <<'END'
upstream thena { server unix:/run/thena/current.sock; }
server {
    listen 80; listen [::]:80;
    server_name thena.example;
    location / { return 200 "Hello"; }
    location /app { proxy_pass http://thena; }
}
server {
    listen 443 ssl;
    server_name thena.example;
    ssl_certificate /etc/ssl/thena.pem;
    ssl_certificate_key /etc/ssl/thena.key;
}
END
systemctl restart nginx
runuser -u postgres -- createuser thena
runuser -u postgres -- createdb --owner thena thena
"""
MORE = """
def test_what_the_machine_is(machine):
    assert machine.systemd
    assert machine.facts.codename == "bookworm"


def test_the_site_by_tls(machine):
    assert machine.http("/", host="thena.example", tls=True).status == 200
    assert machine.visit("/", host="thena.example", tls=True, port=443).status == 200


def test_who_runs_what(machine):
    workers = machine.processes("nginx", user="www-data")
    assert workers
    assert machine.port(443).users == {"root", "www-data"}
    assert machine.port(5432).addresses == ("127.0.0.1", "::1")
    assert set(machine.group("www-data").members) == {"www-data"}


def test_a_certificate_that_is_not_trusted_and_a_key_of_another(machine):
    seen = machine.certificate("/etc/ssl/thena.pem")
    assert not seen.trusted()
    assert not machine.certificate(443, "thena.example").trusted()
    assert machine.certificate(443, "thena.example").trusted("/etc/ssl/authority.pem")
    assert not seen.belongs_to("/etc/ssl/authority.key")
    assert 89 < seen.days_left < 91
    assert machine.certificate("/etc/ssl/authority.pem").self_signed
    assert machine.certificate("/etc/ssl/none.pem") is None


def test_the_database_is_only_read(machine):
    try:
        machine.postgres("thena").query("CREATE TABLE made (id int)")
    except AssertionError as error:
        assert "read-only transaction" in str(error)
    else:
        assert False


def test_a_configuration_that_nginx_refuses(machine):
    machine.run("sh", "-c", "echo nonsense > /etc/nginx/conf.d/wrong.conf")
    seen = machine.nginx()
    machine.run("rm", "/etc/nginx/conf.d/wrong.conf")
    assert not seen.valid
    assert "unknown directive" in seen.said or "unexpected end" in seen.said


def test_an_own_process_has_variables(machine):
    own = machine.run("sh", "-c", "echo $$; tr '\\\\0' '\\\\n' < /proc/$$/environ").out
    assert "HOME=" in own or "PATH=" in own


def test_that_fails_and_shows_it(machine):
    assert machine.port(80).addresses == ("127.0.0.1",)
"""
TESTINFRA = """
def test_the_same_machine(host, machine):
    assert host.service("nginx").is_running
    assert host.file("/etc/hostname").content_string.strip() == machine.facts.hostname
    assert host.package("postgresql").is_installed
"""


@pytest.fixture(scope="module")
def furnished(kitchen_folder: Path) -> Iterator[Machine]:
    kitchen = kitchen_in(kitchen_folder)
    require(kitchen, "nspawn")
    machine = api.create(kitchen, "furnished", driver="nspawn")
    done = api.execute(kitchen, machine.name, ["sh", "-s"], FURNISH.encode())
    assert done.returncode == 0, done.stdout + done.stderr
    yield machine
    api.destroy(kitchen, machine.name)


@pytest.fixture(params=["driver", "ssh"])
def subject(request: pytest.FixtureRequest, furnished: Machine, tmp_path: Path) -> Subject:
    if request.param == "driver":
        return in_kitchen(furnished)
    return bootstrap.subject(pinned_node(furnished, tmp_path), tmp_path)


def pinned_node(machine: Machine, directory: Path) -> Node:
    """The machine as a node that somebody has: an address, a key, and a host key confirmed."""
    bootstrap.host_keys(directory).pin("web1", machine.host_key)
    return Node("web1", f"root@{machine.address}", "web", machine.ssh_port, str(machine.key))


def examples() -> Mapping[str, str]:
    """The example of each method, by its name; all have one but those that say one word."""
    found = {}
    for name, member in vars(Inside).items():
        if not name.startswith("_"):
            _, found[name] = reference.text_and_example(member)
    return found


def test_every_method_has_an_example() -> None:
    missing = {name for name, example in examples().items() if not example}

    assert missing == {"name", "address", "systemd"}
    assert all(inspect.getdoc(member) for n, member in vars(Inside).items() if n[0] != "_")


def test_examples_of_the_reference_hold(
    subject: Subject, kitchen_folder: Path, tmp_path: Path
) -> None:
    checks = tmp_path / "checks"
    checks.mkdir()
    shown = [
        f"def test_{name}(machine):\n{textwrap.indent(example, '    ')}\n"
        for name, example in examples().items()
        if example and name != "driver"
    ]
    (checks / "test_examples.py").write_text("import pytest\n\n\n" + "\n\n".join(shown))
    (checks / "test_more.py").write_text(MORE)

    result = run_verify({"web": subject}, checks, environ_in(kitchen_folder))

    wrong = [check.id for check in result.each if check.outcome != PASSED]
    assert wrong == ["test_more.py::test_that_fails_and_shows_it"], result.output
    (failed,) = [check for check in result.each if check.outcome == FAILED]
    assert "0.0.0.0" in failed.message
    assert "tcp port 80: Port(number=80, addresses=('0.0.0.0', '::')" in failed.details


def test_testinfra_is_bound_to_the_same_machine(
    subject: Subject, kitchen_folder: Path, tmp_path: Path
) -> None:
    pytest.importorskip("testinfra", reason="pytest-testinfra is not installed")
    checks = tmp_path / "checks"
    checks.mkdir()
    (checks / "test_host.py").write_text(TESTINFRA)
    another = replace(subject, host_keys=(other_key(subject.host_keys[0]),))

    result = run_verify({"web": subject}, checks, environ_in(kitchen_folder))
    refused = run_verify({"web": another}, checks, environ_in(kitchen_folder))

    assert (result.ok, result.checks) == (True, 1), result.output
    assert not refused.ok
    assert "Host key verification failed" in refused.output


def other_key(key: str) -> str:
    """A host key of the same type whose last bytes are others."""
    return f"{key[:-8]}{'AAAAAAAA' if key[-8:] != 'AAAAAAAA' else 'BBBBBBBB'}"


def test_nothing_of_a_check_that_was_killed_stays_in_the_machine(
    subject: Subject, furnished: Machine, kitchen_folder: Path, tmp_path: Path
) -> None:
    from toque.kitchen.verify import Limits

    kitchen, checks = kitchen_in(kitchen_folder), tmp_path / "checks"
    checks.mkdir()
    (checks / "test_it.py").write_text(
        "import threading\n"
        "def test_it(machine):\n"
        "    hang = threading.Thread(target=machine.run, args=('sleep', '314.15'))\n"
        "    hang.start()\n"
        "    sum(range(10**15))\n"
    )

    result = run_verify(
        {"web": subject}, checks, environ_in(kitchen_folder), limits=Limits(2, 60, 1)
    )

    assert result.hung
    left = ["pgrep", "-f", "^sleep 314.15"]
    until(lambda: api.execute(kitchen, furnished.name, left).returncode == 1)


def test_a_node_that_only_lets_a_user_with_sudo_in(
    furnished: Machine, kitchen_folder: Path, tmp_path: Path
) -> None:
    kitchen = kitchen_in(kitchen_folder)
    script = (
        "apt-get install -q -y sudo && useradd -m -s /bin/bash admin\n"
        "echo 'admin ALL=(root) NOPASSWD: ALL' > /etc/sudoers.d/admin\n"
        "cp -r /root/.ssh /home/admin/ && chown -R admin: /home/admin/.ssh\n"
    )
    done = api.execute(kitchen, furnished.name, ["sh", "-s"], script.encode())
    assert done.returncode == 0, done.stderr
    node = replace(
        pinned_node(furnished, tmp_path), address=f"admin@{furnished.address}", sudo=True
    )
    checks = tmp_path / "checks"
    checks.mkdir()
    (checks / "test_it.py").write_text(
        "def test_root(machine):\n"
        "    assert machine.run('id', '-un').out == 'root\\n'\n"
        "    assert machine.run('id', '-un', user='admin').out == 'admin\\n'\n"
        "    assert machine.file('/etc/shadow').content\n"
        "def test_testinfra(host):\n"
        "    assert host.user().name == 'root'\n"
    )

    result = run_verify(
        {"web": bootstrap.subject(node, tmp_path)}, checks, dict(os.environ, PYTHON=sys.executable)
    )

    assert (result.ok, result.checks) == (True, 2), result.output
