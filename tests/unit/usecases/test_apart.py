"""Other people's cookbooks compile in a process that has nothing to steal and nowhere to go.

Each attempt is a recipe that does its worst and puts what it got into a message of its plan.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from toque import bootstrap
from toque.cookbooks.compile import Compiled
from toque.errors import AskedWrongly, BadCookbook
from toque.fleet.project import parse_project
from toque.node.wire import plan_json
from toque.testing import DEBIAN
from toque.usecases import explain as explaining
from toque.usecases.lifecycle import inputs_for, parcel, recipes_for
from toque.usecases.site import Site

SECRET = "p%40ss\"w'o$r`d\\ \u00e9"
HEAD = """\
import os, sys
from dataclasses import dataclass
from toque import *

@dataclass(frozen=True)
class Bad:
    text: str = "x"

def told(attempt):
    try:
        return f"got {attempt()!r}"[:150]
    except BaseException as error:
        return f"failed {type(error).__name__}"

def setup(r: Recipe) -> None:
"""
FOOT = '\ncookbook = Cookbook("bad", attributes=Bad, events={"setup": setup, "deploy": setup})\n'
TOML = """\
[stack]
name = "s"
cookbooks = {trusted}
untrusted = {untrusted}
[layers.web]
setup = ["bad"]
[nodes.web1]
address = "local"
layer = "web"
[apps.thena]
repository = "."
layer = "web"
[apps.thena.secrets]
KEY = "file:key"
"""

Try = Callable[..., Compiled]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Site]:
    """``site("body of the recipe", untrusted=True)``: a project with that cookbook."""
    os.chmod(tmp_path, 0o755)

    def make(body: str, *, untrusted: bool = True) -> Site:
        package = tmp_path / "vendor" / "bad"
        package.mkdir(parents=True, exist_ok=True)
        lines = "".join(f"    {line}\n" for line in body.splitlines())
        (package / "__init__.py").write_text(HEAD + lines + FOOT)
        here, none = '["vendor"]', "[]"
        trusted, apart = (none, here) if untrusted else (here, none)
        text = TOML.format(trusted=trusted, untrusted=apart)
        (tmp_path / "toque.toml").write_text(text)
        (tmp_path / "key").write_text(SECRET)
        (tmp_path / "key").chmod(0o600)
        monkeypatch.setenv("TOQUE_TEST_SECRET", "in the environment")
        return bootstrap.open_site(parse_project(text, tmp_path))

    return make


@pytest.fixture
def compiled(site: Callable[..., Site]) -> Try:
    """The plan that the body makes, compiled apart."""

    def make(body: str, *, untrusted: bool = True) -> Compiled:
        chosen_site = site(body, untrusted=untrusted)
        node = chosen_site.project.node("web1")
        chosen = recipes_for(chosen_site, node, "setup")
        inputs, files = inputs_for(chosen_site, node, DEBIAN, ports={})
        return parcel("setup web1", chosen, inputs, files)[0]

    return make


def message(plan: Compiled) -> str:
    (step,) = plan.plan.steps
    return str(step.fields["message"])


def test_plan_is_byte_for_byte_the_one_compiled_here(compiled: Try) -> None:
    body = """\
