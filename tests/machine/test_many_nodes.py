"""Three nodes and a balancer: batches, what a failure leaves, and links that break at each step."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fleet_site import WEB, Cutter, Fleet, clear
from toque import bootstrap
from toque.errors import ToqueError
from toque.usecases import deploy as deploying
from toque.usecases import many

# Every step of a deploy, each broken on one node; three in one deploy.
STEPS = ("checkout", "venv", "file", "unit", "instance", "current", "retired", "releases")


@pytest.fixture(scope="module")
def fleet(kitchen_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    made = Fleet.make(kitchen_folder, tmp_path_factory.mktemp("fleet") / "project")
    made.ok(("deploy", "hello", "--batch", "100%"))
    yield made
    clear(made)


@pytest.fixture(autouse=True)
def kitchen(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOQUE_KITCHEN_DIR", fleet.environ["TOQUE_KITCHEN_DIR"])


def deploy(fleet: Fleet, cutter: Cutter, say: Callable[[str], None] = lambda text: None) -> None:
    """A deploy in this process, whose events are watched; ``say`` is told its moves."""
    project = bootstrap.open_project(fleet.directory)
    site, app = bootstrap.open_site(project), project.app("hello")
    connect = [bootstrap.connect(node, fleet.directory) for node in project.nodes_of(app)]
    deploying.deploy(
        site,
        app,
        connect,
        balancers=[bootstrap.connect(n, fleet.directory) for n in project.balancers_of(app)],
        watch=cutter.of,
        say=say,
    )
    for timer in cutter.timers:
        timer.join()


def all_is_well(fleet: Fleet, commit: str) -> None:
    assert fleet.serves() == dict.fromkeys(WEB, commit)
    assert fleet.units() == dict.fromkeys(WEB, 1)
    assert fleet.out() == []


def test_a_batch_at_a_time_without_a_failed_request_and_one_migration(fleet: Fleet):
    commit = fleet.commit()
    before = {name: fleet.sh(name, "cat /srv/www/hello/shared/migrated") for name in WEB}

    with fleet.load() as result:
        said = fleet.ok(("deploy", "hello", "--batch", "50%"))

    moves = [line for line in said.splitlines() if line.split(":")[0] in (
        "build", "prove", "take out", "switch", "put in")]  # fmt: skip
    assert moves == [
        "build: web1, web2, web3", "prove: web1", "prove: web2, web3",
        "take out: web1", "switch: web1", "put in: web1",
        "take out: web2", "switch: web2", "put in: web2",
        "take out: web3", "switch: web3", "put in: web3",
    ]  # fmt: skip
    all_is_well(fleet, commit)
    after = {name: fleet.sh(name, "cat /srv/www/hello/shared/migrated") for name in WEB}
    assert after == {**before, "web1": f"{before['web1']}\n{commit}"}  # on one node, once
    assert (result[0].failed, result[0].truncated) == (0, 0), result[0]
    # The member believes the balancer, and nobody else, about who came.
    assert "set_real_ip_from" in fleet.sh("web1", "cat /etc/nginx/sites-enabled/hello")


# Not at the import, which is looked at before anything is begun on any node.
BREAKS = """
import os
whole = app

def app(environ, start_response):
    if os.path.exists("/srv/www/hello/shared/broken"):
        raise RuntimeError("no")
    return whole(environ, start_response)
"""


def test_a_release_that_one_node_cannot_run_reaches_no_visitor(fleet: Fleet):
    good = fleet.serves()["web1"]
    fleet.sh("web3", "touch /srv/www/hello/shared/broken")
    fleet.commit(wsgi_py=(fleet.directory / "hello/wsgi.py").read_text() + BREAKS)

    with fleet.load() as result:
        done = fleet.toque("deploy", "hello", "--json")

    error = json.loads(done.stdout.splitlines()[-1])["error"]
    assert (done.returncode, error["code"]) == (5, "instance-bad-answer")
    assert "web3" in error["message"]
    assert "put back: web1, web2, web3" in error["message"]
    all_is_well(fleet, good)
    assert result[0].failed == 0, result[0]
    fleet.sh("web3", "rm /srv/www/hello/shared/broken")


@pytest.mark.parametrize("first", range(0, len(STEPS), 3))
def test_links_that_break_for_a_moment_at_each_step(fleet: Fleet, first: int):
    commit = fleet.commit()
    steps = (STEPS * 2)[first : first + 3]
    cutter = Cutter(fleet, {node: (step, 1.0) for node, step in zip(WEB, steps)})

    with fleet.load() as result:
        deploy(fleet, cutter)

    assert sorted(cutter.done) == list(WEB), steps
    all_is_well(fleet, commit)
    assert (result[0].failed, result[0].truncated) == (0, 0), result[0]


def test_a_link_that_stays_broken_puts_all_nodes_back(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
):
    """It holds again only after the deploy has given the node up."""
    good = fleet.serves()["web1"]
    fleet.commit()
    cutter = Cutter(fleet, {"web2": ("current", 60.0)})
    monkeypatch.setattr("toque.usecases.converge.REATTACH_WAITS_S", (0.2,))
    monkeypatch.setattr(many, "PAUSE_S", 0.5)

    def say(move: str) -> None:
        if move.startswith("put back"):
            cutter.timers[0].cancel()
            fleet.join("web2")

    with fleet.load() as result, pytest.raises(ToqueError) as caught:
        deploy(fleet, cutter, say)

    assert caught.value.code == "run-lost"
    assert "put back: web1, web2, web3" in caught.value.trouble.message
    all_is_well(fleet, good)
    assert result[0].failed == 0, result[0]
