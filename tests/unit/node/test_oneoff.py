"""One-off commands: what is put down, and what it is run with."""

import json

import pytest

from toque.node import oneoff
from toque.node.errors import StepFailed
from toque.node.inits.unitfile import parse
from toque.node.memory import MemorySystem
from toque.node.model import Facts

ID = "0123456789ab-0123ab"
UNIT = f"""
[Service]
ExecStart=/srv/www/shop/releases/{ID}/.toque/venv/bin/gunicorn
User=shop
WorkingDirectory=/srv/www/shop/releases/{ID}/site
EnvironmentFile=/etc/toque/apps/shop/{ID}.env
RuntimeDirectory=shop-{ID}
ReadWritePaths=/srv/www/shop/shared
MemoryMax=200M
LimitCORE=0
Restart=always
"""
REQUEST = {"app": "shop", "argv": ["alembic", "current"], "tty": False, "term": "xterm"}


@pytest.fixture
def system():
    made = MemorySystem(facts=Facts(init="systemd"))
    made.put("/run", kind="directory")
    made.put("/srv/www/shop/current", kind="link", target=f"releases/{ID}")
    made.put(f"/etc/systemd/system/shop-{ID}.service", UNIT.encode())
    made.put(f"/srv/www/shop/releases/{ID}/site/manage.py")
    made.put(f"/srv/www/shop/releases/{ID}/.toque/venv/bin/alembic")
    return made


@pytest.fixture
def became(monkeypatch):
    words = []
    monkeypatch.setattr(oneoff.os, "execvp", lambda program, argv: words.extend(argv))
    return words


def test_a_request_is_private_and_used_once(system, became):
    token = oneoff.put_down(system, REQUEST)
    path = f"/run/toque/once/{token}"
    assert system.stat(path).mode == 0o600
    assert system.stat("/run/toque/once").mode == 0o700
    assert json.loads(system.read(path))["release"] == ID

    oneoff.run(system, token)

    assert system.stat(path) is None
    with pytest.raises(FileNotFoundError):
        oneoff.run(system, token)


def test_it_has_what_the_server_has_and_no_value_in_its_arguments(system, became):
    oneoff.run(system, oneoff.put_down(system, REQUEST))

    assert became[-2:] == [f"/srv/www/shop/releases/{ID}/.toque/venv/bin/alembic", "current"]
    kept = {word.removeprefix("--property=") for word in became if word.startswith("--property=")}
    assert kept == {
        "User=shop", f"WorkingDirectory=/srv/www/shop/releases/{ID}/site", "MemoryMax=200M",
        f"EnvironmentFile=/etc/toque/apps/shop/{ID}.env", "LimitCORE=0",
        "ReadWritePaths=/srv/www/shop/shared",
    }  # fmt: skip
    assert "--pipe" in became


def test_words_reach_the_command_as_they_are():
    argv = ["sh", "-c", "echo $HOME ${X} %h", "--pty", "; x"]
    words = oneoff.transient(parse(UNIT), argv, name="n", tty=True, term="xterm")
    after = words[words.index("--") + 1 :]
    assert after == ["sh", "-c", "echo $$HOME $${X} %h", "--pty", "; x"]
    assert {"--pty", "--setenv=TERM=xterm"} <= set(words)


def test_without_a_release_there_is_nothing_to_run_beside():
    with pytest.raises(StepFailed) as caught:
        oneoff.put_down(MemorySystem(), REQUEST)
    assert caught.value.code == "no-release"


@pytest.mark.parametrize(
    ("files", "programs", "entry", "argv"),
    [
        ({"manage.py"}, {"flask"}, "x:app", ["python", "manage.py", "shell"]),
        ({"app.py"}, {"flask"}, "x:app", ["flask", "--app", "x:app", "shell"]),
        ({"app.py"}, {"ipython"}, "x:app", ["ipython"]),
        (set(), set(), "", ["python"]),
    ],
)
def test_the_shell_is_the_frameworks(files, programs, entry, argv):
    assert oneoff.shell_of(files, programs, entry) == argv
