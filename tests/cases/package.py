"""Packages on a real machine, from an archive of its own."""

import os
import subprocess

from toque_cases._archive import fetch, trusted
from toque_node.resources.package import Package

NOT = {"unmanaged": "a package that is not named is not looked at; hold=None is in `held`"}
ASKS = "Template: {0}\nType: {1}\nDescription: a question\n"
SHELL = "#!/bin/sh\n. /usr/share/debconf/confmodule\n"
CONFIG = SHELL + "for q in {}; do db_input high $q || true; done\ndb_go\n"
NOTES = SHELL + "db_get {0}\numask 077\necho $RET >/srv/{1}\n"


def _version(node, name):
    done = node.run("dpkg-query", "-W", "-f", "${Version} ${db:Status-Abbrev}", name, check=False)
    return done.stdout.strip()


def present(node):
    with trusted(node) as archive:
        archive.add("case-needed", "2.0")
        archive.add("case-a", "1.5", Depends="case-needed")
        archive.add("case-b", "1:3.1")
        fetch(node, archive)
        outcome = node.makes(Package("case-a", "case-b"))
        assert outcome.diff == ("+ case-a 1.5", "+ case-b 1:3.1", "+ case-needed 2.0 (needed)")
        assert _version(node, "case-a") == "1.5 ii"
        assert _version(node, "case-needed") == "2.0 ii"


def absent(node):
    with trusted(node) as archive:
        conffile = "/etc/case-base"
        archive.add("case-base", scripts={"conffiles": conffile + "\n"}, files={conffile: b"x"})
        archive.add("case-user", "7", Depends="case-base")
        archive.index()
        node.makes(Package("case-user"))
        outcome = node.makes(Package("case-base", absent=True))
        assert outcome.diff == ("- case-base 1.0", "- case-user 7 (it needs what goes)")
        assert _version(node, "case-base") == "1.0 rc"


def purged(node):
    with trusted(node) as archive:
        archive.add(
            "case-purged", scripts={"postrm": "#!/bin/sh\n[ $1 != purge ] || touch /srv/purged\n"}
        )
        archive.index()
        node.makes(Package("case-purged"))
        node.makes(Package("case-purged", absent=True))
        assert _version(node, "case-purged") == "1.0 rc"
        node.makes(Package("case-purged", absent=True, purge=True))
    assert os.path.exists("/srv/purged")


def sensitive(node):
    with trusted(node) as archive:
        asks = "\n".join(
            ASKS.format(f"case-asks/{q}", t)
            for q, t in (("code", "password"), ("mode", "select\nChoices: fast, slow"))
        )
        questions = "case-asks/code case-asks/mode"
        archive.add(
            "case-asks",
            Depends="debconf",
            scripts={
                "templates": asks,
                "config": CONFIG.format(questions),
                "postinst": NOTES.format("case-asks/code", "code")
                + "db_get case-asks/mode; echo $RET >/srv/mode\n",
            },
        )
        archive.index()
        secret = node.secret()
        answers = {"case-asks/code": secret, "case-asks/mode": "slow"}
        outcome = node.makes(Package("case-asks", answers=answers))
    assert "+ answer for case-asks: case-asks/mode = slow" in outcome.diff
    assert node.read("/srv/code").decode().strip() == secret.reveal()
    assert node.read("/srv/mode") == b"slow\n"
    for place in ("config.dat", "templates.dat"):
        assert secret.reveal().encode() not in node.read(f"/var/cache/debconf/{place}")
    assert os.stat("/var/cache/debconf/passwords.dat").st_mode & 0o077 == 0


def absent_tool(node):
    with node.without("apt-get"):
        node.refuses(Package("case-late"), "program-missing")


def an_index_that_was_never_fetched_makes_versions_unknown(node):
    with trusted(node) as archive:
        archive.add("case-first")
        archive.index()
        outcome = node.makes(Package("case-first"))
        (line,) = outcome.diff
        assert line == "+ case-first (version unknown: the index is to be fetched first)"


