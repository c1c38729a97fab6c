"""The bootstrap, both halves of it, over pipes on this machine with a tiny runtime."""

import base64
import hashlib
import io
import json
import os
import subprocess
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from toque.adapters import shipping
from toque.adapters.local import LocalTransport
from toque.adapters.shipping import Runtime
from toque.errors import Unreachable

PYTHONS = [
    python
    for python in (
        "/usr/bin/python3",
        "/root/.pyenv/versions/3.9.18/bin/python",
        "/root/.pyenv/versions/3.13.0/bin/python",
    )
    if os.access(python, os.X_OK)
]
OLD_PYTHON = Path("/root/.pyenv/versions/3.8.18/bin/python")

pytestmark = pytest.mark.skipif(not PYTHONS, reason="no /usr/bin/python3")

TALKER = """
def main(argv, stdin, stdout):
    import json, os, sys
    def say(value):
        stdout.write(json.dumps(value).encode() + b"\\n")
        stdout.flush()
    say({"argv": argv, "env": dict(os.environ), "cwd": os.getcwd(), "path": sys.path[0],
         "umask": os.umask(0), "version": list(sys.version_info[:2]), "file": __file__})
    print("a stray print")
    for line in stdin:
        say(len(stdin.read(int(line))))
    return 7
"""


def runtime(text: str, folder: Path) -> Runtime:
    folder.mkdir(exist_ok=True)
    (folder / "__init__.py").write_text("")
    (folder / "__main__.py").write_text(text)
    return shipping.pack(folder)


Make = Callable[..., LocalTransport]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """A transport whose node program is the given text."""

    def transport(text: str = TALKER, python: str = PYTHONS[0]) -> LocalTransport:
        packed = runtime(text, tmp_path / "node")
        state = str(tmp_path / "state")
        return LocalTransport(python=python, state=state, runtime=lambda: packed)

    return transport


def shelf(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "state" / "rt").iterdir())


@pytest.mark.parametrize("python", PYTHONS)
def test_program_runs_from_its_directory_in_a_clean_environment(
    make: Make, tmp_path: Path, python: str
) -> None:
    with make(python=python).open(["facts", "a 'b' $c"]) as channel:
        channel.close_input()
        (line,) = channel.lines()
        status = channel.wait()

    told = json.loads(line)
    (name,) = shelf(tmp_path)
    place = f"{tmp_path}/state/rt/{name}"
    assert status == 7
    assert told["argv"] == ["facts", "a 'b' $c"]
    assert told["path"] == place
    assert told["file"] == f"{place}/toque_node/__main__.py"
    assert told["cwd"] == "/"
    assert told["umask"] == 0o022
    assert set(told["env"]) <= {"PATH", "LANG", "HOME", "LC_CTYPE"}
    assert told["env"]["LANG"] == "C.UTF-8"
    assert channel.stderr_tail == ("a stray print",)


