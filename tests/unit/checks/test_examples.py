"""What a page of the documentation calls wrong is found, and what it calls right is not."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from check_cases import FOOT, HEAD, TOML, Case, more, settings, whole
from source_tree import ROOT
from toque import bootstrap
from toque.usecases.checking import check

BLOCKS = re.compile(r"\nNot so:\n\n```(\w+)\n(.*?)```\n\nBut so:\n\n```\1\n(.*?)```\n", re.S)
BEFORE = """\
text = pem = "x"
path, name, app = "/y", "shop/SECRET_KEY", r.apps[0]
values = r.environment(app)
print(a.listen)
"""
AFTER = {"allowance-wrong": 'r.add(Command(("x",), always=True))\n'}
SITE = {"books/web/templates/site.conf.j2": "{{ app.name }} {{ port }}\n"}
EXAMPLES = {
    path.stem: found.groups()
    for path in sorted((ROOT / "docs" / "checks").glob("*.md"))
    if (found := BLOCKS.search(path.read_text()))
}


@pytest.fixture(autouse=True)
def _own_modules() -> Iterator[None]:
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.partition(".")[0] == "web":
            del sys.modules[name]


def case(code: str, language: str, example: str) -> Case:
    if language == "toml":
        if not example.startswith("[apps.shop]\n"):
            return settings(example)
        return Case({"toque.toml": TOML.replace("[apps.shop]\n", example)})
    if code == "import-broken":
        return whole(example + HEAD + FOOT)
    made = more("listen: int = 80", BEFORE + example + AFTER.get(code, ""))
    return Case({**made.files, **(SITE if "site.conf" in example else {})})


def codes(made: Case, folder: Path) -> list[str]:
    for name, text in made.project.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    project = bootstrap.open_project(folder)
    found = check(bootstrap.open_site(project), bootstrap.project_files)
    return [flaw.rule.code for flaw in found.flaws]


@pytest.mark.parametrize("code", EXAMPLES)
def test_the_example_is_found_and_the_better_one_is_not(code: str, tmp_path: Path) -> None:
    language, wrong, right = EXAMPLES[code]

    assert code in codes(case(code, language, wrong), tmp_path / "wrong")
    assert code not in codes(case(code, language, right), tmp_path / "right")


def test_most_pages_have_an_example() -> None:
    assert len(EXAMPLES) >= 13
