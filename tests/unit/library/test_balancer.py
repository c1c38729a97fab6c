"""The balancer's site, and what its members believe of it."""

from __future__ import annotations

import pytest

from toque.cookbooks.compile import Compiled, compile_plan
from toque.cookbooks.inputs import Inputs
from toque.fleet.app import App
from toque.fleet.balanced import Balanced, Member
from toque.library import balancer, nginx

APP = App("hello", "repo", "web", balancer="lb", domains=("hello.example",))
MEMBERS = (
    Member("web1", "10.0.0.2"),
    Member("web2", "10.0.0.3", out=True),
    Member("web3", "fd00::4"),
)


def plan(event: str, *members: Member) -> Compiled:
    inputs = Inputs(node="lb1", balanced=(Balanced(APP, members),))
    return compile_plan(event, [(balancer.cookbook, event)], inputs)


def site(made: Compiled) -> str:
    return str(made.step("file:/etc/nginx/sites-enabled/hello").fields["content"])


def test_who_is_out_is_down_and_waited_for() -> None:
    made = plan("configure", *MEMBERS)

    text = site(made)
    assert "server 10.0.0.2:80 max_fails=1 fail_timeout=5s;" in text
    assert "server 10.0.0.3:80 max_fails=1 fail_timeout=5s down;" in text
    assert "server [fd00::4]:80 " in text
    assert "server_name hello.example;" in text
    assert made.ids[-2:] == ("service:nginx", "drained:hello")
    assert made.step("drained:hello").fields["addresses"] == ["10.0.0.3:80"]


def test_nobody_is_waited_for_when_all_are_in() -> None:
    made = plan("configure", *MEMBERS[:1])

    assert "drained:hello" not in made.ids
    assert " down" not in site(made)


def test_setup_is_nginx_and_the_same_site() -> None:
    made = plan("setup", *MEMBERS)

    assert {"package:nginx-light", "package:iproute2"} <= set(made.ids)
    assert site(made) == site(plan("configure", *MEMBERS))


@pytest.mark.parametrize("addresses", [(), ("10.0.0.9",)])
def test_a_member_believes_its_balancers_and_nobody_else(addresses: tuple[str, ...]) -> None:
    inputs = Inputs(node="web1", apps=(APP,), balancers={"hello": addresses} if addresses else {})
    made = compile_plan("setup", [(nginx.cookbook, "setup")], inputs)

    text = site(made)
    assert ("set_real_ip_from 10.0.0.9;" in text) == bool(addresses)
    assert ("real_ip_header X-Forwarded-For;" in text) == bool(addresses)
    assert ("X-Forwarded-Proto $toque_hello_scheme;" in text) == bool(addresses)
    assert ("X-Forwarded-Proto $scheme;" in text) == (not addresses)
