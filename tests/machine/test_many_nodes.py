"""Three nodes and a balancer: batches, what a failure leaves, and links that break at each step."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from fleet_site import WEB, Cutter, Fleet, Spot, clear, locked, rounds
from toque import bootstrap
from toque.errors import ToqueError
from toque.kitchen.load import LoadResult
from toque.usecases import deploy as deploying
from toque.usecases import many

Record = Callable[[str, object], None]


@pytest.fixture(scope="module")
def fleet(kitchen_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    made = Fleet.make(kitchen_folder, tmp_path_factory.mktemp("fleet") / "project")
    made.ok(("deploy", "hello", "--batch", "100%"))
    yield made
    clear(made)


@pytest.fixture(autouse=True)
def kitchen(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TOQUE_KITCHEN_DIR", fleet.environ["TOQUE_KITCHEN_DIR"])
    yield
    for node in WEB:
        fleet.join(node)


def deploy(
    fleet: Fleet,
    cutter: Cutter,
    say: Callable[[str], None] = lambda text: None,
    *,
    batch: str = "1",
) -> None:
    """A deploy in this process, whose events are watched; ``say`` is told its moves."""
    project = bootstrap.open_project(fleet.directory)
    site, app = bootstrap.open_site(project), project.app("hello")
    connect = [bootstrap.connect(node, fleet.directory) for node in project.nodes_of(app)]
    deploying.deploy(
        site,
        app,
        connect,
        balancers=[bootstrap.connect(n, fleet.directory) for n in project.balancers_of(app)],
        batch=batch,
        watch=cutter.of,
        say=say,
    )
    for timer in cutter.timers:
        timer.join()


def all_is_well(fleet: Fleet, commit: str) -> None:
    assert fleet.serves() == dict.fromkeys(WEB, commit)
    assert fleet.units() == dict.fromkeys(WEB, 2)  # the app server and a worker
    assert fleet.workers() == dict.fromkeys(WEB, commit)
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

def app(environ, start_response, whole=app):  # more than once in one file is fine
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


def test_a_link_that_breaks_for_a_moment_at_each_step(fleet: Fleet, record_property: Record):
    """Each step of each of a deploy's runs is come to by one node without a link."""
    fleet.commit()
    whole = Cutter(fleet)
    deploy(fleet, whole, batch="100%")
    steps = {node: whole.steps[node] for node in WEB}
    figures: list[LoadResult] = []

    cut = set()
    for cuts in rounds(steps):
        commit = fleet.commit()
        cutter = Cutter(fleet, cuts)
        with fleet.load() as result:
            deploy(fleet, cutter, batch="2")
        figures += result
        all_is_well(fleet, commit)
        assert len(cutter.timers) == sum(map(len, cuts.values())), cuts
        cut |= {spot for spots in cuts.values() for spot in spots}

    assert cut == {spot for spots in steps.values() for spot in spots}
    assert {run for run, _ in cut} == {1, 2, 3}  # build, prove, switch
    failed = sum(one.failed for one in figures)
    record_property(
        "figure",
        f"links cut for a moment: {len(cut)} of {len(cut)} steps in {len(figures)} deploys; "
        f"{sum(one.requests for one in figures)} requests through the balancer, {failed} failed; "
        f"versions at the end: {len(set(fleet.serves().values()))}",
    )
    assert failed == 0, figures


