"""The guide's example, made from the page itself: what goes in, what is said, what comes out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from source_tree import ROOT
from toque.cli import main

PAGE = (ROOT / "docs" / "guides" / "from-chef.md").read_text()
FILE = re.compile(r"`([\w/.]+)`:\n\n```\w+\n(.*?)```", re.S)


def test_example_is_as_the_guide_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    files = dict(FILE.findall(PAGE))
    wanted = {name: files.pop(name) for name in list(files) if name.endswith(".py")}
    for name, text in files.items():
        path = tmp_path / "chef-repo" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.chdir(tmp_path)

    with pytest.raises(SystemExit) as ended:
        main(["import", "chef", "chef-repo", "--to", "cookbooks"])

    assert ended.value.code == 0
    said = re.search(r"```text\n(\d+ of .*?)```", PAGE, re.S)
    assert said is not None
    assert capsys.readouterr().out == said[1]
    for name, text in wanted.items():
        assert (tmp_path / name).read_text() == text
