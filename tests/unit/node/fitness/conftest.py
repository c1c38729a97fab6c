"""One Python with the packages that apps use, and the servers they talk to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from app_looks import python_with_packages, toys


@pytest.fixture(scope="session")
def python() -> Path:
    return python_with_packages()


@pytest.fixture(scope="session")
def ports() -> Iterator[Mapping[str, str]]:
    with toys() as made:
        yield made
