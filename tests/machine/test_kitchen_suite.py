"""``toque kitchen`` as a user has it: the example's suite, command by command and as one."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from machine_site import EXAMPLES, environ_in, kitchen_in, require, toque
from toque.kitchen import api

pytestmark = pytest.mark.timeout(400)

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
    said = json.loads(done.stdout.splitlines()[-1])
    print(said)
    assert (said["machine"], said["driver"], said["ok"]) == (MACHINE, "nspawn", True)
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

    created = json.loads(kitchen("create", "--driver", "chroot", "--json"))
    again = json.loads(kitchen("create", "--driver", "chroot", "--json"))
    assert created == again
    assert created["name"] == MACHINE

    first = json.loads(kitchen("converge", "--driver", "chroot", "--json"))
    second = json.loads(kitchen("converge", "--driver", "chroot", "--json"))
    assert first["changed"] > 10
    assert second["changed"] == 0

    port = created["ports"]["http"]
    ask = (
        f"import urllib.request as u; print(u.urlopen('http://127.0.0.1:{port}/').read().decode())"
    )
    assert kitchen("exec", "default", "--", "python3", "-c", ask).startswith("Hello Thena\narcs: ")
    kitchen("exec", "default", "--", "false", status=1)

    verified = json.loads(kitchen("verify", "--json"))
    assert verified["ok"]
    assert verified["checks"] >= 5

    listed = json.loads(kitchen("list", "--json"))["machines"]
    assert [m["state"] for m in listed if m["name"] == MACHINE] == ["running"]

    (infra / "checks" / "test_site.py").write_text("")
    done = toque(["kitchen", "verify"], infra, environ)
    assert done.returncode == 5
    assert "0 checks" in done.stderr

    kitchen("destroy")
    listed = json.loads(kitchen("list", "--json"))["machines"]
    assert MACHINE not in {m["name"] for m in listed}
    assert json.loads(kitchen("destroy", "--json"))["destroyed"] is False


@pytest.mark.requirement("R16")
def test_the_definition_of_a_throwaway_machine_is_that_of_the_real_one(infra: Path):
    """The suite names the project and repeats nothing of it; only the node is another."""
    from toque.fleet.project import load_project
    from toque.kitchen import suite
    from toque.usecases.suite import project_of

    chosen = suite.load(infra / "kitchen.toml")[0]
    tried, real = project_of(chosen), load_project(infra.parent / "thena" / "toque.toml")

    assert (tried.apps, tried.layers, tried.cookbooks) == (real.apps, real.layers, real.cookbooks)
    assert [node.address for node in tried.nodes.values()] == [f"kitchen:{MACHINE}"]
