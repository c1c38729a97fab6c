"""A mistake that two lines make together names both of them."""

from __future__ import annotations

import pytest

from toque.cookbooks.load import load_paths
from toque.errors import BadCookbook
from toque.testing import compile_recipe

# Two lines of a recipe, and the code of the mistake they make; the second one is blamed first.
PAIRS = [
    (
        'r.add(File("/etc/a", content="x"))',
        'r.add(File("/etc/a", content="y"))',
        "duplicate-resource",
    ),
    ('r.add(Package("aa"))', 'r.add(Package("aa", absent=True))', "duplicate-resource"),
    (
        'r.add(Package("aa", "bb"))',
        'r.add(Package("bb", versions={"bb": "1"}))',
        "duplicate-resource",
    ),
    (
        'r.add(Unit("a.service", content="[Service]\\nExecStart=/a\\n"))',
        'r.add(File("/etc/systemd/system/a.service", content="y"))',
        "path-managed-twice",
    ),
    (
        's = r.add(Service("a"))',
        'r.add(File("/etc/a", content=""), notify=s.reload)',
        "notification-backwards",
    ),
    (
        'r.add(File("/etc/a", content=""), notify=Action("service:a", "relaod"))',
        'r.add(Service("a"))',
        "unknown-verb",
    ),
    (
        'r.add(File("/etc/a", content=Secret("s", "x"), mode=0o600))',
        'r.add(File("/etc/b", content=Secret("s", "y"), mode=0o600))',
        "secret-name-clash",
    ),
]


@pytest.mark.parametrize(("first", "second", "code"), PAIRS)
def test_mistake_of_two_lines_names_both(book, first: str, second: str, code: str) -> None:
    cookbook = book(f"{first}\n{second}")

    with pytest.raises(BadCookbook) as caught:
        compile_recipe(cookbook)

    trouble = caught.value.trouble
    lines = [int(cookbook_line(cookbook, text)) for text in (first, second)]
    words = f"{trouble.place} {trouble.expected} {trouble.found}"
    assert trouble.code == code
    assert [f".py:{line}" in words for line in lines] == [True, True], words


def cookbook_line(cookbook, text: str) -> int:
    source = (cookbook.root / "__init__.py").read_text().splitlines()
    return next(number for number, line in enumerate(source, start=1) if line.strip() == text)


def test_notification_is_blamed_where_it_is_asked_for(book) -> None:
    """A resource that is declared twice notifies what either of them says."""
    cookbook = book(
        'r.add(File("/etc/a", content=""))\n'
        'r.add(File("/etc/a", content=""), notify=Action("service:none", "reload"))'
    )

    with pytest.raises(BadCookbook) as caught:
        compile_recipe(cookbook)

    assert caught.value.code == "dangling-notification"
    line = cookbook_line(
        cookbook, 'r.add(File("/etc/a", content=""), notify=Action("service:none", "reload"))'
    )
    assert caught.value.trouble.place.endswith(f".py:{line}")


def test_two_directories_with_one_cookbook_name_are_both_named(tmp_path) -> None:
    for folder in ("one", "two"):
        package = tmp_path / folder / f"pack_{folder}"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text(
            'from toque import Cookbook\n\ncookbook = Cookbook("same")\n'
        )

    with pytest.raises(BadCookbook) as caught:
        load_paths([tmp_path / "one", tmp_path / "two"])

    trouble = caught.value.trouble
    assert trouble.code == "cookbook-name-taken"
    assert "pack_one" in trouble.expected
    assert "pack_two" in trouble.found
    assert trouble.place == "pack_two/__init__.py:3"
