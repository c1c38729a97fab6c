"""Templates: the same text from Jinja2, as this project has it, as from Erubis, as Chef has it."""

from __future__ import annotations

from pathlib import Path

import pytest

from toque.chef.erb import carry
from toque.chef.tokens import Unreadable
from toque.chef.values import Expr
from toque.cookbooks.templates import render

VALUES = {
    "n": 3,
    "s": "text",
    "yes": True,
    "no": False,
    "none": None,
    "l": ("a", "b"),
    "h": {"k": "v"},
}


def no_attribute(path: object, line: int) -> Expr:
    raise Unreadable(line, "none here")


def translated(text: str) -> tuple[str, bool]:
    made = carry("x.erb", text, no_attribute, {name: Expr(name, v) for name, v in VALUES.items()})
    return made.text, made.whole


# What Erubis 2.7 gives for each: a statement alone on its line goes with the line, "-%>" behind a
# value takes the end of the line, and everything else stays.
@pytest.mark.parametrize(
    ("erb", "text"),
    [
        ("a <%= @s %>\nb\n", "a text\nb\n"),
        ("<%= @n -%>\nb", "3b"),
        ("<% if @yes %>\nx\n<% end %>\ny\n", "x\ny\n"),
        ("  <% if @yes -%>\n  x\n  <%- end -%>\ny\n", "  x\ny\n"),
        ("a <% if @yes %>x<% end %>\nb\n", "a x\nb\n"),
        ("  <% if @yes %>x<% end %>\nb\n", "  x\nb\n"),
        ("<% if @no %>x<% else %>y<% end %> z\n", "y z\n"),
        ("<% unless @no %>\nx\n<% end %>\n", "x\n"),
        ("<% if @none %>x<% elsif @n == 3 %>y<% end %>\n", "y\n"),
        ("<% if @s && !@no %>x<% end %>", "x"),
        ("<% @l.each do |i| %>\n- <%= i %>\n<% end %>\n", "- a\n- b\n"),
        ("<% @l.each { |i| %><%= i %><% } %>\n", "ab\n"),
        ("<% @h.each do |k, v| -%>\n<%= k %>=<%= v %>\n<% end -%>\n", "k=v\n"),
        ("<%# nothing %>\nx\n", "x\n"),
        ("a <%# nothing %> b\n", "a  b\n"),
        ("<%= @yes %> <%= @no %> <%= @none %>.\n", "true false .\n"),
        ("<%= @l.join(', ') %>\n", "a, b\n"),
        ('<%= "#{@s}-#{@n}" %>\n', "text-3\n"),
        ("{{ x }} {% y %} {# z #} <%% a %>\n", "{{ x }} {% y %} {# z #} <% a %>\n"),
        ("<% x = @n + 1 %>\n<%= x * 2 %>\n", "8\n"),
        ("<%= @n == 3 ? 'a' : 'b' %>\n", "a\n"),
        ("<% if @l.empty? %>x<% end %><% if @l.include?('a') %>y<% end %>\n", "y\n"),
        ("no end of line", "no end of line"),
    ],
)
def test_renders_as_chef_does(erb: str, text: str, tmp_path: Path):
    made, whole = translated(erb)
    folder = tmp_path / "templates"
    folder.mkdir()
    (folder / "x.j2").write_text(made)

    assert whole, erb
    assert render(tmp_path, "x.j2", VALUES) == text


@pytest.mark.parametrize(
    "erb",
    [
        "<%= foo() %>",
        "<%= @unknown %>",
        "<%= @l %>",
        "<%= node['x'] %>",
        "<% if @s %>",
        "<% end %>",
        "<% else %>",
        "<% puts 1 %>",
        "<%= @s",
        "<% @n.times do |i| %><% end %>",
        "<%= @l.sort.first %>",
        "<%= render 'other.erb' %>",
    ],
)
def test_what_is_not_known_leaves_the_whole_template(erb: str):
    made = carry("x.erb", f"a\n{erb}\n", no_attribute, {"s": Expr("s", "x"), "n": Expr("n", 1),
                                                        "l": Expr("l", ("a",))})  # fmt: skip

    assert not made.whole
    assert [(one.first, one.last) for one in made.account.close()] == [(1, 2)]
