"""The set-up recipes: what they declare, in which order, and what follows from attributes."""

from __future__ import annotations

import pytest

from toque.errors import BadCookbook
from toque.fleet.app import App, Database
from toque.library import gunicorn, nginx, postgresql, python_app, uwsgi
from toque.library.nginx import cookbook as nginx_cookbook
from toque.library.postgresql import cookbook as postgresql_cookbook
from toque.library.python_app import accounts
from toque.library.python_app import cookbook as python_app_cookbook
from toque.node.model import Action

from .conftest import PASSWORD, Compile


def test_nginx_reloads_once_for_all_that_changes_before_it(plan_of: Compile) -> None:
    plan = plan_of((nginx_cookbook, "setup"))

    assert plan.ids[:2] == ("web_address:80", "package:nginx-light")
    assert plan.ids[-1] == "service:nginx"
    for id in (
        "user:www-data",
        "link:/etc/nginx/sites-enabled/default",
        "file:/etc/nginx/conf.d/toque.conf",
        "file:/etc/nginx/sites-enabled/thena",
    ):
        assert plan.step(id).notify == (Action("service:nginx", "reload"),)


def test_nginx_tests_the_whole_configuration_after_each_file(plan_of: Compile) -> None:
    plan = plan_of((nginx_cookbook, "setup"))

    files = [s for s in plan.plan.steps if s.kind == "file" and "/etc/nginx/" in s.fields["path"]]
    assert [tuple(step.fields["check"]) for step in files] == [("nginx", "-t", "-q")] * 2


@pytest.mark.parametrize(
    ("mine", "its", "refused"),
    [(("a.example",), ("b.example",), True), (("a.example",), (), False), ((), (), False)],
)
def test_name_of_no_site_is_refused_unless_an_app_answers_to_any(
    plan_of: Compile, mine: tuple[str, ...], its: tuple[str, ...], refused: bool
) -> None:
    apps = (App("one", "/r", "web", domains=mine), App("two", "/r", "web", domains=its))
    plan = plan_of((nginx_cookbook, "setup"), apps=apps)

    (shared,) = [step for step in plan.plan.steps if step.id.endswith("/conf.d/toque.conf")]
    assert ("return 421 " in shared.fields["content"]) is refused
    (address,) = [step for step in plan.plan.steps if step.kind == "web_address"]
    assert tuple(address.fields["names"]) == (*mine, *its)
    assert tuple(address.fields["ours"]) == ("one", "two")


def test_nginx_without_apps_is_the_server_alone(plan_of: Compile) -> None:
    plan = plan_of((nginx_cookbook, "setup"), apps=())

    assert "user:www-data" not in plan.ids
    assert not [id for id in plan.ids if id.startswith("file:/etc/nginx/sites-enabled/")]


@pytest.mark.parametrize(
    ("tables", "ports", "wanted"),
    [
        ({}, {}, "listen 80 default_server;"),
        ({}, {"http": 8123}, "listen 8123 default_server;"),
        ({"nginx": {"port": 90}}, {"http": 8123}, "listen 90 default_server;"),
    ],
)
def test_site_listens_on_the_attribute_then_the_kitchen_port_then_80(
    plan_of: Compile, tables: dict[str, dict[str, int]], ports: dict[str, int], wanted: str
) -> None:
    plan = plan_of((nginx_cookbook, "setup"), tables=tables, ports=ports)

    assert wanted in plan.step("file:/etc/nginx/sites-enabled/thena").fields["content"]


def test_site_of_an_app_with_domains_answers_to_these_only(plan_of: Compile) -> None:
    app = App("thena", "https://forge.example/t", "web", domains=("thena.example", "t.example"))

    text = plan_of((nginx_cookbook, "setup"), app=app).step(
        "file:/etc/nginx/sites-enabled/thena"
    ).fields["content"]  # fmt: skip

    assert "server_name thena.example t.example;" in text
    assert "default_server" not in text


