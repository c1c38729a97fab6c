"""One value stays one token; what cannot is refused.  The programs themselves are asked in
tests/machine/test_formats.py."""

import shlex

import pytest
from hypothesis import example, given
from hypothesis import strategies as some

from toque.node.formats import Unquotable, cron, ini, nginx, postgres, publickey, sudoers, unit
from toque.node.inits import unitfile

WORDS = [
    nginx.word, unit.word, unit.line, ini.line, cron.word, sudoers.word, postgres.name,
    postgres.setting, publickey.parse,
]  # fmt: skip
BREAKERS = ["a\nb", "a\rb", "a\0b", "a\x1bb", "a\u2028b", "a\x85b", "\x7f", "\uffff", "\udc80"]
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB6o7S+Cl71bp+D0WVpaXWFOQc9EAMhhof/CwNZrtCtF"


@pytest.mark.parametrize("write", WORDS)
@pytest.mark.parametrize("text", BREAKERS)
def test_line_ends_and_control_characters_are_refused(write, text):
    with pytest.raises(Unquotable):
        write(text)


@pytest.mark.parametrize("write", WORDS)
@pytest.mark.parametrize("value", [None, ["x"], {"a": 1}, object()])
def test_only_text_and_numbers_are_written(write, value):
    with pytest.raises(Unquotable):
        write(value)


def test_a_long_refused_value_is_cut_in_the_message():
    with pytest.raises(Unquotable) as caught:
        nginx.word("x" * 10_000)

    assert len(str(caught.value)) < 200
    assert "(10000 characters)" in str(caught.value)


@pytest.mark.parametrize(
    ("value", "quoted"),
    [
        ("/srv/www", "/srv/www"),
        ("-x", '"-x"'),
        ("a;} b", '"a;} b"'),
        ('q"\\', '"q\\"\\\\"'),
        ("", '""'),
        (80, "80"),
        ("#", '"#"'),
    ],
)
def test_nginx_token(value, quoted):
    assert nginx.word(value) == quoted


@pytest.mark.parametrize("write", [nginx.word, unit.word])
def test_start_of_a_variable_is_refused(write):
    with pytest.raises(Unquotable):
        write("$host")


@pytest.mark.parametrize(
    ("value", "quoted"),
    [
        ("a b", '"a b"'),
        ("50%", "50%%"),
        ("5 %", '"5 %%"'),
        ("-x", '"-x"'),
        ("/srv/a-b:c", "/srv/a-b:c"),
        ("", '""'),
        ('q"\\', '"q\\"\\\\"'),
        ("a;b", '"a;b"'),
        ("#", '"#"'),
    ],
)
def test_unit_word(value, quoted):
    assert unit.word(value) == quoted


@given(some.text(max_size=30))
def test_a_unit_word_is_read_back_by_our_own_reader(text):
    try:
        quoted = unit.word(text)
    except Unquotable:
        return
    assert [word.replace("%%", "%") for word in unitfile.split(quoted)] == [text]


@pytest.mark.parametrize("text", ["", " a", "a ", "a\\"])
def test_unit_line_that_would_be_cut_or_go_on_is_refused(text):
    with pytest.raises(Unquotable):
        unit.line(text)


def test_unit_line_is_written_as_it_is():
    assert unit.line('"a" $HOME 5% \'b') == '"a" $HOME 5%% \'b'


@pytest.mark.parametrize("text", ["p%40ss", "$(X)", "@(x)", "a;b", "a#b", "a\\", " a", "a "])
def test_ini_value_that_would_be_read_differently_is_refused(text):
    with pytest.raises(Unquotable):
        ini.line(text)


def test_ini_value_is_written_as_it_is():
    assert ini.line("/srv/www/a b") == "/srv/www/a b"
    assert ini.line(True) == "true"


