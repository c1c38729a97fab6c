"""Bytes that travelled beside a plan."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from toque.node import blobs

DATA = b"some bytes"
WANTED = [{"sha256": hashlib.sha256(DATA).hexdigest(), "size": len(DATA)}]


def test_bytes_are_stored_durably_in_this_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []

    def watch(name: str, real: Callable[..., Any]) -> None:
        def call(*args: Any, **rest: Any) -> Any:
            said.append(name)
            return real(*args, **rest)

        monkeypatch.setattr(os, name, call)

    for name in ("fsync", "rename"):
        watch(name, getattr(os, name))
    blobs.receive(WANTED, io.BytesIO(DATA), lambda event: None, str(tmp_path / "blobs"))

    assert said == ["fsync", "rename", "fsync"]
    assert (tmp_path / "blobs" / WANTED[0]["sha256"]).read_bytes() == DATA
