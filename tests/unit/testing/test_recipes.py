"""What a test can ask a plan, and what of it is left unasked."""

from __future__ import annotations

import pytest

from toque import Action, Cookbook, File, Guard, Recipe, Secret, Service, Unit
from toque.testing import Coverage, compile_recipe

pytest_plugins = ["pytester"]
UNIT = "[Service]\nExecStart=/bin/x\n"


def setup(r: Recipe) -> None:
    web = Service("web", running=True)
    r.add(Unit("web.service", content=UNIT), notify=web.restart)
    r.add(
        File("/etc/plain", content=f"on {r.facts.codename}\n"),
        when=Guard("exists", "/etc"),
    )
    r.add(File("/etc/bytes", content=b"\x00\x01"))
    r.add(File("/etc/hidden", content=Secret("s", "the secret\n"), mode=0o600))
    r.add(web)


COOKBOOK = Cookbook("inline", events={"setup": setup})


def test_plan_shows_notifications_and_guards() -> None:
    plan = compile_recipe(COOKBOOK)

    assert plan.step("unit:web.service").notify == (Action("service:web", "restart"),)
    assert plan.step("file:/etc/plain").when == (Guard("exists", "/etc"),)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/etc/plain", "on bookworm\n"),
        ("/etc/hidden", "the secret\n"),
        ("/etc/systemd/system/web.service", UNIT),
    ],
)
def test_any_file_is_rendered(path: str, text: str) -> None:
    assert compile_recipe(COOKBOOK).file(path) == text


@pytest.mark.parametrize("path", ["/etc/plian", "/etc/bytes", "/never"])
def test_file_that_is_not_there_names_those_that_are(path: str) -> None:
    with pytest.raises(KeyError, match="/etc/plain"):
        compile_recipe(COOKBOOK).file(path)


def test_untouched_are_those_that_nobody_asked_for() -> None:
    plan = compile_recipe(COOKBOOK)

    assert "service:web" in plan
    assert "service:wob" not in plan
    plan.file("/etc/plain")
    plan.step("unit:web.service")

    assert plan.untouched == ("file:/etc/bytes", "file:/etc/hidden")


def test_coverage_joins_what_several_tests_asked() -> None:
    coverage = Coverage()
    coverage.compile_recipe(COOKBOOK).file("/etc/plain")
    plan = coverage.compile_recipe(COOKBOOK)
    assert "unit:web.service" in plan
    assert "service:web" in plan

    assert len(coverage.declared()) == 5
    assert [id for _, id in coverage.untouched()] == ["file:/etc/bytes", "file:/etc/hidden"]


TEST = """
from toque import Cookbook, File, Recipe

def setup(r: Recipe) -> None:
    r.add(File("/etc/a", content=""))
    r.add(File("/etc/b", content=""))

cookbook = Cookbook("inline", events={"setup": setup})

def test_a(compile_recipe):
    assert compile_recipe(cookbook).file("/etc/a") == ""
"""


@pytest.mark.parametrize(("option", "status"), [([], 0), (["--every-resource"], 1)])
def test_plugin_lists_what_no_test_asked_about(
    pytester: pytest.Pytester, option: list[str], status: int
) -> None:
    pytester.makepyfile(TEST)

    done = pytester.runpytest_inprocess("-p", "toque.testing.plugin", *option)

    assert done.ret == status
    done.stdout.fnmatch_lines(
        ["*.py:5  file:/etc/b: no test asks about it", "1 of 2 resources are asked about by a test"]
    )
