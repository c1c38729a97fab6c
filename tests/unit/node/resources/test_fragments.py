"""Sudoers, Cron and Limits: the text of their files, and what can make none."""

import pytest

from toque.node.errors import StepFailed
from toque.node.memory import MemorySystem
from toque.node.resource import Invalid, differing
from toque.node.resources.cron import Cron
from toque.node.resources.limits import Limits
from toque.node.resources.sudoers import Sudoers
from toque.node.system import Result
from toque.node.values import Secret

DIRECTORIES = ("/etc/sudoers.d/README", "/etc/cron.d/.placeholder", "/etc/security/limits.d/x")
RELOAD = ("/usr/bin/systemctl", "reload", "nginx")


@pytest.fixture
def system():
    return MemorySystem(
        files=dict.fromkeys(DIRECTORIES, b""),
        programs={"visudo": lambda argv, stdin, user: Result(argv, 0)},
    )


def body(resource):
    """The file's text without the comment on top."""
    resource.validate()
    first, _, rest = resource.file.content.partition("\n")
    assert first.startswith("# Written by Toque")
    return rest


@pytest.mark.parametrize(
    ("resource", "text"),
    [
        (
            Sudoers("deploy", "deploy", (RELOAD, ("/bin/id",)), password=False),
            'deploy ALL=(root) NOPASSWD: /usr/bin/systemctl reload nginx, /bin/id ""\n',
        ),
        (Sudoers("admins", "%adm", "ALL", as_user="ALL"), "%adm ALL=(ALL) PASSWD: ALL\n"),
        (
            Sudoers("db", "app", (("/usr/bin/psql", "-c", "a:b=c"),), as_user="postgres"),
            "app ALL=(postgres) PASSWD: /usr/bin/psql -c a\\:b\\=c\n",
        ),
        (
            Cron("tidy", "15 3 * * 0", ("/bin/date", "+%F it's"), user="app"),
            "15 3 * * 0 app '/bin/date' '+\\%F it'\"'\"'s'\n",
        ),
        (
            Cron("boot", "@reboot", ("/bin/a",), environment={"B": "2", "A": "x y"}),
            'A="x y"\nB="2"\n@reboot root \'/bin/a\'\n',
        ),
        (
            Limits("web", "@web", both={"nofile": 65536}, soft={"core": 0, "as": "unlimited"}),
            "@web soft as unlimited\n@web soft core 0\n@web - nofile 65536\n",
        ),
        (Limits("all", "*", hard={"nice": -5}), "* hard nice -5\n"),
    ],
    ids=repr,
)
def test_text(resource, text):
    assert body(resource) == text


@pytest.mark.parametrize(
    ("resource", "mode"),
    [
        (Sudoers("x", "app", "ALL"), 0o440),
        (Cron("x", "@daily", ("/bin/a",)), 0o644),
        (Limits("x", "app", both={"core": 0}), 0o644),
    ],
    ids=repr,
)
def test_file_is_made_for_root_and_removed(system, resource, mode):
    resource.validate()
    resource.fix(system, differing(resource.wanted(), resource.found(system)))
    entry = system.tree[resource.file.path]
    assert (entry.owner, entry.group, entry.mode) == ("root", "root", mode)
    assert not differing(resource.wanted(), resource.found(system))

    gone = type(resource)("x", absent=True)
    gone.validate()
    gone.fix(system, differing(gone.wanted(), gone.found(system)))
    assert resource.file.path not in system.tree


def test_a_rule_that_visudo_refuses_is_not_put_in_place(system):
    system.put("/etc/sudoers.d/x", b"old\n")
    system.programs["visudo"] = lambda argv, stdin, user: Result(argv, 1, b"syntax error")

    with pytest.raises(StepFailed) as caught:
        Sudoers("x", "app", "ALL").fix(system, frozenset({"content"}))

    assert caught.value.code == "check-failed"
    assert system.read("/etc/sudoers.d/x") == b"old\n"


@pytest.mark.parametrize(
    "resource",
    [
        Sudoers("a.b", "app", "ALL"),  # sudo would skip these two
        Sudoers("a~", "app", "ALL"),
        Sudoers("../x", "app", "ALL"),
        Sudoers("x"),
        Sudoers("x", "app"),
        Sudoers("x", "app", "all"),
        Sudoers("x", "app", "/bin/sh"),
        Sudoers("x", "app", ("/bin/sh",)),
        Sudoers("x", "app", (("sh",),)),
        Sudoers("x", "ALL", "ALL"),
        Sudoers("x", "app ALL=ALL #", "ALL"),
        Sudoers("x", "%", "ALL"),
        Sudoers("x", "app", "ALL", as_user="root) NOPASSWD: ALL #"),
        Cron("a.b", "@daily", ("/bin/a",)),  # cron would skip it
        Cron("x", "@daily", ()),
        Cron("x", "@daily", ("",)),
        Cron("x", "@daily", "/bin/a"),
        Cron("x", "daily", ("/bin/a",)),
        Cron("x", "@daily", ("/bin/a",), user="root /bin/evil"),
        Cron("x", "@daily", ("/bin/a", "x\ny")),
        Cron("x", "@daily", ("/bin/a", "x" * 1000)),
        Cron("x", "@daily", ("/bin/a",), environment={"A": Secret("a", "b")}),
        Limits("a.b", "app", both={"core": 0}),
        Limits("x", "app"),
        Limits("x", "app hard", both={"core": 0}),
        Limits("x", "app", both={"files": 1}),
        Limits("x", "app", both={"nofile": -1}),
        Limits("x", "app", both={"nofile": "1\n* - core 0"}),
        Limits("x", "app", both={"nofile": True}),
    ],
    ids=repr,
)
def test_declarations_that_can_never_be_right_are_refused(resource):
    with pytest.raises(Invalid):
        resource.validate()
