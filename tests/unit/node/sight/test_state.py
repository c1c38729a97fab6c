"""How an app is, in a few values."""

from __future__ import annotations

import json
from collections.abc import Sequence

from toque.node.facts import boot
from toque.node.memory import EPOCH as NOW
from toque.node.memory import MemorySystem
from toque.node.model import Facts
from toque.node.record import replace
from toque.node.sight import state
from toque.node.system import Result
from toque.node.watch.order import Order, write_order
from toque.node.watch.traffic import Position

OLD, BAD = "0123456789ab-abcdef", "1123456789ab-abcdef"


def journal(argv: Sequence[str], stdin: bytes, user: str | None) -> Result:
    """A rehearsal that failed at length; more lines than anybody wants to see."""
    lines = [
        {"__REALTIME_TIMESTAMP": f"{int((NOW - 5) * 1e6)}", "_SYSTEMD_UNIT": f"shop-{BAD}.service",
         "MESSAGE": f"[toque-{n:016x}] {text}"}
        for n in range(40)
        for text in ("toque: failed GET /", "Traceback (most recent call last):",
                     *["  a line of it"] * 150, "ValueError: no")
    ]  # fmt: skip
    return Result(tuple(argv), 0, "".join(json.dumps(line) + "\n" for line in lines).encode())


def access(status: int) -> bytes:
    said = {"at": NOW - 9, "request_id": "ab", "status": status, "method": "GET", "uri": "/",
            "seconds": 0.1, "upstream_status": str(status),
            "upstream_header_seconds": "0.1"}  # fmt: skip
    return json.dumps(said).encode() + b"\n"


def test_only_requests_of_visitors_are_counted_however_much_a_rehearsal_has_written() -> None:
    system = MemorySystem(
        facts=Facts(os="debian", release="12", codename="bookworm", init="systemd"),
        programs={"journalctl": journal, "systemctl": lambda argv, stdin, user: Result((), 0, b""),
                  "ss": lambda argv, stdin, user: Result((), 0, b"")},
        files={"/var/log/nginx/shop.access.log": access(200) * 30 + access(500)},
    )  # fmt: skip
    system.put("/srv/www/shop/current", kind="link", target=f"releases/{OLD}")

    found = state.status(system, "shop")

    assert (found["requests"], found["failed"]) == (31, 1)
    assert [one["code"] for one in found["last"]] == ["app-answered-error"]


def test_how_the_watch_goes_on_and_how_it_ended_is_told() -> None:
    nothing = {name: lambda argv, stdin, user: Result((), 0, b"")
               for name in ("journalctl", "systemctl", "ss")}  # fmt: skip
    debian = Facts(os="debian", release="12", codename="bookworm", init="systemd")
    system = MemorySystem(facts=debian, programs=nothing)
    system.put("/srv/www/shop/current", kind="link", target=f"releases/{OLD}")
    system.put("/var/lib/toque/apps", kind="directory")

    def told(more: dict[str, object]) -> object:
        line = json.dumps({"release": OLD, "at": "2026-11-23T06:40:12+00:00", **more}) + "\n"
        system.put("/var/lib/toque/apps/shop.jsonl", line.encode())
        return state.status(system, "shop")["watch"]

    assert [told({}), told({"verdict": "good", "reasons": []})] == ["", "good"]
    reasons = ["5xx 1 % of 300", "slow 3 %"]
    assert told({"verdict": "degraded", "reasons": reasons}) == "degraded: 5xx 1 % of 300; slow 3 %"
    assert told({"why": "put back: 5xx 12 %; slow"}) == "put back: 5xx 12 %; slow"

    until = system.monotonic() + 42
    order = Order("shop", OLD, BAD, NOW, boot(), until, "/log", Position(7, 0), "shop", 5, 30.0)
    write_order(system, order)
    assert told({}) == "42 s left"
    system.sleep(43)  # the watcher is late, as it waits for a run
    assert told({}) == "0 s left"
    write_order(system, replace(order, boot="another"))
    assert told({}) == ""
    write_order(system, replace(order, release=BAD))
    assert told({}) == ""
