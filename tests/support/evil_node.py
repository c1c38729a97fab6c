"""A node that is somebody else's: what a hostile root there can send over a connection.

    python3 -I evil_node.py SCENARIO ...    (what follows is ssh's own command line, not read)

It stands in the place of ``ssh`` and talks as ``adapters/boot.py`` and the node's program would,
up to the point where it does not.
"""

import json
import os
import sys

STEERING = (
    "\x1b[2J\x1b]52;c;aGk=\x07\x1b]8;;file:///etc\x07\x9b31m\rover\b\u202egnp.exe\nerror [forged]"
)
MARKUP = "\\[link=file:///etc/passwd]here[/link] [red]x[/red]"
FOREIGN = "../../../../../../tmp/toque-evil"
MB = 1 << 20
source, out = sys.stdin.buffer, sys.stdout.buffer


def say(*events):
    for event in events:
        out.write((event if isinstance(event, bytes) else json.dumps(event).encode()) + b"\n")
    out.flush()


def facts(**more):
    known = {
        "hostname": "web1", "os": "debian", "release": "12", "codename": "bookworm",
        "architecture": "x86_64", "cpus": 2, "memory_mb": 2000, "addresses": [],
        "init": "systemd", "init_reason": "it runs", "python": "3.11.2", "machine_id": "m",
        "extra": {}, **more,
    }  # fmt: skip
    return {"type": "facts", "facts": known, "releases": []}


def ready():
    """The bootstrap, as it should be; what the controller asks for."""
    header = json.loads(source.readline())
    say({"type": "ready", "python": "3.11.2"})
    return header["argv"]


def order():
    say(facts())
    return json.loads(source.readline())


def start(given):
    return {"type": "start", "run": given["run"], "plan": given["plan"]["name"], "steps": 1}


def outcome(given, status="ok", **more):
    return {"step": given["plan"]["steps"][0]["id"], "status": status, **more}


def report(given, *outcomes, **more):
    made = {
        "run": given["run"], "plan": given["plan"]["name"], "digest": given["digest"],
        "mode": "apply", "outcomes": list(outcomes or [outcome(given)]), "owed": [],
        "seconds": 0.1, "token": 1, **more,
    }  # fmt: skip
    return {"type": "report", "report": made}


