"""kitchen.toml is read into values, laid over one another, and every mistake is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from toque.errors import AskedWrongly
from toque.kitchen import kitchenfile
from toque.kitchen.instance import Instance, instances, machine_name, pick

FULL = """\
driver = "nspawn"
[platforms.bookworm]
[platforms.old]
release = "bullseye"
options = { size = "small" }
[hooks]
after_create = [{ local = "true" }]
[suites.default]
run = ["setup", "deploy"]
verify = "tests"
project = "../thena/toque.toml"
layer = "web"
packages = ["curl"]
[suites.default.attributes.thena_infra]
processes = 2
[suites.pair]
exclude = ["old"]
reboot = false
[suites.pair.hooks]
after_create = [{ remote = "id", machine = "db" }]
[suites.pair.machines.web]
layer = "web"
[suites.pair.machines.db]
layer = "db"
release = "trixie"
[suites.pair.machines.db.attributes.postgresql]
port = 5433
"""


def made(tmp_path: Path, text: str, **over: str) -> tuple[Instance, ...]:
    texts = [(tmp_path / "thena_infra" / "kitchen.toml", text)]
    if "local" in over:
        texts.append((tmp_path / "thena_infra" / "kitchen.local.toml", over["local"]))
    if "user" in over:
        texts.insert(0, (tmp_path / "home" / "kitchen.toml", over["user"]))
    return instances(kitchenfile.parse(texts, tmp_path / "thena_infra"))


def test_suites_times_platforms(tmp_path: Path) -> None:
    new, old, pair = made(tmp_path, FULL)

    assert [one.name for one in (new, old, pair)] == [
        "default-bookworm", "default-old", "pair-bookworm"
    ]  # fmt: skip
    (only,) = old.members
    assert (only.name, only.machine) == ("", "thena-infra-default-old")
    assert (only.kind.driver, only.kind.release) == ("nspawn", "bullseye")
    assert (only.kind.packages, only.kind.options) == (("curl",), {"size": "small"})
    assert (only.layer, only.attributes) == ("web", {"thena_infra": {"processes": 2}})
    assert new.members[0].kind.release == "bookworm"  # the platform's own name
    assert (new.run, new.checks) == (("setup", "deploy"), tmp_path / "thena_infra" / "tests")
    assert new.project == tmp_path / "thena" / "toque.toml"
    assert (new.twice, new.reboot, pair.reboot) == (True, True, False)


def test_several_machines(tmp_path: Path) -> None:
    pair = made(tmp_path, FULL)[-1]

    web, db = pair.members
    assert (web.name, web.machine, web.layer) == ("web", "thena-infra-pair-bookworm-web", "web")
    assert (db.kind.release, db.attributes) == ("trixie", {"postgresql": {"port": 5433}})
    assert [(h.local, h.remote, h.machine) for h in pair.hooks_at("after_create")] == [
        ("true", "", ""), ("", "id", "db")
    ]  # fmt: skip
    assert pair.checks == tmp_path / "thena_infra" / "checks"
    assert pair.project is None


def test_without_platforms_a_suite_is_its_instance(tmp_path: Path) -> None:
    (one,) = made(tmp_path, 'release = "trixie"\n[suites.default]\n')

    assert (one.name, one.platform, one.run) == ("default", "", ("setup",))
    assert one.members[0].machine == "thena-infra-default"
    assert one.members[0].kind.release == "trixie"


def test_overrides_win_in_their_order_and_say_where_they_are_from(tmp_path: Path) -> None:
    folder = tmp_path / "web"
    folder.mkdir()
    (folder / "kitchen.toml").write_text(
        'release = "bookworm"\n[suites.default]\nrun = ["setup"]\n'
    )
    (folder / "kitchen.local.toml").write_text('[suites.default]\nrelease = "trixie"\n')
    (tmp_path / ".config" / "toque").mkdir(parents=True)
    (tmp_path / ".config" / "toque" / "kitchen.toml").write_text(
        'driver = "podman"\nrelease = "bullseye"\n'
    )

    read = kitchenfile.load(folder / "kitchen.toml", {"HOME": str(tmp_path)})
    (one,) = instances(read)

    assert one.members[0].kind.driver == "podman"
    assert (read.values.release, one.members[0].kind.release) == ("bookworm", "trixie")
    assert read.origins["driver"] == f"{tmp_path}/.config/toque/kitchen.toml:1"
    assert read.origins["release"] == "kitchen.toml:1"
    assert read.origins["suites.default.release"] == "kitchen.local.toml:2"
    assert [file.name for file in read.files] == [
        "kitchen.toml", "kitchen.toml", "kitchen.local.toml"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("drivr = 'auto'\n[suites.a]\n", "unknown-key", "driver"),
        ("[suites.a]\nruns = []\n", "unknown-key", "run"),
        ("[suites.a]\nproect = 'y'\n", "unknown-key", "project"),
        ("[suites.a]\nproject = 1\n", "wrong-type", "suites.a.project"),
        ("[suites.a]\nrun = 'setup'\n", "wrong-type", "suites.a.run"),
        ("[suites]\na = 1\n", "wrong-type", "suites.a"),
        ("driver = 'auto'\n", "key-missing", "suites.NAME"),
        ("driver = \n", "bad-toml", "kitchen.toml"),
        ("[suites.a]\nplatforms = ['trixie']\n", "kitchen-unknown-platform", "platforms.NAME"),
        ("[platforms.trixie]\n[suites.a]\nplatforms = ['trxie']\n", "kitchen-unknown-platform",
         "trixie"),
        ("[platforms.trixie]\n[suites.a]\nexclude = ['sid']\n", "kitchen-unknown-platform", "sid"),
        ("[platforms.trixie]\n[suites.a]\nexclude = ['trixie']\n", "kitchen-no-platform", "trixie"),
        ("[platforms.c]\n[platforms.b-c]\n[suites.a-b]\nplatforms=['c']\n"
         "[suites.a]\nplatforms=['b-c']\n", "kitchen-name-twice", "a-b-c"),
        ("[hooks]\nbefor_create = []\n[suites.a]\n", "wrong-type", "before_create"),
        ("[hooks]\nbefore_create = [{}]\n[suites.a]\n", "kitchen-bad-hook", "local"),
        ("[hooks]\nbefore_create = [{ local = 'a', remote = 'b' }]\n[suites.a]\n",
         "kitchen-bad-hook", "remote"),
        ("[suites.a.hooks]\nafter_create = [{ remote = 'b', machine = 'wbe' }]\n"
         "[suites.a.machines.web]\n", "kitchen-bad-hook", "web"),
    ],
)  # fmt: skip
def test_a_mistake_is_named(tmp_path: Path, text: str, code: str, words: str) -> None:
    with pytest.raises(AskedWrongly) as error:
        made(tmp_path, text)

    trouble = error.value.trouble
    assert trouble.code == code
    assert words in f"{error.value} {trouble.expected} {trouble.found} {trouble.hint}"
    assert trouble.place.startswith("kitchen.toml")


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "kitchen.toml").write_bytes(b"\xff\xfe")

    with pytest.raises(AskedWrongly) as error:
        kitchenfile.load(tmp_path / "kitchen.toml", {"HOME": str(tmp_path)})

    assert error.value.code == "file-unreadable"


def test_the_file_is_found_from_a_folder_below(tmp_path: Path) -> None:
    (tmp_path / "kitchen.toml").write_text(FULL)
    (tmp_path / "a/b").mkdir(parents=True)

    assert kitchenfile.find_file(tmp_path / "a/b") == tmp_path / "kitchen.toml"


def test_without_a_file_the_folder_that_was_searched_is_named(tmp_path: Path) -> None:
    with pytest.raises(AskedWrongly) as error:
        kitchenfile.find_file(tmp_path)

    assert error.value.code == "kitchen-no-file"
    assert str(tmp_path) in error.value.trouble.expected


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ([], ["default-bookworm", "default-old", "pair-bookworm"]),
        (["default-old"], ["default-old"]),
        (["default"], ["default-bookworm", "default-old"]),
        (["bookworm"], ["default-bookworm", "pair-bookworm"]),
        (["*-old", "pair"], ["default-old", "pair-bookworm"]),
        (["pair", "pair*"], ["pair-bookworm"]),
    ],
)
def test_words_pick(tmp_path: Path, words: list[str], names: list[str]) -> None:
    assert [one.name for one in pick(made(tmp_path, FULL), words)] == names


def test_a_word_that_means_nothing_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(AskedWrongly) as error:
        pick(made(tmp_path, FULL), ["default-odl"])

    assert error.value.code == "kitchen-unknown-suite"
    assert "default-old" in error.value.trouble.hint


def test_long_names_of_machines_never_meet() -> None:
    long = "a-cookbook-with-a-very-long-name-indeed"
    names = {machine_name(long, "default-bookworm", part) for part in ("web", "db", "")}

    assert len(names) == 3
    assert all(len(name) <= 40 for name in names)
    assert machine_name("Web_Site", "default") == "web-site-default"
