"""What the tests of more than one module of the node work on."""

import os

import pytest


@pytest.fixture
def app_dir(tmp_path):
    """A directory that belongs to somebody less privileged, who put things in it."""
    if os.geteuid() != 0:
        pytest.skip("another owner needs root")
    path = tmp_path / "app"
    path.mkdir(mode=0o755)
    os.chown(path, 4242, 4242)  # a user that is not there: only its number matters
    return path
