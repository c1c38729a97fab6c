"""The guide's virtual environment for a tool that is no app, from the page, on a real node."""

from __future__ import annotations

import base64
import hashlib
import re
import zipfile
from pathlib import Path

from small_project import small_project
from toque.kitchen import api

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "cookbook.md"
LOCK = "files/backups.txt"
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
    with small_project(kitchen_folder, tmp_path, "tools", cookbook="tools") as project:
        project.write(guide_example())
        wheels = api.find(project.kitchen, "tools").root / "srv" / "wheels"
        wheels.mkdir()
        head = "--no-index\n--find-links /srv/wheels\n"

        def says() -> str:
            return project.sh("runuser -u backups -- /opt/backups/current/bin/tool").strip()

        project.write(head + wheel(wheels, "1.0"), LOCK)
        project.converge()
        assert says() == "1.0"
        project.write(head + wheel(wheels, "2.0"), LOCK)
        project.converge()
        assert says() == "2.0"
        project.write(head + f"tool==3.0 --hash=sha256:{'0' * 64}\n", LOCK)
        assert project.converge(status=5)["error"]["code"] == "lock-unresolvable"
        assert says() == "2.0"
        assert project.sh("find -L /opt/backups/current/ -user backups") == ""
