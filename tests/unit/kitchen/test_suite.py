"""kitchen.toml is read into values, and every mistake is named."""

from pathlib import Path

import pytest

from toque.errors import AskedWrongly
from toque.kitchen import suite

FULL = """\
driver = "nspawn"
[suites.default]
run = ["setup", "deploy"]
verify = "checks"
project = "../thena/toque.toml"
layer = "web"
[suites.default.attributes.thena_infra]
processes = 2
[suites.old]
release = "bullseye"
"""


def test_a_file_becomes_suites(tmp_path: Path):
    first, second = suite.parse(FULL, tmp_path / "thena_infra" / "kitchen.toml")

    assert (first.driver, first.release, first.run) == ("nspawn", "bookworm", ("setup", "deploy"))
    assert first.verify == tmp_path / "thena_infra" / "checks"
    assert first.attributes == {"thena_infra": {"processes": 2}}
    assert first.project == tmp_path / "thena" / "toque.toml"
    assert first.layer == "web"
    assert first.machine == "thena-infra-default"
    assert (second.driver, second.release, second.run) == ("nspawn", "bullseye", ("setup",))
    assert (second.verify, second.project) == (None, None)


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("drivr = 'auto'\n[suites.a]\n", "kitchen-unknown-key", "driver"),
        ("[suites.a]\nruns = []\n", "kitchen-unknown-key", "run"),
        ("[suites.a]\nproect = 'y'\n", "kitchen-unknown-key", "project"),
        ("[suites.a]\nproject = 1\n", "kitchen-bad-value", "suites.a.project"),
        ("[suites.a]\nrun = 'setup'\n", "kitchen-bad-value", "suites.a.run"),
        ("[suites]\na = 1\n", "kitchen-bad-value", "suites.a"),
        ("driver = 'auto'\n", "kitchen-bad-value", "suites"),
        ("driver = \n", "kitchen-bad-file", "kitchen.toml"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, text: str, code: str, words: str):
    with pytest.raises(AskedWrongly) as error:
        suite.parse(text, tmp_path / "kitchen.toml")

    assert error.value.code == code
    assert words in f"{error.value} {error.value.trouble.hint}"


def test_the_file_is_found_from_a_folder_below(tmp_path: Path):
    (tmp_path / "kitchen.toml").write_text(FULL)
    (tmp_path / "a/b").mkdir(parents=True)

    assert suite.find_file(tmp_path / "a/b") == tmp_path / "kitchen.toml"


def test_without_a_file_the_folder_that_was_searched_is_named(tmp_path: Path):
    with pytest.raises(AskedWrongly) as error:
        suite.find_file(tmp_path)

    assert error.value.code == "kitchen-no-file"
    assert str(tmp_path) in error.value.trouble.expected


def test_an_unknown_suite_names_the_nearest(tmp_path: Path):
    suites = suite.parse(FULL, tmp_path / "kitchen.toml")

    with pytest.raises(AskedWrongly) as error:
        suite.pick(suites, "defalt")

    assert "default" in error.value.trouble.hint
    assert suite.pick(suites, None).name == "default"