def test_postgresql_makes_a_role_and_a_database_after_the_server_runs(plan_of: Compile) -> None:
    plan = plan_of((postgresql_cookbook, "setup"), tables={"postgresql": {"port": 5433}})

    assert plan.ids == (
        "package:postgresql-15",
        "file:/etc/postgresql/15/main/conf.d/toque.conf",
        "service:postgresql",
        "postgres_role:thena@5433",
        "postgres_database:thena@5433",
    )
    conf = plan.step(plan.ids[1])
    assert "listen_addresses = ''\nport = 5433\n" in conf.fields["content"]
    assert conf.notify == (Action("service:postgresql", "restart"),)


def test_database_password_is_a_secret_in_the_plan(plan_of: Compile) -> None:
    plan = plan_of((postgresql_cookbook, "setup"))

    assert plan.step("postgres_role:thena@5432").fields["password"] == {
        "$secret": "thena/database-password"
    }
    assert PASSWORD not in repr(plan.plan)


@pytest.mark.parametrize("database", [None, Database("thena", host="db.example")])
def test_database_elsewhere_is_not_made_here(plan_of: Compile, database: Database | None) -> None:
    app = App("thena", "https://forge.example/t", "web", database=database)

    plan = plan_of((postgresql_cookbook, "setup"), app=app)

    assert plan.ids[-1] == "service:postgresql"


def test_address_with_a_quote_stays_one_value(plan_of: Compile) -> None:
    plan = plan_of((postgresql_cookbook, "setup"), tables={"postgresql": {"listen": "a'b"}})

    assert "listen_addresses = 'a''b'\n" in plan.step(plan.ids[1]).fields["content"]


def test_unknown_release_asks_for_the_version_and_takes_it(plan_of: Compile) -> None:
    with pytest.raises(BadCookbook) as caught:
        plan_of((postgresql_cookbook, "setup"), codename="forky")
    plan = plan_of(
        (postgresql_cookbook, "setup"),
        codename="forky",
        tables={"postgresql": {"version": "18"}},
    )

    assert caught.value.code == "postgresql-version-unknown"
    assert plan.ids[0] == "package:postgresql-18"


def test_python_app_keeps_the_app_out_of_its_own_code(plan_of: Compile) -> None:
    plan = plan_of((python_app_cookbook, "setup"))

    assert {"user:thena", "user:thena-deploy"} <= set(plan.ids)
    for path in ("", "/releases", "/venvs"):
        fields = plan.step(f"directory:/srv/www/thena{path}").fields
        assert (fields["owner"], fields["group"], fields["mode"]) == ("root", "root", 0o755)
    shared = plan.step("directory:/srv/www/thena/shared").fields
    assert (shared["owner"], shared["group"], shared["mode"]) == ("thena", "thena", 0o750)


def test_python_app_ships_uv_by_its_digest(plan_of: Compile) -> None:
    plan = plan_of((python_app_cookbook, "setup"))

    assert plan.step("file:/usr/local/lib/toque/uv").fields["mode"] == 0o755
    assert set(plan.blobs) == {"1" * 64}


@pytest.mark.parametrize(
    ("python", "parts"),
    [("3.9.2", ("python3-distutils",)), ("3.10.0", ()), ("3.13.5", ()), ("", ())],
)
def test_python_app_installs_what_uv_asks_of_an_older_python(
    python: str, parts: tuple[str, ...]
) -> None:
    assert accounts.parts_of_python(python) == parts


def test_no_site_repeats_what_debian_13_says_for_all(plan_of: Compile) -> None:
    """``server_tokens`` may stand once at a level, and Debian 13's nginx.conf has it."""
    plan = plan_of((nginx_cookbook, "setup"))
    shared = plan.step("file:/etc/nginx/conf.d/toque.conf").fields["content"]
    site = plan.step("file:/etc/nginx/sites-enabled/thena").fields["content"]

    assert not [line for line in shared.splitlines() if line.startswith("server_tokens")]
    assert "    server_tokens off;\n" in site


def test_uwsgi_installs_debians_own(plan_of: Compile) -> None:
    assert plan_of((uwsgi.cookbook, "setup")).ids == ("package:uwsgi-core,uwsgi-plugin-python3",)


def test_cookbooks_are_named_as_their_packages() -> None:
    for module in (gunicorn, nginx, postgresql, python_app, uwsgi):
        assert module.cookbook.name == module.__name__.rpartition(".")[2]
        assert (module.cookbook.root / "README.md").is_file()
