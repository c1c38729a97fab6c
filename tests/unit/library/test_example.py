"""The example is part of the product: it compiles, and its project file is read."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from toque.cookbooks.cookbook import Cookbook
from toque.fleet.project import load_project
from toque.kitchen import kitchenfile
from toque.kitchen.instance import instances

from .conftest import EXAMPLES, THENA, Compile


@pytest.mark.requirement("R1")
def test_setup_deploys_nothing_and_deploy_sets_nothing_up(
    plan_of: Compile, thena_infra: Cookbook
) -> None:
    app = replace(THENA, server="uwsgi")

    setup = {step.kind for step in plan_of((thena_infra, "setup"), app=app).plan.steps}
    deploy = {step.kind for step in plan_of((thena_infra, "deploy"), app=app).plan.steps}

    assert not setup & {"checkout", "venv", "instance", "current"}
    assert not deploy & {"package", "user", "directory", "service"}


def test_both_events_in_one_converge(plan_of: Compile, thena_infra: Cookbook) -> None:
    plan = plan_of((thena_infra, "setup"), (thena_infra, "deploy"))

    assert plan.ids.index("service:nginx") < plan.ids.index("current:/srv/www/thena/current")


def test_attributes_reach_the_templates(plan_of: Compile, thena_infra: Cookbook) -> None:
    tables = {"thena_infra": {"threads": 7, "largest_body": "3m"}}
    app = replace(THENA, server="uwsgi")

    setup = plan_of((thena_infra, "setup"), app=app, tables=tables)
    deploy = plan_of((thena_infra, "deploy"), app=app, tables=tables)

    site = setup.step("file:/etc/nginx/sites-enabled/thena").fields["content"]
    assert "client_max_body_size 3m;" in site
    settings = next(step for step in deploy.plan.steps if step.id.endswith(".ini"))
    assert "\nthreads = 7\n" in settings.fields["content"]


def test_uwsgi_settings_have_no_comment_behind_a_value(
    plan_of: Compile, thena_infra: Cookbook
) -> None:
    """uWSGI would take it for a part of the value."""
    for plan in (
        plan_of((thena_infra, "deploy"), app=replace(THENA, server="uwsgi")),
        plan_of((thena_infra, "deploy"), app=replace(THENA, server="uwsgi"), kept=False),
    ):
        text = next(s for s in plan.plan.steps if s.id.endswith(".ini")).fields["content"]
        values = [line for line in text.splitlines() if "=" in line and line[0] not in "#;"]
        assert values
        assert not [line for line in values if ";" in line or "#" in line]


def test_project_file_names_this_cookbook_and_the_app() -> None:
    project = load_project(EXAMPLES / "thena" / "toque.toml")

    assert project.cookbooks == ((EXAMPLES / "thena-infra").resolve(),)
    assert project.layers["web"].cookbooks("deploy") == ("thena_infra",)
    assert project.app("thena").variables >= {"DATABASE_URL", "SECRET_KEY"}
    assert (EXAMPLES / "thena" / project.app("thena").lock).is_file()


def test_kitchen_file_has_a_suite_with_checks() -> None:
    file = EXAMPLES / "thena-infra" / "kitchen.toml"
    (suite,) = instances(kitchenfile.load(file, {"HOME": "/nonexistent"}))

    assert suite.run == ("setup", "deploy")
    assert list(suite.checks.glob("test_*.py"))


def test_lock_names_no_index_and_pins_every_package_by_hash() -> None:
    text = (EXAMPLES / "thena" / "requirements.txt").read_text(encoding="utf-8")

    packages = [line for line in text.splitlines() if line and line[0].isalpha()]
    assert packages
    assert all("==" in line and line.endswith("\\") for line in packages)
    assert "://" not in text
    assert "--index" not in text


@pytest.mark.slow
def test_examples_own_tests_pass() -> None:
    folder = EXAMPLES / "thena-infra" / "tests"

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)],
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout
    assert "8 passed" in done.stdout