@given(some.text(some.characters(codec="utf-8"), max_size=30))
@example("it's 5 % \\ $HOME")
def test_a_shell_reads_a_cron_word_as_the_value(text):
    try:
        quoted = cron.word(text)
    except Unquotable:
        return
    # What cron makes of it before the shell sees it, in the two ways there are.
    assert "\\\\" not in quoted
    assert shlex.split(quoted.replace("\\%", "%")) == [text]


@pytest.mark.parametrize(
    "text", ["0 0 * * *", "*/5 8-18 * 1,6 0-7", "59 23 31 12 7", "1-30/2 * * * *", "@daily"]
)
def test_schedules(text):
    assert cron.schedule(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *",
        "* * * * 8", "5/2 * * * *", "5-1 * * * *", "*/0 * * * *", "@fortnightly", "a * * * *",
        "*\n* * * *", "* *\t* * *", "1, * * * *", "٣ * * * *",
    ],
)  # fmt: skip
def test_what_is_no_schedule_is_refused(text):
    with pytest.raises(ValueError, match="schedule"):
        cron.schedule(text)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("A B", "x"),
        ("A", " x"),
        ("A", "x "),
        ("A", "'\""),
        ("A", '"x"'),
        ("A", "x" * 999),
    ],
)
def test_cron_variable_that_cron_would_change_is_refused(name, value):
    with pytest.raises(Unquotable):
        cron.variable(name, value)


def test_cron_variable_takes_the_quote_that_is_free():
    assert cron.variable("A", "it's") == 'A="it\'s"\n'
    assert cron.variable("A", 'a "b"') == "A='a \"b\"'\n"


@pytest.mark.parametrize(
    ("argv", "text"),
    [
        (("/bin/a",), '/bin/a ""'),
        (("/bin/a", "x,y:z=#*?[]!"), r"/bin/a x\,y\:z\=\#\*\?\[\]\!"),
        (("/bin/a", "--", "$a;b|c'd%e@f~(){}<>&`"), "/bin/a -- $a;b|c'd%e@f~(){}<>&`"),
    ],
)
def test_sudoers_command(argv, text):
    assert sudoers.command(argv) == text


@pytest.mark.parametrize(
    "argv",
    [
        (), ("",), ("a",), ("ALL",), ("/bin/",), ("/",), ("/bin/a", ""), ("/bin/a", "x y"),
        ("/bin/a", "x\ty"), ("/bin/a", '"'), ("/bin/a", "\\"), ("/bin/a", "^x$"),
        ("/bin/a", "\u00a0"),
    ],
)  # fmt: skip
def test_sudoers_command_that_would_mean_more_is_refused(argv):
    with pytest.raises(Unquotable):
        sudoers.command(argv)


def test_postgres_names_and_settings():
    assert postgres.name('a"b') == '"a""b"'
    assert postgres.name("all") == '"all"'
    assert postgres.setting("it's \\n") == "'it''s \\\\n'"


@pytest.mark.parametrize("text", ["", "/^a", "x" * 64])
def test_postgres_name_that_would_mean_another_is_refused(text):
    with pytest.raises(Unquotable):
        postgres.name(text)


def test_public_key():
    key = publickey.parse(KEY + " ada@home, the grey one")

    assert key.comment == "ada@home, the grey one"
    assert key.fingerprint.startswith("SHA256:")
    assert publickey.parse(key.line()) == key


@pytest.mark.parametrize(
    "text",
    [
        "", "ssh-ed25519", KEY[:-4], "ssh-rsa" + KEY[11:], 'command="x" ' + KEY, " " + KEY,
        KEY + "  spaced", KEY + "\n" + KEY, KEY + "\u2028" + KEY, "ssh-dss AAAA",
        "ssh-ed25519 !" + KEY[13:], KEY + " " + "x" * 10_000,
    ],
)  # fmt: skip
def test_what_is_no_public_key_is_refused(text):
    with pytest.raises(Unquotable):
        publickey.parse(text)
