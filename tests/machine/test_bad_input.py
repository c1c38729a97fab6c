"""Bad input gets a clear error, loses nothing and changes nothing.

Beside this file: hosts, keys and Pythons in test_ssh.py, settings in unit/cli/test_bad_settings.py.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from machine_site import Site, environ_in, kitchen_in, require, toque, until
from toque.fleet import age
from toque.kitchen import api
from toque.kitchen.api import Kitchen

pytestmark = pytest.mark.timeout(900)

NAME = "bad"
PROJECT = f"""
[stack]
name = "bad"
cookbooks = ["book"]

[layers.web]
setup = ["bad"]

[nodes.web1]
address = "kitchen:{NAME}"
layer = "web"
"""
HEAD = """
from dataclasses import dataclass
from toque import Command, Cookbook, Directory, File, Recipe, Service

@dataclass(frozen=True)
class Bad:
    count: int = 1

"""
FOOT = '\n\ncookbook = Cookbook("bad", attributes=Bad, events={"setup": setup})\n'


@dataclass
class Book:
    """A project of one cookbook, and a bare machine."""

    kitchen: Kitchen
    environ: dict[str, str]
    directory: Path

    def recipe(self, body: str) -> None:
        lines = "".join(f"    {line}\n" for line in body.strip().splitlines())
        text = f"{HEAD}def setup(r: Recipe) -> None:\n{lines}{FOOT}"
        (self.directory / "book/bad/__init__.py").write_text(text)

    def toque(self, *argv: str) -> subprocess.CompletedProcess[str]:
        return toque(argv, self.directory, self.environ)

    def fails(self, *argv: str) -> tuple[int, dict[str, Any]]:
        done = self.toque(*argv, "--json")
        assert done.returncode != 0, done.stdout
        assert "Traceback" not in done.stderr
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        assert found["exit"] == done.returncode
        return done.returncode, found["error"]

    def start(self, *argv: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "toque", *argv],
            cwd=self.directory,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def sh(self, script: str) -> str:
        done = api.execute(self.kitchen, NAME, ["sh", "-c", script])
        return done.stdout.decode()

    def free(self) -> bool:
        done = self.toque("runs", "web1", "--json")
        return done.returncode == 0 and json.loads(done.stdout)["nodes"][0]["holder"] is None

    def has(self, path: str) -> bool:
        return self.sh(f"test -e {path} && echo yes") == "yes\n"


@pytest.fixture(scope="module")
def machine(kitchen_folder: Path) -> Iterator[Kitchen]:
    kitchen = kitchen_in(kitchen_folder)
    require(kitchen, "nspawn")
    api.create(kitchen, NAME, driver="nspawn")
    yield kitchen
    api.destroy(kitchen, NAME)


@pytest.fixture
def book(machine: Kitchen, kitchen_folder: Path, tmp_path: Path) -> Book:
    (tmp_path / "book/bad").mkdir(parents=True)
    (tmp_path / "toque.toml").write_text(PROJECT)
    return Book(machine, environ_in(kitchen_folder), tmp_path)


# --- cookbooks ------------------------------------------------------------------------------------

FILE = 'File("/srv/a", content="x")'
OTHER = 'File("/srv/a", content="y")'
COOKBOOKS = {
    "raises": ("1 / 0", "recipe-raised", "ZeroDivisionError"),
    "duplicate": (f"r.add({FILE})\nr.add({OTHER})", "duplicate-resource", "file:/srv/a"),
    "dangling notification": (
        f'r.add({FILE}, notify=Service("none").restart)',
        "dangling-notification",
        "service:none",
    ),
    "missing attribute": ("r.attributes(Bad).cuont", "unknown-attribute", "count"),
    "missing template": ('r.render("site.conf.j2")', "template-missing", "site.conf.j2"),
    "unknown name in a template": (
        'r.render("there.j2")', "template-undefined", "nobody_said",
    ),
    "wrong type in a resource": (
        'r.add(File("/srv/a", content="x", mode="0644"))',
        "bad-resource-field",
        "mode",
    ),
    "path that is not absolute": (
        'r.add(File("srv/a", content="x"))', "bad-resource-field", "path",
    ),
    "no syntax": ("return return", "cookbook-import", "SyntaxError"),
}  # fmt: skip


@pytest.mark.parametrize(("body", "code", "word"), COOKBOOKS.values(), ids=COOKBOOKS)
def test_cookbook_with_a_mistake(book: Book, body: str, code: str, word: str) -> None:
    (book.directory / "book/bad/templates").mkdir()
    (book.directory / "book/bad/templates/there.j2").write_text("{{ nobody_said }}\n")
    book.recipe('r.add(File("/srv/before", content="x"))\n' + body)

    status, error = book.fails("converge", "web1")

    assert (status, error["code"]) == (3, code), error
    assert word in json.dumps(error)
    assert re.search(r"bad/(__init__\.py|templates/there\.j2):\d+", error["place"]), error
    assert not book.has("/srv/before")


def test_wrong_type_and_unknown_name_of_an_attribute(book: Book) -> None:
    book.recipe("r.attributes(Bad)")
    for line, code, word in (
        ('count = "many"', "wrong-type", "a whole number"),
        ("cuont = 2", "unknown-key", "did you mean 'count'?"),
    ):
        text = f"{PROJECT}\n[nodes.web1.attributes.bad]\n{line}\n"
        (book.directory / "toque.toml").write_text(text)

        status, error = book.fails("plan", "web1")

        assert status in (2, 3)
        assert error["code"] == code, error
        assert word in json.dumps(error)
        assert "toque.toml:" in error["place"]


# --- the node -------------------------------------------------------------------------------------


def test_full_disk_leaves_what_was_there(book: Book) -> None:
    book.sh("mkdir -p /mnt/small && mount -t tmpfs -o size=64k tmpfs /mnt/small")
    book.sh("echo old > /mnt/small/a")
    book.recipe(
        'r.add(File("/srv/before-full", content="x"))\n'
        'r.add(File("/mnt/small/a", content="new" * 100_000))\n'
        'r.add(File("/srv/after-full", content="x"))'
    )
    try:
        status, error = book.fails("converge", "web1")

        assert (status, error["code"]) == (5, "disk-full"), error
        assert "/mnt/small/a" in error["message"]
        assert "df -h" in error["hint"]
        assert book.sh("cat /mnt/small/a; ls -A /mnt/small") == "old\na\n"
        assert (book.has("/srv/before-full"), book.has("/srv/after-full")) == (True, False)
    finally:
        book.sh("umount /mnt/small")


def test_read_only_disk(book: Book) -> None:
    book.sh("mkdir -p /mnt/ro && mount -t tmpfs tmpfs /mnt/ro && echo old > /mnt/ro/a")
    book.sh("mount -o remount,ro /mnt/ro")
    book.recipe('r.add(File("/mnt/ro/a", content="new"))')
    try:
        status, error = book.fails("converge", "web1")

        assert (status, error["code"]) == (5, "read-only"), error
        assert book.sh("cat /mnt/ro/a") == "old\n"
    finally:
        book.sh("umount /mnt/ro")


@pytest.mark.parametrize("how", ["full", "read-only"])
def test_state_directory_that_takes_nothing(book: Book, how: str) -> None:
    """The runtime is there already; the run finds no place for its record, and does nothing."""
    book.recipe('r.add(File("/srv/no-state", content="x"))')
    assert book.toque("plan", "web1").returncode == 0
    state = "/var/lib/toque"
    book.sh(f"cp -a {state} /root/kept && mount -t tmpfs -o size=16m,mode=755 tmpfs {state}")
    assert book.sh(f"findmnt -n -o FSTYPE {state}") == "tmpfs\n"  # else the next fills the host
    book.sh(f"cp -a /root/kept/. {state}/ && rm -rf {state}/runs {state}/blobs")
    if how == "full":
        book.sh(f"head -c 20000000 /dev/zero > {state}/fill")
    else:
        book.sh(f"mount -o remount,ro {state}")
    try:
        status, error = book.fails("converge", "web1")

        assert (status, error["code"]) == (4, "node-not-writable"), error
        assert not book.has("/srv/no-state")
    finally:
        # The run that was refused may still be ending there.
        away = f"for n in $(seq 600); do umount {state} && break; sleep 0.2; done"
        book.sh(f"{away}; rm -rf /root/kept; ! findmnt -n {state}")
    assert book.toque("converge", "web1").returncode == 0
    book.sh("rm /srv/no-state")


# A step that goes on until it is let go ...
HELD = (
    'wait = "touch /run/begun; while test -e /run/held; do sleep 0.05; done"\n'
    'r.add(Command(("sh", "-c", wait), always=True, name="slow"))\n'
    'r.add(File("/srv/after", content="x"))'
)
# ... and many of half a second each: whoever ends after one of them has not done them all.
MANY = (
    'wait = "touch /run/begun; for i in 1 2 3 4 5; do test ! -e /run/held || sleep 0.1; done"\n'
    "for number in range(200):\n"
    '    r.add(Command(("sh", "-c", wait), always=True, name=f"slow {number}"))\n'
    'r.add(File("/srv/after", content="x"))'
)


def in_step(book: Book, recipe: str) -> subprocess.Popen[str]:
    """A converge that is in its first step."""
    book.recipe(recipe)
    book.sh("rm -f /run/begun; touch /run/held")
    client = book.start("converge", "web1")
    until(lambda: client.poll() is not None or book.has("/run/begun"), every_s=0.05)
    assert client.poll() is None, client.communicate()
    return client


def let_go(book: Book) -> None:
    book.sh("rm /run/held")


def interrupted(client: subprocess.Popen[str], times: int) -> tuple[str, str]:
    """Its output and its errors.  Two signals of a kind at once are one: each is waited for."""
    assert client.stdout is not None and client.stderr is not None
    said = ""
    for number in range(times):
        client.send_signal(signal.SIGINT)
        while number == 0 and not said.endswith("then ends alone)\n"):
            line = client.stderr.readline()
            assert line, said
            said += line
    with client:
        return client.stdout.read(), said + client.stderr.read()


def test_second_run_is_told_who_holds_the_node_and_since_when(book: Book) -> None:
    first = in_step(book, HELD)

    status, error = book.fails("converge", "web1")
    let_go(book)
    said, _ = first.communicate(timeout=240)

    assert (status, error["code"]) == (5, "node-busy")
    assert re.fullmatch(r"setup web1 by \S+@\S+ since \d\d:\d\d:\d\d", error["found"]), error
    assert first.returncode == 0, said
    book.sh("rm /srv/after")


def test_ctrl_c_stops_after_the_step_and_the_next_converge_goes_on(book: Book) -> None:
    client = in_step(book, MANY)

    out, err = interrupted(client, 1)

    assert client.returncode == 5, out + err
    assert "stopping after this step" in err
    assert "[run-stopped]" in err
    assert not book.has("/srv/after")
    let_go(book)
    assert book.toque("converge", "web1").returncode == 0
    assert book.has("/srv/after")
    book.sh("rm /srv/after")


def test_second_ctrl_c_leaves_and_the_node_ends_alone(book: Book) -> None:
    client = in_step(book, HELD)

    out, err = interrupted(client, 2)  # it does not wait for the step

    assert client.returncode == 130, out + err
    assert "Traceback" not in err
    assert not book.free()
    let_go(book)
    until(book.free)
    assert book.toque("converge", "web1").returncode == 0
    assert book.has("/srv/after")
    book.sh("rm /srv/after")


def test_ctrl_c_at_any_time(book: Book) -> None:
    seed = int(os.environ.get("TOQUE_KILL_SEED", "0")) or random.SystemRandom().randrange(10**6)
    chance = random.Random(seed)
    book.recipe(
        "for number in range(8):\n"
        '    r.add(Command(("sleep", "0.1"), always=True, name=f"slow {number}"))\n'
        '    r.add(File(f"/srv/any{number}", content="x"))'
    )
    began = time.monotonic()
    assert book.toque("converge", "web1").returncode == 0
    takes = time.monotonic() - began
    book.sh("rm /srv/any*")
    ended: dict[int, int] = {}
    for part in range(8):
        client = book.start("converge", "web1")
        time.sleep((part + chance.random()) / 8 * takes)
        client.send_signal(signal.SIGINT)
        out, err = client.communicate(timeout=240)
        # While Python itself starts, it answers in its own words.
        early = client.returncode in (-signal.SIGINT, 1) and not out
        known = (0, 5, 130, -signal.SIGINT)  # a shell shows both of the latter as 130
        assert client.returncode in known or early, (client.returncode, out, err)
        assert early or "Traceback" not in err, err
        ended[client.returncode] = ended.get(client.returncode, 0) + 1
    until(book.free)

    assert set(ended) & {5, 130}, ended  # else none came while it was at work
    assert book.toque("converge", "web1").returncode == 0
    assert book.sh("ls /srv | grep -c any") == "8\n"
    print(f"\nseed {seed}: Ctrl-C at 8 points, exit statuses {ended}")
    book.sh("rm /srv/any*")


# --- deploys --------------------------------------------------------------------------------------

Do = Callable[[Site], str]


def no_lock(site: Site) -> str:
    site.commit({"requirements.txt": None})
    return site.publish()


def unresolvable(site: Site) -> str:
    lock = (site.space.work / "requirements.txt").read_text()
    site.commit({"requirements.txt": lock + "no-such-package-of-toque==1.2.3 \\\n"
                 "    --hash=sha256:" + "0" * 64 + "\n"})  # fmt: skip
    return site.publish()


def another_python(site: Site) -> str:
    site.commit({"requirements.txt": "django==6.0\n"})  # needs 3.12, the node has 3.11
    return site.publish()


def no_python(site: Site) -> str:
    tracked = site.space.git("ls-files").stdout.split()
    site.commit({**dict.fromkeys(tracked), "index.html": "<h1>Thena</h1>\n"})
    return site.publish()


def private_key(site: Site) -> str:
    kind = "OPENSSH PRIVATE KEY"
    site.commit({"deploy/id": f"-----BEGIN {kind}-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAE\n"})
    return site.publish()


def anothers_domain(site: Site) -> str:
    site.edit('branch = "main"', 'branch = "main"\ndomains = ["thena.example"]')
    arcs = '\n[apps.arcs]\nrepository = "thena.git"\nlayer = "web"\ndomains = ["thena.example"]\n'
    site.project.write_text(site.project.read_text() + arcs)
    return "main"


def no_entry(site: Site) -> str:
    site.edit('entry = "wsgi:app"', 'entry = "wsgi:nothing"')
    site.commit({"CHANGES": "no entry\n"})
    return site.publish()


def no_variable(site: Site) -> str:
    site.edit('"SECRET_KEY"]', '"SECRET_KEY", "NOBODY_SAYS"]')
    return site.publish()


def no_commit(site: Site) -> str:
    return "no-such-branch"


def empty(site: Site) -> str:
    path = site.space.directory / "empty.git"
    subprocess.run(["git", "init", "-q", "--bare", str(path)], check=True)
    site.edit('repository = "thena.git"', 'repository = "empty.git"')
    return "main"


def missing(site: Site) -> str:
    site.edit('repository = "thena.git"', 'repository = "nowhere.git"')
    return "main"


def unreachable(site: Site) -> str:
    site.edit('repository = "thena.git"', 'repository = "https://127.0.0.1:9/thena.git"')
    return "main"


def unknown_key(site: Site) -> str:
    site.edit("keep = 3", "keeep = 3")
    return "main"


DEPLOYS: dict[str, tuple[Do, int, tuple[str, ...], str]] = {
    "no lock": (no_lock, 5, ("lock-missing",), "requirements.txt"),
    "lock that does not resolve": (
        unresolvable, 5, ("venv-failed", "package-not-found", "lock-unresolvable"),
        "no-such-package-of-toque",
    ),
    "lock for another Python": (another_python, 5, ("python-mismatch",), "django==6.0"),
    "no Python in it": (no_python, 5, ("no-python",), "[apps.thena]"),
    "private key in it": (private_key, 5, ("private-key-in-tree",), "deploy/id:1"),
    "domain that another app has": (
        anothers_domain, 2, ("domain-taken",), "thena.example in thena and arcs",
    ),
    "entry point that is not there": (
        no_entry, 5, ("entry-missing",), "nothing",
    ),
    "variable that nobody says": (no_variable, 2, ("variable-missing",), "NOBODY_SAYS"),
    "commit that is not there": (no_commit, 5, ("commit-missing",), "no-such-branch"),
    "empty repository": (empty, 5, ("repository-empty",), "empty.git"),
    "no repository": (missing, 2, ("repository-missing",), "nowhere.git"),
    "repository that cannot be reached": (
        unreachable, 5, ("repository-unreachable",), "127.0.0.1:9",
    ),
    "unknown key": (unknown_key, 2, ("unknown-key",), "did you mean 'keep'?"),
}  # fmt: skip


@pytest.mark.requirement("R24", "R27")
@pytest.mark.parametrize(("spoil", "exits", "codes", "word"), DEPLOYS.values(), ids=DEPLOYS)
def test_deploy_that_cannot_be(
    site: Site, spoil: Do, exits: int, codes: tuple[str, ...], word: str
) -> None:
    before = (site.release, site.http("/").status)
    ref = spoil(site)
    kept = held(site)

    status, error = site.try_deploy(ref)

    print(f"\n{site.driver}: exit {status} [{error['code']}] {error['message']}")
    print(*error.get("log", ()), sep="\n")
    assert error["code"] in codes, error
    assert status == exits
    assert word in json.dumps(error, ensure_ascii=False), error
    explained(error)
    assert (site.release, site.http("/").status) == before
    assert site.answers()
    assert held(site) == kept
    assert len(site.app_processes()) >= 2


def explained(error: dict[str, Any]) -> None:
    """It says what was expected, what was found (or shows the lines of it), and what to do."""
    assert error["message"] and error.get("hint"), error
    assert (error.get("expected") and error.get("found")) or error.get("log"), error


def test_push_of_a_lock_that_cannot_be_installed(site: Site) -> None:
    site.deploy()
    before = site.release
    unresolvable(site)

    pushed = site.push()

    assert (pushed.exit, pushed.code) == (5, "lock-unresolvable")
    assert "no-such-package-of-toque" in pushed.output
    for words in ("expected", "found", "try", "goes on serving"):
        assert words in pushed.output
    assert (site.release, site.answers()) == (before, True)


def private(site: Site) -> Path:
    return site.space.directory / ".toque/identity.txt"


def others_can_read(site: Site) -> None:
    private(site).chmod(0o644)


def does_not_fit(site: Site) -> None:
    private(site).write_text(age.make_identity()[0])


@pytest.mark.parametrize("served_site", ["nspawn"], indirect=True)
@pytest.mark.parametrize(
    ("spoil", "code", "word"),
    [
        (others_can_read, "secrets-readable", "chmod 600"),
        (does_not_fit, "identity-wrong", "toque env recipients mine"),
    ],
)
def test_secrets_that_cannot_be_opened(
    site: Site, spoil: Callable[[Site], None], code: str, word: str
) -> None:
    site.deploy()
    before, kept, text = site.release, held(site), private(site).read_text()
    site.commit({"CHANGES": "behind closed secrets\n"})
    spoil(site)
    try:
        status, error = site.try_deploy()
        asked = site.toque("env", "set", "OTHER", "--secret", stdin="x")
    finally:
        private(site).write_text(text)
        private(site).chmod(0o600)

    assert (status, error["code"]) == (2, code)
    assert f"[{code}]" in asked.stderr
    assert word in error["hint"]
    assert text.split()[-1] not in json.dumps(error)
    explained(error)
    assert held(site) == kept
    assert (site.release, site.answers()) == (before, True)
    site.deploy()


@pytest.mark.parametrize("served_site", ["nspawn"], indirect=True)
@pytest.mark.parametrize(
    ("value", "expected"), [("x" * 200_000, "131071 bytes"), ("a\0b", "without NUL")]
)
def test_variable_that_no_process_can_be_given(site: Site, value: str, expected: str) -> None:
    kept, before = held(site), site.release

    done = site.toque("env", "set", "ODD", "--apply", "--json", stdin=value)

    error = json.loads(done.stdout.splitlines()[-1])["error"]
    assert (done.returncode, error["code"]) == (2, "bad-variable")
    assert "ODD" in error["message"]
    assert expected in error["expected"]
    explained(error)
    assert len(done.stdout) < 1000
    assert held(site) == kept
    assert (site.release, site.answers()) == (before, True)


@pytest.mark.parametrize("served_site", ["nspawn"], indirect=True)
def test_release_that_was_deleted_by_hand(site: Site) -> None:
    lost = site.deploy()["release"]
    site.commit({"CHANGES": "after it\n"})
    site.deploy()
    before = site.release
    site.run(["rm", f"/etc/toque/apps/thena/{lost}.env"])

    done = site.toque("rollback", "thena", "--to", lost, "--json")

    error = json.loads(done.stdout.splitlines()[-1])["error"]
    assert (done.returncode, error["code"]) == (5, "release-incomplete")
    assert f"{lost}.env" in error["found"]
    assert "toque deploy thena --ref" in error["hint"]
    explained(error)
    assert (site.release, site.answers()) == (before, True)
    site.run(["rm", "-r", f"/srv/www/thena/releases/{lost}"])

    done = site.toque("rollback", "thena", "--to", lost, "--json")

    error = json.loads(done.stdout.splitlines()[-1])["error"]
    explained(error)
    assert (site.release, site.answers()) == (before, True)
    site.deploy(site.space.git("rev-parse", "HEAD~1").stdout.strip())
    assert site.release == lost


def held(site: Site) -> dict[str, bytes]:
    """The project's own files: settings, secrets, pinned keys."""
    top = site.space.directory
    files = [top / "toque.toml", top / "secrets/thena.age", top / ".toque/known_hosts"]
    return {path.name: path.read_bytes() for path in files if path.exists()}
