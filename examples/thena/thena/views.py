"""The pages.  The last three misbehave on purpose: what happens then is worth knowing early."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

from flask import Blueprint, Response, abort, current_app, jsonify, request
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from .models import Arc
from .release import commit

pages = Blueprint("pages", __name__)

SLOWEST_S = 10.0  # /slow never holds a worker's thread longer than this


@pages.get("/")
def index() -> Response:
    """A greeting and how many arcs there are."""
    with Session(current_app.extensions["engine"]) as session:
        count = session.scalar(select(func.count()).select_from(Arc))
    return Response(f"Hello Thena\narcs: {count}\n", mimetype="text/plain")


@pages.get("/arcs")
def arcs() -> Response:
    """The twenty newest arcs."""
    with Session(current_app.extensions["engine"]) as session:
        newest = session.scalars(select(Arc).order_by(Arc.id.desc()).limit(20)).all()
        return jsonify(
            arcs=[{"user": arc.user, "tail": arc.tail, "head": arc.head} for arc in newest]
        )


@pages.get("/version")
def version() -> Response:
    """The commit that answers."""
    return jsonify(commit=commit(os.environ, Path(__file__).parent))


@pages.get("/boom")
def boom() -> Response:
    """Raise before anything was sent: the visitor must see 500."""
    raise RuntimeError("boom: asked for at /boom")


@pages.get("/late")
def late() -> Response:
    """Raise after the first half was sent: only the announced length tells the visitor."""

    def halves() -> Iterator[str]:
        yield "the first half\n"
        raise RuntimeError("late: asked for at /late")

    return Response(
        halves(),
        mimetype="text/plain",
        headers={"Content-Length": str(len("the first half\nthe other half\n"))},
    )


@pages.get("/slow")
def slow() -> Response:
    """Answer after ``?s=`` seconds, ten at most."""
    seconds = request.args.get("s", default=1.0, type=float)
    if not 0 <= seconds <= SLOWEST_S:  # NaN is refused too
        abort(400, f"s must be between 0 and {SLOWEST_S:g}")
    time.sleep(seconds)
    return Response(f"slept {seconds:g} s\n", mimetype="text/plain")
