"""The way from nginx into the app, when the app's unit runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..node.finding import REFUSE, Finding
from .facts import Facts, Rule, nginx_lines, part


def _socket(facts: Facts) -> Iterator[Finding]:
    """The way from nginx into the app, when the app's unit runs."""
    queue, unit, nginx = part(facts, "socket"), part(facts, "unit"), part(facts, "nginx")
    if not queue or not unit.get("running") or not unit.get("steady", True):
        return
    app, path = facts["app"], queue["path"]
    restart = f"systemctl restart {unit['name']}"
    folder = queue.get("folder") or {}
    if not queue["there"]:
        yield Finding(
            "socket-missing", REFUSE, f"the app runs, and its socket {path} is gone",
            nginx_lines(facts, r"failed \(2: ") or (f"there is no {path}",), help=restart,
        )  # fmt: skip
        return
    if queue["link"] and queue["link"] != path:
        yield Finding(
            "socket-link-wrong", REFUSE, "the release's link to its socket leads elsewhere",
            (f".toque/app.sock -> {queue['link']}, expected {path}",), help=f"toque deploy {app}",
        )  # fmt: skip
    nobody = part(facts, "direct").get("fault") == "nobody listens there"
    if nobody or not queue["listening"]:
        yield Finding(
            "socket-refused", REFUSE, f"nobody listens on {path}",
            nginx_lines(facts, r"failed \(111: ") or ("no row of ss is about it",), help=restart,
        )  # fmt: skip
        return
    mode, open_to = int(queue["mode"], 8), folder.get("mode")
    if mode & 0o060 != 0o060 or queue["group"] != app:
        yield Finding(
            "socket-permissions", REFUSE,
            f"nginx may not connect: {path} has mode {queue['mode']}, group {queue['group']}",
            (f"expected mode 660, group {app}", *nginx_lines(facts, r"failed \(13: ")),
            help=restart,
        )  # fmt: skip
    elif open_to is not None and (int(open_to, 8) & 0o010 == 0 or folder["group"] != app):
        yield Finding(
            "socket-permissions", REFUSE,
            f"nginx may not enter the folder of {path}: mode {open_to}, group {folder['group']}",
            (f"expected mode 750, group {app}", *nginx_lines(facts, r"failed \(13: ")),
            help=restart,
        )  # fmt: skip
    elif nginx.get("declared_groups") and app not in nginx["declared_groups"]:
        yield Finding(
            "nginx-not-in-group", REFUSE, f"www-data is no member of the group {app}",
            (f"id www-data: {' '.join(nginx['declared_groups'])}",
             *nginx_lines(facts, r"failed \(13: ")),
            help="toque setup",
        )  # fmt: skip
    elif nginx.get("running") and nginx.get("groups") and app not in nginx["groups"]:
        yield Finding(
            "nginx-not-in-group", REFUSE,
            f"nginx was started before www-data became a member of the group {app}",
            (f"groups of its processes: {' '.join(nginx['groups'])}",
             *nginx_lines(facts, r"failed \(13: ")),
            help="systemctl restart nginx",
        )  # fmt: skip


RULES: Sequence[Rule] = (_socket,)
