"""What a project without a lock asks for, from each file that can say it."""

from __future__ import annotations

import pytest

from toque.detect.declared import declared, find_declared, oldest_python
from toque.detect.tree import Files

FILES = {
    "pyproject": (
        "pyproject.toml",
        "[project]\ndependencies = ['flask>=3', 'redis ; sys_platform == \"linux\"']\n",
        ["flask>=3", 'redis ; sys_platform == "linux"'],
    ),
    "dynamic": ("pyproject.toml", "[project]\ndynamic = ['dependencies']\n", []),
    "poetry": (
        "pyproject.toml",
        "[tool.poetry.dependencies]\n"
        "python = '^3.9'\nflask = '^3.1.2'\nold = '^0.2.3'\nnear = '~1.4.2'\nany = '*'\n"
        "exact = '1.0'\nrange = '>=1,<2'\nspare = { version = '1', optional = true }\n"
        "more = { version = '^2.0', extras = ['a', 'b'], markers = \"os_name == 'posix'\" }\n"
        "source = { git = 'https://forge.example/x.git', tag = 'v1' }\n"
        "two = [{ version = '<2', python = '<3.11' }, { version = '>=2', python = '^3.11' }]\n",
        [
            "flask>=3.1.2,<4",
            "old>=0.2.3,<0.3",
            "near>=1.4.2,<1.5",
            "any",
            "exact==1.0",
            "range>=1,<2",
            "more[a,b]>=2.0,<3 ; os_name == 'posix'",
            "source @ git+https://forge.example/x.git@v1",
            "two<2 ; python_version < '3.11'",
            "two>=2 ; python_version >= '3.11' and python_version < '4'",
        ],
    ),
    "requirements.in": ("requirements.in", "flask  # web\n\nredis\n", ["flask", "redis"]),
    "setup.cfg": (
        "setup.cfg",
        "[options]\ninstall_requires =\n    flask>=3\n    # by hand\n    redis\n",
        ["flask>=3", "redis"],
    ),
    "setup.py": (
        "setup.py",
        "import setuptools\nneeds = ['flask', 'redis']\nsetuptools.setup(install_requires=needs)\n",
        ["flask", "redis"],
    ),
    "computed": ("setup.py", "from setuptools import setup\nsetup(install_requires=read())\n", []),
    "PKG-INFO": (
        "PKG-INFO",
        "Metadata-Version: 2.4\nName: x\nRequires-Dist: flask>=3\n"
        "Requires-Dist: pytest; extra == 'test'\n\nRequires-Dist: of the description\n",
        ["flask>=3"],
    ),
    "broken": ("pyproject.toml", "[project\n", []),
    "of other types": ("pyproject.toml", "[project]\ndependencies = 3\n", []),
}


@pytest.mark.parametrize(("path", "source", "wanted"), FILES.values(), ids=FILES)
def test_what_is_asked_for_is_read(path: str, source: str, wanted: list[str]) -> None:
    assert declared(path, source) == wanted


def test_a_file_that_does_not_say_is_passed_over() -> None:
    tree = Files({"pyproject.toml": FILES["dynamic"][1], "PKG-INFO": FILES["PKG-INFO"][1]})

    assert find_declared(tree) == ("PKG-INFO", ["flask>=3"])


@pytest.mark.parametrize(
    ("allowed", "least"),
    [(">=3.12,<4", "3.12"), (">=3.8", "3.10"), ("^3.11", "3.11"), ("", "3.10")],
)
def test_versions_are_chosen_for_the_least_python_that_a_system_has(
    allowed: str, least: str
) -> None:
    source = f"[project]\nrequires-python = '{allowed}'\n"

    assert oldest_python(Files({"pyproject.toml": source})) == least
