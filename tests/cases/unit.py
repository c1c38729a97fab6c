"""Unit files on a real machine with systemd."""

import os

from toque_node.resources.unit import Unit

TEXT = "[Service]\nExecStart=/bin/sleep infinity\n\n[Install]\nWantedBy=multi-user.target\n"
NOT = {
    "unmanaged": "a unit's text is always managed as a whole",
    "sensitive": "every user may read a unit; secrets belong into an environment file",
}


def _path(name):
    return "/etc/systemd/system/" + name


def _show(node, name, *properties):
    return node.out("systemctl", "show", name, *(f"--property={p}" for p in properties)).split("\n")


def present(node):
    node.makes(Unit("case-unit.service", TEXT))
    assert node.read(_path("case-unit.service")).decode() == TEXT
    assert _show(node, "case-unit", "LoadState", "ActiveState") == [
        "LoadState=loaded",
        "ActiveState=inactive",
    ]


def changed_text_is_read_and_restarts_nothing(node):
    node.walk(Unit("case-change.service", TEXT))
    node.run("systemctl", "start", "case-change")
    before = _show(node, "case-change", "MainPID")
    node.makes(Unit("case-change.service", TEXT.replace("[Service]", "[Service]\nNice=5")))
    assert _show(node, "case-change", "NeedDaemonReload", "Nice") == [
        "Nice=5",
        "NeedDaemonReload=no",
    ]
    assert _show(node, "case-change", "MainPID") == before
    node.put(_path("case-change.service"), TEXT.encode())
    node.run("systemctl", "show", "case-change")
    outcome = node.walk(Unit("case-change.service", TEXT))  # by hand, and nobody has told systemd
    assert outcome.status.value == "changed", outcome
    node.leaves(Unit("case-change.service", TEXT))


def absent(node):
    node.walk(Unit("case-gone.service", TEXT))
    node.run("systemctl", "enable", "--now", "case-gone")
    node.makes(Unit("case-gone.service", absent=True))
    assert _show(node, "case-gone", "LoadState", "ActiveState") == [
        "LoadState=not-found",
        "ActiveState=inactive",
    ]
    assert not os.path.lexists("/etc/systemd/system/multi-user.target.wants/case-gone.service")


def refused_by_systemd(node):
    node.refuses(Unit("case-bad.service", "[Service]\nNice=5\n"), "unit-refused")
    assert not os.path.exists(_path("case-bad.service"))
    good = Unit("case-was-good.service", TEXT)
    node.walk(good)
    node.run("systemctl", "start", "case-was-good")
    pid = _show(node, "case-was-good", "MainPID")
    bad = Unit("case-was-good.service", "[Service]\nType=oneshot\nRestart=always\n")
    trouble = node.refuses(bad, "unit-refused")
    assert "case-was-good.service" in " ".join(trouble["log"]), trouble
    assert "Refusing" in " ".join(trouble["log"]), trouble
    node.leaves(good)
    assert _show(node, "case-was-good", "MainPID") == pid
    assert _show(node, "case-was-good", "NeedDaemonReload") == ["NeedDaemonReload=no"]


def ignored_by_systemd(node):
    """What systemd would pass over silently is said."""
    outcome = node.makes(Unit("case-typo.service", TEXT.replace("[Service]", "[Service]\nNicee=5")))
    assert "Nicee" in " ".join(outcome.notes), outcome


def program_that_comes_later(node):
    text = "[Service]\nExecStart=/srv/not/yet/there\n"
    node.makes(Unit("case-later.service", text))


def template(node):
    node.makes(Unit("case-t@.service", TEXT.replace("infinity", "%i")))
    node.run("systemctl", "start", "case-t@60")
    assert "60" in node.out("systemctl", "show", "-p", "ExecStart", "case-t@60")


def masked(node):
    os.symlink("/dev/null", _path("case-masked.service"))
    trouble = node.refuses(Unit("case-masked.service", TEXT), "wrong-kind")
    assert "case-masked" in trouble["message"], trouble


def absent_tool(node):
    with node.without("systemctl"):
        outcome = node.walk(Unit("case-late.service", TEXT))
        assert outcome.trouble["code"] == "program-missing", outcome
    assert not os.path.exists(_path("case-late.service"))
