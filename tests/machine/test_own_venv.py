"""The guide's virtual environment for a tool that is no app, from the page, on a real node."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zipfile
from pathlib import Path

from machine_site import environ_in, kitchen_in, require, toque
from toque.kitchen import api

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "cookbook.md"
PROJECT = """\
[stack]
name = "tools"
cookbooks = ["tools"]

[layers.web]
setup = ["tools"]

[nodes.web1]
address = "kitchen:tools"
layer = "web"
"""
FOOT = '\n\ncookbook = Cookbook("tools", events={"setup": backups})\n'


def guide_example() -> str:
    blocks = re.findall(r"^```python\n(.*?)^```", GUIDE.read_text(), re.M | re.S)
    (found,) = (block for block in blocks if "def backups" in block)
    return f"from toque import Cookbook, File, Recipe\n{found}{FOOT}"


def wheel(folder: Path, version: str) -> str:
    """A package with a program that says its version; the line of a lock that wants it."""
    info = f"tool-{version}.dist-info"
    files = {
        "tool.py": f"def main():\n    print({version!r})\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: tool\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[console_scripts]\ntool = tool:main\n",
    }
    rows = []
    for name, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode()
        rows.append(f"{name},sha256={digest.rstrip('=')},{len(text)}\n")
    files[f"{info}/RECORD"] = "".join(rows) + f"{info}/RECORD,,\n"
    path = folder / f"tool-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    path.chmod(0o644)
    return f"tool=={version} --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


def test_a_tool_follows_its_lock_and_survives_a_bad_one(
    kitchen_folder: Path, tmp_path: Path
) -> None:
    kitchen, environ = kitchen_in(kitchen_folder), environ_in(kitchen_folder)
    require(kitchen, "nspawn")
    package = tmp_path / "tools" / "tools"
    (package / "files").mkdir(parents=True)
    (tmp_path / "toque.toml").write_text(PROJECT)
    (package / "__init__.py").write_text(guide_example())
    lock = package / "files" / "backups.txt"
    machine = api.create(kitchen, "tools", driver="nspawn")
    wheels = machine.root / "srv" / "wheels"
    wheels.mkdir()
    head = "--no-index\n--find-links /srv/wheels\n"

    def converge(status: int = 0) -> dict[str, object]:
        done = toque(("converge", "web1", "--json"), tmp_path, environ)
        assert done.returncode == status, done.stdout + done.stderr
        told: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
        return told

    def says() -> str:
        argv = ["runuser", "-u", "backups", "--", "/opt/backups/current/bin/tool"]
        return api.execute(kitchen, "tools", argv).stdout.decode().strip()

    try:
        lock.write_text(head + wheel(wheels, "1.0"))
        converge()
        assert says() == "1.0"
        lock.write_text(head + wheel(wheels, "2.0"))
        converge()
        assert says() == "2.0"
        lock.write_text(head + f"tool==3.0 --hash=sha256:{'0' * 64}\n")
        error = converge(status=5)["error"]
        assert isinstance(error, dict)
        assert error["code"] == "lock-unresolvable"
        assert says() == "2.0"
        argv = ["find", "-L", "/opt/backups/current/", "-user", "backups"]
        assert api.execute(kitchen, "tools", argv).stdout == b""
    finally:
        api.destroy(kitchen, "tools")
