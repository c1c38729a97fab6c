"""Whole repositories: what is written compiles, and every line of theirs is accounted for."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chef_corpus import NAMES, files_of, imported, write
from toque.cookbooks.cookbook import Cookbook
from toque.cookbooks.load import load_all
from toque.fleet.project import load_project
from toque.kitchen import kitchenfile
from toque.kitchen.instance import instances
from toque.testing import RELEASES, compile_recipe, converge

Record = Callable[[str, object], None]
each = pytest.mark.parametrize("name", NAMES)


@pytest.fixture
def modules() -> Iterator[None]:
    """What is imported from a temporary directory is forgotten."""
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


def cookbooks(name: str, into: Path) -> tuple[Cookbook, ...]:
    write(imported(name).files, into)
    return load_all(into)


@each
@pytest.mark.usefixtures("modules")
def test_what_is_written_compiles_on_every_release(name: str, tmp_path: Path):
    found = cookbooks(name, tmp_path)

    assert found
    for cookbook in found:
        for facts in RELEASES if "setup" in cookbook.events else ():
            compile_recipe(cookbook, facts=facts)


@each
def test_share_of_resources_that_are_carried_over(name: str, record_property: Record):
    carried = imported(name)

    record_property("figure", f"{name}: {carried.said}")
    assert carried.share is not None
    assert 0.6 < carried.share <= 1.0


@each
def test_each_line_is_carried_listed_or_says_nothing(name: str):
    carried = imported(name)

    for path, data in files_of(name).items():
        listed = {
            number
            for one in carried.entries
            if one.file == path and one.left
            for number in range(one.first, one.last + 1)
        }
        accounts = [account for account in carried.accounts if account.file == path]
        assert (
            accounts or any(o.file == path for o in carried.entries) or is_copied(carried, data)
        ), path
        for account in accounts:
            assert len(account.lines) == len(data.decode().splitlines()), path
            for number, line in enumerate(account.lines, 1):
                state = account.state(number)
                assert state != "silent" or not line.strip() or line.lstrip().startswith(("#", "="))
                assert (state == "listed") == (number in listed), f"{path}:{number}"


def is_copied(carried: object, data: bytes) -> bool:
    return data in carried.files.values()  # type: ignore[attr-defined]


@each
def test_what_is_left_is_marked_where_it_would_stand(name: str):
    carried = imported(name)

    text = "\n".join(data.decode() for path, data in carried.files.items() if path.endswith(".py"))
    for entry in carried.left:
        if (
            "/recipes/" in f"/{entry.file}"
            and entry.first
            and entry.reason != ("for other systems than Debian and Ubuntu")
        ):
            assert f"# TODO(chef): {entry.place}: {entry.reason}" in text


@each
def test_the_list_has_place_reason_and_words(name: str):
    carried = imported(name)

    page = carried.files["FROM-CHEF.md"].decode()
    for entry in carried.entries:
        assert f"* `{entry.place}`: {entry.reason}" in page
        for line in entry.text.split("\n"):
            assert line.strip() in page


@each
def test_python_is_formatted_and_clean(name: str, tmp_path: Path):
    write(imported(name).files, tmp_path)
    ruff = [sys.executable, "-m", "ruff"]
    as_in_a_project = ["--no-cache", "--isolated", "--line-length", "100"]
    rules = ["--select", "E9,F,I,N,B", "--ignore", "B007"]  # B007: a loop of which a TODO is left

    formatted = subprocess.run(
        [*ruff, "format", "--check", "--diff", *as_in_a_project, "."],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    checked = subprocess.run(
        [*ruff, "check", *as_in_a_project, *rules, "."],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )

    assert formatted.returncode == 0, formatted.stdout
    assert checked.returncode == 0, checked.stdout


@each
def test_project_and_suites_are_read_by_toque(name: str, tmp_path: Path):
    write(imported(name).files, tmp_path)

    project = load_project(tmp_path / "toque.toml")
    read = kitchenfile.load(tmp_path / "kitchen.toml", {"HOME": str(tmp_path)})
    suites = instances(read)

    assert project.layers
    assert all(m.layer in project.layers for one in suites for m in one.members)


@pytest.mark.usefixtures("modules")
def test_the_cookbook_of_the_story_is_carried_over_whole(tmp_path: Path):
    carried = imported("thena")

    assert carried.left == ()
    assert carried.counts.whole == carried.counts.all
    (cookbook,) = cookbooks("thena", tmp_path)
    first = converge(compile_recipe(cookbook))
    assert "service:nginx" in first.changed
    assert converge(compile_recipe(cookbook), first.machine).changed == ()
