"""Whatever a file holds: nothing is lost, nothing is raised, and what is written is Python."""

from __future__ import annotations

import ast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chef_corpus import NAMES, files_of
from toque.chef.carry import carry
from toque.chef.parse import parse

CORPUS = {f"{name}/{path}": data for name in NAMES for path, data in files_of(name).items()}
RUBY = sorted(path for path in CORPUS if path.endswith(".rb"))
PIECES = st.sampled_from(
    "end do { } ( ) [ ] \" ' # #{ | :: : => , \\ <<-EOH EOH %w( node['a'] if unless case when else "
    "@x = ||= nil 0 0755 package file template service not_if =begin =end __END__ \n \t ` / ? &. "
    "def class lambda -> yield begin rescue \u00e9 \u2028 \r \x0c \0".split(" ")
)
quick = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


@st.composite
def mangled(draw: st.DrawFn, kind: str) -> tuple[str, str]:
    """A file of the corpus with pieces put in, taken out or said twice."""
    path = draw(st.sampled_from(sorted(p for p in CORPUS if p.endswith(kind))))
    text = CORPUS[path].decode()
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        end = min(len(text), at + draw(st.integers(0, 40)))
        text = (
            text[:at] + draw(st.one_of(st.just(""), PIECES, st.just(text[at:end] * 2))) + text[end:]
        )
    return path, text


def accounted(repository: str, path: str, text: str) -> None:
    files = {**files_of(repository), path: text.encode()}

    carried = carry(files, repository)

    for account in (one for one in carried.accounts if one.file == path):
        lines = text.removesuffix("\n").split("\n") if text else []
        assert list(account.lines) == lines
        listed = {n for e in carried.left if e.file == path for n in range(e.first, e.last + 1)}
        for number, line in enumerate(lines, 1):
            state = account.state(number)
            assert (state == "listed") == (number in listed), number
            if state == "silent" and path.endswith(".rb") and "=begin" not in text:
                assert not line.strip() or line.lstrip().startswith("#"), (number, line)
    for name, data in carried.files.items():
        if name.endswith(".py"):
            ast.parse(data)
    known = {one.file for one in (*carried.accounts, *carried.entries)}
    copied = set(carried.files.values())
    assert all(name in known or data in copied for name, data in files.items())


@pytest.mark.slow
@pytest.mark.parametrize("kind", [".rb", ".erb", ".yml", ".json", "Berksfile"])
@quick
@given(data=st.data())
def test_mangled_files_are_accounted_for(kind: str, data: st.DataObject):
    path, text = data.draw(mangled(kind))
    repository, _, inside = path.partition("/")

    accounted(repository, inside, text)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60), st.lists(PIECES, max_size=30))
def test_parser_covers_each_line_of_any_text(text: str, pieces: list[str]):
    source = text + " ".join(pieces)

    nodes = parse(source)

    covered = {number for node in nodes for number in range(node.line, node.last + 1)}
    within = False
    for number, line in enumerate(source.split("\n"), 1):
        within = within or line.startswith("=begin")
        if not within and line.strip(" \t\r;") and not line.lstrip().startswith("#"):
            assert number in covered or "\\" in source, (number, line)
        within = within and not line.startswith("=end")
    assert all(1 <= node.line <= node.last for node in nodes)


@pytest.mark.slow
def test_nesting_without_end_is_no_overflow():
    for text in ("(" * 5000, "[" * 5000, "x { " * 2000, "if a\n" * 2000, '"#{' * 2000, "!" * 5000):
        nodes = parse(text)

        assert nodes[-1].last >= 1
