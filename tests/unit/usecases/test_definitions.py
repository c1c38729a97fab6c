"""What a run is made from: cookbooks, their lock, this Toque; and where it is carried."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from cookbook_repository import PLAIN, TOML, WEB, Repository, cookbook, manifest, repository, wheel
from toque import __version__, bootstrap
from toque.cookbooks.load import load_paths, names_in
from toque.cookbooks.lockfile import parse
from toque.errors import AskedWrongly, BadCookbook, ToqueError
from toque.fleet.project import load_project
from toque.node.model import Plan
from toque.node.sight.made import last_made_from
from toque.node.wire import report_from, report_json
from toque.testing import DEBIAN
from toque.usecases.converge import Parcel, _order
from toque.usecases.definitions import definitions, made_from_now, manifests_in, stale
from toque.usecases.lifecycle import inputs_for, parcel, recipes_for
from toque.usecases.locking import repository as cookbooks_in
from toque.usecases.locking import write
from toque.usecases.site import Site


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    environ: dict[str, str] = {}
    made = repository(tmp_path, environ)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    return made


def site_of(repo: Repository) -> Site:
    return bootstrap.open_site(load_project(repo.directory / "toque.toml"))


def lock(repo: Repository) -> str:
    """Lock what the cookbooks ask for; the lock's identity."""
    project = load_project(repo.directory / "toque.toml")
    made = bootstrap.resolve_cookbooks(project, manifests_in(project), None)
    write(project.directory, made)
    return made.identity


def sent(repo: Repository) -> Parcel:
    """What would go to web1 for its setup."""
    site = site_of(repo)
    node = site.project.node("web1")
    inputs, files = inputs_for(site, node, DEBIAN, ports={})
    return parcel("setup web1", recipes_for(site, node, "setup"), inputs, files)[1]


def message(parcel: Parcel) -> str:
    (step,) = parcel.plan.steps
    return str(step.fields["message"])


def recipe(*lines: str) -> str:
    return WEB.replace("import tiny\n", "".join(f"{line}\n    " for line in lines)[:-4])


@pytest.mark.requirement("R46", "R62")
def test_recipes_use_what_is_locked_and_the_plan_says_which_lock(repo: Repository) -> None:
    identity = lock(repo)
    wheel(repo.wheels, "tiny", "3.0")  # newer than the lock

    parcel = sent(repo)

    assert message(parcel) == "tiny 2.0"
    assert parcel.made_from["lock"] == identity
    assert parcel.made_from["toque"] == __version__
    assert parse(repo.lock()).identity == identity


def test_packages_of_cookbooks_and_of_toque_do_not_meet(repo: Repository) -> None:
    """A cookbook cannot use by chance what Toque has, nor Toque what a cookbook needs."""
    wheel(repo.wheels, "click", "99.0")
    package = repo.directory / "cookbooks" / "web-book"
    lines = ("import importlib.util as u", "import jinja2, toque.library.nginx")
    found = "[n for n in ('click', 'rich', 'uv', 'tiny') if u.find_spec(n)]"
    cookbook(package, "web", recipe(*lines).replace("tiny {tiny.VERSION}", f"{{{found}}}"))
    lock(repo)
    assert message(sent(repo)) == "['tiny']"
    import click

    manifest(package, "web", ["click"])
    cookbook(package, "web", recipe("import click").replace("tiny.VERSION", "click.VERSION"))
    lock(repo)

    assert message(sent(repo)) == "tiny 99.0"
    assert hasattr(click, "command")
    with pytest.raises(ModuleNotFoundError):
        import tiny  # type: ignore[import-not-found]  # noqa: F401


