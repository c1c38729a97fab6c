"""What the programs of a node really did, as strace saw it, and what another user saw of it.

One machine, whose sshd runs under strace: so does every program that a run over SSH starts.  Its
packages are there before, since what apt and dpkg do is not ours.  A set-up, a recipe of awkward
values and secrets, and two deploys are traced; another user looks on all the while.  A second,
smaller trace is of steps that break each rule: on it each check has to fail.
"""

from __future__ import annotations

import re
import secrets as randomness
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from posixpath import basename
from typing import Any

import pytest

import manifest
import strace
from machine_site import Site, until
from manifest import Entries, Entry
from onlooker import FOUND, USER, looked_on
from strace import Call
from toque.fleet.secrets import SecretStore
from toque.kitchen import api

pytestmark = pytest.mark.timeout(1800)

Record = Callable[[str, object], None]

TRACE = "/root/trace"
DROP_IN = f"""[Service]
ExecStart=
ExecStart=/usr/bin/strace -D -o {TRACE} {" ".join(strace.OPTIONS)} /usr/sbin/sshd -D
"""

# What shells, systemd and databases take for more than text; ``touch`` would tell on them.
MARK = "v4lu3"
VALUE = f"{MARK};$(touch /run/pwned)`touch /run/pwned`&|*'\"%h {{}}"
FOLDER = f"/srv/{MARK};$(touch ${{IFS}}pwned) '`x`"
BRANCH = f"{MARK};$(touch${{IFS}}pwned)`x`&'\""
CANARY = "c4n4ry"
SECRETS = ("SECRET_KEY", "IN_FILE", "IN_LINE", "ON_STDIN", "IN_ENVIRON", "OF_ROLE", "OF_USER")
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO7KvIuMXqjXFWBSDTYdFTmiMlxmMpl8Y5Zcb2Vrg6Cg"

COOKBOOK = '''
from toque import *

VALUE, FOLDER, KEY = {value!r}, {folder!r}, {key!r}


def values(r: Recipe) -> None:
    def secret(name: str):
        return r.secret("thena/" + name)

    mine = {{"owner": "val", "group": "val"}}
    r.add(Directory(FOLDER))
    r.add(User("val", comment=VALUE, home=FOLDER + "/home", make_home=True,
               password_hash=secret("OF_USER"), authorized_keys=(KEY + " " + VALUE,)))
    r.add(Directory(FOLDER + "/own", mode=0o755, **mine))
    r.add(File(FOLDER + "/own/secret", secret("IN_FILE"), mode=0o600, **mine))
    r.add(File(FOLDER + "/own/text", VALUE, **mine))
    r.add(File(FOLDER + "/own/text-of-root", VALUE))
    r.add(Link(FOLDER + "/own/link", VALUE))
    r.add(Tree(FOLDER + "/own/tree", {{VALUE: VALUE}}, **mine))
    r.add(File(FOLDER + "/checked", VALUE, check=("grep", "-qF", "--", VALUE, "{{}}")))
    r.add(File(FOLDER + "/lines", "a\\n", create_only=True, mode=0o600))
    r.add(Line(FOLDER + "/lines", secret("IN_LINE"), match="b="))
    r.add(Block(FOLDER + "/lines", "block", VALUE))
    say = 'umask 77; cat >said; printf %s "$IN_ENVIRON" "$1" >>said'
    r.add(Command(("sh", "-c", say, "sh", VALUE), user="val",
                  cwd=FOLDER + "/own", unless=("test", "-e", FOLDER + "/own/said"),
                  env={{"A": VALUE, "IN_ENVIRON": secret("IN_ENVIRON")}},
                  stdin=secret("ON_STDIN")))
    r.add(Cron("values", "@daily", ("/bin/echo", VALUE)))
    r.add(Timer("values", "daily", ("/bin/echo", VALUE), user="val"))
    r.add(Sudoers("values", "val", (("/bin/echo", {plain!r}),)))
    r.add(PostgresRole(VALUE, password=secret("OF_ROLE")))
    r.add(PostgresDatabase(VALUE, owner=VALUE))
    r.add(PostgresGrant(VALUE, "thena", ("CONNECT",)))
    r.add(Certificate(FOLDER + "/own.pem", FOLDER + "/own.key", names=("thena.example",)))
    r.add(Log(VALUE))


def planted(r: Recipe) -> None:
    """A step against each rule, as somebody could write it."""
    r.add(Command(("sh", "-c", "true # " + VALUE), always=True))
    r.add(Command(("touch", FOLDER + "/own/by-root"), always=True))
    r.add(Command(("touch", "/tmp/by-root"), always=True))


cookbook = Cookbook("values", events={{"setup": values, "configure": planted}})
'''


