"""How an app is, in a few values."""

from __future__ import annotations

import json
from collections.abc import Sequence

from toque.node.memory import EPOCH as NOW
from toque.node.memory import MemorySystem
from toque.node.model import Facts
from toque.node.sight import state
from toque.node.system import Result

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
