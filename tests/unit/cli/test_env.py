"""``toque env`` on a project without a machine: what it keeps, says, and never says."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pty
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from toque.cli import main
from toque.fleet.secrets import SecretStore
from toque.usecases.environment import Pending, compare

TOML = """
[stack]
name = "t"
[layers.web]
deploy = ["python_app"]
[apps.thena]
repository = "."
layer = "web"
requires = ["API_KEY"]
[apps.thena.env]
PLAIN = "in the file"
[apps.thena.secrets]
SECRET_KEY = "generate"
FROM_FILE = "file:nowhere"
[apps.thena.database]
name = "thena"
"""


class Said:
    def __init__(self, status: int, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found

    @property
    def error(self) -> dict[str, Any]:
        found: dict[str, Any] = self.json["error"]
        return found


Env = Callable[..., Said]


@pytest.fixture
def env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Env:
    """``env("set", "A=x", stdin=b"")`` in a project of one app."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("TOQUE_AGE_IDENTITY", raising=False)
    (tmp_path / "toque.toml").write_text(TOML)

    def run(*words: str, stdin: bytes = b"") -> Said:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as left:
            main(["env", *words])
        said = capsys.readouterr()
        return Said(int(left.value.code or 0), said.out, said.err)

    return run


def value(tmp_path: Path, name: str) -> str:
    return SecretStore(tmp_path / ".toque", outer={}).kept("thena").variables[name].value


def test_nothing_in_the_history_is_said(env: Env) -> None:
    assert env("history").out == "no variable of thena was ever changed by toque env\n"


def test_what_is_set_is_listed_and_told_by_version(env: Env) -> None:
    assert env("set", "GREETING=hello", "thena=lower").out == (
        "thena: version 1: +GREETING +thena\n  pending, needs a deploy: toque deploy thena\n"
    )
    env("set", "thena", "API_KEY", "--secret", stdin=b"canary\n")
    assert env("set", "GREETING=hello").out == "thena: nothing to change, still version 2\n"
    env("unset", "thena", "thena")

    listed = env("list")

    assert listed.out.splitlines() == [
        "thena: version 3",
        "  API_KEY       (secret)                  version 2",
        "  DATABASE_URL  (secret)                  database",
        "  FROM_FILE     (secret)                  file:nowhere",
        "  GREETING      hello                     version 1",
        "  PLAIN         in the file               toque.toml",
        "  SECRET_KEY    (secret)                  generated",
    ]
    history = env("history").out.splitlines()
    assert [line.split()[0] for line in history] == ["3", "2", "1"]
    assert history[0].endswith("-thena")
    assert env("diff", "--since", "1").out == "since version 1:\n  + API_KEY\n  - thena\n"
    for words in (("list", "--json"), ("history", "--json"), ("diff", "--since", "0", "--json")):
        assert "canary" not in env(*words).out


@pytest.mark.parametrize("stdin", [b"x", b"x\n", b" two\nlines \n", b"x\n\n", "é\u2028".encode()])
def test_value_on_standard_input_loses_one_line_end(env: Env, tmp_path: Path, stdin: bytes) -> None:
    env("set", "API_KEY", "--secret", stdin=stdin)

    assert value(tmp_path, "API_KEY") == stdin.decode().removesuffix("\n")


