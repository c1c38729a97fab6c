"""What has to be true of a machine on which gunicorn serves the sample."""

APP = "shop"


def release(machine):
    return machine.file(f"/srv/www/{APP}/current").target.rpartition("/")[2]


def test_the_site_is_served_by_it(machine):
    answer = machine.http("/anywhere")

    assert (answer.status, answer.text) == (200, "hello from /anywhere")
    assert [one for one in machine.processes(user=APP) if "gunicorn" in " ".join(one.argv)]


def test_what_answers_is_the_release_that_is_current(machine):
    served = machine.http("/commit").text

    assert release(machine).startswith(served[:12])


def test_its_socket_is_for_the_app_and_nginx_only(machine):
    socket = machine.file(f"/run/{APP}-{release(machine)}/app.sock")

    assert (socket.kind, socket.owner, socket.mode) == ("socket", APP, 0o660)
    assert APP in machine.user("www-data").groups


def test_it_starts_at_boot_and_may_not_gain_privileges(machine):
    unit = machine.unit(f"{APP}-{release(machine)}.service")

    assert unit.state == "active"
    assert machine.service(f"{APP}-{release(machine)}").enabled
