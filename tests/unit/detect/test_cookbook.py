"""What `toque init` writes does what `toque up` does without it, step by step."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from toque.cookbooks import load
from toque.cookbooks.compile import compile_plan
from toque.cookbooks.inputs import Inputs
from toque.cookbooks.samples import DEBIAN_12, planted
from toque.detect import cookbook, detect, render
from toque.detect.answers import answers
from toque.detect.found import Detected, Reason
from toque.detect.tree import Files
from toque.errors import AskedWrongly
from toque.fleet.project import Project, parse_project
from toque.fleet.release import blank_release
from toque.fleet.source import Source
from toque.node.model import Step
from toque.node.values import Blob

from .test_corpus import PROJECTS, parsed

PLACE = render.Place("my-shop", "main", {"web1": "root@192.0.2.7"}, ("shop.example",))
PACKAGE = "infra/my_shop_site"


def accepted() -> Iterator[tuple[str, Detected]]:
    for path in PROJECTS:
        files, _ = parsed(path.read_text())
        try:
            yield path.stem, detect(Files(files))
        except AskedWrongly:
            continue  # refused; that is told by test_corpus.py


ACCEPTED = dict(accepted())


@pytest.fixture
def alone() -> Iterator[None]:
    """The package is imported anew in each test."""
    yield
    sys.modules.pop("my_shop_site", None)


def project(found: Detected, folder: Path, place: render.Place) -> Project:
    text = render.as_toml(found, answers(found, (*place.domains, "192.0.2.7")), place)
    return parse_project(text, folder)


def steps(made: Project, event: str) -> tuple[Step, ...]:
    """What a node of the project gets for ``event``, but for the lines that added it."""
    (node,), (app,) = made.nodes.values(), made.apps.values()
    loaded = load.load_paths(made.cookbooks)
    layer = made.layers[node.layer]
    layers = made.attributes_for(node)
    load.check_tables(layers, loaded)
    found = {
        name: load.find(name, loaded) for e in ("setup", "deploy") for name in layer.cookbooks(e)
    }
    inputs = Inputs(
        node=node.name, stack=made.stack.name, facts=DEBIAN_12, layers=layers, apps=(app,),
        app=app if event == "deploy" else None,
        release=blank_release(app.name, "0" * 40) if event == "deploy" else None,
        source=Source(b"", url="https://example.invalid/x") if event == "deploy" else None,
        uv=Blob("1" * 64), environments={app.name: planted(app)}, around=tuple(found.values()),
    )  # fmt: skip
    plan = compile_plan("p", [(found[n], event) for n in layer.cookbooks(event)], inputs).plan
    return tuple(replace(step, place="") for step in plan.steps)


@pytest.mark.parametrize("name", ACCEPTED)
def test_the_plan_is_that_of_a_project_without_files(
    name: str, tmp_path: Path, alone: None
) -> None:
    found = ACCEPTED[name]
    (tmp_path / PACKAGE).mkdir(parents=True)
    (tmp_path / PACKAGE / "__init__.py").write_text(cookbook.as_cookbook(found, "my-shop"))
    without = project(found, tmp_path, PLACE)
    owned = project(found, tmp_path, replace(PLACE, cookbook=PACKAGE))

    for event in ("setup", "deploy"):
        wanted = steps(without, event)
        assert len(wanted) > 8
        assert steps(owned, event) == wanted


def test_a_cookbook_gives_the_reasons_that_the_project_has() -> None:
    text = cookbook.as_cookbook(ACCEPTED["django-postgres-by-parts"], "my-shop")

    setup = text.partition("def deploy")[0]
    reason = '#   site1/settings.py:9: os.environ["POSTGRES_PASSWORD"], and the lock has psycopg2'
    assert reason in setup.partition("r.include(postgresql.setup)")[0]
    assert "manage.py: Django's migrations\n        python_app.migrate(r, here)" in text


@pytest.mark.parametrize(
    "hostile", ['"""\nimport os', "\r", "\x0c", "\u2028x", "a\\\nb", "x" * 500]
)
def test_no_word_of_a_project_can_become_code(hostile: str) -> None:
    found = ACCEPTED["flask-one-file"]
    plain = cookbook.as_cookbook(found, "shop")
    entry = replace(found.entry, why=Reason(hostile, hostile, 3))

    text = cookbook.as_cookbook(replace(found, entry=entry), "shop")

    assert ast.dump(ast.parse(text)) == ast.dump(ast.parse(plain))
    assert max(len(line) for line in text.splitlines()) <= cookbook.WIDTH