def an_old_index_is_fetched_anew(node):
    stamp = "/var/lib/apt/periodic/update-success-stamp"
    with trusted(node) as archive:
        archive.add("case-aged", "1")
        fetch(node, archive)
        archive.add("case-aged", "2")
        archive.index()
        wanted = Package("case-aged", refresh_s=3600)
        node.put(stamp)
        os.utime(stamp, (os.stat(stamp).st_mtime - 3500,) * 2)
        seen = node.walk(wanted, check=True)
        assert seen.diff == ("+ case-aged 1",), seen
        os.utime(stamp, (os.stat(stamp).st_mtime - 200,) * 2)
        node.makes(wanted)
        assert _version(node, "case-aged") == "2 ii"
        assert node.run("find", stamp, "-newermt", "-60 seconds").stdout


def newest(node):
    with trusted(node) as archive:
        archive.add("case-new", "1.0")
        archive.add("case-still", "1.0")
        archive.index()
        wanted = Package("case-new", "case-still", upgrade=True)
        node.makes(wanted)
        archive.add("case-new", "1.1")
        fetch(node, archive)
        outcome = node.makes(wanted)
        assert outcome.diff == ("~ case-new 1.0 -> 1.1",)
        assert _version(node, "case-new") == "1.1 ii"


def pinned(node):
    with trusted(node) as archive:
        for version in ("1.22.1", "1.22.2", "1.23.1"):
            archive.add("case-pin", version)
        archive.index()
        node.makes(Package("case-pin", versions={"case-pin": "1.22.*"}))
        assert _version(node, "case-pin") == "1.22.2 ii"
        node.makes(Package("case-pin", versions={"case-pin": "1.23.1"}))
        outcome = node.makes(Package("case-pin", versions={"case-pin": "1.22.1"}))
        assert outcome.diff == ("~ case-pin 1.23.1 -> 1.22.1",)
        trouble = node.refuses(Package("case-pin", versions={"case-pin": "9"}), "package-unknown")
        assert trouble["log"] == ["E: Version '9' for 'case-pin' was not found"]


def held(node):
    with trusted(node) as archive:
        archive.add("case-held", "1")
        archive.index()
        node.makes(Package("case-held", versions={"case-held": "1"}, hold=True))
        assert node.out("apt-mark", "showhold") == "case-held"
        archive.add("case-held", "2")
        fetch(node, archive)
        node.leaves(Package("case-held"))
        trouble = node.refuses(
            Package("case-held", versions={"case-held": "2"}), "package-conflict"
        )
        assert any("Held packages were changed" in line for line in trouble["log"])
        node.makes(Package("case-held", versions={"case-held": "2"}, hold=True))
        assert node.out("apt-mark", "showhold") == "case-held"
        outcome = node.makes(Package("case-held", hold=False))
        assert outcome.diff == ("~ case-held: no longer held",)
        assert node.out("apt-mark", "showhold") == ""


def a_hold_of_somebody_else_is_not_lifted_for_ours(node):
    with trusted(node) as archive:
        archive.add("case-theirs", "1")
        fetch(node, archive)
        node.run("apt-get", "-qy", "install", "case-theirs")
        node.run("apt-mark", "hold", "case-theirs")
        archive.add("case-theirs", "2")
        archive.add("case-ours", Depends="case-theirs (>= 2)")
        fetch(node, archive)
        for hold in (None, True):
            node.refuses(Package("case-ours", hold=hold), "package-conflict")
        assert _version(node, "case-theirs") == "1 hi"
        node.run("apt-mark", "unhold", "case-theirs")


def one_that_does_not_exist_changes_nothing(node):
    with trusted(node) as archive:
        archive.add("case-real")
        fetch(node, archive)
        wanted = Package("case-real", "case-unreal")
        trouble = node.refuses(wanted, "package-unknown")
        assert trouble["log"] == ["E: Unable to locate package case-unreal"]
        assert _version(node, "case-real") == ""


def a_conflict_changes_nothing(node):
    with trusted(node) as archive:
        archive.add("case-one", Conflicts="case-two")
        archive.add("case-two")
        fetch(node, archive)
        trouble = node.refuses(Package("case-one", "case-two"), "package-conflict")
        assert any("Conflicts: case-two" in line for line in trouble["log"])
        node.makes(Package("case-two"))
        outcome = node.makes(Package("case-one"))  # a plan shows what has to go
        expected = ("+ case-one 1.0", "- case-two 1.0 (in the way)")
        assert outcome.diff == expected, outcome.diff


