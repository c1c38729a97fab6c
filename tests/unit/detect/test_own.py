"""What a project is called, from its own files."""

from __future__ import annotations

import pytest

from toque.detect.own import own_metadata
from toque.detect.tree import Files

SHOP = "shop-1.2.dist-info/METADATA"
CASES = {
    "project": ({"pyproject.toml": "[project]\nname = 'shop'\nversion = '1.2'\n"}, [SHOP]),
    "poetry": ({"pyproject.toml": "[tool.poetry]\nname = 'shop'\nversion = '1.2'\n"}, [SHOP]),
    "built": ({"PKG-INFO": "Metadata-Version: 2.4\nName: shop\nVersion: 1.2\n"}, [SHOP]),
    "version of the build": (
        {
            "pyproject.toml": "[project]\nname = 'shop'\ndynamic = ['version']\n",
            "PKG-INFO": "Name: shop\nVersion: 1.2\n",
        },
        [SHOP],
    ),
    "no version": (
        {"pyproject.toml": "[project]\nname = 'My-Shop'\n"},
        ["My_Shop-0.0.0.dist-info/METADATA"],
    ),
    "a path for a name": ({"pyproject.toml": "[project]\nname = '../x'\nversion = '1'\n"}, []),
    "a line in the version": ({"PKG-INFO": "Name: shop\nVersion: 1\n 2\n"}, []),
    "nothing": ({"app.py": ""}, []),
    "broken": ({"pyproject.toml": "[project\n"}, []),
}


@pytest.mark.parametrize(("files", "wanted"), CASES.values(), ids=CASES)
def test_a_project_is_named_as_installing_it_would(
    files: dict[str, bytes | str], wanted: list[str]
) -> None:
    assert list(own_metadata(Files(files))) == wanted


def test_entry_points_are_told_too() -> None:
    source = (
        "[project]\nname = 'shop'\nversion = '1'\n"
        "[project.scripts]\nshop = 'shop.cli:main'\n"
        "[project.entry-points.'shop.backends']\nsql = 'shop.sql'\n"
    )

    found = own_metadata(Files({"pyproject.toml": source}))

    assert found["shop-1.dist-info/entry_points.txt"].split() == [
        "[shop.backends]", "sql", "=", "shop.sql",
        "[console_scripts]", "shop", "=", "shop.cli:main",
    ]  # fmt: skip
