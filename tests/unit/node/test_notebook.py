from toque.node.notebook import Notebook


def test_what_was_seen_is_seen_once_until_it_is_disturbed():
    book, looks = Notebook(), []

    def look() -> int:
        looks.append(1)
        return len(looks)

    assert [book.observe("users", look), book.observe("users", look)] == [1, 1]
    book.forget(frozenset({"packages"}))
    assert book.observe("users", look) == 1
    book.forget(frozenset({"users"}))
    assert book.observe("users", look) == 2
    book.forget()
    assert book.observe("users", look) == 3


def test_what_stands_behind_a_colon_is_forgotten_with_what_stands_before():
    book = Notebook()
    book.observe("users:passwords", lambda: "old")

    book.forget(frozenset({"users"}))

    assert book.observe("users:passwords", lambda: "new") == "new"


def test_notes_are_taken_once():
    book = Notebook()
    book.note("one")
    book.note("two")

    assert (book.taken_notes(), book.taken_notes()) == (("one", "two"), ())
