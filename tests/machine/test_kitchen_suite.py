"""``toque kitchen`` as a user has it: the example's suite, command by command and as one."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from machine_site import EXAMPLES, environ_in, kitchen_in, require, toque
from toque import __version__
from toque.adapters.shipping import runtime
from toque.kitchen import api

pytestmark = pytest.mark.timeout(900)

MACHINE = "thena-infra-default"


@pytest.fixture
def infra(kitchen_folder: Path, tmp_path: Path) -> Iterator[Path]:
    """Both examples, copied out; thena is a repository of its own, as it is for a user."""
    kitchen = kitchen_in(kitchen_folder)
    ignored = shutil.ignore_patterns("__pycache__", ".pytest_cache", "*.pyc", ".toque")
    for name in ("thena", "thena-infra"):
        shutil.copytree(EXAMPLES / name, tmp_path / name, ignore=ignored)
    who = ["-c", "user.name=Thena", "-c", "user.email=thena@example.invalid"]
    for argv in (["init", "-q", "--initial-branch=main"], ["add", "--all"],
                 [*who, "commit", "-q", "-m", "first"]):  # fmt: skip
        subprocess.run(
            ["git", "-C", str(tmp_path / "thena"), *argv],
            check=True,
            env=environ_in(kitchen_folder),
        )
    yield tmp_path / "thena-infra"
    api.destroy(kitchen, MACHINE)


@pytest.mark.requirement("R13", "R18")
def test_the_examples_suite_passes_as_one_command(infra: Path, kitchen_folder: Path):
    require(kitchen_in(kitchen_folder), "nspawn")

    done = toque(
        ["kitchen", "test", "--json", "--driver", "nspawn"], infra, environ_in(kitchen_folder)
    )

    assert done.returncode == 0, done.stdout + done.stderr
    (said,) = json.loads(done.stdout.splitlines()[-1])["instances"]
    print(said)
    assert (said["machines"], said["drivers"], said["ok"]) == ([MACHINE], ["nspawn"], True)
    assert said["checks"] >= 5
    assert (said["failed"], said["skipped"]) == (0, 0)
    assert api.all_machines(kitchen_in(kitchen_folder)) == [] or MACHINE not in {
        seen.machine.name for seen in api.all_machines(kitchen_in(kitchen_folder))
    }


@pytest.mark.requirement("R12", "R13", "R15")
def test_the_loop_command_by_command(infra: Path, kitchen_folder: Path):
    """create, converge, exec, verify, list, destroy; a suite that checks nothing has failed."""
    environ = environ_in(kitchen_folder)

    def kitchen(*argv: str, status: int = 0) -> str:
        done = toque(["kitchen", *argv], infra, environ)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout

    def rows(*argv: str) -> list[dict[str, Any]]:
        return json.loads(kitchen("list", *argv, "--json"))["instances"]

    def last(row: dict[str, Any]) -> tuple[str, str, str]:
        (machine,) = row["machines"]
        return row["last"], row["failed"], machine["state"]

    def told(*argv: str) -> dict[str, Any]:
        (one,) = json.loads(kitchen(*argv, "--json"))["instances"]
        assert one["instance"] == "default"
        return one

    (created,) = told("create", "--driver", "chroot")["machines"]
    assert told("create", "--driver", "chroot")["machines"] == [created]
    assert created["name"] == MACHINE
    assert [last(row) for row in rows()] == [("created", "", "made")]

    first = told("converge", "--driver", "chroot")
    second = told("converge", "--driver", "chroot")
    assert first["changed"] > 10
    assert second["changed"] == 0

    port = created["ports"]["http"]
    ask = (
        f"import urllib.request as u; print(u.urlopen('http://127.0.0.1:{port}/').read().decode())"
    )
    assert kitchen("exec", "default", "--", "python3", "-c", ask).startswith("Hello Thena\narcs: ")
    kitchen("exec", "default", "--", "false", status=1)

    verified = told("verify")
    assert verified["ok"]
    assert verified["checks"] >= 5

    assert [last(row) for row in rows("--live")] == [("verified", "", "running")]

    (infra / "checks" / "test_site.py").write_text("")
    done = toque(["kitchen", "verify"], infra, environ)
    assert done.returncode == 5
    assert "0 checks" in done.stderr
    assert [last(row) for row in rows()] == [("set-up", "kitchen-verify-failed", "made")]

    kitchen("destroy")
    assert [last(row) for row in rows()] == [("", "", "not made")]
    assert told("destroy")["destroyed"] is False


@pytest.mark.requirement("R16")
def test_the_definition_of_a_throwaway_machine_is_that_of_the_real_one(infra: Path):
    """The suite names the project and repeats nothing of it; only the node is another."""
    from toque.fleet.project import load_project
    from toque.kitchen import kitchenfile
    from toque.kitchen.instance import instances
    from toque.usecases.suite import project_of

    chosen = instances(kitchenfile.load(infra / "kitchen.toml", {"HOME": str(infra)}))[0]
    tried, real = project_of(chosen), load_project(infra.parent / "thena" / "toque.toml")

    assert (tried.apps, tried.layers, tried.cookbooks) == (real.apps, real.layers, real.cookbooks)
    assert [node.address for node in tried.nodes.values()] == [f"kitchen:{MACHINE}"]


NODE = """
[nodes.shop]
address = "root@{address}"
port = {port}
key = "{key}"
layer = "web"
"""
# A variable of the suite's own app, as the process that serves has it; its own check here.
CHECK = """

