import pytest

from toque.node import inits


@pytest.fixture(autouse=True)
def supervisord(monkeypatch):
    """A machine with a supervisord is asked through the one that was put on it."""
    monkeypatch.setattr(inits, "connect", lambda system: system.supervisord)
