"""Commands on a real machine."""

import os

from toque_node.resources.command import Command

NOT = {"absent": "what a program has done is not undone; declare another command for that"}


def present(node):
    made = node.tree + "/made"
    node.makes(Command(("touch", made), creates=made))
    assert os.path.exists(made)


def unmanaged(node):
    node.leaves(Command(("touch", node.tree + "/never"), only_notified=True))
    assert os.listdir(node.tree) == []
    node.perform(Command(("touch", node.tree + "/once"), only_notified=True), "run")
    assert os.listdir(node.tree) == ["once"]


def sensitive(node):
    into = node.tree + "/into"
    argv = ("dd", "status=none", "of=" + into)
    node.makes(Command(argv, creates=into, stdin=node.secret("first-secret-line\n")))
    assert node.read(into) == b"first-secret-line\n"
    shows = Command(
        ("sh", "-c", 'echo "$PW" >&2; exit 7'),
        always=True,
        env={"PW": node.secret()},
        sensitive_output=True,
    )
    assert "log" not in node.refuses(shows, "command-failed")


def absent_tool(node):
    trouble = node.refuses(Command(("not-installed", "x"), always=True), "program-missing")
    assert "not-installed" in trouble["message"]
    trouble = node.refuses(Command(("true",), unless=("not-installed",)), "guard-failed")
    assert "succeeds not-installed" in trouble["message"]


def user_directory_and_environment(node):
    os.chmod(node.tree, 0o777)
    told = node.tree + "/told"
    node.put("/etc/case.env", b'A="from file"\nB="own"\n')
    node.makes(
        Command(
            ("sh", "-c", 'printf "%s|%s|%s|%s" "$(id -un)" "$(pwd)" "$A" "$B" > told'),
            user="nobody",
            cwd=node.tree,
            environment_file="/etc/case.env",
            env={"B": "wins"},
            creates=told,
        )
    )
    assert node.read(told).decode() == f"nobody|{node.tree}|from file|wins"
    assert node.out("stat", "-c", "%U", told) == "nobody"


def unless_runs_as_the_same_user(node):
    node.leaves(Command(("false",), user="nobody", unless=("test", "!", "-w", "/etc")))
    node.refuses(Command(("false",), unless=("test", "!", "-w", "/etc")), "command-failed")


def time_is_up(node):
    trouble = node.refuses(
        Command(("sh", "-c", "echo so far; sleep 60"), always=True, timeout_s=0.5),
        "command-timeout",
    )
    assert trouble["log"] == ["so far"]


def statuses(node):
    node.makes(Command(("sh", "-c", "exit 3"), always=True, returns=(0, 3)))
    trouble = node.refuses(
        Command(("sh", "-c", "echo why >&2; exit 4"), always=True), "command-failed"
    )
    assert (trouble["found"], trouble["log"]) == ("4", ["why"])
