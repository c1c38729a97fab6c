"""What ``toque check`` does around its rules: other people's cookbooks, allowances, samples."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from check_bad import BAD
from check_cases import FOOT, HEAD, INIT, TOML, Case, judged, own_modules, recipe, whole
from toque import bootstrap
from toque.checks.judge import Judged
from toque.usecases.checking import check


@pytest.fixture(autouse=True)
def _own_modules() -> Iterator[None]:
    with own_modules():
        yield


def codes(found: Judged) -> list[str]:
    return [flaw.rule.code for flaw in found.flaws]


def test_cookbooks_of_others_are_not_run_in_this_process(tmp_path: Path) -> None:
    marker = tmp_path / "was-here"
    theirs = recipe("""
        r.add(Command(tuple(["sh", "-c"] + ["x|y"]), once="x"))
        print(a.sise)
    """)
    text = theirs.project[INIT] + f"\ntry: open({str(marker)!r}, 'w')\nexcept OSError: pass\n"
    untrusted = TOML.replace("cookbooks =", "untrusted =")

    found = judged(Case({INIT: text, "toque.toml": untrusted}), tmp_path)

    assert codes(found) == ["unknown-attribute"]  # which also says why there is no plan
    assert not marker.exists()
    assert "web" not in sys.modules


def test_a_plan_of_others_is_looked_at(tmp_path: Path) -> None:
    theirs = BAD["shell-string"]["in a plan alone"]
    untrusted = TOML.replace("cookbooks =", "untrusted =")

    assert codes(judged(Case({**theirs.files, "toque.toml": untrusted}), tmp_path)) == [
        "shell-string"
    ]


def test_one_cookbook_that_cannot_be_imported_does_not_hide_the_others(tmp_path: Path) -> None:
    broken = {"books/db/__init__.py": "import nowhere_at_all\n"}
    found = judged(Case({**recipe("{}['x']\n").files, **broken}), tmp_path)

    assert codes(found) == ["import-broken", "recipe-broken"]


def test_each_statement_is_told_once_of_text_and_plan(tmp_path: Path) -> None:
    found = judged(
        recipe("""
        r.add(Command(("touch", "/x")))
        again = Command(("x",), always=True)
        r.add(again)
        r.add(
            Command(
                ("sh", "-c", "x | y"), once="x",
            )
        )
        """),
        tmp_path,
    )

    assert sorted(codes(found)) == ["command-always", "command-unguarded", "shell-string"]


def test_every_event_and_app_is_compiled(tmp_path: Path) -> None:
    events = """
def deploy(r: Recipe) -> None:
    if r.app.name == "other":
        raise ValueError(r.environment()["KEPT"].reveal())
"""
    toml = TOML.replace('setup = ["web"]', 'deploy = ["web"]').replace(
        "[apps.shop.s", "[apps.shop.s"
    )
    toml += '[apps.other]\nrepository = "."\nlayer = "web"\ndomains = ["x.example"]\n'
    toml += 'requires = ["KEPT"]\n'
    book = HEAD + events + FOOT.replace("setup}", 'setup, "deploy": deploy}')

    found = judged(Case({INIT: book, "toque.toml": toml}), tmp_path)

    assert codes(found) == ["recipe-broken"]
    assert found.flaws[0].seen.what.startswith("web::deploy of other: ")
    assert "kept-other-KEPT" in found.flaws[0].seen.what  # made up: no secret of the project's


def test_no_secret_of_the_project_is_opened(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "shop.age").write_bytes(b"age-encryption.org/v1\nghp_damaged\n")

    assert codes(judged(recipe('r.add(Log("x"))\n'), tmp_path)) == []


@pytest.mark.requirement("R27")
def test_a_cookbook_outside_of_the_project_is_searched_too(tmp_path: Path) -> None:
    key = BAD["private-key"]["a file"].files["keys/deploy"]
    (tmp_path / "books/web/keys").mkdir(parents=True)
    (tmp_path / "books/web/keys/id").write_text(key)
    (tmp_path / "books/web/__init__.py").write_text(HEAD + FOOT)
    site = tmp_path / "site"
    site.mkdir()
    (site / "toque.toml").write_text(TOML.replace('["books"]', '["../books"]'))

    found = check(bootstrap.open_site(bootstrap.open_project(site)), bootstrap.project_files)

    assert [flaw.seen.path for flaw in found.flaws] == ["../books/web/keys/id"]


def test_an_allowance_counts_for_a_whole_statement_and_its_code_alone(tmp_path: Path) -> None:
    found = judged(
        recipe("""
        # toque: allow command-always -- it asks
        r.add(
            Command(("sh", "-c", "x | y"), always=True),
        )
        r.add(Command(("z",), always=True))
        """),
        tmp_path,
    )

    assert codes(found) == ["shell-string", "command-always"]
    assert [reason for _, reason in found.allowed] == ["it asks"]


def test_a_project_without_cookbooks_is_searched_for_keys(tmp_path: Path) -> None:
    key = BAD["private-key"]["a file"].files["keys/deploy"]
    (tmp_path / "id").write_text(key)
    (tmp_path / "toque.toml").write_text('[stack]\nname = "s"\n[layers.web]\nsetup = ["nginx"]\n')

    found = check(bootstrap.open_site(bootstrap.open_project(tmp_path)), bootstrap.project_files)

    assert codes(found) == ["private-key"]


def test_what_is_no_python_is_named_once(tmp_path: Path) -> None:
    found = judged(whole("from .parts import x\n", {"books/web/parts.py": "x = = 1\n"}), tmp_path)

    assert [(f.rule.code, f.seen.path, f.seen.line) for f in found.flaws] == [
        ("import-broken", "books/web/parts.py", 1)
    ]


def test_hostile_texts_are_findings_and_no_bugs_of_ours(tmp_path: Path) -> None:
    deep = "x = " + "+".join(["'a'"] * 2000) + "\n"
    texts = {
        "books/web/deep.py": deep,
        "books/web/nul.py": "x = '\0'\n",
        "books/web/latin.py": "# \udce9\n",
        "books/web/templates/deep.j2": "{{ " + "(" * 5000 + " }}\n",
        "books/web/templates/x.j2": "{{ a.size }}{{ '\x1b[31m' }}\n",
    }
    case = recipe('r.add(File("/etc/x", content=r.render("x.j2", a=a)))\nr.file("deep.j2")\n')
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(text.encode("utf-8", "surrogateescape"))
    (tmp_path / "books/web/templates/link.j2").symlink_to("/etc/passwd")
    found = judged(
        Case({**case.files, "toque.toml": TOML.replace("cookbooks", "untrusted")}), tmp_path
    )

    told = {(flaw.rule.code, flaw.seen.path) for flaw in found.flaws}
    assert ("import-broken", "books/web/deep.py") in told
    assert ("import-broken", "books/web/nul.py") in told
    assert ("template-broken", "books/web/templates/deep.j2") in told
    assert not any("link.j2" in path for _, path in told)


def test_names_of_files_are_patterns_where_they_are_asked_for(tmp_path: Path) -> None:
    case = recipe(
        """
        for one in a.names: r.file(f"{one}{a.size}")
        """,
        {"books/web/files/a": ""},
    )
    logged = recipe('r.add(Log(f"{a.size}.{a.size}"))\n', {"books/web/files/a.b": ""})

    assert codes(judged(case, tmp_path / "asked")) == []
    assert codes(judged(logged, tmp_path / "logged")) == ["unused-file"]