a = r.attributes(Bad)
r.add(Package("nginx", "git"))
nginx = Service("nginx", running=True)
r.add(File("/etc/a", content=a.text + r.facts.codename), notify=nginx.reload)
r.add(File("/etc/b", content=b"\\x00\\xff"), when=Guard("exists", "/etc"))
r.add(File("/etc/c", content=r.secret("thena/KEY"), mode=0o600))
values = {**r.environment(r.apps[0]), "PLAIN": "it's $5"}
r.add(File("/etc/d", content=r.env_file("d.env", values), mode=0o600))
r.add(File("/usr/local/lib/toque/uv", content=r.uv, mode=0o755))
r.add(nginx, retries=2)
"""

    apart, here = compiled(body), compiled(body, untrusted=False)

    assert json.dumps(plan_json(apart.plan)) == json.dumps(plan_json(here.plan))
    assert dict(apart.secrets) == dict(here.secrets)
    assert dict(apart.blobs) == dict(here.blobs)
    assert apart.secrets["thena/KEY"] == SECRET
    assert apart.resources == here.resources


def test_environment_file_comes_back_byte_for_byte(compiled: Try, tmp_path: Path) -> None:
    """Read by a shell, as the reference: /bin/sh takes the same quotes."""
    body = (
        'content = r.env_file("d.env", r.environment(r.apps[0]))\n'
        'r.add(File("/etc/d", content=content, mode=0o600))'
    )

    text = compiled(body).secrets["d.env"]

    (tmp_path / "d.env").write_text(text)
    script = '. "$1"; printf %s "$KEY"'
    found = subprocess.run(
        ["/bin/sh", "-c", script, "sh", str(tmp_path / "d.env")], capture_output=True, check=True
    )
    assert found.stdout.decode() == SECRET


def test_cookbook_is_not_imported_here(compiled: Try) -> None:
    sys.modules.pop("bad", None)

    compiled('r.add(Log("x"))')

    assert "bad" not in sys.modules


def test_mistakes_are_told_as_they_would_be_here(compiled: Try) -> None:
    body = 'r.add(File("relative"))'
    troubles = []
    for untrusted in (True, False):
        with pytest.raises(BadCookbook) as caught:
            compiled(body, untrusted=untrusted)
        troubles.append(caught.value.trouble)

    assert troubles[0] == troubles[1]
    assert troubles[0].code == "bad-resource-field"


def test_attributes_are_explained_without_importing(site: Callable[..., Site]) -> None:
    apart, here = (
        explaining.explain(one, one.project.node("web1"), "bad", {"bad": {"text": "now"}})
        for one in (site("pass"), site("pass", untrusted=False))
    )

    assert apart == here
    assert [level.name for level in apart[0].levels] == ["default", "run"]


# What a recipe tries, and what has to stand in its plan afterwards.
ATTEMPTS = {
    "read root's home": ("open({root!r}).read()", "failed FileNotFoundError"),
    "list root's home": ("os.listdir('/root/.ssh')", "failed FileNotFoundError"),
    "read the project's settings": ("open({project!r} + '/toque.toml').read()", "failed F"),
    "read the project's secrets": ("os.listdir({project!r} + '/.toque')", "failed F"),
    "read a secret's file": ("open({project!r} + '/key').read()", "failed F"),
    "read the accounts": ("open('/etc/passwd').read()", "failed FileNotFoundError"),
    "see the environment": ("dict(os.environ)", "got {{}}"),
    "see the environment in /proc": ("open('/proc/self/environ').read()", "failed F"),
    "see the parent's memory": ("open(f'/proc/{{os.getppid()}}/mem').read()", "failed F"),
    "reach the network": (
        "__import__('socket').create_connection(('127.0.0.1', {port}), 2)",
        "failed OSError",
    ),
    "reach a unix socket": (
        "__import__('socket').socket(1).connect({socket!r})",
        "failed FileNotFoundError",
    ),
    "reach an abstract socket": (
        "__import__('socket').socket(1).connect('\\0toque-test-abstract')",
        "failed ConnectionRefusedError",
    ),
    "fork 10,000 times": ("[os.fork() for _ in range(10000)]", "failed PermissionError"),
    "start a thread": ("__import__('threading').Thread(target=print).start()", "failed "),
    "start a program": ("os.execv('/bin/sh', ['sh'])", "failed PermissionError"),
    "eat 64 GiB": ("len(b'x' * (1 << 36))", "failed MemoryError"),
    "open 10,000 files": ("[open('/null') for _ in range(10000)]", "failed OSError"),
    "write into its own code": ("open(__file__, 'a').write('x')", "failed "),
    "write a file": ("open('/tmp/x', 'w')", "failed "),
    "write at the top": ("open('/x', 'w')", "failed "),
    "become root": ("os.setuid(0) if os.getuid() else 1 / 0", "failed "),
    "mount": ("__import__('ctypes').CDLL(None).mount(b'x', b'/', b'tmpfs', 0, None)", "got -1"),
    "make namespaces of its own": ("__import__('ctypes').CDLL(None).unshare(1 << 28)", "got -1"),
    "watch another process": ("__import__('ctypes').CDLL(None).ptrace(0, 0, 0, 0)", "got -1"),
    "change the root back": ("os.chroot('/lib')", "failed PermissionError"),
    "kill everybody": ("os.kill(-1, 9)", "failed ProcessLookupError"),
    "read the secret": ("r.secret('thena/KEY').reveal()[0]", "got '@'"),
}


HARMLESS = (
    "read root's home",
    "read the project's settings",
    "read a secret's file",
    "read the accounts",
    "see the environment",
    "see the environment in /proc",
    "reach the network",
    "reach a unix socket",
    "reach an abstract socket",
    "read the secret",
)


@pytest.fixture
def listening(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A port, a unix socket and an abstract one that accept, and a file in root's home."""
    import socket

    folder = tmp_path_factory.mktemp("socket")
    servers = [socket.socket(), socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)]
    servers[0].bind(("127.0.0.1", 0))
    servers[1].bind(str(folder / "s"))
    servers[2].bind("\0toque-test-abstract")
    for server in servers:
        server.listen()
    home = Path.home() / f".toque-test-{os.getpid()}"
    home.write_text("what root has")
    yield {"port": servers[0].getsockname()[1], "socket": str(folder / "s"), "root": str(home)}
    home.unlink()
    for server in servers:
        server.close()


def all_told(compiled: Try, names: Iterable[str], *, untrusted: bool, **where: Any) -> list[str]:
    """What each attempt got, all of them tried by one recipe."""
    lines = [
        f"r.add(Log({name + ': '!r} + told(lambda: {ATTEMPTS[name][0].format(**where)})))"
        for name in names
    ]
    plan = compiled("\n".join(lines), untrusted=untrusted)
    said = [str(step.fields["message"]) for step in plan.plan.steps]
    return [text.partition(": ")[2] for text in said]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # files left open
