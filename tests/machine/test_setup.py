"""Set-up on real machines: what it makes, that it can be repeated, what it finds out."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from machine_site import Site, until


def changed(report: dict) -> list[str]:
    return [o["step"] for o in report["outcomes"] if o["status"] == "changed"]


@pytest.mark.requirement("R11")
@pytest.mark.parametrize("served_site", ["nspawn"], indirect=True)
def test_setup_of_a_new_node_ends_with_its_app_serving(site: Site):
    deployed = site.first["apps"][0]

    assert len(changed(site.first["setup"])) > 10
    assert deployed["commit"] == site.first_served


@pytest.mark.requirement("R12")
@pytest.mark.parametrize("served_site", ["chroot"], indirect=True)
def test_one_command_brings_a_bare_machine_to_serving(site: Site):
    assert "package" in {step.partition(":")[0] for step in changed(site.first["setup"])}
    assert len(site.first_served) == 40


@pytest.mark.requirement("R65")
@pytest.mark.parametrize("served_site", ["nspawn"], indirect=True)
def test_set_up_and_deploy_fit_into_a_gigabyte(
    site: Site, record_property: Callable[[str, object], None]
):
    """With PostgreSQL, nginx, the build of the environment and the app; nothing was killed."""
    memory = site.memory
    record_property("figure", f"peak {memory.peak / 2**20:.0f} MiB, files included, of 1024")

    assert memory.limit == 1 << 30
    assert 64 << 20 < memory.peak <= memory.limit
    assert memory.oom_kills == 0


@pytest.mark.requirement("R2")
def test_a_second_setup_changes_nothing_and_restarts_nothing(site: Site):
    site.setup()
    site.deploy()
    before = (site.nginx(), site.app_processes()[0].pid)

    report = site.setup()

    assert changed(report) == []
    assert report["owed"] == []
    assert (site.nginx(), site.app_processes()[0].pid) == before


@pytest.fixture
def offline(site: Site) -> Iterator[None]:
    """A machine that reaches nobody but this host."""
    site.write(
        "/etc/apt/apt.conf.d/99offline",
        'Acquire::http::Proxy "http://127.0.0.1:9";\nAcquire::https::Proxy "http://127.0.0.1:9";\n',
    )
    route = ""
    if site.driver == "nspawn":  # a chroot shares this host's network
        route = site.out("ip", "route", "show", "default")
        if route:
            site.run(["ip", "route", "del", "default"])
    yield
    site.run(["rm", "/etc/apt/apt.conf.d/99offline"])
    if route:
        site.run(["ip", "route", "add", *route.split()])


@pytest.mark.requirement("R3")
def test_every_declared_package_is_installed_and_needs_no_network_again(site: Site, offline: None):
    names = {n for s in site.plan() if s["kind"] == "package" for n in s["fields"]["names"]}
    assert {"nginx-light", "git"} <= names

    report = site.setup()

    assert [o for o in report["outcomes"] if o["status"] not in ("ok", "skipped")] == []
    status = site.out("dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *sorted(names))
    assert sorted(status.splitlines()) == sorted(f"{name} installed" for name in names)


@pytest.mark.requirement("R4")
def test_owner_group_and_mode_are_as_declared(site: Site):
    site.setup()
    looked_at = 0
    for step in site.plan():
        fields = step["fields"]
        if step["kind"] not in ("file", "directory") or fields.get("absent"):
            continue
        owner, group, mode = site.stat(fields["path"])
        if fields["owner"] is not None:
            assert owner == fields["owner"], fields["path"]
        if fields["group"] is not None:
            assert group == fields["group"], fields["path"]
        if fields["mode"] is not None:
            assert int(mode, 8) == fields["mode"], fields["path"]
        looked_at += 1
    assert looked_at >= 10


@pytest.mark.requirement("R4")
def test_a_drifted_mode_or_owner_is_restored_and_reported_alone(site: Site):
    site.setup()
    site.run(["chmod", "0777", "/srv/www/thena/shared"])
    first = site.setup()
    site.run(["chown", "nobody", "/etc/nginx/conf.d/toque.conf"])
    second = site.setup()

    assert changed(first) == ["directory:/srv/www/thena/shared"]
    assert site.stat("/srv/www/thena/shared") == ("thena", "thena", "750")
    said = next(o for o in first["outcomes"] if o["status"] == "changed")["diff"]
    assert "750" in "".join(said)
    assert "777" in "".join(said)
    assert changed(second)[0] == "file:/etc/nginx/conf.d/toque.conf"
    assert not {s for s in changed(second)[1:] if not s.startswith("service:nginx")}
    assert site.stat("/etc/nginx/conf.d/toque.conf") == ("root", "root", "644")


@pytest.mark.requirement("R10")
def test_a_changed_site_is_a_reload(site: Site):
    site.setup()
    before = site.nginx()
    workers = {p.pid for p in site.processes_of("www-data")}
    cookbook = "thena_infra" if site.server == "uwsgi" else "nginx"
    site.edit("[layers.web]", f'[stack.attributes.{cookbook}]\nlargest_body = "7m"\n\n[layers.web]')

    report = site.setup()

    assert "file:/etc/nginx/sites-enabled/thena" in changed(report)
    assert "client_max_body_size 7m;" in site.out("cat", "/etc/nginx/sites-enabled/thena")
    assert site.nginx() == before
    # The old workers leave when they have answered what they had begun.
    until(lambda: not workers & {p.pid for p in site.processes_of("www-data")})
    assert site.processes_of("www-data")
    assert site.answers()


@pytest.mark.requirement("R31")
def test_the_init_system_is_found_by_facts_and_printed_with_its_reason(site: Site):
    """A stale script of the story's kind proves nothing, on whichever machine."""
    site.write("/etc/init.d/thena", "#!/bin/sh\n### BEGIN INIT INFO\n# Provides: thena\n")
    site.run(["chmod", "755", "/etc/init.d/thena"])
    try:
        said = site.ok("setup", "--only-setup")
        site.deploy(site.commit({"CHANGES": "with a stale script\n"}) and site.publish())
    finally:
        site.run(["rm", "/etc/init.d/thena"])

    if site.driver == "nspawn":
        assert "systemd (/run/systemd/system exists)" in said
        assert site.out("systemctl", "is-active", site.unit) == "active"
    else:
        assert "supervisor (/run/systemd/system does not exist)" in said
        # It answers before supervisor calls it running, a second after its start.
        status = ["supervisorctl", "status", site.unit[: -len(".service")]]
        until(lambda: "RUNNING" in site.run(status, check=False).stdout)
    assert site.served() == site.head


