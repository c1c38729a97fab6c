"""The account of a file: what nobody has spoken of is listed."""

from __future__ import annotations

from toque.chef.accounting import of_ruby

TEXT = "# a\npackage 'b'\n\nuser 'c' do\n  uid 1\nend\n=begin\nd\n=end\nlog 'e'\n"


def test_lines_that_nobody_spoke_of_are_listed_in_runs():
    account = of_ruby("x.rb", TEXT)
    account.carried(2, 2)

    entries = account.close()

    assert [(one.place, one.reason, one.text) for one in entries] == [
        ("x.rb:4-6", "not understood", "user 'c' do\n  uid 1\nend"),
        ("x.rb:10", "not understood", "log 'e'"),
    ]


def test_what_is_listed_counts_more_than_what_is_carried():
    account = of_ruby("x.rb", TEXT)
    account.left(5, 5, "no")
    account.carried(2, 10)

    assert [account.state(number) for number in (1, 2, 3, 4, 5, 8)] == [
        "silent",
        "carried",
        "carried",
        "carried",
        "listed",
        "carried",
    ]
    assert [(one.first, one.left) for one in account.close()] == [(5, True)]


def test_note_leaves_its_lines_carried():
    account = of_ruby("x.rb", TEXT)
    account.carried(1, 10)
    account.noted(2, 2, "look")
    account.noted(2, 2, "look")

    assert [(one.first, one.left) for one in account.close()] == [(2, False)]
    assert account.state(2) == "carried"
