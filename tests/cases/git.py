"""Work trees from a real repository, over SSH from this same machine."""

import os
import shutil

from toque_node.resources.git import Git

NOT = {
    "absent": "a work tree may hold the only copy of somebody's work; Directory removes one",
    "sensitive": "the deploy key is a file on the node, and a URL with a password is refused",
}
SERVER = "case-git"  # whose repositories they are
READER = "case-reader"  # whose trees they become


def _site(node):
    """A server's user, a reader with a key for it, and a repository of two commits."""
    if shutil.which("git") is None:
        node.run("apt-get", "update", "-q")
        node.run("apt-get", "install", "-qy", "--no-install-recommends", "git")
    if not os.path.exists("/home/" + READER):
        for user in (SERVER, READER):
            node.run("useradd", "--create-home", "--shell", "/bin/sh", user)
            node.run("usermod", "--password", "*", user)  # locked accounts cannot log in by key
        key = "/home/" + READER + "/key"
        node.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key, user=READER)
        node.put(f"/home/{SERVER}/.ssh/authorized_keys", node.read(key + ".pub"))
        node.run("chown", "-R", SERVER, f"/home/{SERVER}/.ssh")
        host = node.read("/etc/ssh/ssh_host_ed25519_key.pub")
        node.put("/etc/case-hosts", b"127.0.0.1 " + host)
    os.chmod(node.tree, 0o777)
    node.run("git", "init", "-q", "-b", "main", node.tree + "/src", user=SERVER)
    _commit(node, "first")
    return _commit(node, "second")


def _git(node, *argv, tree="/src", user=SERVER):
    who = ("-c", "user.name=x", "-c", "user.email=x@example.invalid")
    return node.out("git", "-C", node.tree + tree, *who, *argv, user=user)


def _commit(node, text):
    node.run("tee", node.tree + "/src/page", user=SERVER, stdin=text.encode())
    _git(node, "add", "--all")
    _git(node, "commit", "-qm", text)
    return _git(node, "rev-parse", "HEAD")


def _wanted(node, revision, **more):
    return Git(
        node.tree + "/tree",
        f"ssh://{SERVER}@127.0.0.1{node.tree}/src",
        revision,
        READER,
        key_path=f"/home/{READER}/key",
        known_hosts="/etc/case-hosts",
        **more,
    )


def _place(node):
    """The tree's directory, which a person made for the reader."""
    node.run("install", "-d", "-o", READER, node.tree + "/tree")


def present(node):
    commit = _site(node)
    node.makes(_wanted(node, "refs/heads/main"))
    assert node.read(node.tree + "/tree/page") == b"second"
    assert node.out("stat", "-c", "%U", node.tree + "/tree/page") == READER
    foreign = node.out("find", node.tree + "/tree", "!", "-user", READER)
    assert foreign == "", "root has written in the reader's tree"
    assert _git(node, "rev-parse", "HEAD", tree="/tree", user=READER) == commit
    assert _git(node, "status", "--porcelain", tree="/tree", user=READER) == ""
    newest = _commit(node, "third")
    node.makes(_wanted(node, "refs/heads/main"))
    assert node.read(node.tree + "/tree/page") == b"third"
    node.makes(_wanted(node, commit))
    node.makes(_wanted(node, newest))


def unmanaged(node):
    """Files of the tree's user stay; what is tracked is put back."""
    _site(node)
    _place(node)
    node.makes(_wanted(node, "refs/heads/main"))
    node.run(
        "tee", node.tree + "/tree/page", node.tree + "/tree/mine", user=READER, stdin=b"edited"
    )
    outcome = node.makes(_wanted(node, "refs/heads/main"))
    assert "page" in "".join(outcome.diff)
    assert node.read(node.tree + "/tree/page") == b"second"
    assert node.read(node.tree + "/tree/mine") == b"edited"


def absent_tool(node):
    _site(node)
    with node.without("git"):
        node.refuses(_wanted(node, "refs/heads/main"), "program-missing")
    assert os.listdir(node.tree) == ["src"]


