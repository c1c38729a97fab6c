"""What the templates make is accepted by the programs it is for, where these are installed."""

from __future__ import annotations

import ast
import configparser
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from toque.cookbooks.cookbook import Cookbook
from toque.fleet.app import App
from toque.library.nginx import cookbook as nginx
from toque.library.python_app import cookbook as python_app

from .conftest import THENA, Compile

DOMAINS = App(
    "thena",
    "https://forge.example/t",
    "web",
    domains=("thena.example", "t.example"),
    static={"/static/": "thena/static", "/a.b/": "c", "/media/": "media"},
    shared=("media/",),
)
SITE = "file:/etc/nginx/sites-enabled/thena"
TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")  # nginx -t makes these folders
SHARED = "file:/etc/nginx/conf.d/toque.conf"


def needs(program: str) -> str:
    found = shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin")
    if found is None:
        pytest.skip(f"{program} is not installed on this machine")
    return found


@pytest.mark.parametrize("app", [THENA, DOMAINS], ids=["any name", "domains"])
@pytest.mark.parametrize("made_by", ["library", "example"])
def test_nginx_accepts_the_site(
    plan_of: Compile, thena_infra: Cookbook, tmp_path: Path, app: App, made_by: str
) -> None:
    program = needs("nginx")
    cookbook = nginx if made_by == "library" else thena_infra
    plan = plan_of((cookbook, "setup"), app=app, ports={"http": 8123})
    texts = [plan.step(id).fields["content"] for id in (SHARED, SITE)]
    whole = "\n".join(texts).replace("/var/log/nginx", str(tmp_path))
    conf = tmp_path / "nginx.conf"
    temporary = "".join(f"{name}_temp_path {tmp_path}/{name};\n" for name in TEMPORARY)
    conf.write_text(f"pid {tmp_path}/pid;\nevents {{}}\nhttp {{\n{temporary}{whole}\n}}\n")

    done = subprocess.run(
        [program, "-t", "-p", str(tmp_path), "-c", str(conf), "-e", str(tmp_path / "error.log")],
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
    assert "warn" not in done.stderr


def test_systemd_accepts_the_units(plan_of: Compile, thena_infra: Cookbook, tmp_path: Path) -> None:
    """Programs and users of a node are not here, so only complaints about the text count."""
    program = needs("systemd-analyze")
    complaints = []
    for cookbook, server in (
        (python_app, "gunicorn"),
        (python_app, "uwsgi"),
        (python_app, "uvicorn"),
        (python_app, "granian"),
        (thena_infra, "uwsgi"),
    ):
        plan = plan_of((cookbook, "deploy"), app=replace(THENA, server=server))
        unit, watcher = [step for step in plan.plan.steps if step.kind == "unit"]
        (tmp_path / "watcher.service").write_text(watcher.fields["content"])
        file = tmp_path / "thena.service"
        file.write_text(unit.fields["content"])

        done = subprocess.run(
            [program, "verify", "--man=no", str(file), str(file.with_name("watcher.service"))],
            capture_output=True,
            text=True,
        )

        complaints += [line for line in done.stderr.splitlines() if ".service:" in line]
    assert [line for line in complaints if "is not executable" not in line] == []


def test_gunicorn_settings_are_python_with_the_apps_numbers(plan_of: Compile) -> None:
    plan = plan_of((python_app, "deploy"), app=replace(THENA, server="gunicorn", processes=9))
    (text,) = [s.fields["content"] for s in plan.plan.steps if s.id.endswith(".py")]

    values = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in ast.parse(text).body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }

    assert values["workers"] == 9
    assert values["umask"] == 0o777 - 0o660  # what Instance asks of the socket
    assert values["bind"].startswith("unix:/run/thena-")


@pytest.mark.parametrize("server", ["uvicorn", "granian"])
@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
def test_programs_that_start_a_server_are_python(
    plan_of: Compile, server: str, interface: str
) -> None:
    app = replace(THENA, server=server, interface=interface, processes=9)
    plan = plan_of((python_app, "deploy"), app=app)
    (text,) = [s.fields["content"] for s in plan.plan.steps if s.id.endswith(".py")]

    compile(text, "settings", "exec")

    assert "9," in text
    assert '"toque_entry:app"' in text
    assert "os.umask(0o117)" in text


@pytest.mark.parametrize("made_by", ["library", "example"])
def test_uwsgi_settings_say_each_thing_once(
    plan_of: Compile, thena_infra: Cookbook, made_by: str
) -> None:
    cookbook = python_app if made_by == "library" else thena_infra
    plan = plan_of((cookbook, "deploy"), app=replace(THENA, server="uwsgi", processes=9))
    (text,) = [s.fields["content"] for s in plan.plan.steps if s.id.endswith(".ini")]
    parser = configparser.ConfigParser(strict=True, interpolation=None)

    # A hook may be given several times: each adds one.
    parser.read_string("\n".join(li for li in text.splitlines() if not li.startswith("hook-")))

    settings = parser["uwsgi"]
    assert settings["processes"] == "9"
    assert settings["chmod-socket"] == "660"
    assert settings["lazy-apps"] == settings["need-app"] == settings["master"] == "true"
    assert "env" not in settings
