"""No secret in arguments, logs, plans, reports, units or files that others can read.

The sweep looks on the controller and on the node after a set-up, a good deploy and two failing
ones, of which one prints its whole environment as it dies.  It looks for each secret as it is, in
base64 (all three alignments), quoted for URLs and in hexadecimal; a planted twin proves each time
that it would have found one.  An app that writes its own secrets into its own log is the app's
doing; what Toque makes of that log is not.
"""

from __future__ import annotations

import base64
import json
import secrets
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from machine_site import Site
from toque.fleet.secrets import SecretStore
from toque.kitchen import api

pytestmark = pytest.mark.timeout(1800)

CHATTERER = '''
"""Prints what it was started with, as programs that die sometimes do, and dies."""
import base64, os, sys, traceback

print("started with", dict(os.environ), flush=True)
for name, value in os.environ.items():
    print(f"{name}={value}", file=sys.stderr, flush=True)
raise SystemExit("no more")
'''

# Runs on the node: prints how much it read and where the needles are, never the needles.
# argv[1] is the root to walk, standard input {"needles": {name: text}, "tops": [...]}.
SEARCH = r"""
import json, os, stat, sys
order = json.load(sys.stdin)
needles = {k: v.encode() for k, v in order["needles"].items()}
longest = max(map(len, needles.values()))
root = sys.argv[1]
hits, files, size = [], 0, 0
for top in order["tops"]:
    for folder, below, names in os.walk(root.rstrip("/") + top):
        for name in names:
            path = os.path.join(folder, name)
            try:
                status = os.lstat(path)
                if not stat.S_ISREG(status.st_mode):
                    continue
                with open(path, "rb") as file:
                    files += 1
                    rest = b""
                    while True:
                        part = file.read(1 << 20)
                        if not part:
                            break
                        size += len(part)
                        both = rest + part
                        for known, needle in needles.items():
                            if needle in both:
                                hits.append([path[len(root.rstrip("/")):], known,
                                             stat.S_IMODE(status.st_mode), status.st_uid])
                        rest = both[-longest:]
            except OSError:
                pass
print(json.dumps({"hits": hits, "files": files, "bytes": size}))
"""

# Runs where the node's processes can be seen, until its standard input ends.
SAMPLER = r"""
import json, os, select, sys, time
needles = {k: v.encode() for k, v in json.loads(sys.stdin.readline()).items()}
print("ready", flush=True)
hits, samples, looked = set(), 0, 0
while not select.select([sys.stdin], [], [], 0.02)[0]:
    samples += 1
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if int(pid) == os.getpid():
            continue
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                argv = file.read()
        except OSError:
            continue
        looked += 1
        for known, needle in needles.items():
            if needle in argv:
                hits.add((known, argv[:80].decode("utf-8", "replace")))
print(json.dumps({"hits": sorted(hits), "samples": samples, "looked": looked}))
"""

TOPS = ("/etc", "/var", "/srv", "/run", "/usr/local", "/tmp", "/root", "/home", "/opt", "/dev/shm")


def spellings(name: str, text: str) -> dict[str, str]:
    """How a text may be hidden from a plain search."""
    raw = text.encode()
    found = {name: text, f"{name} (hex)": raw.hex()}
    if quote(text, safe="") != text:
        found[f"{name} (url)"] = quote(text, safe="")
        found[f"{name} (form)"] = quote_plus(text)
    for shift in range(3):
        # Bytes before it move a text inside base64; the characters that depend on both are cut.
        whole = base64.b64encode(b"\0" * shift + raw).decode().rstrip("=")
        found[f"{name} (base64 +{shift})"] = whole[(0, 2, 3)[shift] : -2]
    return found