TOY = '''
from toque import Cookbook, Service, Unit

TEXT = """[Service]
ExecStart=/bin/sleep 1000
[Install]
WantedBy=multi-user.target
"""

def never_ran(r):
    r.add(Unit("toy.service", content=TEXT), notify=Service("toy").restart)
    r.add(Service("toy"))

def missing(r):
    r.add(Service("not-there", running=True))

cookbook = Cookbook("toys", events={"setup": never_ran, "configure": missing})
'''


@pytest.fixture
def toys(site: Site) -> None:
    """A cookbook beside the project's own."""
    folder = site.space.directory / "toys-infra" / "toys"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "__init__.py").write_text(TOY)
    site.edit('cookbooks = ["thena-infra"]', 'cookbooks = ["thena-infra", "toys-infra"]')


@pytest.mark.requirement("R32")
def test_a_restart_starts_what_never_ran(site: Site, toys: None):
    site.ok("converge", "web1", "toys::setup")

    if site.driver == "nspawn":
        assert site.out("systemctl", "is-active", "toy") == "active"
    else:
        assert "RUNNING" in site.out("supervisorctl", "status", "toy")
    site.init("stop", "toy")


@pytest.mark.requirement("R32")
def test_a_service_without_a_unit_file_is_an_error_that_names_the_file(site: Site, toys: None):
    done = site.toque("converge", "web1", "toys::configure")

    assert done.returncode == 5
    assert "[unit-missing]" in done.stderr
    assert "/etc/systemd/system/not-there.service" in done.stderr
    assert "Traceback" not in done.stderr