def test_every_attempt_fails(compiled: Try, listening: dict[str, Any], tmp_path: Path) -> None:
    """``HARMLESS`` ones are tried in this process too, where they succeed: an attempt that cannot
    succeed shows nothing."""
    where = {"project": str(tmp_path), **listening}

    apart = all_told(compiled, ATTEMPTS, untrusted=True, **where)
    here = all_told(compiled, HARMLESS, untrusted=False, **where)

    wanted = [words.format() for _, words in ATTEMPTS.values()]
    failed = [found.startswith(words) for found, words in zip(apart, wanted)]
    print(f"\nattempts of a hostile recipe that failed: {sum(failed)}/{len(ATTEMPTS)}")
    assert [pair for pair, fine in zip(zip(ATTEMPTS, apart), failed) if not fine] == []
    assert [said for said in here if not said.startswith("got ")] == []


def hostile(plan: str) -> str:
    """A recipe that writes an answer of its own, and ends before Toque can write one."""
    return (
        f"text = {plan!r}.encode()\n"
        "for fd in range(3, 20):\n"
        "    try:\n"
        "        while text: text = text[os.write(fd, text):]\n"
        "    except OSError: pass\n"
        "os._exit(0)"
    )


STEP = {"id": "log:x", "kind": "log", "fields": {"message": "x"}, "place": "", "when": [],
        "notify": []}  # fmt: skip


def test_answer_of_its_own_is_read_like_any_other(compiled: Try) -> None:
    """Whoever runs there may write what he likes; see test_answer.py for what is refused."""
    plan = {"format": 1, "name": "p", "steps": [STEP]}
    answer = {"plan": plan, "secrets": {}, "blobs": {}}

    assert message(compiled(hostile(json.dumps(answer)))) == "x"
    plan["steps"] = [{**STEP, "id": "log:other"}]
    with pytest.raises(BadCookbook) as caught:
        compiled(hostile(json.dumps(answer)))
    assert caught.value.code == "cookbook-answer-wrong"


def test_printing_a_gigabyte_reaches_nobody(
    compiled: Try, capfd: pytest.CaptureFixture[str]
) -> None:
    body = "for _ in range(1024): print('x' * (1 << 20))\nr.add(Log('done'))"

    assert message(compiled(body)) == "done"
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "body",
    [
        "for fd in range(3, 20):\n    try:\n        while True: os.write(fd, b'x' * (1 << 20))\n"
        "    except OSError: pass",
        "os._exit(3)",
        "os.abort()",
        "import ctypes\nctypes.string_at(0)",
    ],
    ids=["endless answer", "ends early", "aborts", "crashes"],
)
def test_process_that_breaks_its_limits_is_ended(compiled: Try, body: str) -> None:
    with pytest.raises(BadCookbook) as caught:
        compiled(body)

    assert caught.value.code == "cookbook-broke-limits"


def test_endless_recipe_is_ended_although_it_takes_the_alarm_away(
    compiled: Try, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "RECIPES_S", 1.0)
    monkeypatch.setattr("toque.adapters.apart.PATIENCE_S", 1)
    body = "import signal\nsignal.setitimer(signal.ITIMER_REAL, 0)\nwhile True: pass"

    with pytest.raises(BadCookbook) as caught:
        compiled(body)

    assert caught.value.code == "cookbook-broke-limits"


@pytest.mark.parametrize(
    "body",
    [
        "r.add(File('/etc/a', content=r.secret('thena/KEY').reveal()))",
        "s = Secret('n', r.secret('thena/KEY').reveal()[:34])\n"
        "r.add(File('/a', content=s, mode=0o600))",
        "s = r.secret('thena/KEY').reveal()\n"
        "t = r.env_file('a', {'A': r.env_file('b', {'B': s})})\n"
        "r.add(File('/a', content=t, mode=0o600))",
    ],
    ids=["in the plan", "in part", "quoted twice"],
)
def test_secret_that_would_come_out_changed_is_refused(compiled: Try, body: str) -> None:
    with pytest.raises(BadCookbook) as caught:
        compiled(body)

    assert caught.value.code == "cookbook-answer-wrong"


def test_without_isolation_nothing_is_compiled() -> None:
    """Where namespaces are refused the job is not even looked at."""
    orders = {"scratch": "/", "readable": [], "limit_s": 5}
    script = (
        "import sys\n"
        "from toque.adapters import confine, apart_main\n"
        "def refuse(): raise confine.Unavailable('unshare: Operation not permitted')\n"
        "confine.separate = refuse\n"
        "sys.exit(apart_main.main())\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", script],
        input=f"{json.dumps(orders)}\n{{}}".encode(),
        capture_output=True,
    )

    assert (done.returncode, done.stdout) == (97, b"")
    assert b"not permitted" in done.stderr


def test_refusal_is_an_error_that_says_what_helps(
    compiled: Try, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("toque.adapters.apart.MODULE", "toque.adapters.no_such_module")
    monkeypatch.setattr("toque.adapters.apart.UNAVAILABLE", 1)  # as that ends

    with pytest.raises(AskedWrongly) as caught:
        compiled('r.add(Log("x"))')

    assert caught.value.code == "isolation-unavailable"
    assert "root" in caught.value.trouble.hint
