"""Thena: a small catalogue of arcs.

An arc joins two things: a user says that ``head`` follows from ``tail``.  The application is made
by :func:`create_app`, so a test can make one with a configuration of its own.
"""

from __future__ import annotations

from flask import Flask
from sqlalchemy import create_engine
from werkzeug.middleware.proxy_fix import ProxyFix

from . import commands, views
from .config import Config


def create_app(config: Config) -> Flask:
    """Make the application.  Opens no connection: each process opens its own on first use."""
    app = Flask(__name__)
    app.config["SECRET_KEY"] = config.secret_key
    # pool_pre_ping asks the server before each use of a pooled connection, so a database that
    # was restarted costs a reconnect and not a failed request.
    app.extensions["engine"] = create_engine(config.database_url, pool_pre_ping=True)
    # nginx stands in front and says who asked (X-Forwarded-For) and how (X-Forwarded-Proto).
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1)  # type: ignore[method-assign]
    app.register_blueprint(views.pages)
    app.cli.add_command(commands.add)
    return app
