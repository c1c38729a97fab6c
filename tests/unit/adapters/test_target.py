import pytest

from toque.adapters.target import Target, parse_target
from toque.errors import AskedWrongly


@pytest.mark.parametrize(
    ("text", "user", "host", "port"),
    [
        ("web1", "", "web1", None),
        ("root@web1.example.org", "root", "web1.example.org", None),
        ("root@192.0.2.1:2222", "root", "192.0.2.1", 2222),
        ("root@[2001:db8::1]:22", "root", "2001:db8::1", 22),
        ("2001:db8::1", "", "2001:db8::1", None),
        ("ssh://root@web1:2222", "root", "web1", 2222),
    ],
)
def test_addresses_people_type(text: str, user: str, host: str, port: int | None) -> None:
    target = parse_target(text)

    assert (target.user, target.host, target.port) == (user, host, port)


@pytest.mark.parametrize("text", ["web1", "root@192.0.2.1:2222", "root@[2001:db8::1]:22"])
def test_address_is_what_was_typed(text: str) -> None:
    assert parse_target(text).address == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-oProxyCommand=id",
        "root@-oProxyCommand=id",
        "-l@host",
        "a b",
        "host\n",
        "host;id",
        "$(id)",
        "`id`",
        "host:0",
        "host:99999",
        "root@host:22x",
        "u*er@host",
        "host,other",
        "web1\x1b[2J",
    ],
)
def test_what_could_be_more_than_an_address_is_refused(text: str) -> None:
    with pytest.raises(AskedWrongly) as caught:
        parse_target(text)
    assert caught.value.code == "bad-target"


def test_name_is_the_host_in_lower_case_unless_given() -> None:
    assert parse_target("root@WEB1").name == "web1"
    assert parse_target("root@192.0.2.1", name="web1").name == "web1"


@pytest.mark.parametrize("name", ["*", "a,b", "@cert-authority", "|1|x", "a b", "#x", ""])
def test_name_that_known_hosts_reads_as_a_pattern_is_refused(name: str) -> None:
    with pytest.raises(AskedWrongly):
        Target(name, "host")
