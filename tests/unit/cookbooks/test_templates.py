"""Templates: strict, limited to their folder, and blind to secrets."""

from dataclasses import dataclass, field

import pytest

from toque.cookbooks.templates import render
from toque.errors import BadCookbook
from toque.node.values import Secret


@dataclass(frozen=True)
class Things:
    name: str = "thena"
    key: object = field(default_factory=lambda: Secret("thena/KEY", "canary"))
    keys: tuple[object, ...] = field(default_factory=lambda: (Secret("thena/KEY", "canary"),))


@pytest.fixture
def templates(tmp_path):
    def make(**texts):
        root = tmp_path / "some_book"
        (root / "templates" / "sub").mkdir(parents=True, exist_ok=True)
        (root / "__init__.py").touch()
        for name, text in texts.items():
            (root / "templates" / f"{name}.j2").write_text(text)
        return root

    return make


def refused(*arguments, **more):
    with pytest.raises(BadCookbook) as caught:
        render(*arguments, **more)
    assert "canary" not in str(caught.value.trouble)
    return caught.value


def test_text_is_rendered_with_its_last_line_end(templates):
    root = templates(x="{% for n in names %}\n{{ n }}\n{% endfor %}\n<&\n")

    assert render(root, "x.j2", {"names": ["a", "b"]}) == "a\nb\n<&\n"


def test_values_are_never_template_source(templates):
    root = templates(x="{{ v }}|{{ v | upper }}")

    assert render(root, "x.j2", {"v": "{{ 7*7 }}{% x %}"}) == "{{ 7*7 }}{% x %}|{{ 7*7 }}{% X %}"


def test_templates_include_their_neighbours(templates):
    assert render(templates(x="{% include 'y.j2' %}", y="{{ v }}"), "x.j2", {"v": 1}) == "1"


def test_changed_template_is_read_again(templates):
    templates(x="one")
    assert render(templates(), "x.j2", {}) == "one"

    root = templates(x="another")

    assert render(root, "x.j2", {}) == "another"


def test_missing_template_names_nearest_and_directory(templates):
    root = templates(nginx="x")

    error = refused(root, "ngnix.j2", {}, place="some_book/__init__.py:7")

    assert error.code == "template-missing"
    assert error.trouble.hint == "did you mean 'nginx.j2'?"
    assert str(root / "templates") in error.trouble.expected
    assert error.trouble.place == "some_book/__init__.py:7"


@pytest.mark.parametrize("name", ["../__init__.py", "/etc/passwd", "sub/../../__init__.py"])
def test_templates_outside_the_folder_are_missing(templates, name):
    assert refused(templates(x=""), name, {}).code == "template-missing"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("\n\n{{ nam }}", "did you mean 'name'?"),
        ("\n\n{{ a.nam }}", "did you mean 'name'?"),
        ("\n{% if 1 %}\n{{ nam.x }}{% endif %}", "did you mean 'name'?"),
    ],
)
def test_undefined_name_gives_file_and_line(templates, text, hint):
    error = refused(templates(x=text), "x.j2", {"name": 1, "a": Things()})

    assert error.code == "template-undefined"
    assert error.trouble.place == "some_book/templates/x.j2:3"
    assert "nam" in error.trouble.found
    assert error.trouble.hint == hint


def test_syntax_error_gives_file_and_line(templates):
    error = refused(templates(x="\n{% if %}\n"), "x.j2", {})

    assert (error.code, error.trouble.place) == (
        "template-syntax",
        "some_book/templates/x.j2:2",
    )


@pytest.mark.parametrize(
    "text",
    [
        "{{ a.key }}",
        "{{ a['key'] }}",
        "{{ a.key | upper }}",
        "{{ a.key ~ 'x' }}",
        "{{ a.key.reveal() }}",
        "{{ a.keys[0] }}",
        "{{ a.keys | first }}",
        "{% for k in a.keys %}{{ k }}{% endfor %}",
        "{{ d.key.reveal() }}",
    ],
)
def test_secret_never_reaches_a_template(templates, text):
    values = {"a": Things(), "d": {"key": Secret("thena/KEY", "canary")}}

    error = refused(templates(x="\n" + text), "x.j2", values)

    assert error.code == "secret-in-template"
    assert error.trouble.place == "some_book/templates/x.j2:2"


def test_secret_as_a_value_is_refused_where_it_is_passed(templates):
    error = refused(templates(x=""), "x.j2", {"s": Secret("k", "canary")}, place="some_book/r.py:3")

    assert (error.code, error.trouble.place) == ("secret-in-template", "some_book/r.py:3")


def test_unquotable_value_gives_the_line_of_the_template(templates):
    error = refused(templates(x="\n{{ v | nginx }}"), "x.j2", {"v": "a\nb"})

    assert (error.code, error.trouble.place) == (
        "unquotable-value",
        "some_book/templates/x.j2:2",
    )


def test_other_failures_give_the_line_of_the_template(templates):
    error = refused(templates(x="\n{{ 1 / v }}"), "x.j2", {"v": 0})

    assert (error.code, error.trouble.place) == ("template-failed", "some_book/templates/x.j2:2")
