"""What every driver promises, as tests.  A driver's own tests are a subclass:

from toque.kitchen.contract import DriverContract

class TestCloud(DriverContract):
    driver = "cloud"
    lacks = frozenset({"power-cut"})
"""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite(f"{__name__}.promises")  # so that a failure shows both sides

from .promises import DriverContract  # noqa: E402
from .traces import traces  # noqa: E402

__all__ = ["DriverContract", "traces"]
