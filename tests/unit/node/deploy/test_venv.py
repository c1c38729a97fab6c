import base64
import functools
import hashlib
import http.server
import io
import os
import re
import shutil
import stat
import subprocess
import tarfile
import tempfile
import threading
import zipfile
from pathlib import Path

import pytest
import uv

from toque.node.errors import StepFailed
from toque.node.packing import pack
from toque.node.resource import Invalid
from toque.node.resources.venv import MARKER, Venv, venv_key

EXISTS = frozenset({"exists", "complete"})
PYTHON = "/usr/bin/python3"


@pytest.fixture(scope="module")
def uv_binary():
    """uv where every user may run it, as on a node."""
    directory = tempfile.mkdtemp(prefix="toque-unit-uv-")
    Path(directory).chmod(0o755)
    binary = shutil.copy(uv.find_uv_bin(), directory)
    Path(binary).chmod(0o755)
    yield binary
    shutil.rmtree(directory)


@pytest.fixture
def wheels(system):
    """``wheels(name, version, **metadata)`` makes a package and gives its pip hash."""
    directory = Path(system.top, "wheels")
    directory.mkdir(mode=0o755)

    def make(name, version="1.0", requires_python="", needs=()):
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        if requires_python:
            metadata += f"Requires-Python: {requires_python}\n"
        metadata += "".join(f"Requires-Dist: {need}\n" for need in needs)
        info = f"{name}-{version}.dist-info"
        files = {
            f"{name}.py": f"VERSION = '{version}'\n\ndef main():\n    print(VERSION)\n",
            f"{info}/METADATA": metadata,
            f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            f"{info}/entry_points.txt": f"[console_scripts]\n{name} = {name}:main\n",
        }
        record = "".join(f"{p},sha256={_digest(t)},{len(t)}\n" for p, t in files.items())
        files[f"{info}/RECORD"] = record + f"{info}/RECORD,,\n"
        wheel = directory / f"{name}-{version}-py3-none-any.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            for path, text in files.items():
                archive.writestr(path, text)
        wheel.chmod(0o644)
        return "sha256:" + hashlib.sha256(wheel.read_bytes()).hexdigest()

    make.directory = directory
    return make


