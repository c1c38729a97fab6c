"""Releases that are broken in every way we know: none reaches a visitor, and each is explained."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from app_looks import LOCK
from broken_apps import BROKEN, LATER, Broken
from machine_site import Site

COOKBOOK = "thena-infra/thena_infra"


class Shop:
    """The site, with an edit of its cookbook or toque.toml for one release at a time."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.folder = site.space.directory / COOKBOOK
        self.kept = {
            path: path.read_text()
            for path in (
                site.project,
                self.folder / "templates/uwsgi.ini.j2",
                self.folder / "deploy.py",
            )
        }

    def put_back(self) -> None:
        for path, text in self.kept.items():
            if path.read_text() != text:
                path.write_text(text)

    def try_it(self, broken: Broken, base: str) -> tuple[dict[str, object], float]:
        """The error of its deploy, and the seconds that it took."""
        site = self.site
        for path, changes in zip(
            self.kept, (broken.toml, broken.settings, broken.deploy), strict=True
        ):
            text = self.kept[path]
            for old, new in changes:
                assert old in text, (broken.name, old)
                text = text.replace(old, new)
            if text != self.kept[path]:
                path.write_text(text)
        site.space.git("reset", "-q", "--hard", base)
        site.commit({"wsgi.py": broken.source, **broken.files}, broken.name)
        commit, began = site.publish(), time.monotonic()
        try:
            done = site.toque("deploy", "thena", "--ref", commit, "--json")
        finally:
            self.put_back()
        told = json.loads(done.stdout.splitlines()[-1])
        return told.get("error", {"code": "deployed", **told}), time.monotonic() - began


@pytest.mark.requirement("R24", "R29", "R34", "R36", "R50")
@pytest.mark.timeout(1800)
def test_no_broken_release_reaches_a_visitor(
    site: Site, record_property: Callable[[str, object], None]
) -> None:
    site.needs_systemd("one machine is enough to see what each of them says")
    # What a release that is given up has left to answer to nobody.
    site.edit("[layers.web]", "[stack.attributes.thena_infra]\nfinish_within_s = 2\n[layers.web]")
    base = site.commit({"requirements.txt": LOCK.read_text()}, "Everything that apps use")
    site.deploy()
    served, release = site.served(), site.release
    shop = Shop(site)
    table: list[str] = []
    wrong: list[str] = []
    spent_s = 0.0
    with site.load(rate_per_s=20) as load:
        for broken in BROKEN:
            error, seconds = shop.try_it(broken, base)
            text = json.dumps(error, ensure_ascii=False)
            print(f"{seconds:.1f} {broken.name}: {text[:3000]}", flush=True)
            spent_s += seconds
            table.append(
                f"{broken.name}: [{error['code']}] {error.get('message')} "
                f"({broken.by}, {seconds:.1f} s)"
            )
            good = error["code"] == broken.code
            good = good and json.dumps(broken.words, ensure_ascii=False)[1:-1] in text
            if not good or broken.place not in text:
                wrong.append(
                    f"{broken.name}: wanted {broken.code}, {broken.words!r}: {text[:1500]}"
                )
            if site.release != release:
                wrong.append(f"{broken.name}: it serves")
                site.ok("rollback", "thena", "--to", release)

    for name, why in LATER.items():
        table.append(f"{name}: for the watch window, {why}")
    account = load[0]
    record_property(
        "figure",
        f"{len(BROKEN)} broken releases in {spent_s:.0f} s, {account.requests} requests, "
        f"{account.failed} failed\n" + "\n".join(table),
    )
    assert wrong == []
    assert account.failures == ()
    assert (account.failed, account.truncated) == (0, 0)
    assert len(BROKEN) >= 40
    assert site.served() == served


QUERIES = """
import os
from flask import Flask
from sqlalchemy import create_engine, text
from thena.config import database_url
engine = create_engine(database_url(os.environ))
with engine.connect() as connection:
    arcs = connection.execute(text("select count(*) from arcs")).scalar()
app = Flask(__name__)
app.config["PROPAGATE_EXCEPTIONS"] = True
@app.get("/")
def home():
    with engine.connect() as connection:
        return str(connection.execute(text("select 40 + 2")).scalar())
"""


@pytest.mark.requirement("R52")
def test_connections_that_are_opened_at_import_are_safe(
    site: Site, record_property: Callable[[str, object], None]
) -> None:
    """The story's second 502: one connection, used by several workers."""
    site.edit("keep = 3", "keep = 3\nprocesses = 3")
    site.commit({"wsgi.py": QUERIES}, "Count at import")

    said = site.ok("deploy", "thena", "--ref", site.publish())

    assert "warning [exceptions-propagate]" in said  # which stops nobody
    with ThreadPoolExecutor(12) as callers:
        answers = Counter(
            (answer.status, answer.text) for answer in callers.map(site.http, ["/"] * 300)
        )
    record_property("figure", f"{site.server}, a query at import: {dict(answers)}")
    assert answers == {(200, "42"): 300}
