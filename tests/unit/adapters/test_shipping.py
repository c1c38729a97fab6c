import ast
import io
import os
import shlex
import sys
import zipfile
from pathlib import Path

import pytest

import toque.node
from toque.adapters import boot, shipping

NODE = Path(toque.node.__file__).parent
SOURCES = sorted(NODE.rglob("*.py"))


def tree(folder: Path, names: dict[str, str]) -> Path:
    for name, text in names.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_same_files_are_the_same_bytes_whenever_they_were_written(tmp_path: Path) -> None:
    names = {"b.py": "1", "__init__.py": "", "deep/__init__.py": "", "a.py": "2"}
    one = tree(tmp_path / "one", names)
    two = tree(tmp_path / "two", dict(reversed(names.items())))
    os.utime(two / "a.py", (0, 0))
    (two / "a.py").chmod(0o777)

    assert shipping.pack(one) == shipping.pack(two)


def test_another_text_is_another_runtime(tmp_path: Path) -> None:
    before = shipping.pack(tree(tmp_path, {"a.py": "1"}))
    after = shipping.pack(tree(tmp_path, {"a.py": "2"}))

    assert before.sha256 != after.sha256


def test_only_sources_travel_as_one_package(tmp_path: Path) -> None:
    names = {"a.py": "", "a.pyc": "", "__pycache__/a.cpython-311.pyc": "", "note.md": ""}
    data = shipping.pack(tree(tmp_path, names)).data

    assert zipfile.ZipFile(io.BytesIO(data)).namelist() == ["toque_node/a.py"]


def test_runtime_is_the_node_package() -> None:
    names = zipfile.ZipFile(io.BytesIO(shipping.runtime().data)).namelist()

    assert names == [f"toque_node/{p.relative_to(NODE).as_posix()}" for p in SOURCES]


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.relative_to(NODE).as_posix())
def test_node_imports_only_the_standard_library_and_itself(path: Path) -> None:
    modules = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            modules.add((node.module or "").split(".")[0])

    assert modules <= sys.stdlib_module_names


def test_boot_text_survives_a_shell_and_old_parsers() -> None:
    text = shipping.boot_text()

    assert not set("'\\\r") & set(text)
    assert text.isascii()
    ast.parse(text, feature_version=(3, 4))


def test_boot_text_is_one_word_for_a_shell() -> None:
    command = shipping.python_command()

    assert shlex.split(shlex.join(command)) == list(command)
    assert command[-1] == Path(boot.__file__).read_text()
    assert "'\"'\"'" not in shlex.join(command)


def test_uv_binary_is_a_program() -> None:
    assert os.access(shipping.uv_binary(), os.X_OK)