def flood(part, stream=out):
    """As much as anybody takes, up to 5 GB."""
    for _ in range(5000 * MB // len(part)):
        stream.write(part)
    stream.flush()


# --- one function a scenario ----------------------------------------------------------------------


def honest():
    """The twin: nothing is wrong here, so nothing may be refused."""
    ready()
    given = order()
    say(start(given), {"type": "outcome", "outcome": outcome(given)}, report(given))


def endless_events():
    ready()
    given = order()
    event = json.dumps({"type": "progress", "id": "a", "text": "x" * MB}).encode() + b"\n"
    say(start(given))
    flood(event)


def endless_line():
    ready()
    order()
    out.write(b'{"type": "progress", "text": "')
    flood(b"x" * MB)


def endless_line_before_the_facts():
    ready()
    flood(b" " * MB)


def endless_login_banner():
    flood(b"Welcome to this machine\n" * 10000)


def endless_standard_error():
    ready()
    sys.stderr.buffer.write(STEERING.encode() * 10)
    for _ in range(300):
        sys.stderr.buffer.write(b"x" * MB)
    sys.stderr.buffer.flush()
    given = order()
    say(report(given))


def deep_event():
    ready()
    order()
    say(b"[" * 100_000 + b"]" * 100_000)


def deep_objects():
    ready()
    order()
    say(b'{"type": "outcome", "outcome": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001)


def deep_before_ready():
    source.readline()
    say(b'{"type": ' + b"[" * 100_000)
    sys.exit(0)


def deep_facts():
    ready()
    nested = {"a": 1}
    for _ in range(900):  # what a parser still takes and a copy does not
        nested = {"a": nested}
    say(facts(extra=nested))
    given = json.loads(source.readline())
    say(report(given))


def another_run():
    ready()
    given = order()
    say(start(given), report(given, run="20261122T000000-ffffff"))


def another_plan():
    ready()
    given = order()
    say(start(given), report(given, digest="f" * 64))


def another_node():
    """It says that it is db1, with paths where names belong."""
    ready()
    say(facts(hostname="db1", machine_id=FOREIGN, os=FOREIGN))
    given = json.loads(source.readline())
    say(report(given, plan="setup db1"))


def foreign_bytes():
    ready()
    order()
    say({"type": "need-blobs", "blobs": ["../../../../../../etc/shadow"]})


def same_bytes_again_and_again():
    """Each time a file of 40 MB is read and waits in the controller's memory to be sent."""
    ready()
    given = order()
    say({"type": "need-blobs", "blobs": [given["blobs"][0]["sha256"]] * 500})
    while source.read(MB):
        pass


def paths_for_names():
    ready()
    given = order()
    bad = {"code": FOREIGN, "message": FOREIGN, FOREIGN: FOREIGN, "log": [FOREIGN]}
    say({"type": "step", "id": FOREIGN}, {"type": "progress", "id": FOREIGN, "text": FOREIGN})
    say(report(given, outcome(given, "failed", trouble=bad, place=FOREIGN)))


def steering_everywhere():
    ready()
    words = dict.fromkeys(("os", "release", "init", "init_reason", "python"), STEERING)
    say(facts(**words))
    given = json.loads(source.readline())
    bad = dict.fromkeys(("code", "message", "expected", "found", "hint"), STEERING)
    bad["log"] = [STEERING, MARKUP]
    spoken = {key: [STEERING, MARKUP] for key in ("diff", "notes", "actions")}
    one = outcome(given, "failed", trouble=bad, place=STEERING, **spoken)
    one["step"] = STEERING
    sys.stderr.write(STEERING)
    sys.stderr.flush()
    say(
        start(given),
        {"type": "step", "id": STEERING},
        {"type": "progress", "id": MARKUP, "text": STEERING},
        {"type": "outcome", "outcome": one},
        report(given, one, owed=[[STEERING, STEERING]]),
    )


def steering_refusal():
    ready()
    order()
    holder = dict.fromkeys(("by", "plan", "run"), STEERING)
    say({"type": "refused", "code": "node-busy", "found": STEERING, "holder": holder})


def steering_refusal_of_another_kind():
    ready()
    order()
    say({"type": "refused", "code": STEERING, "found": STEERING})


def steering_bootstrap():
    source.readline()
    say({"type": "refused", "code": STEERING, "found": STEERING})


def steering_standard_error():
    sys.stderr.write(STEERING + "\n" + MARKUP + "\n")
    sys.exit(255)


def page_of_html():
    ready()
    given = order()
    say(report(given, outcome(given, "changed", diff=["<script>alert(1)</script>"])))


def template_text():
    ready()
    text = "{{ 7*7 }}{% for x in y %}{{ config }}${HOME}%s%n"
    say(facts(hostname=text, os=text, codename=text, extra={text: text}))
    given = json.loads(source.readline())
    say(report(given, outcome(given, "changed", diff=[text])))


def lying_exit_status():
    """It ends as if all were well, without a report, and then has never heard of the run."""
    if ready()[0] == "attach":
        say({"type": "refused", "code": "run-unknown", "found": STEERING})
    else:
        say(start(order()))
    sys.exit(0)


def failed_exit_after_success():
    ready()
    given = order()
    say(report(given))
    sys.exit(77)


def killed_exit_after_success():
    ready()
    given = order()
    say(report(given))
    sys.exit(255)


def holder_since_the_end_of_time():
    ready()
    order()
    say({"type": "refused", "code": "node-busy", "holder": {"since": 10**30}})


def numbers_that_are_none():
    ready()
    given = order()
    say(json.dumps(report(given, seconds=float("inf"))).encode())


def million_outcomes():
    ready()
    given = order()
    say(report(given, *[outcome(given)] * 100_000))


def what_was_asked():
    """For ``runs`` and ``releases``: entries that are paths, controls, or no entries at all."""
    asked = ready()[0]
    words = dict.fromkeys(("run", "plan", "by", "id", "commit", "deployed_at"), STEERING)
    entry = {**words, "current": True, "running": True}
    held = {"by": STEERING, "run": FOREIGN}
    if asked == "runs":
        say({"type": "runs", "runs": [entry] * 3, "holder": held})
    else:
        say({**facts(), "type": "releases", "releases": [entry] * 3})


if __name__ == "__main__":
    try:
        globals()[sys.argv[1]]()
    except BrokenPipeError:  # hung up on
        os._exit(1)
