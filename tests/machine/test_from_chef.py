"""A Chef cookbook in the shape of the story's, imported and tried on a machine, as a user would."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from chef_corpus import CORPUS
from machine_site import environ_in, kitchen_in, require, toque
from toque.kitchen import api

pytestmark = pytest.mark.timeout(900)

MACHINE = "cookbooks-default"


@pytest.fixture
def cookbooks(kitchen_folder: Path, tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "cookbooks"
    api.destroy(kitchen_in(kitchen_folder), MACHINE)


def test_the_storys_cookbook_passes_its_own_suite(cookbooks: Path, kitchen_folder: Path):
    require(kitchen_in(kitchen_folder), "nspawn")
    environ = environ_in(kitchen_folder)

    done = toque(["import", "chef", str(CORPUS / "thena"), "--to", str(cookbooks)],
                 cookbooks.parent, environ)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert toque(["kitchen", "converge"], cookbooks, environ).returncode == 0
    again = toque(["kitchen", "converge"], cookbooks, environ)
    assert ": 0 changed, " in again.stdout
    page = "import urllib.request as u; print(u.urlopen('http://127.0.0.1/').read())"
    shown = toque(["kitchen", "exec", "default", "--", "python3", "-c", page], cookbooks, environ)
    assert "Hello Thena" in shown.stdout
    assert toque(["kitchen", "reboot"], cookbooks, environ).returncode == 0

    checked = toque(["kitchen", "verify", "--json"], cookbooks, environ)

    assert checked.returncode == 0, checked.stdout + checked.stderr
    (said,) = json.loads(checked.stdout.splitlines()[-1])["instances"]
    assert said["checks"] == 4
    assert said["failed"] == 0