def test_a_library_by_path_is_imported_from_where_it_lies(repo: Repository, tmp_path: Path) -> None:
    (tmp_path / "words").mkdir()
    (tmp_path / "words" / "words.py").write_text('VERSION = "by path"\n')
    (tmp_path / "words" / "pyproject.toml").write_text(
        '[project]\nname = "words"\ndependencies = ["tiny<2"]\n'
    )
    package = repo.directory / "cookbooks" / "web-book"
    manifest(package, "web", ["words"], sources='words = { path = "../../../words" }')
    code = recipe("import tiny, words").replace("tiny.VERSION}", "tiny.VERSION} {words.VERSION}")
    cookbook(package, "web", code)
    lock(repo)

    assert message(sent(repo)) == "tiny 1.0 by path"


def test_a_cookbook_of_the_index_is_found_by_its_name(repo: Repository) -> None:
    code = PLAIN.replace('"NAME"', '"far", events={"setup": lambda r: r.add(Log("far"))}')
    code = code.replace("Cookbook\n", "Cookbook, Log\n", 1)
    points = "[toque.cookbooks]\nfar = far_book\n"
    more = {"far_book/__init__.py": code, "far-1.0.dist-info/entry_points.txt": points}
    wheel(repo.wheels, "far", "1.0", "toque", files=more)
    manifest(repo.directory / "cookbooks" / "db-book", "db", ["far"])
    text = TOML.format(cookbooks="cookbooks").replace('setup = ["web"]', 'setup = ["far"]')
    (repo.directory / "toque.toml").write_text(text)
    lock(repo)

    assert message(sent(repo)) == "far"


@pytest.mark.requirement("R62")
def test_each_part_of_what_a_run_is_made_from_tells_itself_apart(repo: Repository) -> None:
    first_lock = lock(repo)
    before = made_from_now(site_of(repo).project)
    web = repo.directory / "cookbooks" / "web-book" / "src" / "web_book" / "__init__.py"

    web.write_text(web.read_text() + "# another\n")
    edited = made_from_now(site_of(repo).project)
    manifest(repo.directory / "cookbooks" / "db-book", "db", ["tiny"])
    again = lock(repo)
    relocked = made_from_now(site_of(repo).project)

    assert [k for k in before if before[k] != edited[k]] == ["cookbooks"]
    assert [k for k in edited if edited[k] != relocked[k]] == ["lock"]
    assert first_lock != again == relocked["lock"]


@pytest.mark.requirement("R62")
def test_a_node_that_last_ran_others_is_named_by_event() -> None:
    now = {"toque": "1", "cookbooks": "new", "lock": "b"}
    told = {
        "setup": {"toque": "1", "cookbooks": "old", "lock": "a"},
        "deploy": now,
        "configure": {"toque": "1", "cookbooks": "new"},
    }

    assert stale(now, told) == {
        "setup": ["lock a, here b", "cookbooks old, here new"],
        "configure": ["lock none, here b"],
    }
    assert stale(now, {"setup": {}}) == {}


@pytest.mark.requirement("R62")
def test_a_node_tells_what_its_last_runs_were_made_from(tmp_path: Path) -> None:
    runs = [
        ("1", {"plan": "setup web1", "made_from": {"lock": "a"}}),
        ("2", {"plan": "deploy thena x", "made_from": {"lock": "b"}}),
        ("3", {"plan": "setup web1", "made_from": {"lock": "c"}}),
        ("4", {"plan": "setup web1", "made_from": {}}),  # drift, put back
        ("5", {"plan": "remove", "made_from": {"lock": "d"}}),
        ("6", None),
    ]
    for run, start in runs:
        folder = tmp_path / "runs" / run
        folder.mkdir(parents=True)
        (folder / "events.jsonl").write_text(json.dumps(start) if start else "")

    assert last_made_from(str(tmp_path)) == {"setup": {"lock": "c"}, "deploy": {"lock": "b"}}


def test_a_report_carries_what_its_plan_was_made_from() -> None:
    told = {
        "run": "r", "plan": "p", "digest": "d", "mode": "apply", "outcomes": [], "owed": [],
        "seconds": 0.0, "token": 1, "made_from": {"lock": "a"},
    }  # fmt: skip

    assert report_json(report_from(told)) == told
    del told["made_from"]
    assert report_json(report_from(told)) == told


