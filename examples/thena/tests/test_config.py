from __future__ import annotations

import json
from pathlib import Path

import pytest
from thena.config import Config
from thena.release import commit

GOOD = {"DATABASE_URL": "postgresql://u:p%40ss@db:5433/thena", "SECRET_KEY": "k"}


@pytest.mark.parametrize("name", ["DATABASE_URL", "SECRET_KEY"])
@pytest.mark.parametrize("value", [None, ""])
def test_missing_variable_is_named(name: str, value: str | None) -> None:
    environ = {k: v for k, v in {**GOOD, name: value}.items() if v is not None}

    with pytest.raises(RuntimeError, match=f"{name} is not set"):
        Config.from_environment(environ)


def test_url_gets_the_driver_we_ship_and_keeps_the_rest() -> None:
    url = Config.from_environment(GOOD).database_url

    assert url.drivername == "postgresql+psycopg"
    assert (url.username, url.password, url.host, url.port) == ("u", "p@ss", "db", 5433)


def test_repr_shows_no_secret() -> None:
    shown = repr(Config.from_environment({**GOOD, "SECRET_KEY": "hidden"}))

    assert "hidden" not in shown
    assert "p@ss" not in shown
    assert "p%40ss" not in shown


def test_commit_comes_from_the_variable_first_then_from_the_record(tmp_path: Path) -> None:
    inner = tmp_path / "thena"
    inner.mkdir()
    (tmp_path / ".toque").mkdir()
    (tmp_path / ".toque" / "release.json").write_text(json.dumps({"commit": "abc"}))

    assert commit({"TOQUE_COMMIT": "def"}, inner) == "def"
    assert commit({}, inner) == "abc"
    assert commit({}, Path("/")) == "unknown"
