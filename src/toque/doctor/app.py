"""What the app's own processes answer, or why they do not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..node.finding import REFUSE, WARN, Finding
from ..node.sight.failures import failures
from .facts import Facts, Rule, app_lines, broken, dead, entries, nginx_lines, part, rows


def _app(facts: Facts) -> Iterator[Finding]:
    """What the page says past nginx, when there is a process to say it."""
    direct, unit = part(facts, "direct"), part(facts, "unit")
    if not direct or not unit.get("running"):
        return
    status = int(direct["status"])
    page = part(facts, "asked").get("page", "/")
    if status >= 500:
        last = [f for f in failures(entries(facts)) if f.code == "app-exception"]
        if last:
            yield Finding(
                "app-exception", REFUSE, f"the app raises on {page}: {last[-1].message}",
                last[-1].trace[-12:], help=f"toque errors {facts['app']} --last",
            )  # fmt: skip
        else:
            yield Finding(
                "app-answered-error", REFUSE, f"the app itself answers {page} with {status}",
                (f"{status} {direct.get('reason', '')}",), help=f"toque logs {facts['app']} --app",
            )  # fmt: skip
    elif status and direct.get("fault"):
        yield Finding(
            "response-cut", REFUSE, f"the answer to {page} ends half-way",
            (f"{status}, then {direct['fault']}",), help=f"toque errors {facts['app']} --last",
        )  # fmt: skip
    elif status == 400 and part(facts, "asked").get("host"):
        yield Finding(
            "host-not-allowed", REFUSE,
            f"the app answers 400 to the host {facts['asked']['host']}",
            (f"{status} {direct.get('reason', '')}",),
            help="add the name to ALLOWED_HOSTS of the app", certain=False,
        )  # fmt: skip


def _silent(facts: Facts) -> Iterator[Finding]:
    """A process that runs and does not answer: stopped, full, waiting, or only slow."""
    direct, unit, queue = part(facts, "direct"), part(facts, "unit"), part(facts, "socket")
    if not direct or direct["status"] or not unit.get("running") or not queue.get("listening"):
        return
    late = "no answer within" in direct["fault"] or "temporarily unavailable" in direct["fault"]
    states = [str(p.get("state", "")) for p in rows(facts, "processes")]
    waiting = f"{queue['queued']} wait in the socket's queue of {queue['backlog']}"
    if late and states and all(state in "Tt" for state in states):
        yield Finding(
            "app-suspended", REFUSE, "the processes of the app are suspended (SIGSTOP)",
            tuple(f"{p['name']} ({p['pid']}): state {p['state']}" for p in facts["processes"][:4]),
            help=f"systemctl kill --signal=CONT {unit['name']}",
        )  # fmt: skip
    elif late and queue["backlog"] and queue["queued"] >= queue["backlog"]:
        yield Finding(
            "backlog-full", REFUSE, "the queue of the socket is full: more comes than is answered",
            (waiting, *nginx_lines(facts, r"failed \(11: ")),
            help="give the app more processes or threads in toque.toml, or find what is slow",
        )  # fmt: skip
    elif late and any(state in "Tt" for state in states):
        yield Finding(
            "app-suspended", REFUSE, "processes of the app are suspended (SIGSTOP)",
            tuple(f"{p['name']} ({p['pid']}): state {p['state']}" for p in facts["processes"][:4]),
            help=f"systemctl kill --signal=CONT {unit['name']}", certain=False,
        )  # fmt: skip
    elif late:
        yield Finding(
            "app-not-answering", REFUSE, "the app runs and does not answer", (waiting,),
            help=f"toque logs {facts['app']} --app", certain=False,
        )  # fmt: skip


def _descriptors(facts: Facts) -> Iterator[Finding]:
    log = [x for x in app_lines(facts) if "Too many open files" in x]
    full = [
        p for p in rows(facts, "processes")
        if p.get("descriptors_max") and p["descriptors"] >= p["descriptors_max"] * 0.9
    ]  # fmt: skip
    ill = dead(facts) or broken(facts)
    if full or (log and ill):
        shown = [
            f"{p['name']} ({p['pid']}): {p['descriptors']} of {p['descriptors_max']} open"
            for p in full[:3]
        ]
        yield Finding(
            "descriptors-exhausted", REFUSE if ill else WARN,
            "the app has no file descriptors left", tuple(log[-2:] + shown),
            help="LimitNOFILE= in the unit, if the app does not leak them: ls -l /proc/PID/fd",
        )  # fmt: skip


RULES: Sequence[Rule] = (_descriptors, _silent, _app)