def _digest(text):
    digest = hashlib.sha256(text.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@pytest.fixture
def venv(system, ids, wheels, uv_binary):
    release = Path(system.top, "srv/www/shop/releases/r")
    release.mkdir(mode=0o755)

    def make(text, source=None, **options):
        if text is not None:
            source = source or f"--no-index\n--find-links {wheels.directory}\n"
            (release / "requirements.txt").write_text(source + text)
            (release / "requirements.txt").chmod(0o644)
        return Venv(
            **{
                "path": f"{system.top}/srv/www/shop/venvs/KEY",
                "app": "shop",
                "release": str(release),
                "python": PYTHON,
                "uv": uv_binary,
                **ids,
                **options,
            }
        )

    return make


def built(system, resource):
    resource.validate()
    resource.fix(system, EXISTS)
    assert resource.found(system) == resource.wanted()
    return Path(resource.path)


def failure(system, resource):
    with pytest.raises(StepFailed) as caught:
        resource.fix(system, EXISTS)
    assert resource.found(system) != resource.wanted()
    return caught.value


def test_the_key_follows_the_lock_and_the_python_version():
    keys = {venv_key(b"a==1\n", "3.11"), venv_key(b"a==2\n", "3.11"), venv_key(b"a==1\n", "3.12")}

    assert len(keys) == 3
    assert venv_key(b"a==1\n", "3.11") in keys
    assert {len(key) for key in keys} == {16}


def test_a_lock_with_hashes_becomes_an_environment(system, venv, wheels):
    digest = wheels("tiny")

    path = built(system, venv(f"tiny==1.0 --hash={digest}\n"))

    said = subprocess.run([path / "bin/tiny"], capture_output=True, text=True, check=True)
    assert said.stdout == "1.0\n"
    assert list(path.rglob("__pycache__/tiny.*.pyc"))


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files to other users")
def test_the_app_may_read_and_run_its_environment_and_change_nothing(system, venv, wheels, ids):
    path = built(system, venv(f"tiny==1.0 --hash={wheels('tiny')}\n"))

    for inside in [path, *path.rglob("*")]:
        if inside.is_symlink():
            continue
        assert inside.group() == ids["group"], inside
        assert inside.owner() == ("root" if inside.name == ".toque-complete" else ids["user"])
        assert not stat.S_IMODE(inside.lstat().st_mode) & 0o027, inside
    cache = Path(system.top, "var/cache/toque/uv/shop")
    assert (cache.owner(), stat.S_IMODE(cache.stat().st_mode)) == (ids["user"], 0o700)


def test_a_lock_without_hashes_is_enough(system, venv, wheels):
    wheels("tiny")

    path = built(system, venv("tiny==1.0\n"))

    assert (path / "bin/tiny").exists()


def test_packages_beside_the_lock_are_installed_with_it(system, venv, wheels, tmp_path):
    wheels("tiny")
    wheels("other")
    beside = Path(system.top, "beside.txt")
    beside.write_text("other==1.0\n")
    beside.chmod(0o644)

    path = built(system, venv("tiny==1.0\n", beside=str(beside)))

    assert (path / "bin/tiny").exists() and (path / "bin/other").exists()


def test_a_lock_made_elsewhere_takes_the_place_of_the_apps(system, venv, wheels):
    digest = wheels("tiny")
    beside = Path(system.top, "beside.txt")
    source = f"--no-index\n--find-links {wheels.directory}\n"
    beside.write_text(f"{source}tiny==1.0 --hash={digest}\n")
    beside.chmod(0o644)

    path = built(system, venv(None, lock="", beside=str(beside)))

    assert (path / "bin/tiny").exists()


def test_code_can_ask_for_the_version_of_its_own_project(system, venv, wheels):
    own = {
        "the_shop-7.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: the-shop\nVersion: 7.0\n"
    }

    path = built(system, venv(f"tiny==1.0 --hash={wheels('tiny')}\n", own=own))

    asked = "from importlib.metadata import version; print(version('the-shop'))"
    said = subprocess.run(
        [path / "bin/python", "-c", asked], capture_output=True, text=True, check=True
    )
    assert said.stdout == "7.0\n"


PACKED = "/srv/www/shop/venvs/0123456789abcdef"


def packed(system):
    """What ``pack`` tells of the environment PACKED, as the bytes that it makes."""
    told = []
    pack(system, "shop", PACKED.rpartition("/")[2], MARKER, told.append)
    data = b"".join(base64.b64decode(one["data"]) for one in told[:-1])
    digest = hashlib.sha256(data).hexdigest() if data else ""
    assert told[-1] == {"type": "packed", "sha256": digest, "size": len(data)}
    return data


def test_what_one_node_has_built_is_complete_on_another(system, venv, wheels, ids, stored):
    wheels("tiny")
    text = "tiny==1.0\n"
    own = {"shop-2.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: shop\nVersion: 2.0\n"}
    built(system, venv(text, path=PACKED, own=own))
    there = Path(system.at(PACKED))
    before = {p.relative_to(there): p.stat() for p in there.rglob("*") if p.is_file()}
    blob = stored(packed(system))
    system.taken_notes()
    shutil.rmtree(there)
    shutil.rmtree(wheels.directory)  # nothing can be built any more
    shutil.rmtree(system.at("/var/cache/toque/uv/shop"))

    built(system, venv(text, path=PACKED, own=own, packed=blob))

    after = {p.relative_to(there): p.stat() for p in there.rglob("*") if p.is_file()}
    assert after.keys() == before.keys()
    kept = [(p, s.st_size, s.st_mode) for p, s in before.items()]
    assert [(p, after[p].st_size, after[p].st_mode) for p in before] == kept
    code = "import tiny, importlib.metadata as m; print(tiny.VERSION, m.version('shop'))"
    run = [there / "bin/python", "-v", "-c", code]
    done = subprocess.run(run, capture_output=True, text=True, check=True)
    assert done.stdout == "1.0 2.0\n"
    assert re.search(r"tiny\.cpython-\d+\.pyc matches", done.stderr)  # its byte code counts
    assert system.taken_notes() == ()
    if os.geteuid() == 0:
        for path in there.rglob("*"):
            theirs = path.name.startswith(".toque") or path.is_symlink() or path.name in MADE
            assert theirs or (path.owner(), path.group()) == (ids["user"], ids["group"]), path


# By ``uv venv``, for whoever builds: the app needs none of them.
MADE = (
    "activate", "activate.bat", "activate.csh", "activate.fish", "activate.nu", "activate.ps1",
    "activate_this.py", "deactivate.bat", "pydoc.bat", "CACHEDIR.TAG", ".gitignore", ".lock",
)  # fmt: skip


@pytest.mark.parametrize("what", ["damaged", "another lock", "another place", "nothing", "hostile"])
def test_what_does_not_fit_is_built_as_ever(system, venv, wheels, stored, what):
    wheels("tiny")
    wheels("other")
    text = "tiny==1.0\n"
    built(system, venv("other==1.0\n" if what == "another lock" else text, path=PACKED))
    data = packed(system)
    there = Path(system.at(PACKED))
    shutil.rmtree(there)
    where = PACKED[:-1] + "0" if what == "another place" else PACKED
    data = {"damaged": data[:-100], "nothing": b"", "hostile": hostile()}.get(what, data)

    path = built(system, venv(text, path=where, packed=stored(data)))

    assert Path(system.at(str(path)), "bin/tiny").exists()
    assert not Path(system.at(str(path)), "bin/other").exists()
    assert any("of no use here" in note for note in system.taken_notes())


def hostile():
    """An archive with a link that leads out, as a node that wants to harm another may send."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        link = tarfile.TarInfo("lib")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc"
        tar.addfile(link)
    return file.getvalue()


def test_an_environment_that_is_not_complete_is_not_packed(system, venv, wheels):
    assert packed(system) == b""
    wheels("tiny")
    built(system, venv("tiny==1.0\n", path=PACKED))
    Path(system.at(PACKED), MARKER).unlink()
    assert packed(system) == b""


def test_its_own_name_stays_inside_the_environment(venv):
    with pytest.raises(Invalid, match="own"):
        venv("tiny==1.0\n", own={"../x": ""}).validate()


def test_what_a_killed_build_left_is_built_again(system, venv, wheels):
    wheels("tiny")
    wanted = venv("tiny==1.0\n")
    half = Path(wanted.path, "lib")
    half.mkdir(parents=True)
    (half / "half").write_text("half")

    assert wanted.found(system) == {"complete": False}
    path = built(system, wanted)

    assert not (path / "lib/half").exists()


@pytest.mark.parametrize(("boot", "kept"), [("another boot\n", False), ("", True)])
def test_what_a_power_cut_may_have_emptied_is_downloaded_again(system, venv, wheels, boot, kept):
    wheels("tiny")
    wanted = venv("tiny==1.0\n")
    built(system, wanted)
    cache = Path(system.top, "var/cache/toque/uv/shop")
    (cache / "hollow").touch()
    boot = boot or Path("/proc/sys/kernel/random/boot_id").read_text()
    cache.with_name("shop.building").write_text(boot)

    built(system, wanted)

    assert (cache / "hollow").exists() is kept
    assert not cache.with_name("shop.building").exists()


def test_an_app_without_a_lock_is_told_so(system, venv):
    assert failure(system, venv(None)).code == "lock-missing"


@pytest.mark.skipif(os.geteuid() != 0, reason="reads as another user")
def test_a_lock_that_is_a_link_is_not_read_as_root(system, venv):
    wanted = venv(None)
    os.symlink("/etc/shadow", Path(wanted.release, "requirements.txt"))

    error = failure(system, wanted)

    assert error.code == "lock-missing"
    assert "Permission denied" in error.found


def test_another_package_than_the_locked_one_is_refused(system, venv, wheels):
    wheels("tiny")

    error = failure(system, venv(f"tiny==1.0 --hash=sha256:{'0' * 64}\n"))

    assert error.code == "lock-hash-mismatch"


def test_one_hash_asks_for_a_hash_on_every_package(system, venv, wheels):
    digest = wheels("tiny")
    wheels("other")

    error = failure(system, venv(f"tiny==1.0 --hash={digest}\nother==1.0\n"))

    assert error.code == "lock-hash-mismatch"


@pytest.mark.parametrize(
    "lock", ["missing==1.0\n", "tiny==2.0\n", "tiny==1.0\nuser==1.0\n", "tiny=1.0\n"]
)
def test_a_lock_that_does_not_fit_is_unresolvable(system, venv, wheels, lock):
    wheels("tiny")
    wheels("user", needs=["tiny>=2"])

    error = failure(system, venv(lock))

    assert error.code == "lock-unresolvable"
    assert "tiny" in error.found or "missing" in error.found


def test_packages_for_another_python_are_named_as_that(system, venv, wheels):
    wheels("tiny", requires_python=">=3.99")

    error = failure(system, venv("tiny==1.0\n"))

    assert error.code == "python-mismatch"
    assert "3.99" in error.found


def test_a_node_without_that_python_is_named_as_that(system, venv, wheels):
    wheels("tiny")

    error = failure(system, venv("tiny==1.0\n", python="/usr/bin/python3.99"))

    assert error.code == "python-mismatch"


def test_an_index_that_is_not_there_is_unreachable(system, venv):
    error = failure(system, venv("tiny==1.0\n", source="--index-url http://127.0.0.1:9/simple/\n"))

    assert error.code == "package-source-unreachable"
    assert "127.0.0.1" in error.found


def test_an_index_that_is_broken_is_unreachable(system, venv):
    class Broken(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_error(503)

        def log_message(self, *words):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Broken) as server:
        threading.Thread(target=functools.partial(server.serve_forever, 0.05)).start()
        index = f"--index-url http://127.0.0.1:{server.server_port}/simple/\n"
        error = failure(system, venv("tiny==1.0\n", source=index))
        server.shutdown()

    assert error.code == "package-source-unreachable"
