"""Timers on a real machine with systemd."""

import os
import time

from toque_node.resources.timer import Timer

HARD = ("a b", "$HOME %n ${X}", "quote\" 'and\\back", "line\nend", "\ttab", ";", "", "#x", "\u2028")
NOT = {
    "unmanaged": "a timer's whole text is made from the declaration",
    "sensitive": "an argument list is no place for a secret; environment_file is",
}


def _ran(node, path):
    until = time.monotonic() + 20
    while time.monotonic() < until and not os.path.exists(path):
        time.sleep(0.05)
    return node.read(path)


def present(node):
    made = node.tree + "/made"
    node.makes(Timer("case-now", "*:*:0/1", ("/usr/bin/touch", made)))
    assert _ran(node, made) == b""
    assert node.out("systemctl", "is-enabled", "case-now.timer") == "enabled"
    assert node.out("systemctl", "is-active", "case-now.timer") == "active"
    node.makes(Timer("case-now", absent=True))


def arguments_arrive_as_they_are(node):
    node.makes(Timer("case-words", "yearly", ("/usr/bin/printf", "%s\\0", *HARD)))
    node.run("systemctl", "start", "case-words.service")
    said = node.run("journalctl", "-u", "case-words", "-o", "export", "--no-pager").stdout
    shown = node.out("systemctl", "show", "-p", "Result", "case-words.service")
    assert shown == "Result=success", said
    out = node.tree + "/words"
    program = "import sys; open(sys.argv[1], 'w').write(repr(sys.argv[2:]))"
    node.makes(Timer("case-words", "yearly", ("/usr/bin/python3", "-c", program, out, *HARD)))
    node.run("systemctl", "start", "case-words.service")
    assert node.read(out).decode() == repr(list(HARD))


def user_directory_and_environment(node):
    os.chmod(node.tree, 0o777)
    node.put("/etc/case-timer.env", b"GREETING=hello\n")
    out = node.tree + "/who"
    program = "import os; open('who', 'w').write(f\"{os.getuid()} {os.environ['GREETING']}\")"
    command = ("/usr/bin/python3", "-c", program)
    timer = Timer(
        "case-who",
        "daily",
        command,
        user="nobody",
        cwd=node.tree,
        environment_file="/etc/case-timer.env",
        persistent=True,
        spread_s=60,
        timeout_s=20,
    )
    node.makes(timer)
    node.run("systemctl", "start", "case-who.service")
    assert node.read(out).decode() == "65534 hello"
    shown = node.out("systemctl", "show", "case-who.timer")
    assert "Persistent=yes" in shown and "RandomizedDelayUSec=1min" in shown


def changed_schedule_counts_at_once(node):
    made = node.tree + "/soon"
    node.makes(Timer("case-soon", "yearly", ("/usr/bin/touch", made)))
    assert not os.path.exists(made)
    node.makes(Timer("case-soon", "*:*:0/1", ("/usr/bin/touch", made)))
    _ran(node, made)
    node.makes(Timer("case-soon", absent=True))


def stopped_and_disabled_by_hand(node):
    timer = Timer("case-off", "yearly", ("/usr/bin/true",))
    node.makes(timer)
    node.run("systemctl", "disable", "--now", "case-off.timer")
    node.makes(timer)
    assert node.out("systemctl", "is-active", "case-off.timer") == "active"


def absent(node):
    node.makes(Timer("case-gone", "daily", ("/usr/bin/true",)))
    node.makes(Timer("case-gone", absent=True))
    assert not [n for n in os.listdir("/etc/systemd/system") if n.startswith("case-gone")]
    shown = node.out("systemctl", "show", "-p", "LoadState", "case-gone.timer")
    assert shown == "LoadState=not-found"
    node.leaves(Timer("case-gone", absent=True))


def schedule_that_systemd_cannot_read(node):
    trouble = node.refuses(Timer("case-bad", "Mon 25:00", ("/usr/bin/true",)), "schedule-refused")
    assert "Failed to parse" in " ".join(trouble["log"]), trouble
    assert not os.path.exists("/etc/systemd/system/case-bad.service")


def user_that_is_not_there(node):
    node.refuses(Timer("case-bad", "daily", ("/usr/bin/true",), user="nosuch"), "user-missing")


def absent_tool(node):
    with node.without("systemd-analyze"):
        node.refuses(Timer("case-bad", "daily", ("/usr/bin/true",)), "program-missing")
    assert not os.path.exists("/etc/systemd/system/case-bad.timer")
