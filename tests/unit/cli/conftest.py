"""Cookbooks with dependencies, and the commands said to them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cookbook_repository import Repository, repository
from toque.cli import main

Say = Callable[..., dict[str, Any]]


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    environ: dict[str, str] = {}
    made = repository(tmp_path, environ)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(made.directory)
    return made


@pytest.fixture
def say(repo: Repository, capsys: pytest.CaptureFixture[str]) -> Say:
    """``say("lock")``: what the command answers with ``--json``, and its ``status``."""

    def run(*argv: str) -> dict[str, Any]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main([*argv, "--json"])
        told = capsys.readouterr()
        answer: dict[str, Any] = json.loads(told.out or told.err)
        answer = answer.get("error", answer)
        return {**answer, "status": left.value.code}

    return run
