"""Work trees as declarations and over a small git; the real one is asked in tests/cases."""

from dataclasses import replace

import pytest

from toque.node.errors import StepFailed
from toque.node.memory import MemorySystem
from toque.node.resource import Invalid
from toque.node.resources.git import Git
from toque.node.system import Result

OLD, NEW = "1" * 40, "2" * 40
TREE = Git("/srv/tool", "https://git.example/tool", "refs/heads/main", "app")


class Machine(MemorySystem):
    """Its git lists these refs and these changed files, and has every commit."""

    def __init__(self, refs=f"{NEW}\trefs/heads/main\n", changed="", code=0):
        self.refs, self.changed, self.code = refs, changed, code
        self.users = set()
        super().__init__(programs={"git": self.git})
        self.put("/srv/x")

    def git(self, argv, stdin, user):
        self.users.add(user)
        if "ls-remote" in argv:
            return Result(argv, self.code, self.refs.encode(), b"fatal: Could not resolve host")
        return Result(argv, 0, self.changed.encode() if "status" in argv else b"")

    def at(self, head, owner="app"):
        """A work tree that is at ``head`` already."""
        self.put("/srv/tool/.git/HEAD", f"{head}\n".encode())
        self.tree["/srv/tool"].owner = owner
        return self

    @property
    def asked(self):
        return sum("ls-remote" in call for call in self.calls)


def test_a_tree_at_the_commit_of_its_branch_is_as_wanted():
    system = Machine().at(NEW)

    assert TREE.found(system) == {"at": "refs/heads/main", "changed": [], "submodules": None}
    assert TREE.found(system)["at"] == "refs/heads/main"
    assert (system.asked, system.users) == (1, {"app"})  # once in a run, and never as root


def test_what_is_behind_or_changed_is_shown():
    found = TREE.found(Machine(changed=" M page\0 D a b\0").at(OLD))

    assert found["at"] == "111111111111, where it is 222222222222 by now"
    assert found["changed"] == ["page", "a b"]


def test_a_commit_is_not_asked_for():
    system = Machine().at(OLD)

    assert replace(TREE, revision=OLD).found(system)["at"] == OLD
    assert system.asked == 0


@pytest.mark.parametrize(
    ("refs", "commit"),
    [
        (f"{OLD}\trefs/heads/x/refs/heads/main\n{NEW}\trefs/heads/main\n", NEW),
        (f"{OLD}\trefs/heads/main\n{NEW}\trefs/heads/main^{{}}\n", NEW),
    ],
)
def test_names_are_exact_and_tags_are_peeled(refs, commit):
    assert TREE.found(Machine(refs).at(commit))["at"] == "refs/heads/main"


@pytest.mark.parametrize(
    "refs", ["", f"{OLD}\trefs/heads/x/refs/heads/main\n", "garbage\trefs/heads/main\n"]
)
def test_a_name_that_is_not_there_is_missing(refs):
    with pytest.raises(StepFailed) as caught:
        TREE.found(Machine(refs))
    assert caught.value.code == "revision-missing"


def test_a_server_that_does_not_answer_is_explained():
    with pytest.raises(StepFailed) as caught:
        TREE.found(Machine(code=128))
    assert caught.value.code == "repository-unreachable"


def test_ssh_without_a_key_is_told_before_anybody_is_asked():
    system = Machine()
    with pytest.raises(StepFailed) as caught:
        replace(TREE, url="ssh://git.example/tool").found(system)
    assert (caught.value.code, system.calls) == ("repository-authentication", [])


def test_nothing_is_run_in_a_tree_of_somebody_else():
    system = Machine().at(NEW, owner="mallory")
    with pytest.raises(StepFailed) as caught:
        TREE.found(system)
    assert (caught.value.code, caught.value.found) == (
        "work-tree-not-ours",
        "a directory of mallory",
    )
    assert all("ls-remote" in call for call in system.calls)


def test_no_tree_and_an_empty_directory_are_nothing_yet():
    system = Machine()
    assert TREE.found(system) is None
    system.put("/srv/tool", kind="directory", owner="app")
    assert TREE.found(system) is None


@pytest.mark.parametrize(
    "more",
    [
        {"path": "tool"},
        {"path": "/srv/tool/"},
        {"path": "/"},
        {"url": "ext::sh -c id"},
        {"url": "file:///srv/x"},
        {"url": "https://user:pw@git.example/x"},
        {"url": "-uploadpack"},
        {"revision": "main"},
        {"revision": "-x"},
        {"revision": "HEAD"},
        {"revision": "refs/heads/a b"},
        {"revision": "1234567"},
        {"user": ""},
        {"key_path": "key"},
        {"depth": 0},
    ],
    ids=str,
)
def test_declarations_that_can_never_be_right_are_refused(more):
    with pytest.raises(Invalid):
        replace(TREE, **more).validate()