@dataclass
class Sweep:
    """Counts what was searched; ``hits`` are places that hold a secret."""

    needles: Mapping[str, str]
    places: int = 0
    size: int = 0

    def text(self, where: str, text: str | bytes) -> list[str]:
        data = text.encode("utf-8", "replace") if isinstance(text, str) else text
        self.places += 1
        self.size += len(data)
        return [f"{where}: {n}" for n, needle in self.needles.items() if needle.encode() in data]

    def tree(self, top: Path, leave_out: tuple[Path, ...] = ()) -> list[str]:
        found = []
        for path in sorted(top.rglob("*")):
            if path.is_file() and not path.is_symlink() and path not in leave_out:
                found += self.text(str(path), path.read_bytes())
        return found

    def node(self, site: Site, tops: tuple[str, ...] = TOPS) -> list[tuple[str, str, int, int]]:
        """Every file of the machine that holds a secret: path, which, mode, owner."""
        order = json.dumps({"needles": self.needles, "tops": tops}).encode()
        if site.driver == "chroot":
            done = subprocess.run(
                [sys.executable, "-c", SEARCH, str(site.machine.root)],
                input=order, capture_output=True, check=True,
            ).stdout  # fmt: skip
        else:
            done = site.run(["python3", "-c", SEARCH, "/"], stdin=order).stdout.encode()
        found = json.loads(done)
        self.places += found["files"]
        self.size += found["bytes"]
        return [(path, known, mode, uid) for path, known, mode, uid in found["hits"]]


def secrets_of(site: Site) -> dict[str, str]:
    """All that must not be seen, by name."""
    found = SecretStore(site.space.directory / ".toque", outer={}).texts()
    del found["thena/release-salt"]
    password = found["thena/database-password"]
    found["DATABASE_URL"] = f":{quote(password, safe='')}@"
    return found


@dataclass
class Story:
    """What was done, all that it printed, and what was seen meanwhile."""

    site: Site
    sweep: Sweep
    said: dict[str, str]
    codes: dict[str, str]
    samples: dict[str, object]


@pytest.fixture(scope="module")
def story(served_site: Site) -> Story:
    site = served_site
    head = site.head
    needles: dict[str, str] = {}
    on_stdin = secrets.token_hex(24)
    for name, text in {**secrets_of(site), "ON_STDIN": on_stdin}.items():
        needles.update(spellings(name, text))
    said: dict[str, str] = {}
    codes: dict[str, str] = {}

    def run(name: str, *argv: str, stdin: str = "") -> None:
        done = site.toque(*argv, stdin=stdin)
        said[name] = done.stdout + done.stderr
        if "--json" in argv and done.returncode:
            codes[name] = json.loads(done.stdout.splitlines()[-1])["error"]["code"]

    with watched(site, needles) as samples:
        run("plan -v", "plan", "web1", "-v", "--out", str(site.space.directory / "saved.json"))
        run("plan --json", "plan", "web1", "--json")
        run("setup -v", "setup", "--only-setup", "-v")
        run("setup --json", "setup", "--only-setup", "--json")
        run("env set", "env", "set", "ON_STDIN", "--secret", stdin=on_stdin)
        run("env list", "env", "list")
        run("env diff --json", "env", "diff", "--json")
        run("env history", "env", "history")
        site.commit({"CHANGES": "good\n"})
        run("deploy -v", "deploy", "thena", "--ref", site.publish(), "-v")
        site.commit({"CHANGES": "good again\n"})
        run("deploy --json", "deploy", "thena", "--ref", site.publish(), "--json")
        wsgi = (site.space.work / "wsgi.py").read_text()
        site.commit({"wsgi.py": "import no_such_module\n" + wsgi})
        run("bad deploy --json", "deploy", "thena", "--ref", site.publish(), "--json")
        site.commit({"wsgi.py": CHATTERER})
        run("chatty deploy --json", "deploy", "thena", "--ref", site.publish(), "--json")
        pushed = site.push()
        said["git push"] = pushed.output
        run("releases --json", "releases", "thena", "--json")
        run("runs --json", "runs", "web1", "--json")
        run("drift", "drift", "web1")
        run("history --json", "history", "thena", "--json")
        run("errors --json", "errors", "thena", "--json")
        run("status --json", "status", "--json")
        run("doctor --bypass", "doctor", "thena", "--bypass")
        run("doctor --json", "doctor", "thena", "--json")
        run("env unset", "env", "unset", "ON_STDIN")
    site.space.git("reset", "-q", "--hard", head)
    return Story(site, Sweep(needles), said, codes, samples)


