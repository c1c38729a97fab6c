"""The logs of one app, read from a machine."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from toque.node.memory import MemorySystem
from toque.node.model import Facts
from toque.node.sight import logs
from toque.node.system import Result

RELEASE, GONE, OTHER = "0123456789ab-abcdef", "1123456789ab-abcdef", "2123456789ab-abcdef"


def journal(argv: Sequence[str], stdin: bytes, user: str | None) -> Result:
    """A journal in which also a release is that is gone, and an app whose name begins as ours."""
    lines = [
        {"__REALTIME_TIMESTAMP": "2000000", "MESSAGE": "mine", "_SYSTEMD_UNIT":
         f"shop-{RELEASE}.service"},
        {"__REALTIME_TIMESTAMP": "1000000", "MESSAGE": "of one that is gone", "_SYSTEMD_UNIT":
         f"shop-{GONE}.service"},
        {"__REALTIME_TIMESTAMP": "3000000", "MESSAGE": "Main process exited", "_SYSTEMD_UNIT":
         "init.scope", "UNIT": f"shop-{RELEASE}.service"},
        {"__REALTIME_TIMESTAMP": "3500000", "MESSAGE": "job done", "_SYSTEMD_UNIT":
         f"shop-{RELEASE}-mailer-1.service"},
        {"__REALTIME_TIMESTAMP": "3000000", "MESSAGE": "not mine", "_SYSTEMD_UNIT":
         f"shop-admin-{OTHER}.service"},
    ]  # fmt: skip
    text = "".join(json.dumps(line) + "\n" for line in lines) + "-- cursor: s=1\n"
    return Result(tuple(argv), 0, text.encode())


def access(at: float, uri: str) -> bytes:
    said = {"time": "", "at": at, "request_id": "ab", "status": 200, "method": "GET", "uri": uri,
            "seconds": 0.1}  # fmt: skip
    return json.dumps(said).encode() + b"\n"


@pytest.mark.requirement("R64")
def test_logs_of_app_nginx_and_deploys_come_in_one_order():
    switch = {"at": "1970-01-01T00:00:04+00:00", "release": RELEASE, "from": GONE}
    system = MemorySystem(
        facts=Facts(os="debian", release="12", codename="bookworm", init="systemd"),
        programs={"journalctl": journal},
        files={
            "/var/log/nginx/shop.access.log": access(2.5, "/new"),
            "/var/log/nginx/shop.access.log.1": access(0.5, "/old") + b"half a li",
            "/var/lib/toque/apps/shop.jsonl": json.dumps(switch).encode() + b"\n",
        },
    )

    found = logs.read(system, "shop", 0.0, state="/nowhere")

    assert [(entry.at, entry.source, entry.release) for entry in found] == [
        (0.5, "access", ""), (1.0, "app", GONE), (2.0, "app", RELEASE), (2.5, "access", ""),
        (3.0, "app", RELEASE), (3.5, "app", RELEASE), (4.0, "deploys", RELEASE),
    ]  # fmt: skip
    assert found[-2].text == "mailer: job done"  # of a worker
    assert found[-1].text == f"serves {RELEASE} (from {GONE})"
    only = logs.read(system, "shop", 2.2, sources=frozenset({"access"}))
    assert [entry.at for entry in only] == [2.5]


def test_where_no_systemd_runs_the_app_has_a_file_for_each_release():
    system = MemorySystem(
        facts=Facts(os="debian", release="12", codename="bookworm", init="supervisor"),
        files={
            f"/var/log/toque/shop-{RELEASE}.log": b"[2026-11-23 05:48:27 +0000] [7] now\nmore\n",
            f"/var/log/toque/shop-admin-{OTHER}.log": b"of another app\n",
        },
    )

    found = logs.app_log(system, "shop", 0.0)

    assert [(entry.text[-4:].strip(), entry.release) for entry in found] == [
        ("now", RELEASE), ("more", RELEASE),
    ]  # fmt: skip


def test_of_a_long_file_only_whole_lines_at_its_end_are_read():
    text = b"".join(b"line %d\n" % number for number in range(1000))
    system = MemorySystem(files={"/x": text})

    assert logs.tail(system, "/x", 100)[-1] == "line 999"
    assert len(logs.tail(system, "/x", 100)) < 12
    assert all(line.startswith("line ") for line in logs.tail(system, "/x", 100))
    assert logs.tail(system, "/none") == []


def test_what_comes_is_followed_also_into_a_file_that_was_begun_anew():
    path = "/var/log/nginx/shop.access.log"
    system = MemorySystem(files={path: access(1.0, "/before")})
    coming = logs.follow(system, "shop", sources=frozenset({"access"}))

    def uris() -> list[str]:
        return [str(entry.data["uri"]) for entry in next(coming)]

    assert uris() == []
    system.put(path, access(1.0, "/before") + access(2.0, "/a") + b'{"half')
    assert uris() == ["/a"]
    assert uris() == []
    system.put(path, access(3.0, "/b"))
    assert uris() == ["/b"]


def test_a_run_tells_by_its_name_when_it_was():
    assert logs.run_time("20261122T184411.052-3f9c2a") == 1795373051.0
    assert logs.run_time("nonsense") == 0.0
