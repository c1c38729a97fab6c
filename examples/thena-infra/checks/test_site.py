"""What has to be true of a machine after this cookbook.

Run by `toque kitchen verify`, which provides `machine`: it looks from inside.
"""

import json
import re


def test_curl_says_hello(machine):
    """The check of the story: log in, then `curl http://0.0.0.0:80/`."""
    answer = machine.http("/")

    assert answer.status == 200
    assert re.fullmatch(r"Hello Thena\narcs: \d+\n", answer.text)


def test_version_is_the_release_that_current_points_at(machine):
    served = json.loads(machine.http("/version").text)["commit"]

    current = machine.file("/srv/www/thena/current").target

    assert current.startswith(f"releases/{served[:12]}-")


def test_nginx_runs_and_starts_at_boot(machine):
    nginx = machine.service("nginx")

    assert nginx.running
    assert nginx.enabled is not False  # None: this machine's init cannot say


def test_socket_is_for_the_app_and_nginx_only(machine):
    release = machine.file("/srv/www/thena/current").target.rpartition("/")[2]
    socket = machine.file(f"/run/thena-{release}/app.sock")

    assert socket.kind == "socket"
    assert (socket.owner, socket.group, socket.mode) == ("thena", "thena", 0o660)
    assert "thena" in machine.user("www-data").groups


def test_app_cannot_write_its_own_code(machine):
    code = machine.file("/srv/www/thena/current/wsgi.py")

    assert (code.owner, code.group) == ("thena-deploy", "thena")
    assert code.mode & 0o027 == 0  # no writing for the group, nothing for others


def test_variables_are_for_root_only(machine):
    release = machine.file("/srv/www/thena/current").target.rpartition("/")[2]
    variables = machine.file(f"/etc/toque/apps/thena/{release}.env")

    assert (variables.owner, variables.group, variables.mode) == ("root", "root", 0o600)


def test_exception_is_a_500_and_the_site_goes_on(machine):
    assert machine.http("/boom").status == 500
    assert machine.http("/").status == 200