class watched:  # noqa: N801 - a context manager, used as a word
    """Samples the arguments of every process while the block runs, about 50 times a second.

    On the host: it sees the machine's processes, the controller's and ssh's as well.
    """

    def __init__(self, site: Site, needles: Mapping[str, str]) -> None:
        self.needles = needles
        self.found: dict[str, object] = {}

    def __enter__(self) -> dict[str, object]:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SAMPLER],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps(dict(self.needles)) + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "ready\n"
        return self.found

    def __exit__(self, *why: object) -> None:
        out, _ = self.process.communicate(timeout=240)
        self.found.update(json.loads(out))


def test_failing_deploys_failed_where_they_should(story: Story) -> None:
    """Else the sweep would look at something else than it says."""
    assert "+ON_STDIN" in story.said["env set"]
    assert "-ON_STDIN" in story.said["env unset"]
    assert story.codes == {
        "bad deploy --json": "module-missing",
        "chatty deploy --json": "import-exits",
    }
    assert "*** " not in story.said["plan -v"]
    assert story.site.answers()


def test_nothing_that_was_printed_holds_a_secret(story: Story) -> None:
    hits = [hit for name, text in story.said.items() for hit in story.sweep.text(name, text)]

    assert hits == []


def test_log_of_an_app_that_prints_its_environment_is_masked(story: Story) -> None:
    """Its last lines are shown, so that its author can help himself, without what it must not."""
    said = story.said["git push"]
    assert "***" in story.said["chatty deploy --json"]

    assert "no more" in said or "started with" in said or "SECRET_KEY=" in said
    assert "***" in said


@pytest.mark.requirement("R26")
def test_controller_keeps_no_secret_that_can_be_read(story: Story) -> None:
    site, sweep = story.site, Sweep(story.sweep.needles)
    identity = site.space.directory / ".toque/identity.txt"
    assert (site.space.directory / "secrets/thena.age").stat().st_size > 1000

    hits = sweep.tree(site.space.directory)

    print(f"\n{site.driver}: controller: {sweep.places} files, {sweep.size / 1e6:.1f} MB, "
          f"{len(sweep.needles)} spellings, {len(hits)} hits")  # fmt: skip
    assert hits == []
    assert identity.stat().st_mode & 0o777 == 0o600
    assert (site.space.directory / "saved.json").stat().st_size > 1000


@pytest.mark.requirement("R26")
def test_node_has_secrets_only_where_they_belong(story: Story) -> None:
    """Environment files of root, the app's own log; nowhere else, readable or not."""
    site, sweep = story.site, Sweep(story.sweep.needles)

    hits = sweep.node(site)

    wrong = [hit for hit in hits if not belongs(site, hit)]
    env = {path for path, _, mode, uid in hits if path.endswith(".env")}
    print(f"\n{site.driver}: node: {sweep.places} files, {sweep.size / 1e6:.1f} MB, "
          f"{len(sweep.needles)} spellings, {len(wrong)} hits beside {len(env)} environment "
          f"files")  # fmt: skip
    assert wrong == []
    assert env
    for path in env:
        assert site.stat(path) == ("root", "root", "600")


def belongs(site: Site, hit: tuple[str, str, int, int]) -> bool:
    path, _, mode, uid = hit
    if path.startswith("/etc/toque/apps/thena/") and path.endswith(".env"):
        return (mode, uid) == (0o600, 0)
    # What the app itself said: journald's files, and supervisor's log of that unit; neither may
    # be read by others, by its own mode or by that of the directory it is in.
    own = path.startswith(
        (
            "/var/log/journal/",
            "/run/log/journal/",
            "/var/log/supervisor/thena-",
            "/var/log/toque/thena-",
        )
    )
    folder = int(site.out("stat", "-c", "%a", path.rpartition("/")[0]), 8)
    return own and not (mode & 0o004 and folder & 0o001)


