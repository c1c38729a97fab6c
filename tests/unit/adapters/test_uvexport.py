"""uv's export of a lock: without a network, a Python or this machine's configuration."""

from __future__ import annotations

import pytest

from toque.adapters.uvexport import export
from toque.errors import AskedWrongly

PROJECT = b"""
[project]
name = "hello"
version = "0"
requires-python = ">=3.99"
dependencies = ["tiny"]
[dependency-groups]
dev = ["other"]
"""
LOCK = b"""
version = 1
revision = 3
requires-python = ">=3.99"

[[package]]
name = "hello"
version = "0"
source = { virtual = "." }
dependencies = [{ name = "tiny" }]
[package.dev-dependencies]
dev = [{ name = "other" }]
[package.metadata]
requires-dist = [{ name = "tiny" }]
[package.metadata.requires-dev]
dev = [{ name = "other" }]

[[package]]
name = "tiny"
version = "1.0"
source = { registry = "https://index.invalid/simple" }
wheels = [{ url = "https://index.invalid/tiny-1.0-py3-none-any.whl", hash = "sha256:HASH" }]

[[package]]
name = "other"
version = "1.0"
source = { registry = "https://index.invalid/simple" }
wheels = [{ url = "https://index.invalid/other-1.0-py3-none-any.whl", hash = "sha256:HASH" }]
""".replace(b"HASH", b"a" * 64)


def test_a_uv_lock_becomes_requirements_of_production() -> None:
    """Even of a project for a Python that there is not: nothing is resolved or built."""
    found = export({"uv.lock": LOCK, "pyproject.toml": PROJECT})

    assert found.decode().split() == ["tiny==1.0", "\\", f"--hash=sha256:{'a' * 64}"]


@pytest.mark.parametrize("lock", [b"<<<<<<< HEAD\n", b"version = 99\n"])
def test_a_lock_that_uv_cannot_read_is_told_in_its_words(lock: bytes) -> None:
    with pytest.raises(AskedWrongly) as caught:
        export({"uv.lock": lock, "pyproject.toml": PROJECT})

    assert caught.value.code == "lock-unreadable"
    assert caught.value.trouble.hint.startswith("uv lock")
    assert caught.value.trouble.log