@pytest.mark.parametrize("python", PYTHONS)
def test_real_runtime_can_be_imported(tmp_path: Path, python: str) -> None:
    """All of it, on every Python we promise: no syntax too new, no import that is not there."""
    packed = shipping.runtime()
    with zipfile.ZipFile(io.BytesIO(packed.data)) as archive:
        archive.extractall(tmp_path)
        names = [
            name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
            for name in archive.namelist()
            if not name.endswith("__main__.py")
        ]
    code = (
        "import sys, importlib\n"
        f"sys.path.insert(0, {str(tmp_path)!r})\n"
        f"for name in {names!r}: importlib.import_module(name)"
    )

    done = subprocess.run([python, "-I", "-S", "-c", code], capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")


def test_runtime_travels_once(make: Make, tmp_path: Path) -> None:
    make().open([]).wait()
    (name,) = shelf(tmp_path)
    place = tmp_path / "state" / "rt" / name
    born = place.stat().st_ino

    make().open([]).wait()

    assert shelf(tmp_path) == [name]
    assert place.stat().st_ino == born
    assert list(place.glob("toque_node/__pycache__/*.pyc"))


def test_first_runs_at_the_same_time_share_one_runtime(make: Make, tmp_path: Path) -> None:
    transport = make("def main(argv, stdin, stdout): return 5")

    with ThreadPoolExecutor(4) as pool:
        ends = list(pool.map(lambda _: transport.open([]).wait(), range(4)))

    assert ends == [5] * 4
    assert len(shelf(tmp_path)) == 1


def test_state_is_closed_to_others(make: Make, tmp_path: Path) -> None:
    make().open([]).wait()

    state = tmp_path / "state"
    assert state.stat().st_mode & 0o7777 == 0o755
    assert (state / "rt").stat().st_mode & 0o7777 == 0o700
    assert all(p.stat().st_mode & 0o077 == 0 for p in (state / "rt").rglob("*.py"))


def test_three_runtimes_are_kept_the_last_used(make: Make, tmp_path: Path) -> None:
    for number in range(3):
        make(f"{TALKER}\n# {number}").open([]).wait()
        for place in (tmp_path / "state" / "rt").iterdir():
            age = place.stat().st_mtime - 100
            os.utime(place, (age, age))
    oldest = min((tmp_path / "state" / "rt").iterdir(), key=lambda p: p.stat().st_mtime).name
    (tmp_path / "state" / "rt" / ".new-dead").mkdir()
    os.utime(tmp_path / "state" / "rt" / ".new-dead", (0, 0))
    (tmp_path / "state" / "rt" / ".new-alive").mkdir()

    make("def main(*all): return 0").open([]).wait()

    left = shelf(tmp_path)
    assert len(left) == 4
    assert ".new-alive" in left
    assert oldest not in left


@pytest.mark.parametrize("plant", ["open", "link", "file"])
def test_state_that_others_can_change_is_refused(make: Make, tmp_path: Path, plant: str) -> None:
    state = tmp_path / "state"
    if plant == "open":
        state.mkdir()
        state.chmod(0o777)
    elif plant == "link":
        (tmp_path / "elsewhere").mkdir()
        state.symlink_to(tmp_path / "elsewhere")
    else:
        state.write_text("")

    with pytest.raises(Unreachable) as caught:
        make().open([])

    assert caught.value.code == "node-state-unsafe"
    assert str(state) in caught.value.trouble.found


@pytest.mark.parametrize(
    "name",
    ["../x.py", "/x.py", "toque_node/../x.py", "toque_node/x.so", "other/x.py", "toque_node/.x.py"],
)
def test_archive_with_another_kind_of_name_is_refused(tmp_path: Path, name: str) -> None:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        archive.writestr(name, "")
    data = memory.getvalue()
    packed = Runtime(hashlib.sha256(data).hexdigest(), data)
    transport = LocalTransport(
        python=PYTHONS[0], state=str(tmp_path / "state"), runtime=lambda: packed
    )

    with pytest.raises(Unreachable) as caught:
        transport.open([])

    assert caught.value.code == "runtime-damaged"
    assert shelf(tmp_path) == []
    assert not (tmp_path / "x.py").exists()


def test_bytes_with_another_hash_are_not_unpacked(tmp_path: Path) -> None:
    packed = Runtime("0" * 64, b"something else")
    transport = LocalTransport(
        python=PYTHONS[0], state=str(tmp_path / "state"), runtime=lambda: packed
    )

    with pytest.raises(Unreachable) as caught:
        transport.open([])

    assert caught.value.code == "runtime-damaged"
    assert shelf(tmp_path) == []


@pytest.mark.skipif(not OLD_PYTHON.exists(), reason="no Python 3.8 on this machine")
def test_old_python_says_so(make: Make) -> None:
    with pytest.raises(Unreachable) as caught:
        make(python=str(OLD_PYTHON)).open([])

    assert (caught.value.code, caught.value.trouble.found) == ("python-too-old", "3.8.18")


def test_missing_python_says_so(make: Make) -> None:
    with pytest.raises(Unreachable) as caught:
        make(python="/nonexistent/python3").open([])

    assert caught.value.code == "python-missing"


def test_something_else_than_python_is_told(tmp_path: Path) -> None:
    transport = LocalTransport(enter=("sh", "-c", "echo sorry; echo no >&2; exit 4"))

    with pytest.raises(Unreachable) as caught:
        transport.open([])

    assert caught.value.code == "bootstrap-failed"
    assert caught.value.trouble.log == ("sorry", "no")


def test_unwritable_state_is_told(tmp_path: Path) -> None:
    packed = runtime(TALKER, tmp_path / "node")
    transport = LocalTransport(
        python=PYTHONS[0], state=str(tmp_path / "no" / "state"), runtime=lambda: packed
    )

    with pytest.raises(Unreachable) as caught:
        transport.open([])

    assert caught.value.code == "node-not-writable"


def test_blob_and_events_that_cross_do_not_deadlock(make: Make) -> None:
    """Both directions are larger than every pipe between, and nobody reads first."""
    flood = """
def main(argv, stdin, stdout):
    for _ in range(2000):
        stdout.write(b"x" * 4000 + b"\\n")
    stdout.flush()
    stdout.write(b"%d\\n" % len(stdin.read(20000000)))
    stdout.flush()
    return 0
"""
    with make(flood).open([]) as channel:
        channel.send_bytes(bytes(20_000_000))
        lines = list(channel.lines())

    assert len(lines) == 2001
    assert lines[-1] == b"20000000"


def test_frames_arrive_byte_for_byte(make: Make) -> None:
    echo = """
def main(argv, stdin, stdout):
    import base64
    for line in stdin:
        stdout.write(base64.b64encode(stdin.read(int(line))) + b"\\n")
        stdout.flush()
"""
    payload = bytes(range(256)) * 300
    with make(echo).open([]) as channel:
        for size in (0, 1, 8191, 8192, 8193, len(payload)):
            channel.send(str(size).encode())
            channel.send_bytes(payload[:size])
        channel.close_input()
        answers = [base64.b64decode(line) for line in channel.lines()]

    assert answers == [payload[:size] for size in (0, 1, 8191, 8192, 8193, len(payload))]


def test_killed_program_is_lost_not_failed(make: Make) -> None:
    with (
        make("def main(*all):\n import os\n os.kill(os.getpid(), 9)").open([]) as channel,
        pytest.raises(Unreachable) as caught,
    ):
        list(channel.lines())

    assert caught.value.code == "connection-lost"


def test_half_a_line_at_the_end_is_not_a_line(make: Make) -> None:
    with make("def main(a, i, o):\n o.write(b'whole\\nhal')\n o.flush()").open([]) as channel:
        assert list(channel.lines()) == [b"whole"]
