"""An application over an empty database in memory."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.pool import StaticPool
from thena import create_app
from thena.config import Config
from thena.models import Base


@pytest.fixture
def app() -> Flask:
    app = create_app(Config(make_url("sqlite://"), secret_key="for tests only"))
    # One connection for all: each new connection to sqlite:// would be an empty database.
    engine = create_engine("sqlite://", poolclass=StaticPool)
    Base.metadata.create_all(engine)
    app.extensions["engine"] = engine
    return app