@pytest.mark.requirement("R45")
def test_three_layouts_make_the_same_plan_without_a_file_moved(repo: Repository) -> None:
    """Cookbooks at the top, under a folder (named or not), one as the root; flat ones, too."""
    book = repo.directory / "cookbooks" / "web-book"
    lock(repo)
    plans = []

    def layout(cookbooks: str) -> None:
        repo.toml(cookbooks)
        plans.append(sent(repo))

    layout("cookbooks")
    layout(".")  # the folder of that name is looked into
    shutil.rmtree(repo.directory / "cookbooks" / "db-book")
    lock(repo)
    shutil.move(book, repo.directory / "web-book")
    shutil.rmtree(repo.directory / "cookbooks")
    layout(".")
    layout("web-book")
    for part in (repo.directory / "web-book").iterdir():
        shutil.move(part, repo.directory / part.name)
    layout(".")
    shutil.move(repo.directory / "src" / "web_book", repo.directory / "web_book")
    layout(".")
    shutil.move(repo.directory / "pyproject.toml", repo.directory / "web_book")
    layout(".")
    layout("web_book")

    assert {message(one) for one in plans} == {"tiny 2.0"}
    assert len({one.made_from["cookbooks"] for one in plans[2:]}) == 1
    assert len({one.travelling[1] for one in plans}) == 1


def test_cookbooks_beside_each_other_import_one_another_in_every_layout(tmp_path: Path) -> None:
    for name, code in (("web", "from db_book import cookbook as _\n"), ("db", "")):
        manifest(tmp_path / name, name)
        cookbook(tmp_path / name, name, code + PLAIN.replace("NAME", name))

    assert sorted(load_paths([tmp_path])) == ["db", "web"] == list(names_in(tmp_path))


@pytest.mark.parametrize("locked", [True, False], ids=["compiled apart", "compiled here"])
def test_nothing_is_sent_to_a_node_that_a_cookbook_is_not_for(
    repo: Repository, locked: bool
) -> None:
    package = repo.directory / "cookbooks" / "web-book"
    if locked:
        lock(repo)
    else:
        manifest(package, "web", ["toque>=0.1"])
        cookbook(package, "web", recipe("import os as tiny").replace("tiny.VERSION", "1"))
    text = (package / "pyproject.toml").read_text()

    for platform in ("debian", f"debian {DEBIAN.release}"):
        (package / "pyproject.toml").write_text(f"{text}[tool.toque]\nplatforms = ['{platform}']\n")
        assert sent(repo).plan.steps  # and no lock is stale for it
    (package / "pyproject.toml").write_text(f"{text}[tool.toque]\nplatforms = ['alpine 3.20']\n")
    with pytest.raises(AskedWrongly) as caught:
        sent(repo)

    assert caught.value.code == "platform-not-supported"
    assert caught.value.trouble.expected == "one of alpine 3.20"


def books(tmp_path: Path, **needs: list[str]) -> Path:
    for name, asked in needs.items():
        manifest(tmp_path / name, name, asked)
        cookbook(tmp_path / name, name)
    return tmp_path


def test_a_circle_of_cookbooks_is_told(tmp_path: Path) -> None:
    folder = books(tmp_path, a=["b-book"], b=["c-book"], c=["a-book"])

    with pytest.raises(BadCookbook) as caught:
        manifests_in(cookbooks_in(folder))

    assert caught.value.code == "cookbook-cycle"
    assert "a-book -> b-book -> c-book -> a-book" in caught.value.trouble.message


