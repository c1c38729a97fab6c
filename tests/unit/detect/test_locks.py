"""Locks of other formats as requirements files, and the server that is installed beside one."""

from __future__ import annotations

import json

import pytest

from toque.detect.found import Python, Reason
from toque.detect.locks import Package, as_requirements, converted
from toque.detect.pythons import suits
from toque.detect.requirements import logical_lines, requirement
from toque.detect.servers import beside
from toque.errors import AskedWrongly

A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64


def test_a_poetry_lock_keeps_versions_markers_and_hashes_and_leaves_out_other_groups() -> None:
    lock = f"""
[[package]]
name = "Flask"
version = "3.1.0"
groups = ["main"]
files = [{{file = "f.whl", hash = "{A}"}}, {{file = "f.tar.gz", hash = "{B}"}}]

[[package]]
name = "colorama"
version = "0.4.6"
groups = ["main", "dev"]
markers = {{main = "sys_platform == \\"win32\\"", dev = "python_version > \\"3\\""}}
files = [{{file = "c.whl", hash = "{B}"}}]

[[package]]
name = "pytest"
version = "8.0"
groups = ["dev"]
files = [{{file = "p.whl", hash = "{B}"}}]

[[package]]
name = "mysqlclient"
version = "2.0"
groups = ["main"]
optional = true
markers = "extra == \\"mysql\\""
files = [{{file = "m.whl", hash = "{B}"}}]
"""
    text = as_requirements(converted("poetry", lock.encode()), "poetry.lock")

    assert text == (
        "# Made from poetry.lock by Toque.\n"
        'colorama==0.4.6 ; sys_platform == "win32" \\\n'
        f"    --hash={B}\n"
        f"flask==3.1.0 \\\n    --hash={A} \\\n    --hash={B}\n"
    )


def test_a_package_without_a_hash_takes_the_hashes_of_all_others() -> None:
    """pip wants all or none; a commit of a git repository has no hash that it could compare."""
    lock = json.dumps(
        {
            "default": {
                "flask": {"version": "==3.1.0", "hashes": [A], "extras": ["async"]},
                "mine": {"git": "https://forge.invalid/mine.git", "ref": "0123abc"},
            }
        }
    )

    text = as_requirements(converted("pipenv", lock.encode()), "Pipfile.lock")

    assert "flask[async]==3.1.0\n" in text
    assert "mine @ git+https://forge.invalid/mine.git@0123abc\n" in text
    assert "--hash" not in text


def test_a_pylock_gives_the_hashes_of_wheels_and_of_the_source() -> None:
    lock = f"""
lock-version = "1.0"
[[packages]]
name = "Flask"
version = "3.1.0"
marker = "python_version >= '3.9'"
wheels = [{{hashes = {{sha256 = "{"a" * 64}"}}}}]
[packages.sdist]
hashes = {{sha256 = "{"b" * 64}"}}
[[packages]]
name = "the-project-itself"
directory = {{path = "."}}
"""
    (package,) = converted("pylock", lock.encode())

    assert package == Package("flask", "3.1.0", (A, B), "python_version >= '3.9'")


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("poetry", "<<<<<<< HEAD\n"),
        ("poetry", '[[package]]\nversion = "1"\n'),
        ("poetry", "package = 3\n"),
        ("pipenv", "[]"),
        ("pipenv", '{"default": {"x": {"path": "../x"}}}'),
        ("pipenv", '{"default": {"x": 1}}'),
        ("pylock", '[[packages]]\nname = "x"\nwheels = [{url = "x"}]\n'),
        ("pylock", ""),
        ("pylock", "\0"),
    ],
)
def test_a_lock_that_is_none_is_refused_with_its_tools_command(kind: str, text: str) -> None:
    with pytest.raises(AskedWrongly) as caught:
        converted(kind, text.encode())  # type: ignore[arg-type]
    assert caught.value.trouble.code == "lock-unreadable"
    assert caught.value.trouble.hint


def test_a_server_beside_is_pinned_hashed_as_the_lock_is_and_names_nothing_twice() -> None:
    hashed = beside("uvicorn", f"fastapi==0.115 --hash={A}\nclick==8.1.7 --hash={A}\n")
    plain = beside("uvicorn", "fastapi==0.115\n")

    named = [requirement(line) for _, line in logical_lines(hashed)]
    assert {one.name for one in named if one} >= {"uvicorn", "h11"}
    assert all(one and one.version and one.hashed for one in named)
    assert not any(one and one.name == "click" for one in named)
    assert "--hash" not in plain and "click==" in plain


@pytest.mark.parametrize(
    "lock", ["Gunicorn[gevent]==20\n", "x==1\ngunicorn>=20 ; os_name == 'posix'\n"]
)
def test_a_server_that_the_lock_has_is_left_to_it(lock: str) -> None:
    assert beside("gunicorn", lock) == ""
    assert beside("uwsgi", "flask==3\n") == ""  # Debian's


@pytest.mark.parametrize(
    ("allowed", "good", "bad"),
    [
        (">=3.10", "3.11.2", "3.9.2"),
        (">=3.9,<3.12", "3.11.2", "3.12.0"),
        ("^3.10", "3.13.1", "3.9.0"),
        ("~3.11", "3.11.9", "3.12.0"),
        ("~=3.10", "3.12.0", "3.9.9"),
        ("==3.11.*", "3.11.4", "3.12.1"),
        ("3.11", "3.11.4", "3.12.1"),
        (">3.9,!=3.10", "3.11.0", "3.10.0"),
        ("<=3.11", "3.11.2", "3.12.0"),
        ("what nobody knows", "3.11.2", ""),
    ],
)
def test_a_nodes_python_is_compared_with_what_the_project_allows(
    allowed: str, good: str, bad: str
) -> None:
    python = Python("", allowed, Reason(""))
    assert suits(good, python)
    assert not bad or not suits(bad, python)
