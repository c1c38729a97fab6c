"""A resource type that a cookbook brings, on a real node: the one of the guide, from the page."""

from __future__ import annotations

import json
import re
from pathlib import Path

from small_project import small_project
from toque.kitchen import api

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "cookbook.md"
STEP = "motd.json_setting:/srv/app.json debug"
RECIPE = """\
from toque import Cookbook, File, Recipe
from .resources.json_setting import JsonSetting

def setup(r: Recipe) -> None:
    r.add(File("/srv/app.json", content='{"port": 80}', create_only=True))
    r.add(JsonSetting("/srv/app.json", "debug", False))

cookbook = Cookbook("motd", events={"setup": setup})
"""


def guide_example() -> str:
    """The block of the guide that holds the type, without what stands around it."""
    blocks = re.findall(r"^```python\n(.*?)^```", GUIDE.read_text(), re.M | re.S)
    (found,) = (block for block in blocks if "class JsonSetting" in block)
    return str(found)


def test_own_type_is_planned_applied_and_told_to_drift(
    kitchen_folder: Path, tmp_path: Path
) -> None:
    with small_project(kitchen_folder, tmp_path, "own", cookbook="motd") as project:
        project.write(RECIPE)
        project.write(guide_example(), "resources/json_setting.py")
        settings = api.find(project.kitchen, "own").root / "srv" / "app.json"

        def status(command: str) -> str:
            (found,) = (
                outcome["status"]
                for outcome in project.told(command)["report"]["outcomes"]
                if outcome["step"] == STEP
            )
            return str(found)

        assert status("plan") == "unknown"  # the file is not there yet
        assert status("converge") == "changed"
        assert json.loads(settings.read_text()) == {"port": 80, "debug": False}
        assert status("converge") == "ok"

        settings.write_text('{"port": 81, "debug": true}')
        assert project.told("drift", "--undo")["drifted"] == [STEP]
        assert json.loads(settings.read_text()) == {"port": 81, "debug": False}

        broken = guide_example().replace(
            'return {"value": self._settings', 'return {"value": 1 / 0}\n#', 1
        )
        project.write(broken, "resources/json_setting.py")
        error = project.converge(status=5)["error"]
        assert (error["code"], "ZeroDivisionError" in error["message"]) == ("node-bug", True)
        assert any("motd/resources/json_setting.py" in line for line in error["log"]), error