@pytest.fixture
def gone(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> Callable[..., ToqueError]:
    """A deploy that loses web2 at a step, and how it ended; ``again`` names the move at which the
    link holds again, and only then is there anything to be patient for."""
    monkeypatch.setattr("toque.usecases.converge.REATTACH_WAITS_S", (0.2,))
    monkeypatch.setattr(many, "PAUSE_S", 0.5)

    def lose(spot: Spot, again: str) -> ToqueError:
        # A node that is back may still carry out, alone, what it was told before its link broke.
        patience_s = 120.0 if again else 4.0
        monkeypatch.setattr(deploying, "Many", partial(many.Many, patience_s=patience_s))
        cutter = Cutter(fleet, {"web2": [spot]}, seconds=300.0)

        def say(move: str) -> None:
            if again and move.startswith(again):
                cutter.timers[0].cancel()
                fleet.join("web2")

        with pytest.raises(ToqueError) as caught:
            deploy(fleet, cutter, say)
        cutter.timers[0].cancel()
        return caught.value

    return lose


SPOTS = [(1, "venv:"), (2, "instance:"), (3, "current:")]


def test_a_link_that_stays_broken_puts_all_nodes_back(
    fleet: Fleet, gone: Callable[..., ToqueError], record_property: Record
):
    """It holds again only after the deploy has given the node up."""
    good = fleet.serves()["web1"]
    fleet.commit()
    figures: list[LoadResult] = []

    for run, kind in SPOTS:
        with fleet.load() as result:
            error = gone((run, kind), "put back")
        figures += result
        fleet.join("web2")
        assert error.code == "run-lost", (run, kind)
        # While it builds nothing has begun; a node that was not asked to prove has nothing to undo.
        assert ("put back: web1, web2, web3" in error.trouble.message) is (run > 1)
        all_is_well(fleet, good)

    failed = sum(one.failed for one in figures)
    record_property(
        "figure",
        f"links cut until the node was given up: at {len(SPOTS)} steps; "
        f"{sum(one.requests for one in figures)} requests through the balancer, {failed} failed; "
        f"versions at the end: {len(set(fleet.serves().values()))}",
    )
    assert failed == 0, figures


def test_a_node_that_stays_away_is_kept_out_until_the_next_deploy(
    fleet: Fleet, gone: Callable[..., ToqueError]
):
    """It has switched, and nobody could tell it to go back."""
    good = fleet.serves()["web1"]
    commit = fleet.commit()

    with fleet.load() as result:
        error = gone((3, "retired:"), "")
        assert (
            "could not be put back: web2; kept out of the balancer: web2" in error.trouble.message
        )
        assert fleet.serves() == {"web1": good, "web2": commit, "web3": good}
        assert fleet.out() == ["web2"]
        down = json.loads(fleet.toque("deploy", "hello", "--json").stdout.splitlines()[-1])["error"]
        assert "--without web2" in down["hint"]
        fleet.ok(("deploy", "hello", "--without", "web2", "--batch", "100%"))
        assert fleet.out() == ["web2"]
        fleet.ok(("rollback", "hello", "--without", "web2", "--across-migrations"))
        assert fleet.serves() == {"web1": good, "web2": commit, "web3": good}
        assert fleet.out() == ["web2"]
        fleet.join("web2")
        newer = fleet.commit()
        fleet.ok(("deploy", "hello"))

    all_is_well(fleet, newer)
    assert result[0].failed == 0, result[0]


def test_a_rollback_goes_node_by_node_through_the_balancer(fleet: Fleet, record_property: Record):
    before = fleet.serves()["web1"]
    fleet.commit()
    fleet.ok(("deploy", "hello", "--batch", "100%"))

    with fleet.load() as result:
        said = fleet.ok(("rollback", "hello", "--across-migrations"))

    moves = [line for line in said.splitlines() if line.split(":")[0] in (
        "prove", "take out", "switch", "put in")]  # fmt: skip
    assert moves == [
        "prove: web1, web2, web3",
        "take out: web1", "switch: web1", "put in: web1",
        "take out: web2", "switch: web2", "put in: web2",
        "take out: web3", "switch: web3", "put in: web3",
    ]  # fmt: skip
    all_is_well(fleet, before)
    failed = result[0].failed
    record_property(
        "figure", f"rollback of three nodes: {result[0].requests} requests, {failed} failed"
    )
    assert failed == 0, result[0]


def test_when_one_node_goes_back_by_itself_all_do(fleet: Fleet):
    good = fleet.serves()["web1"]
    project = fleet.directory / "toque.toml"
    whole = project.read_text()
    project.write_text(whole.replace("watch_for = 0", "watch_for = 40"))
    fleet.commit(wsgi_py=(fleet.directory / "hello/wsgi.py").read_text() + BREAKS)

    with fleet.load(), fleet.begun("deploy", "hello", "--batch", "100%", "--watch") as running:
        told = []
        for line in running.stdout or ():
            told.append(line)
            if line.startswith("watching"):
                fleet.sh("web2", "touch /srv/www/hello/shared/broken")

    project.write_text(whole)
    fleet.sh("web2", "rm /srv/www/hello/shared/broken")
    assert running.returncode == 5, told
    assert fleet.serves() == dict.fromkeys(WEB, good), told
    assert fleet.out() == []
    text = "".join(told)
    assert "[put-back] hello on web2 went back to" in text
    assert "with it: web1, web3" in text
    assert "take out: web1\n" in text  # through the balancer
    assert "take out: web2\n" not in text  # it was there already


def test_one_node_builds_for_all(fleet: Fleet, record_property: Record):
    project = fleet.directory / "toque.toml"
    whole = project.read_text()
    project.write_text(whole.replace("keep = 3", "keep = 3\nbuild_once = true"))
    lock = fleet.directory / "hello/requirements.txt"
    commit = fleet.commit(**{"requirements.txt": lock.read_text() + locked("markupsafe")})

    with fleet.load() as result:
        said = fleet.ok(("deploy", "hello", "--batch", "100%"))

    project.write_text(whole)
    assert "others get what web1 has built: " in said
    assert "of no use here" not in said
    cached = "find /var/cache/toque/uv/hello -iname 'markupsafe*' | wc -l"
    had = {name: int(fleet.sh(name, cached)) > 0 for name in WEB}
    assert had == {"web1": True, "web2": False, "web3": False}  # they downloaded nothing
    imports = "/srv/www/hello/current/.toque/venv/bin/python -c 'import markupsafe._speedups'"
    assert {fleet.sh(name, f"{imports} && echo good") for name in WEB} == {"good"}
    all_is_well(fleet, commit)
    assert result[0].failed == 0, result[0]
    record_property("figure", next(line for line in said.splitlines() if "others get" in line))
