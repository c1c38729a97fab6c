"""Files beside a release's code: kept ones, made ones, those that the web server shows."""

from __future__ import annotations

from dataclasses import replace

from toque.fleet.app import App, Build
from toque.library.nginx import cookbook as nginx
from toque.library.python_app import cookbook as python_app

from .conftest import COMMIT, THENA, Compile

ID = f"{COMMIT[:12]}-abcdef"
RELEASE = f"/srv/www/thena/releases/{ID}"
SHARED = "/srv/www/thena/shared"


def deployed(plan_of: Compile, **app: object) -> dict[str, dict[str, object]]:
    """The steps of a deploy by their ids."""
    changed: App = replace(THENA, **app)  # type: ignore[arg-type]
    plan = plan_of((python_app, "deploy"), app=changed)
    return {step.id: dict(step.fields) for step in plan.plan.steps}


def test_what_the_app_writes_is_a_link_to_what_stays(plan_of: Compile) -> None:
    steps = deployed(plan_of, shared=("media/", "data/visits.db"), root="site")

    code = f"{RELEASE}/site"
    assert steps[f"link:{code}/media"]["target"] == f"{SHARED}/media"
    assert steps[f"link:{code}/data/visits.db"]["target"] == f"{SHARED}/data/visits.db"
    for folder in ("media", "data"):
        made = steps[f"directory:{SHARED}/{folder}"]
        assert (made["owner"], made["mode"]) == ("thena", 0o750)
    assert steps[f"directory:{code}/data"]["owner"] == "thena-deploy"
    assert f"directory:{SHARED}/data/visits.db" not in steps  # the app makes its file


def test_build_runs_once_as_the_app_and_may_write_what_it_names(plan_of: Compile) -> None:
    build = Build(("python", "manage.py", "collectstatic"), ("staticfiles",))

    steps = deployed(plan_of, build=build, static={"/static/": "staticfiles"})

    names = list(steps)
    command = steps[f"command:build thena {ID}"]
    assert command["user"] == "thena"
    assert command["once"] == f"build thena {ID}"
    assert list(command["argv"]) == [  # type: ignore[call-overload]
        f"{RELEASE}/.toque/venv/bin/python", "manage.py", "collectstatic",
    ]  # fmt: skip
    assert steps[f"directory:{RELEASE}/staticfiles"]["owner"] == "thena"
    order = [f"directory:{RELEASE}/staticfiles", f"command:build thena {ID}"]
    order += [f"migration:thena {ID}", "current:/srv/www/thena/current"]
    assert [names.index(name) for name in order] == sorted(names.index(name) for name in order)
    assert steps[f"link:{RELEASE}/.toque/code"]["target"] == RELEASE


def test_a_build_sees_no_secret_that_it_does_not_name(plan_of: Compile) -> None:
    """It runs what others wrote: bundlers, plugins, whatever the settings import."""
    plain = {"GREETING": "hello", "TOQUE_COMMIT": COMMIT, "TOQUE_RELEASE": ID}
    for named, secrets in (
        ((), {}),
        (("SECRET_KEY",), {"SECRET_KEY": {"$secret": "thena/SECRET_KEY"}}),
    ):
        build = Build(("make",), variables=named)

        command = deployed(plan_of, build=build)[f"command:build thena {ID}"]

        assert command["env"] == {**plain, **secrets}
        assert command.get("environment_file") is None


def test_a_site_shows_its_static_folders_through_the_current_release(plan_of: Compile) -> None:
    static = {"/static/": "shop/static", "/media/": "up"}
    app = replace(THENA, static=static, shared=("up/",), keep=3)

    site = plan_of((nginx, "setup"), app=app).step("file:/etc/nginx/sites-enabled/thena")

    text = " ".join(str(site.fields["content"]).split())
    assert 'location ~ "^/static/(?<asset>.+)$" { set $release' in text
    assert "set $release /srv/www/thena/current/.toque/code; " in text
    assert "set $release /srv/www/thena/earlier/2/.toque/code; " in text
    assert "earlier/3" not in text  # keep = 3
    assert "alias $release/shop/static/$asset;" in text
    assert "alias /srv/www/thena/shared/up/$asset;" in text  # it belongs to no release


def test_an_app_without_any_has_no_such_step(plan_of: Compile) -> None:
    steps = deployed(plan_of)

    assert not [id for id in steps if id.startswith(("link:", "directory:", "command:build"))]


def test_a_lock_that_was_made_here_is_a_file_of_roots_that_the_builder_reads(
    plan_of: Compile,
) -> None:
    path = f"/etc/toque/apps/thena/{ID}.requirements.txt"
    for whole, lock in ((True, ""), (False, "requirements.txt")):
        plan = plan_of((python_app, "deploy"), beside=b"gunicorn==23\n", whole=whole)
        file = plan.step(f"file:{path}").fields
        (venv,) = [step.fields for step in plan.plan.steps if step.kind == "venv"]
        assert file["content"] == "gunicorn==23\n"
        assert (file["group"], file["mode"]) == ("thena-deploy", 0o640)
        assert (venv.get("lock", "requirements.txt"), venv["beside"]) == (lock, path)


def test_packages_of_apps_are_installed_with_those_of_deploys(plan_of: Compile) -> None:
    app = replace(THENA, packages=("libpq-dev", "git"))

    plan = plan_of((python_app, "setup"), apps=[app])

    (packages,) = [step for step in plan.plan.steps if step.kind == "package"]
    assert list(packages.fields["names"])[-1] == "libpq-dev"
    assert list(packages.fields["names"]).count("git") == 1
