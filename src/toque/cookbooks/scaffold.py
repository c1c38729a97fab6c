"""The files of a new cookbook, as texts: ``toque new cookbook`` writes them.

It does one small thing and tests it, so that an author begins with what works.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping

from ..errors import AskedWrongly
from .sources import NOT_COOKBOOKS

IGNORE = ".gitignore"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,30}")
_MANIFEST = """\
[project]
name = "DIST"
version = "0.1"
description = "What this cookbook makes of a machine, in one line"
requires-python = ">=3.11"
dependencies = ["toque>=TOQUE"]           # ... and what its recipes import, then: toque lock

[project.entry-points."toque.cookbooks"]
NAME = "PACKAGE"

[tool.toque]
platforms = ["debian 12", "debian 13"]  # a node with another system is refused

[tool.pytest.ini_options]
testpaths = ["tests"]                   # checks/ is for the kitchen

[build-system]                          # for who installs it from an index or a repository
requires = ["hatchling"]
build-backend = "hatchling.build"

[tool.hatch.build.targets.wheel]
packages = ["src/PACKAGE"]
"""
_RECIPE = '''\
"""The cookbook NAME: a greeting in a file, until it does what you need."""

from dataclasses import dataclass

from toque import Cookbook, File, Recipe


@dataclass(frozen=True)
class Attributes:
    """What may differ from one machine to another: [stack.attributes.NAME] in toque.toml."""

    greeting: str = "Be kind to this machine."


def setup(r: Recipe) -> None:
    """What the machine is to be; only what differs is changed."""
    a = r.attributes(Attributes)
    text = r.render("greeting.j2", greeting=a.greeting, facts=r.facts)
    r.add(File("/etc/NAME-greeting", content=text, mode=0o644))


cookbook = Cookbook("NAME", attributes=Attributes, events={"setup": setup})
'''
_TEMPLATE = """\
{{ greeting }}
This machine runs {{ facts.os }} {{ facts.release }}.
"""
_TEST = '''\
"""The recipe without a machine, in milliseconds: run pytest in the cookbook's folder."""

from pathlib import Path

import pytest

from toque.cookbooks.load import load
from toque.testing import DEBIAN_12, DEBIAN_13, compile_recipe, converge

cookbook = load(Path(__file__).parents[1])
on_each_platform = pytest.mark.parametrize("facts", [DEBIAN_12, DEBIAN_13])


@on_each_platform
def test_file_has_the_greeting_that_is_set(facts):
    plan = compile_recipe(cookbook, facts=facts, attributes={"greeting": "Hello."})

    text = plan.file("/etc/NAME-greeting")
    assert text == f"Hello.\\nThis machine runs debian {facts.release}.\\n"
    assert plan.step("file:/etc/NAME-greeting").fields["mode"] == 0o644


@on_each_platform
def test_second_run_changes_nothing(facts):
    first = converge(compile_recipe(cookbook, facts=facts))

    assert "file:/etc/NAME-greeting" in first.changed
    assert "Be kind" in first.machine.text("/etc/NAME-greeting")
    assert converge(compile_recipe(cookbook, facts=facts), first.machine).changed == ()
'''
_KITCHEN = """\
# toque kitchen test, in this folder: a throwaway machine, this cookbook on it, the checks, away.

driver = "auto"                 # systemd-nspawn where it works here, else a chroot
release = "bookworm"            # Debian 12

[suites.default]
run = ["setup"]
verify = "checks"
"""
_CHECK = '''\
"""What has to be true of a real machine after this cookbook; machine looks from inside."""


def test_greeting_is_there_for_everybody(machine):
    seen = machine.file("/etc/NAME-greeting")

    assert "Be kind to this machine." in seen.text
    assert (seen.owner, seen.group, seen.mode) == ("root", "root", 0o644)
'''
_README = """\
# NAME

Writes a greeting to `/etc/NAME-greeting`.

| attribute | default | |
|---|---|---|
| `greeting` | `"Be kind to this machine."` | the first line of the file |

```console
$ pytest                    # the recipe, without a machine
$ toque kitchen test        # on a throwaway machine, its checks included
```
"""

_IGNORED = """\
.toque/
.pytest_cache/
__pycache__/
"""


def package_of(name: str) -> str:
    """The Python package of the cookbook ``name``: no module is called like it by chance."""
    return f"{name}_cookbook"


def distribution_of(name: str) -> str:
    return package_of(name).replace("_", "-")


def files_of(name: str, toque: str) -> Mapping[str, str]:
    """Texts by path below the folder of a new cookbook.  ``toque`` is the version it is made with.

    Raises ``AskedWrongly("cookbook-name-bad")``.
    """
    if not _NAME.fullmatch(name) or keyword.iskeyword(name) or name in NOT_COOKBOOKS:
        raise AskedWrongly(
            "cookbook-name-bad",
            "that cannot be the name of a cookbook",
            expected="a-z first, then a-z 0-9 _, at most 31, and no word of Python; "
            f"not {', '.join(NOT_COOKBOOKS)}",
            found=repr(name),
            hint="name it for what it looks after, such as backups or mail_relay",
        )
    package = package_of(name)
    words = {
        "DIST": distribution_of(name),
        "PACKAGE": package,
        "NAME": name,
        "TOQUE": ".".join(toque.split(".")[:2]),
    }
    texts = {
        "pyproject.toml": _MANIFEST,
        "README.md": _README,
        f"src/{package}/__init__.py": _RECIPE,
        f"src/{package}/templates/greeting.j2": _TEMPLATE,
        f"tests/test_{name}.py": _TEST,
        "kitchen.toml": _KITCHEN,
        "checks/test_machine.py": _CHECK,
        IGNORE: _IGNORED,
    }
    wanted = re.compile("|".join(words))
    return {path: wanted.sub(lambda m: words[m[0]], text) for path, text in texts.items()}