def test_two_cookbooks_of_one_name_are_told_by_both_files(tmp_path: Path) -> None:
    folder = books(tmp_path, a=[], b=[])
    (tmp_path / "b" / "pyproject.toml").write_text(
        (tmp_path / "a" / "pyproject.toml").read_text().replace("a_book", "b_book")
    )

    with pytest.raises(BadCookbook) as caught:
        manifests_in(cookbooks_in(folder))

    told = f"{caught.value.trouble.expected} {caught.value.trouble.found}"
    assert caught.value.code == "cookbook-name-taken"
    assert f"{tmp_path}/a/pyproject.toml" in told and f"{tmp_path}/b/pyproject.toml" in told


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("[project", "cookbook-manifest"),
        ("[project]\nversion = '1'\n", "cookbook-manifest"),
        ("[project]\nname = 'a'\ndependencies = 'tiny'\n", "cookbook-manifest"),
        ("[project]\nname = 'a'\ndynamic = ['dependencies']\n", "cookbook-manifest"),
        (
            "[project]\nname = 'a'\n[project.entry-points.'toque.cookbooks']\na = 'gone'\n",
            "cookbook-manifest",
        ),
        (
            "[project]\nname = 'a'\n[project.entry-points.'toque.cookbooks']\nother = 'a_book'\n",
            "cookbook-manifest",
        ),
        ("[project]\nname = 'a'\n[tool.toque]\nplatforms = 'debian'\n", "cookbook-manifest"),
        ("[project]\nname = 'a'\n[tool.toque]\nplatforms = ['Debian>=12']\n", "cookbook-manifest"),
        ("[project]\nname = 'a'\n[tool.toque]\nplatform = ['debian']\n", "cookbook-manifest"),
        ("[project]\nname = 'a'\ndependencies = ['toque>=99']\n", "toque-too-old"),
        (
            "[project]\nname = 'a'\ndependencies = ['b @ file:///nowhere']\n",
            "path-dependency-missing",
        ),
    ],
)
def test_what_is_wrong_with_a_manifest_is_told_with_its_file(
    tmp_path: Path, text: str, code: str
) -> None:
    cookbook(tmp_path / "a", "a")
    if "entry-points" not in text and "[project]" in text:
        text += "[project.entry-points.'toque.cookbooks']\na = 'a_book'\n"
    (tmp_path / "a" / "pyproject.toml").write_text(text)

    with pytest.raises(ToqueError) as caught:
        site = bootstrap.open_site(cookbooks_in(tmp_path))
        load_paths(site.project.cookbooks)
        definitions(site)

    assert caught.value.code == code
    assert caught.value.trouble.place in (f"{tmp_path}/a/pyproject.toml", "a_book/__init__.py:2")


@pytest.mark.requirement("R17")
@pytest.mark.parametrize(
    ("need", "suits"),
    [
        ("toque", True),
        ("toque>=0.1,<99", True),
        ("toque~=0.1", True),
        ("toque==0.1.*", True),
        ("Toque (>=0.1)", True),
        ("toque>=0.2", False),
        ("toque<0.1", False),
        ("toque!=0.1.0", False),
        ("toque~=0.2.0", False),
        ("toque==1.*", False),
    ],
)
def test_the_toque_that_a_cookbook_asks_for(tmp_path: Path, need: str, suits: bool) -> None:
    """The same clauses as uv's, for cookbooks that need no lock."""
    assert __version__ == "0.1.0"
    folder = cookbooks_in(books(tmp_path, a=[need]))
    if suits:
        assert len(manifests_in(folder)) == 1
        return
    with pytest.raises(BadCookbook) as caught:
        manifests_in(folder)
    assert caught.value.code == "toque-too-old"


@pytest.mark.requirement("R62")
def test_an_order_says_what_its_plan_was_made_from() -> None:
    made = {"toque": "1", "cookbooks": "c", "lock": "l"}

    assert _order(Parcel(Plan("setup web1", ()), made_from=made), "r", "me")["made_from"] == made
    assert "made_from" not in _order(Parcel(Plan("remove", ())), "r", "me")
