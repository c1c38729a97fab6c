"""The deploy recipe: a release beside another, then in its place."""

from __future__ import annotations

from dataclasses import replace

import pytest

from toque.cookbooks.cookbook import Cookbook
from toque.fleet.app import Schedule, Worker
from toque.library.python_app import cookbook as python_app
from toque.node.inits.translate import translate
from toque.node.inits.unitfile import parse
from toque.node.resources.venv import venv_key

from .conftest import COMMIT, SECRETS, THENA, Compile

ID = f"{COMMIT[:12]}-abcdef"
UNIT = f"thena-{ID}.service"
PATH = f"/srv/www/thena/releases/{ID}"
SWITCH = [
    "intact:thena",
    f"instance:{UNIT}",
    f"workers:start thena {ID}",
    "current:/srv/www/thena/current",
    "retired:thena",
    f"workers:only thena {ID}",
    "releases:thena",
]


@pytest.fixture(params=["uwsgi", "gunicorn", "uvicorn", "granian"])
def server(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.requirement("R1")
def test_deploy_has_only_steps_of_a_deploy(plan_of: Compile, server: str) -> None:
    plan = plan_of((python_app, "deploy"), app=replace(THENA, server=server))

    suffix = "ini" if server == "uwsgi" else "py"
    assert list(plan.ids) == [
        f"checkout:{PATH}",
        f"venv:/srv/www/thena/venvs/{venv_key(b'flask==3', '3.11')}",
        f"file:/etc/toque/apps/thena/{ID}.env",
        f"file:/etc/toque/apps/thena/{ID}.{suffix}",
        f"unit:{UNIT}",
        f"inspection:{PATH}",
        f"migration:thena {ID}",
        "unit:toque-watch-thena.service",
        *SWITCH[:4],
        "watched:thena",
        *SWITCH[4:],
    ]


@pytest.mark.parametrize("server", ["gunicorn"])
def test_a_release_that_nobody_wants_watched_is_not(plan_of: Compile, server: str) -> None:
    plan = plan_of((python_app, "deploy"), app=replace(THENA, server=server, watch_for=0))

    assert list(plan.ids)[-len(SWITCH) :] == SWITCH
    assert "unit:toque-watch-thena.service" not in plan.ids


def test_rollback_neither_fetches_nor_builds_nor_migrates(plan_of: Compile, server: str) -> None:
    plan = plan_of((python_app, "deploy"), app=replace(THENA, server=server), kept=True)

    assert list(plan.ids) == SWITCH


def test_nothing_restarts_an_instance_in_place(plan_of: Compile) -> None:
    """What an instance is started with is part of its release's id, so it never changes."""
    plan = plan_of((python_app, "deploy"))

    assert [step.id for step in plan.plan.steps if step.notify] == []


@pytest.mark.requirement("R7")
def test_environment_file_is_a_secret_that_names_the_commit(plan_of: Compile) -> None:
    plan = plan_of((python_app, "deploy"))

    fields = plan.step(f"file:/etc/toque/apps/thena/{ID}.env").fields
    text = plan.secrets[f"thena/{ID}.env"]
    assert (fields["owner"], fields["mode"]) == ("root", 0o600)
    assert fields["content"] == {"$secret": f"thena/{ID}.env"}
    assert f'TOQUE_COMMIT="{COMMIT}"\n' in text
    assert f'TOQUE_RELEASE="{ID}"\n' in text
    assert 'GREETING="hello"\n' in text


@pytest.mark.requirement("R26")
def test_no_secret_in_the_plan(plan_of: Compile, server: str) -> None:
    plan = plan_of((python_app, "deploy"), app=replace(THENA, server=server))

    shown = repr(plan.plan)
    assert [name for name, text in SECRETS.items() if text in shown] == []


@pytest.mark.requirement("R44")
def test_app_in_a_folder_of_the_repository_runs_there(plan_of: Compile, server: str) -> None:
    plan = plan_of((python_app, "deploy"), app=replace(THENA, root="site/thena", server=server))

    assert plan.step(f"checkout:{PATH}").fields["root"] == "site/thena"
    unit = plan.step(f"unit:{UNIT}").fields["content"]
    assert f"WorkingDirectory={PATH}/site/thena\n" in unit
    assert plan.step(f"migration:thena {ID}").fields["cwd"] == f"{PATH}/site/thena"


def test_migration_runs_as_the_app_with_its_variables_once_per_release(plan_of: Compile) -> None:
    fields = plan_of((python_app, "deploy")).step(f"migration:thena {ID}").fields

    assert list(fields["argv"]) == [f"{PATH}/.toque/venv/bin/alembic", "upgrade", "head"]
    assert fields["user"] == "thena"
    assert fields["environment_file"] == f"/etc/toque/apps/thena/{ID}.env"
    assert (fields["variable"], fields["release"]) == ("DATABASE_URL", ID)


def test_workers_and_schedules_are_units_of_the_release(plan_of: Compile) -> None:
    app = replace(
        THENA,
        workers={"mail": Worker(("celery", "-A", "shop 100%"), count=2, rule="one")},
        schedules={
            "tidy": Schedule(("python", "tidy.py"), "daily"),
            "late": Schedule(("bin/late",), "*:0/5", while_running="wait"),
        },
    )
    units = plan_of((python_app, "deploy"), app=app).step(f"processes:thena {ID}").fields["units"]

    release = f"thena-{ID}"
    assert set(units) == {
        f"{release}-mail-1.service", f"{release}-mail-2.service", f"{release}-tidy.timer",
        f"{release}-tidy.service", f"{release}-tidy-due.service", f"{release}-late.timer",
        f"{release}-late.service",
    }  # fmt: skip
    mail = units[f"{release}-mail-1.service"]
    start = f'{PATH}/.toque/venv/bin/celery -A "shop 100%%"'
    lock = "/srv/www/thena/shared/.toque-mail.lock"
    assert f"ExecStart=/usr/bin/flock --no-fork {lock} {start}\n" in mail
    assert "Rule=one\n" in mail
    assert f"EnvironmentFile=/etc/toque/apps/thena/{ID}.env\n" in mail
    assert f"Unit={release}-late.service" in units[f"{release}-late.timer"]
    assert f"Unit={release}-tidy-due.service" in units[f"{release}-tidy.timer"]
    as_root = {name for name, text in units.items() if "ExecStart" in text and "User=" not in text}
    assert as_root == {f"{release}-tidy-due.service"}
    ask = f"ExecStart=/bin/systemctl --no-block start {release}-tidy.service\n"
    assert ask in units[f"{release}-tidy-due.service"]
    endless = {name for name, text in units.items() if "StartLimitIntervalSec=0\n" in text}
    assert endless == {name for name in units if "-mail-" not in name}


def test_app_without_migrations_has_no_such_step(plan_of: Compile) -> None:
    plan = plan_of((python_app, "deploy"), app=replace(THENA, migrate=()))

    assert not [id for id in plan.ids if id.startswith("migration:")]


def units(plan_of: Compile, thena_infra: Cookbook) -> dict[str, str]:
    """The unit's text by who made it."""
    made = {
        server: plan_of((python_app, "deploy"), app=replace(THENA, server=server))
        for server in ("uwsgi", "gunicorn", "uvicorn", "granian")
    }
    made["example"] = plan_of((thena_infra, "deploy"), app=replace(THENA, server="uwsgi"))
    return {name: plan.step(f"unit:{UNIT}").fields["content"] for name, plan in made.items()}


@pytest.mark.requirement("R22")
@pytest.mark.parametrize("made_by", ["uwsgi", "gunicorn", "uvicorn", "granian", "example"])
def test_unit_says_who_runs_it_with_what(
    plan_of: Compile, thena_infra: Cookbook, made_by: str
) -> None:
    lines = units(plan_of, thena_infra)[made_by].splitlines()

    for line in (
        "User=thena",
        "Group=thena",
        f"EnvironmentFile=/etc/toque/apps/thena/{ID}.env",
        f"RuntimeDirectory=thena-{ID}",
        "RuntimeDirectoryMode=0750",
        "UMask=0007",
        "Restart=always",
        "NoNewPrivileges=yes",
        "WantedBy=multi-user.target",
    ):
        assert line in lines
    assert not [line for line in lines if line.startswith("Environment=")]


@pytest.mark.requirement("R31")
@pytest.mark.parametrize("made_by", ["uwsgi", "gunicorn", "uvicorn", "granian", "example"])
def test_supervisor_can_run_the_unit(plan_of: Compile, thena_infra: Cookbook, made_by: str) -> None:
    """Where no systemd runs the same text is translated; sandboxing is lost and said to be."""
    text = units(plan_of, thena_infra)[made_by]

    translated = translate(UNIT, parse(text), enabled=True)

    assert translated.user == "thena"
    lost = " ".join(translated.lost)
    assert "ProtectSystem" in lost
    for kept in ("EnvironmentFile", "RuntimeDirectory", "UMask", "User=", "ExecStart"):
        assert kept not in lost


def test_static_files_of_earlier_releases_are_linked_before_the_switch(plan_of: Compile) -> None:
    app = replace(THENA, static={"/static/": "thena/static"}, keep=3)

    for kept in (False, True):
        ids = list(plan_of((python_app, "deploy"), app=app, kept=kept).ids)

        assert ids.index("earlier:thena") == ids.index("current:/srv/www/thena/current") - 1