def test_value_from_a_file(env: Env, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("text\n")
    (tmp_path / "key").chmod(0o600)

    assert env("set", "API_KEY", "--secret", "--file", "key").status == 0
    assert value(tmp_path, "API_KEY") == "text"


def test_secret_file_that_others_can_read_is_refused(env: Env, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("canary")
    (tmp_path / "key").chmod(0o640)

    said = env("set", "API_KEY", "--secret", "--file", "key", "--json")

    assert said.error["code"] == "secrets-readable"
    assert not (tmp_path / "secrets").exists()


@pytest.mark.parametrize("stdin", [b"", b"\n"])
def test_nothing_on_standard_input_is_a_mistake(env: Env, tmp_path: Path, stdin: bytes) -> None:
    said = env("set", "API_KEY", "--secret", "--json", stdin=stdin)

    assert said.error["code"] == "bad-variable"
    assert said.error["hint"].endswith("toque env set API_KEY=")
    assert env("set", "EMPTY=").status == 0
    assert value(tmp_path, "EMPTY") == ""


def test_terminal_is_asked_twice_and_shows_nothing(tmp_path: Path) -> None:
    (tmp_path / "toque.toml").write_text(TOML)
    shown = b""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(tmp_path)
        argv = [sys.executable, "-m", "toque", "env", "set", "API_KEY", "--secret"]
        os.execve(sys.executable, argv, {**os.environ, "HOME": str(tmp_path)})
    for question in (b"API_KEY: ", b"confirmation: "):
        while not shown.endswith(question):
            shown += os.read(terminal, 1000)
        os.write(terminal, b"canary\n")
    with contextlib.suppress(OSError):  # how a terminal ends that nobody holds
        while more := os.read(terminal, 1000):
            shown += more
    os.close(terminal)

    assert os.waitpid(pid, 0)[1] == 0, shown
    assert b"canary" not in shown
    assert b"version 1: +API_KEY" in shown
    assert value(tmp_path, "API_KEY") == "canary"


def test_generated_secrets_differ(env: Env, tmp_path: Path) -> None:
    env("set", "A", "B", "--generate")

    assert len({value(tmp_path, "A"), value(tmp_path, "B")}) == 2
    assert len(value(tmp_path, "A")) == 64


REFUSED = {
    "secret on the command line": (("set", "A=canary", "--secret"), "secret-in-argument"),
    "value and file": (("set", "A=canary", "--file", "key"), "secret-in-argument"),
    "a variable of toque.toml": (("set", "PLAIN=x"), "variable-twice"),
    "that of the database": (("set", "DATABASE_URL=x"), "variable-twice"),
    "one from a file": (("set", "FROM_FILE=x"), "variable-twice"),
    "no name": (("set", "A-B=x"), "bad-name"),
    "the release's own": (("set", "TOQUE_COMMIT=x"), "bad-variable"),
    "not UTF-8": (("set", "A"), "bad-variable"),
    "nothing to unset": (("unset", "NOTHING"), "variable-unknown"),
    "unset in toque.toml": (("unset", "PLAIN"), "variable-unknown"),
    "no such app": (("list", "thana"), "unknown-app"),
    "no such version": (("diff", "--since", "5"), "version-unknown"),
    "no such file": (("set", "A", "--file", "nowhere"), "file-unreadable"),
    "no recipient": (("recipients", "add", "age1canary"), "bad-recipient"),
    "nobody": (("recipients", "remove", "age1canary"), "recipient-unknown"),
    "two values at once": (("set", "A", "B"), "usage"),
    "no variable": (("set", "thena"), "usage"),
}


@pytest.mark.parametrize(("words", "code"), REFUSED.values(), ids=REFUSED)
def test_refused_and_nothing_is_kept(
    env: Env, tmp_path: Path, words: tuple[str, ...], code: str
) -> None:
    said = env(*words, "--json", stdin=b"\xff")

    assert (said.status, said.error["code"]) == (2, code)
    assert not (tmp_path / "secrets" / "thena.age").exists()
    if "recipients" not in words:
        assert "canary" not in said.out


LIMITS = {
    "NUL": (b"a\0b", "a value without NUL"),
    "200 KB": (b"x" * 200_000, "at most 131071 bytes with its name"),
    "noncharacter": ("\uffff".encode(), "valid in UTF-8"),
}


@pytest.mark.requirement("R25")
@pytest.mark.parametrize(("stdin", "word"), LIMITS.values(), ids=LIMITS)
def test_what_no_process_can_be_given_is_refused_when_it_is_set(
    env: Env, stdin: bytes, word: str
) -> None:
    said = env("set", "API_KEY", "--secret", "--json", stdin=stdin)

    assert said.error["code"] == "bad-variable"
    assert word in said.error["expected"]
    assert "API_KEY" in said.error["message"]
    assert len(said.out) < 500


def test_more_than_a_process_can_be_given_in_all_is_refused(env: Env, tmp_path: Path) -> None:
    (tmp_path / "large").write_text("x" * 131_000)
    for number in range(15):
        assert env("set", f"LARGE_{number}", "--file", "large").status == 0
    before = (tmp_path / "secrets" / "thena.age").read_bytes()

    said = env("set", "LARGE_15", "--file", "large", "--json")

    assert said.error["code"] == "bad-variable"
    assert said.error["expected"] == "at most 1966080 bytes in all"
    assert (tmp_path / "secrets" / "thena.age").read_bytes() == before


def test_recipients_are_added_listed_and_removed(env: Env, tmp_path: Path) -> None:
    env("set", "A=x")
    mine = env("recipients", "mine").out.strip()
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO7KvIuMXqjXFWBSDTYdFTmiMlxmMpl8Y5Zcb2Vrg6Cg"
    (tmp_path / "her.pub").write_text(f"{key} her@laptop\n")

    added = env("recipients", "add", "her.pub")

    assert added.out == f"{mine}\n{key}  her@laptop\n"
    assert env("recipients", "--json").json["recipients"][1] == {"key": key, "name": "her@laptop"}
    assert env("recipients", "remove", "her@laptop").out == f"{mine}\n"
    (rotated,) = env("recipients", "rotate", "--json").json["recipients"]
    assert rotated["key"] not in ("", mine)
    assert env("list", "--json").json["version"] == 1


def test_names_that_a_node_made_up_do_not_drive_the_terminal(
    env: Env, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = Pending(removed=("A\x1b[2J",))
    monkeypatch.setattr("toque.cli.env._pending", lambda *given: {"web\x1b1": waits})

    for words in (("list",), ("diff",)):
        said = env(*words)
        assert "\x1b" not in said.out
        assert "A\ufffd[2J" in said.out


def test_digests_compared() -> None:
    waits = compare({"A": "1", "B": "2", "C": "3"}, {"B": "2", "C": "4", "D": "5"})

    assert waits == Pending(added=("A",), changed=("C",), removed=("D",))
    assert str(waits) == "pending, needs a deploy: +A ~C -D"
    assert str(compare({"A": "1"}, {"A": "1"})) == "as declared"
    assert waits.as_json()["pending"] is True
    assert Pending(unknown="why").as_json()["pending"] is None