@dataclass(frozen=True)
class Story:
    site: Site
    calls: list[Call]
    planted: list[Call]
    seen: dict[str, Any]  # by the user who looked on
    owned: frozenset[str]  # directories of users that are not root
    public: frozenset[str]  # directories in which everybody can make names
    before: Entries  # every path, before the set-up and after it
    after: Entries
    end: Entries  # after all of it

    def ours(self, calls: list[Call]) -> list[Call]:
        """What the node program did itself."""
        return [call for call in calls if call.program == "python3"]


@pytest.fixture(scope="module")
def story(kitchen_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    directory = tmp_path_factory.mktemp("traces") / "project"
    site = Site.make(kitchen_folder, directory, "nspawn", "uwsgi", "traces")
    try:
        yield told(site)
    finally:
        api.destroy(site.kitchen, site.machine.name)


def told(site: Site) -> Story:
    write_project(site)
    begin_trace(site)
    before = paths_of(site)
    with looked_on(site, {"canary": CANARY, "key": "-----BEGIN PRIVATE KEY"}) as seen:
        site.ok("setup")
        after = paths_of(site)
        site.ok("converge", "web1", "values::setup")
        site.commit({"CHANGES": "another\n"})
        site.space.git("push", "-q", str(site.space.repository), f"HEAD:refs/heads/{BRANCH}")
        site.ok("deploy", "thena", "--ref", BRANCH)
    trace, end = trace_of(site), paths_of(site)
    site.ok("converge", "web1", "values::configure")
    rest = trace_of(site)[len(trace) :]
    folders = {path: entry for path, entry in end.items() if entry.kind == "directory"}
    return Story(
        site,
        strace.calls(trace),
        strace.calls(rest),
        seen,
        frozenset(path for path, entry in folders.items() if entry.owner != "root"),
        frozenset(path for path, entry in folders.items() if entry.mode & 0o002) | {"/dev/shm"},
        before,
        after,
        end,
    )


def paths_of(site: Site) -> Entries:
    return manifest.entries(site.run(manifest.LISTING).stdout)


def write_project(site: Site) -> None:
    """The cookbook, and secrets that are known before anything runs."""
    book = site.space.directory / "values-book" / "values"
    book.mkdir(parents=True)
    plain = "".join(c for c in VALUE if c not in ' "\\')  # sudoers takes no others
    (book / "__init__.py").write_text(
        COOKBOOK.format(value=VALUE, folder=FOLDER, key=KEY, plain=plain)
    )
    site.edit('cookbooks = ["thena-infra"]', 'cookbooks = ["thena-infra", "values-book"]')
    site.edit('GREETING = "hello"', "GREETING = '''" + VALUE + "'''")
    declared = "".join(f'{name} = "generate"\n' for name in SECRETS)
    site.edit('SECRET_KEY = "generate"\n', declared)
    store = SecretStore(site.space.directory / ".toque")
    for name in (*SECRETS, "database-password"):
        text = f"{CANARY}{randomness.token_hex(16)}"
        shapes = {"OF_USER": f"$6$saltsalt${text.ljust(86, '.')}", "IN_LINE": f"b={text}"}
        store.put(f"thena/{name}", shapes.get(name, text))


def begin_trace(site: Site) -> None:
    """Everything is installed, nothing of ours is there, and sshd is traced."""
    names = sorted({n for s in site.plan() if s["kind"] == "package" for n in s["fields"]["names"]})
    install = ["apt-get", "install", "-q", "-y", "--no-install-recommends"]
    site.run([*install, "strace", "cron", "sudo", *names])
    site.run(["rm", "-rf", "/var/lib/toque"])
    site.run(["mkdir", "-p", "/etc/systemd/system/ssh.service.d"])
    site.write("/etc/systemd/system/ssh.service.d/strace.conf", DROP_IN)
    site.run(["systemctl", "daemon-reload"])
    site.run(["systemctl", "restart", "ssh"])


def trace_of(site: Site) -> str:
    path = site.machine.root / TRACE.lstrip("/")
    return path.read_text(encoding="utf-8", errors="surrogateescape")


# --- SE-4 -----------------------------------------------------------------------------------------


def test_another_user_sees_no_secret(story: Story, record_property: Record) -> None:
    counts = story.seen["counts"]
    record_property("figure", f"another user's looks: {counts}, hits {len(story.seen['hits'])}")

    assert story.seen["hits"] == []
    assert counts["samples"] > 200
    assert min(counts[kind] for kind in ("arguments", "units", "files")) > 100


def test_another_user_sees_what_is_planted(story: Story) -> None:
    """In arguments, an environment, a unit, and a file that everybody can read."""
    site = story.site
    unit = "/run/systemd/system/planted.service"
    text = f"[Service]\nEnvironment=PASSWORD={CANARY}\nExecStart=/bin/sleep 60\n"
    kinds = {"arguments", "environments", "units", "files"}
    with looked_on(site, {"canary": CANARY}, ("/run/planted",)) as seen:
        site.run(["mkdir", "/run/planted"])
        site.write("/run/planted/file", f"a {CANARY}")
        site.write(unit, text)
        site.run(["chmod", "600", unit])
        site.run(["systemctl", "start", "planted"])
        stays = "exec python3 -c 'import time; time.sleep(600)' planted"
        site.run(["sh", "-c", f"({stays} {CANARY}) >/dev/null 2>&1 &"])
        mine = f"(export PASSWORD={CANARY}; {stays}) >/dev/null 2>&1 &"
        site.run(["sh", "-c", mine], user=USER)
        until(lambda: set(site.out("ls", FOUND).split()) == kinds)
    site.run(["pkill", "-f", "sleep.600. planted"])
    site.run(["systemctl", "stop", "planted"])

    assert {kind for kind, _, _ in seen["hits"]} == kinds


# --- IN-1 -----------------------------------------------------------------------------------------

GIVEN = (VALUE, FOLDER, BRANCH)


def test_value_is_a_whole_argument_of_every_program(story: Story, record_property: Record) -> None:
    started = sum(call.name == "execve" and call.done for call in story.calls)
    holding, wrong = strace.carried(story.calls, MARK, GIVEN)
    record_property(
        "figure", f"{started} programs started, {holding} values in arguments, wrong {len(wrong)}"
    )

    assert wrong == []
    assert holding >= 5  # the others go by standard input, or into files
    assert story.site.run(["test", "-e", "/run/pwned"], check=False).returncode == 1


def test_text_of_a_shell_is_seen(story: Story) -> None:
    _, wrong = strace.carried(story.planted, MARK, GIVEN)

    assert [words[:23] for words in wrong] == ["in the text of a shell:"]


# --- PR-2, PR-3 -----------------------------------------------------------------------------------


def test_root_works_by_descriptor_inside_directories_of_others(
    story: Story, record_property: Record
) -> None:
    """Under names of its own, or on what it has open; so does useradd, which fills a new home."""
    there, wrong = strace.by_root_inside(story.calls, story.owned)
    others = [
        call
        for call in story.calls
        if call.uid and call.done and call.writes
        if any(strace.below(path, story.owned) for path in call.paths)
    ]
    record_property(
        "figure",
        f"{len(story.calls)} calls; inside {len(story.owned)} directories of others {len(others)} "
        f"writing ones of theirs and {len(there)} of root, by path {len(wrong)}",
    )

    assert wrong == []
    assert {call.program for call in there} <= {"python3", "useradd"}
    assert len(others) > 1000 < len(story.calls)


def test_deploy_does_everything_inside_the_trees_of_the_app_as_its_users(story: Story) -> None:
    """But for what root says of a release: what it is made of, and that it is whole."""
    there, _ = strace.by_root_inside(story.calls, story.owned)
    made = {path for call in there for path in call.paths if path.startswith("/srv/www/")}

    names = {re.sub(r"^\.toque-[0-9a-f]{16}-", "", basename(path)) for path in made}
    assert names == {
        ".toque", ".toque-complete", "app.sock", "release.json", "toque_entry.py", "venv"
    }  # fmt: skip


def test_write_by_path_inside_a_directory_of_another_is_seen(story: Story) -> None:
    _, wrong = strace.by_root_inside(story.planted, story.owned)

    assert wrong
    assert all(words.startswith("touch:") for words in wrong)


def test_root_makes_nothing_where_everybody_can(story: Story, record_property: Record) -> None:
    ours = strace.by_root_in_public(story.ours(story.calls), story.public)
    careless = strace.by_root_in_public(story.calls, story.public, anew=True)
    record_property("figure", f"{len(story.public)} public directories, {len(ours)} writes of ours")

    assert ours == []
    assert careless == []


def test_write_by_root_where_everybody_can_is_seen(story: Story) -> None:
    wrong = strace.by_root_in_public(story.planted, story.public)

    assert wrong
    assert all(words.startswith("touch:") for words in wrong)


# --- NO-1 -----------------------------------------------------------------------------------------


def test_every_replaced_file_and_its_directory_reach_the_disk(
    story: Story, record_property: Record
) -> None:
    count, wrong = strace.replaced(story.ours(story.calls))
    record_property("figure", f"{count} renames of ours, not durable {len(wrong)}")

    assert wrong == []
    assert count > 40


# --- PR-6 -----------------------------------------------------------------------------------------

GOLDEN = Path(__file__).parents[1] / "golden" / "node.txt"
# What root reads as instructions, besides the programs that the trace shows.
PARSED = re.compile(
    r"/var/lib/toque/(rt|owed|plans|done).*|/etc/(systemd|nginx|cron|sudoers|apt|sysctl|profile|pam"
    r"|toque/apps/[^/]+/[^/]+\.env|logrotate|security|ld\.so|ssh|init|default).*|/root/\.ssh.*"
    r"|/usr/local/s?bin/.*|/lib/systemd/system/.*"
)


def test_owner_and_mode_of_every_path_are_the_known_ones(
    story: Story, record_property: Record
) -> None:
    """A line that is new here is a decision: what is it, whose, and who may read it?"""
    found = manifest.manifest(story.before, story.after)
    record_property("figure", f"{len(story.after)} paths, {len(found)} kinds of ours")

    assert found == GOLDEN.read_text().splitlines()


def test_only_root_can_change_what_root_runs_and_reads(
    story: Story, record_property: Record
) -> None:
    ran = {c.paths[0] for c in story.calls if c.name == "execve" and c.done and c.uid == 0}
    read = {path for path in story.end if PARSED.fullmatch(path)}
    record_property("figure", f"{len(ran)} programs of root's, {len(read)} paths that it reads")

    assert list(manifest.changeable(ran | read, story.end)) == []
    assert len(ran) > 10
    assert len(read) > 100


@pytest.mark.parametrize(
    ("path", "entry"),
    [
        ("/etc/nginx/sites-enabled", Entry("directory", "root", "root", 0o777)),
        ("/etc/nginx", Entry("directory", "thena", "root", 0o755)),
        ("/etc/nginx/sites-enabled/thena", Entry("file", "root", "thena", 0o664)),
        ("/etc/nginx/sites-enabled/thena", Entry("link", "root", "root", 0o777, "/srv/here")),
    ],
)
def test_what_another_can_change_is_seen(story: Story, path: str, entry: Entry) -> None:
    there = Entry("file", "thena", "thena", 0o644)
    tree = {**story.end, "/srv/here": there, path: entry}

    assert len(list(manifest.changeable(["/etc/nginx/sites-enabled/thena"], tree))) == 1
    assert manifest.manifest(story.before, {**story.after, path: entry}) != (
        GOLDEN.read_text().splitlines()
    )


# --- the rules themselves, on lines as strace writes them ----------------------------------------

SSHD = """\
7  execve("/usr/sbin/sshd", ["sshd"], 0x7ffe /* 3 vars */) = 0
7  clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|SIGCHLD, child_tidptr=0x7f) = 8
8  execve("/usr/bin/python3", ["python3", "-c", "a\\n\\"b\\""], 0x7ffe /* 3 vars */) = 0
8  vfork( <unfinished ...>
9  setresuid(1000, 1000, 1000) = 0
9  chdir("/srv/app") = 0
9  execve("/usr/bin/git", ["git", "gc"], 0x7ffe /* 3 vars */ <unfinished ...>
8  <... vfork resumed>) = 9
9  <... execve resumed>) = 0
9  openat(AT_FDCWD</srv/app>, "objects", O_WRONLY|O_CREAT, 0666) = 3</srv/app/objects>
"""
DURABLE = """\
8  openat(4</etc>, ".toque-1-a", O_WRONLY|O_CREAT|O_EXCL|O_NOFOLLOW, 0600) = 5</etc/.toque-1-a>
8  fsync(5</etc/.toque-1-a>) = 0
8  renameat(4</etc>, ".toque-1-a", 4</etc>, "a") = 0
8  fsync(6</etc>) = 0
"""


def test_user_and_program_of_a_call_are_followed() -> None:
    found = strace.calls(SSHD)

    assert found[2].argv == ["python3", "-c", 'a\n"b"']
    assert [(c.name, c.uid, c.program) for c in found[3:]] == [
        ("vfork", 0, "python3"),
        ("setresuid", 0, "python3"),
        ("chdir", 1000, "python3"),
        ("execve", 1000, "python3"),
        ("openat", 1000, "git"),
    ]
    assert found[-1].paths == ("/srv/app/objects",)


@pytest.mark.parametrize(
    ("line", "paths", "held"),
    [
        ('unlinkat(4</srv/a>, "b", 0) = 0', ("/srv/a/b",), True),
        ('unlinkat(4</srv/a>, "b/c", 0) = 0', ("/srv/a/b/c",), False),
        ('unlinkat(AT_FDCWD</>, "srv/a", 0) = 0', ("/srv/a",), False),
        ('symlinkat("/x", 4</srv/a>, "l") = 0', ("/srv/a/l",), True),
        ('symlink("/x", "/srv/a/l") = 0', ("/srv/a/l",), False),
        ('rename("/srv/a/b", "c") = 0', ("/srv/a/b", "/c"), False),
        ('renameat2(4</a>, "b", 5</c>, "d", RENAME_EXCHANGE) = 0', ("/a/b", "/c/d"), True),
        ("fchown(4</srv/a \\74b\\76>, 1, 1) = 0", ("/srv/a <b>",), True),
        ('fchmodat(4</srv/a>, "b", 0644) = 0', ("/srv/a/b",), False),
        ("utimensat(4</srv/a>, NULL, [UTIME_OMIT, UTIME_NOW], 0) = 0", ("/srv/a",), True),
        ('openat(4</a>, "b", O_WRONLY|O_CREAT|O_EXCL|O_NOFOLLOW) = 5</a/b>', ("/a/b",), True),
        ('openat(4</a>, "b", O_WRONLY|O_CREAT|O_EXCL) = 5</a/b>', ("/a/b",), False),
        ('openat(4</a>, "b", O_WRONLY|O_NOFOLLOW) = 5</a/b>', ("/a/b",), False),
    ],
)
def test_what_a_call_works_on_and_whether_by_descriptor(
    line: str, paths: tuple[str, ...], held: bool
) -> None:
    (call,) = strace.calls(f"8  {line}")

    assert (call.paths, call.held) == (paths, held)


def test_rename_of_what_is_not_on_the_disk_is_seen() -> None:
    lines = DURABLE.splitlines()

    assert strace.replaced(strace.calls(DURABLE)) == (1, [])
    for left_out, wrong in ((1, "/etc/a: renamed before"), (3, "/etc/a: its directory")):
        text = "\n".join(line for number, line in enumerate(lines) if number != left_out)
        _, found = strace.replaced(strace.calls(text))
        assert [words[: len(wrong)] for words in found] == [wrong]


def test_temporary_files_are_careless_when_their_name_is_not_made_anew() -> None:
    careful = 'openat(4</tmp>, "x1", O_RDWR|O_CREAT|O_EXCL, 0600) = 5</tmp/x1>'
    careless = 'openat(4</tmp>, "x2", O_RDWR|O_CREAT, 0600) = 5</tmp/x2>'
    found = strace.calls(f'8  {careful}\n8  {careless}\n8  unlink("/tmp/x1") = 0')

    assert len(strace.by_root_in_public(found, {"/tmp"})) == 3
    assert [words[:24] for words in strace.by_root_in_public(found, {"/tmp"}, anew=True)] == [
        ': openat(4</tmp>, "x2", '
    ]