def test_journal_and_units_of_everything_but_the_app(story: Story) -> None:
    site, sweep = story.site, Sweep(story.sweep.needles)
    site.needs_systemd("the journal, and what systemctl shows to anybody")
    hits = sweep.text("systemctl show", site.out("systemctl", "show", "*"))
    units = site.out("systemctl", "list-units", "--all", "--plain", "--no-legend", "-o", "json")
    names = [u["unit"] for u in json.loads(units)]
    assert any(name.startswith("thena-") for name in names)
    journal = site.out("journalctl", "-o", "json", "--no-pager", "--output-fields=_SYSTEMD_UNIT,"
                       "UNIT,MESSAGE,_CMDLINE,SYSLOG_IDENTIFIER")  # fmt: skip
    by_app = 0
    for line in journal.splitlines():
        entry = json.loads(line)
        if str(entry.get("_SYSTEMD_UNIT", "")).startswith("thena-"):
            by_app += 1
            continue
        hits += sweep.text(f"journal of {entry.get('_SYSTEMD_UNIT')}", line)

    print(f"\n{sweep.places} texts, {sweep.size / 1e6:.1f} MB, {by_app} lines of the app left out")
    assert hits == []


@pytest.mark.requirement("R26")
def test_nothing_in_an_argument_list_while_it_all_went_on(story: Story) -> None:
    print(f"\n{story.site.driver}: {story.samples['samples']} samples of /proc, "
          f"{story.samples['looked']} argument lists")  # fmt: skip
    assert story.samples["hits"] == []
    assert int(str(story.samples["samples"])) > 200


def test_others_can_read_neither_the_files_nor_the_processes(story: Story) -> None:
    site = story.site
    for path in site.out("find", "/etc/toque", "-name", "*.env").splitlines():
        assert site.run(["cat", path], user="nobody", check=False).returncode != 0
        assert site.run(["cat", path], user="thena", check=False).returncode != 0
    if site.driver != "chroot":  # which has no /proc of its own
        pid = site.app_processes()[0].pid
        refused = site.run(["cat", f"/proc/{pid}/environ"], user="nobody", check=False)
        assert (refused.returncode != 0, refused.stdout) == (True, "")
        seen = site.run(["ps", "auxe", "-ww"], user="nobody").stdout
        assert "thena" in seen
        assert story.sweep.text("ps auxe", seen) == []


def test_role_has_a_verifier_and_no_password_in_the_database(story: Story) -> None:
    query = "select rolpassword from pg_authid where rolname = 'thena'"
    found = story.site.out(
        "runuser", "-u", "postgres", "--", "psql", "-h", "/var/run/postgresql", "-Atc", query
    )

    assert found.startswith("SCRAM-SHA-256$")
    assert story.sweep.text("pg_authid", found) == []


def test_planted_twins_are_found_on_the_node(story: Story) -> None:
    """Behind 5 MB, in base64, wherever the sweep says that it looks."""
    secret = secrets_of(story.site)["thena/SECRET_KEY"].encode()
    places = ["/var/tmp/planted", "/usr/local/planted", "/root/planted"]
    for shift, place in enumerate(places):
        text = base64.b64encode(b"abc"[:shift] + secret).decode()
        story.site.write(place, "x" * 5_000_000 + text)
    try:
        hits = Sweep(story.sweep.needles).node(story.site, ("/var/tmp", "/usr/local", "/root"))
    finally:
        story.site.run(["rm", *places])

    assert {path for path, *_ in hits} == set(places)


def test_planted_twin_is_found_on_the_controller_and_in_arguments(
    story: Story, tmp_path: Path
) -> None:
    secret = secrets_of(story.site)["thena/database-password"]
    (tmp_path / "planted").write_text(f"postgresql://thena:{secret}@/thena")
    assert Sweep(story.sweep.needles).tree(tmp_path)

    with watched(story.site, story.sweep.needles) as seen:
        done = threading.Event()
        process = subprocess.Popen([sys.executable, "-c", "input()", secret], stdin=subprocess.PIPE)
        done.wait(0.5)
        process.communicate(b"\n")

    assert seen["hits"]
    api.running(story.site.kitchen, story.site.machine.name)
