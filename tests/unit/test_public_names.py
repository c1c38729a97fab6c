"""What a cookbook author imports: complete, lazy, and known to type checkers."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import toque

TEXT = Path(toque.__file__).read_text()


@pytest.mark.parametrize("name", toque.__all__)
def test_every_name_is_there_and_called_so(name):
    value = getattr(toque, name)

    assert getattr(value, "__name__", "__version__") == name


def test_type_checkers_see_the_same_names():
    seen = {
        alias.name
        for node in ast.walk(ast.parse(TEXT))
        if isinstance(node, ast.ImportFrom) and node.level == 1
        for alias in node.names
    }

    assert seen | {"__version__"} == set(toque.__all__)


def test_import_alone_loads_nothing_else_of_ours():
    said = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, toque; print([m for m in sys.modules if 'toque' in m])",
        ],
        capture_output=True,
        check=True,
        text=True,
    ).stdout

    assert said.strip() == "['toque']"


def test_compiling_without_templates_does_not_load_the_template_engine():
    text = "import sys, toque.testing; print('jinja2' in sys.modules)"
    said = subprocess.run(
        [sys.executable, "-c", text], capture_output=True, check=True, text=True
    ).stdout

    assert said.strip() == "False"


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Fiel'"):
        _ = toque.Fiel
