"""The recipes without a machine: pytest examples/thena-infra/tests, a second."""

from pathlib import Path

import pytest

from toque.cookbooks.load import load
from toque.testing import RELEASES, App, Database, Machine, compile_recipe, converge

cookbook = load(Path(__file__).parents[1])
THENA = App(
    name="thena",
    repository="https://forge.example/thena",
    layer="web",
    server="uwsgi",
    domains=("thena.example",),
    migrate=("alembic", "upgrade", "head"),
    secrets={"SECRET_KEY": "generate"},
    database=Database("thena"),
)


def test_site_answers_for_the_apps_domains():
    plan = compile_recipe(cookbook, apps=[THENA], attributes={"largest_body": "3m"})

    site = plan.file("/etc/nginx/sites-enabled/thena")
    assert "server_name thena.example;" in site
    assert "client_max_body_size 3m;" in site


def test_changed_site_reloads_nginx_once():
    site = compile_recipe(cookbook, apps=[THENA]).step("file:/etc/nginx/sites-enabled/thena")

    assert [(action.target, action.verb) for action in site.notify] == [("service:nginx", "reload")]


@pytest.mark.parametrize("facts", RELEASES, ids=lambda facts: facts.codename)
def test_set_up_and_deploy_change_nothing_the_second_time(facts):
    machine = Machine(facts)
    setup = compile_recipe(cookbook, "setup", apps=[THENA], facts=facts)
    deploy = compile_recipe(cookbook, "deploy", app=THENA, facts=facts)

    converge(setup, machine)
    assert converge(setup, machine).changed == ()
    converge(deploy, machine)
    assert converge(deploy, machine).changed == ()
    assert converge(setup, machine).changed == ()


def test_deployed_release_serves():
    machine = Machine()
    converge(compile_recipe(cookbook, "setup", apps=[THENA]), machine)

    converge(compile_recipe(cookbook, "deploy", app=THENA), machine)

    current = machine.stat("/srv/www/thena/current")
    assert current is not None
    unit = f"thena-{current.target.rpartition('/')[2]}.service"
    assert machine.systemctl.running(unit)
    assert machine.systemctl.enabled(unit)
