"""What has to be true of a machine after this cookbook, with an app that has no release yet."""

import json


def test_it_runs_and_starts_at_boot(machine):
    nginx = machine.service("nginx")

    assert nginx.running
    assert nginx.enabled
    assert machine.nginx().valid


def test_debians_own_page_is_not_shown(machine):
    assert machine.file("/etc/nginx/sites-enabled/default") is None


def test_an_app_without_a_release_is_a_bad_gateway_and_nothing_worse(machine):
    assert machine.http("/", host="page.example").status == 502


def test_a_host_that_no_site_has_is_misdirected(machine):
    assert machine.http("/", host="nobody.example").status == 421


def test_each_request_is_one_line_of_json(machine):
    machine.http("/looked-for", host="nobody.example")

    lines = machine.file("/var/log/nginx/strangers.access.log").text.splitlines()

    assert any("looked-for" in json.dumps(json.loads(line)) for line in lines)


def test_logs_are_kept_for_as_long_as_was_said(machine):
    assert "rotate 14" in machine.file("/etc/logrotate.d/nginx").text