def an_index_that_cannot_be_reached(node):
    with trusted(node):
        gone = "deb [trusted=yes] file:/nowhere/at/all ./\n"
        node.put("/etc/apt/sources.list.d/case.list", gone.encode())
        trouble = node.refuses(Package("case-far"), "package-index-unreachable")
        assert any("/nowhere/at/all" in line for line in trouble["log"])


def an_index_that_cannot_be_reached_does_not_stop_what_is_there(node):
    with trusted(node) as archive:
        archive.add("case-near")
        fetch(node, archive)
        gone = "deb [trusted=yes] file:/nowhere/at/all ./\n"
        node.put("/etc/apt/sources.list.d/gone.list", gone.encode())
        os.path.exists("/var/lib/apt/periodic/update-success-stamp") and os.remove(
            "/var/lib/apt/periodic/update-success-stamp"
        )
        outcome = node.walk(Package("case-near", refresh_s=3600))
        assert outcome.status.value == "changed"
        assert "could not be refreshed" in outcome.notes[0]
        node.refuses(
            Package("case-near", upgrade=True, refresh_s=3600), "package-index-unreachable"
        )


def a_failing_postinst_is_quoted_and_another_version_repairs(node):
    with trusted(node) as archive:
        said = "#!/bin/sh\necho the postinst of case-bad says no >&2\nexit 3\n"
        archive.add("case-bad", "1", scripts={"postinst": said})
        fetch(node, archive)
        outcome = node.walk(Package("case-bad"))
        assert outcome.trouble["code"] == "package-failed"
        text = "\n".join(outcome.trouble["log"])
        assert "the postinst of case-bad says no" in text
        assert "exit status 3" in outcome.trouble["found"]
        again = node.walk(Package("case-bad"))
        assert again.trouble["code"] == "package-repair-failed", again
        assert "the postinst of case-bad says no" in "\n".join(again.trouble["log"])
        archive.add("case-other")
        fetch(node, archive)
        other = node.walk(Package("case-other"))
        assert other.trouble["code"] == "package-repair-failed", other
        assert _version(node, "case-other") == ""
        archive.add("case-bad", "2")
        fetch(node, archive)
        node.makes(Package("case-bad", versions={"case-bad": "2"}))
        assert node.out("dpkg", "--audit") == ""


def a_full_disk_is_named_and_the_next_converge_repairs(node):
    with trusted(node) as archive:
        os.mkdir("/srv/small")
        archive.add("case-big", files={"/srv/small/big": bytes(2 << 20)})
        fetch(node, archive)
        node.run("mount", "-t", "tmpfs", "-o", "size=1m", "none", "/srv/small")
        try:
            outcome = node.walk(Package("case-big"))
            assert outcome.trouble["code"] == "disk-full", outcome
            assert "/srv/small/big" in "\n".join(outcome.trouble["log"])
        finally:
            node.run("umount", "/srv/small")
        node.makes(Package("case-big"))
        assert node.out("dpkg", "--audit") == ""


def the_lock_is_waited_for_and_its_holder_named(node):
    with trusted(node) as archive:
        archive.add("case-patient")
        fetch(node, archive)
        script = (
            "import fcntl; f = open('/var/lib/dpkg/lock-frontend', 'w')\n"
            "fcntl.lockf(f, fcntl.LOCK_EX)\n"
            "open('/proc/self/comm', 'w').write('unattended-upgr'); print(flush=True); input()"
        )
        with subprocess.Popen(
            ["python3", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as holder:
            holder.stdout.readline()
            said = []
            system = node.system()
            system._progress = said.append
            system.sleep = lambda seconds: holder.communicate(b"\n")
            wanted = Package("case-patient")
            wanted.fix(system, frozenset({"case-patient"}))
        assert said[0].startswith(f"waiting for unattended-upgr (process {holder.pid})"), said
        assert _version(node, "case-patient") == "1.0 ii"
