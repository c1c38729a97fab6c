import pytest

from toque.node.inits.unitfile import UnitSyntax, parse, seconds, split


def test_repeated_keys_add_up_and_an_empty_one_starts_again():
    unit = parse("[Service]\nE=a\nE=b\nF=x\nF=\nF=y\n[Install]\nE=other\n")
    assert unit.values("Service", "E") == ["a", "b"]
    assert unit.last("Service", "F") == "y"
    assert unit.keys("Service") == ["E", "F"]


def test_lines_are_continued_past_comments():
    unit = parse("[S]\nA = one \\\n# not part\n  two \\\n  three\nB=x\n")
    assert unit.last("S", "A") == "one two three"
    assert unit.last("S", "B") == "x"


@pytest.mark.parametrize(
    ("text", "line"),
    [("A=b\n", 1), ("[S]\nnonsense\n", 2), ("[S\nA=b\n", 1), ("[S]\nA=b \\\n", 2), ("[S]\n=x", 2)],
)
def test_what_is_not_a_unit_names_its_line(text, line):
    with pytest.raises(UnitSyntax, match=f"line {line}:"):
        parse(text)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("/bin/a b  c", ["/bin/a", "b", "c"]),
        ('"a b" \'c "d\'', ["a b", 'c "d']),
        ('x"y z"w', ["xy zw"]),
        (r'"a\"b" \x41 \101 a\sb \\', ['a"b', "A", "A", "a b", "\\"]),
        ('"" x', ["", "x"]),
        (r"\q", [r"\q"]),
    ],
)
def test_words_are_split_as_systemd_does(value, words):
    assert split(value) == words


def test_an_open_quote_is_refused():
    with pytest.raises(UnitSyntax, match="not closed"):
        split("'a b")


@pytest.mark.parametrize(
    ("value", "expected"),
    [("90", 90), ("1min 30s", 90), ("500ms", 0.5), ("2h", 7200), ("infinity", float("inf"))],
)
def test_time_spans(value, expected):
    assert seconds(value) == expected


@pytest.mark.parametrize("value", ["", "soon", "5 parsecs"])
def test_what_is_no_time_span_is_refused(value):
    with pytest.raises(UnitSyntax):
        seconds(value)
