"""``flask --app wsgi add USER TAIL HEAD``: how an arc gets in."""

from __future__ import annotations

import click
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy.orm import Session

from .models import Arc


@click.command()
@click.argument("user")
@click.argument("tail")
@click.argument("head")
@with_appcontext
def add(user: str, tail: str, head: str) -> None:
    """Add an arc: USER says that HEAD follows from TAIL."""
    with Session(current_app.extensions["engine"]) as session:
        session.add(Arc(user=user, tail=tail, head=head))
        session.commit()
    click.echo(f"{user}: {tail} -> {head}")