def names_are_exact(node):
    """A branch and a tag of one name, one that ends like another, a tag with its own object."""
    commit = _site(node)
    first = _git(node, "rev-parse", "HEAD~1")
    _git(node, "branch", "x/main", first)
    _git(node, "branch", "v1", first)
    _git(node, "tag", "-a", "-m", "signed off", "v1", commit)
    for revision, goal in (
        ("refs/heads/main", commit),
        ("refs/heads/x/main", first),
        ("refs/tags/v1", commit),
        ("refs/heads/v1", first),
    ):
        node.walk(_wanted(node, revision))
        assert _git(node, "rev-parse", "HEAD", tree="/tree", user=READER) == goal, revision
        node.leaves(_wanted(node, revision))
    _git(node, "branch", "-D", "x/main")
    trouble = node.refuses(_wanted(node, "refs/heads/x/main"), "revision-missing")
    assert "git ls-remote" in trouble["hint"]
    node.refuses(_wanted(node, "0123456789" * 4), "revision-missing")


def nothing_of_the_tree_runs_as_root(node):
    """Hooks, monitors, filters and aliases that the tree's user has planted."""
    _site(node)
    node.makes(_wanted(node, "refs/heads/main"))
    mark = node.tree + "/mark"
    spy = f"#!/bin/sh\nid -u >> {mark}\n"
    node.put(node.tree + "/spy", spy.encode(), 0o755)
    for name in ("post-checkout", "reference-transaction", "post-index-change"):
        hook = f"{node.tree}/tree/.git/hooks/{name}"
        node.run("install", "-D", "-m", "755", node.tree + "/spy", hook, user=READER)
    for name in ("core.fsmonitor", "core.sshCommand", "core.pager", "filter.x.smudge"):
        _git(node, "config", name, node.tree + "/spy", tree="/tree", user=READER)
    _commit(node, "another")
    node.makes(_wanted(node, "refs/heads/main"))
    assert not os.path.exists(mark), node.read(mark)


def what_is_there_already(node):
    _site(node)
    node.put(node.tree + "/tree/notes", b"mine")
    node.run("chown", "-R", READER, node.tree + "/tree")
    node.refuses(_wanted(node, "refs/heads/main"), "work-tree-not-ours")
    node.run("chown", "-R", SERVER, node.tree + "/tree")
    trouble = node.refuses(_wanted(node, "refs/heads/main"), "work-tree-not-ours")
    assert trouble["found"] == "a directory of " + SERVER
    assert os.listdir(node.tree + "/tree") == ["notes"]


def a_killed_run_is_got_over(node):
    commit = _site(node)
    node.makes(_wanted(node, "refs/heads/main"))
    _commit(node, "later")
    lock = node.tree + "/tree/.git/index.lock"
    node.run("touch", lock, user=READER)
    node.refuses(_wanted(node, "refs/heads/main"), "command-failed")  # a person may be at work
    _git(node, "update-ref", "refs/toque/busy", commit, tree="/tree", user=READER)
    node.makes(_wanted(node, "refs/heads/main"))
    assert node.read(node.tree + "/tree/page") == b"later"
    assert not os.path.exists(lock)


def little_history_and_submodules(node):
    _site(node)
    node.run("git", "init", "-q", "-b", "main", node.tree + "/part", user=SERVER)
    _git(node, "commit", "-q", "--allow-empty", "-m", "zero", tree="/part")
    node.run("tee", node.tree + "/part/inner", user=SERVER, stdin=b"in")
    _git(node, "add", "--all", tree="/part")
    _git(node, "commit", "-qm", "one", tree="/part")
    local = ("-c", "protocol.file.allow=always")
    _git(node, *local, "submodule", "--quiet", "add", node.tree + "/part", "part")
    _git(node, "config", "-f", ".gitmodules", "submodule.part.url", "../part")
    _commit(node, "with a part")
    node.makes(_wanted(node, "refs/heads/main", depth=1))
    assert _git(node, "rev-list", "--count", "HEAD", tree="/tree", user=READER) == "1"
    assert os.listdir(node.tree + "/tree/part") == []
    node.makes(_wanted(node, "refs/heads/main", depth=1, submodules=True))
    assert node.read(node.tree + "/tree/part/inner") == b"in"
    node.run("rm", node.tree + "/tree/part/inner", user=READER)
    _git(node, "config", "-f", ".gitmodules", "submodule.part.url", node.tree + "/part")
    _commit(node, "a part by a path")
    shutil.rmtree(node.tree + "/tree")
    bad = _wanted(node, "refs/heads/main", submodules=True)
    trouble = node.walk(bad).trouble
    assert "not allowed" in str(trouble["log"]), trouble