def test_process_has_the_variables_of_the_project(machine):
    release = machine.file("/srv/www/thena/current").target.rpartition("/")[2]
    service = machine.service(f"thena-{release}")

    assert machine.variables(service.pid)["GREETING"] == "from test data"
    assert "SECRET_KEY" in machine.variables(service.pid)


def test_nginx_is_right(machine):
    assert machine.nginx().valid
    assert machine.visit("/").status == 200
"""


@pytest.mark.requirement("R13", "R16", "R17", "R18")
def test_what_was_tried_is_what_a_real_node_gets_and_is_checked_by(
    infra: Path, kitchen_folder: Path
):
    """One definition, one set of checks: on a throwaway machine, then on it as anybody's node.

    The app comes from a bare repository by git, its variable from the project.
    """
    require(kitchen_in(kitchen_folder), "nspawn")
    environ, thena = environ_in(kitchen_folder), infra.parent / "thena"

    def git(folder: Path, *argv: str) -> str:
        who = ["-c", "user.name=Thena", "-c", "user.email=thena@example.invalid"]
        done = subprocess.run(
            ["git", "-C", str(folder), *who, *argv],
            check=True, env=environ, capture_output=True, text=True,
        )  # fmt: skip
        return done.stdout

    def told(folder: Path, *argv: str, status: int = 0) -> dict[str, Any]:
        done = toque([*argv, "--json"], folder, environ)
        assert done.returncode == status, done.stdout + done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    (instance,) = told(infra, "kitchen", "create", "--driver", "nspawn")["instances"]
    (machine,) = instance["machines"]
    git(infra.parent, "clone", "-q", "--bare", str(thena), "thena.git")
    project = (thena / "toque.toml").read_text()
    project = project.replace('repository = "."', 'repository = "../thena.git"')
    variables = '\n[apps.thena.env]\nGREETING = "from test data"\n'
    node = NODE.format(address=machine["address"], port=machine["ssh_port"], key=machine["key"])
    (thena / "toque.toml").write_text(project + variables + node)
    with (infra / "checks" / "test_site.py").open("a") as checks:
        checks.write(CHECK)
    git(infra, "init", "-q")
    for folder in (infra, thena):
        git(folder, "add", "--all")
        git(folder, "commit", "-q", "-m", "to be tried")

    (tried,) = told(infra, "kitchen", "converge", "--driver", "nspawn")["instances"]
    again = toque(["kitchen", "converge", "--driver", "nspawn"], infra, environ).stdout
    (local,) = told(infra, "kitchen", "verify", "--driver", "nspawn")["instances"]
    refused = told(infra, "verify", "shop", status=4)
    told(thena, "node", "trust", "shop", "--yes")
    (plan,) = told(thena, "plan", "shop")["plans"]
    shown = toque(["plan", "shop"], thena, environ).stdout
    (remote,) = told(infra, "verify", "shop", "--junit", "../report.xml")["nodes"]

    assert refused["error"]["code"] == "host-key-unknown"
    assert local["ok"], local
    assert outcomes(remote) == outcomes(local)
    assert remote["checks"] == local["checks"] >= 9
    assert 'name="shop"' in (infra.parent / "report.xml").read_text()
    for folder in (infra, thena):
        assert git(folder, "diff", "HEAD") == ""

    # R17: the same Toque, the same cookbooks, the same choice of init; nothing would change.
    assert tried["changed"] > 10
    assert plan["made_from"] == tried["reports"][0]["made_from"]
    assert plan["made_from"]["toque"] == __version__
    assert {one["status"] for one in plan["report"]["outcomes"]} <= {"ok", "skipped"}
    assert machine_line(shown) == machine_line(again)
    kept = api.execute(kitchen_in(kitchen_folder), MACHINE, ["ls", "/var/lib/toque/rt"])
    assert kept.stdout.decode().split() == [runtime().sha256]

    api.execute(kitchen_in(kitchen_folder), MACHINE, ["systemctl", "stop", "nginx"])
    (broken,) = told(infra, "verify", "shop", status=5)["nodes"]
    assert outcomes(broken)["test_nginx_runs_and_starts_at_boot"] == "failed"
    tried = told(infra, "kitchen", "verify", "--driver", "nspawn", status=5)
    assert tried["error"]["code"] == "kitchen-verify-failed"
    assert outcomes(tried["instances"][0]) == outcomes(broken)


def outcomes(said: dict[str, Any]) -> dict[str, str]:
    return {one["id"].partition("::")[2]: one["outcome"] for one in said["results"]}


def machine_line(output: str) -> str:
    """What a run says of the machine first: its system, Python, init and why that."""
    (line,) = {line.strip() for line in output.splitlines() if ", Python 3." in line}
    return line
