"""A resource type that a cookbook brings, on a real node: the one of the guide, from the page."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from machine_site import environ_in, kitchen_in, require, toque
from toque.kitchen import api

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "cookbook.md"
PROJECT = """\
[stack]
name = "own"
cookbooks = ["motd"]

[layers.web]
setup = ["motd"]

[nodes.web1]
address = "kitchen:own"
layer = "web"
"""
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
    kitchen, environ = kitchen_in(kitchen_folder), environ_in(kitchen_folder)
    require(kitchen, "nspawn")
    package = tmp_path / "motd" / "motd"
    (package / "resources").mkdir(parents=True)
    (tmp_path / "toque.toml").write_text(PROJECT)
    (package / "__init__.py").write_text(RECIPE)
    (package / "resources" / "json_setting.py").write_text(guide_example())

    def statuses(*argv: str) -> dict[str, Any]:
        done = toque((*argv, "--json"), tmp_path, environ)
        assert done.returncode == 0, done.stdout + done.stderr
        told = json.loads(done.stdout.splitlines()[-1])
        report = (told.get("plans") or told["nodes"])[0]["report"]
        return {o["step"]: o["status"] for o in report["outcomes"]}

    step = "motd.json_setting:/srv/app.json debug"
    machine = api.create(kitchen, "own", driver="nspawn")
    settings = machine.root / "srv" / "app.json"
    try:
        assert statuses("plan", "web1")[step] == "unknown"  # the file is not there yet
        assert statuses("converge", "web1")[step] == "changed"
        assert json.loads(settings.read_text()) == {"port": 80, "debug": False}
        assert statuses("converge", "web1")[step] == "ok"

        settings.write_text('{"port": 81, "debug": true}')
        done = toque(("drift", "web1", "--undo", "--json"), tmp_path, environ)
        assert json.loads(done.stdout.splitlines()[-1])["nodes"][0]["drifted"] == [step]
        assert json.loads(settings.read_text()) == {"port": 81, "debug": False}

        old = (package / "resources" / "json_setting.py").read_text()
        broken = old.replace('return {"value": self._settings', 'return {"value": 1 / 0}\n#', 1)
        (package / "resources" / "json_setting.py").write_text(broken)
        done = toque(("converge", "web1", "--json"), tmp_path, environ)
        error = json.loads(done.stdout.splitlines()[-1])["error"]
        assert (error["code"], "ZeroDivisionError" in error["message"]) == ("node-bug", True)
        assert any("motd/resources/json_setting.py" in line for line in error["log"]), error
    finally:
        api.destroy(kitchen, "own")
