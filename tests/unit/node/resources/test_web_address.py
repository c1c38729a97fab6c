"""The port and the names of sites: what of somebody else is in their place."""

import pytest

from toque.node.errors import StepFailed
from toque.node.memory import MemorySystem
from toque.node.probe import Answer
from toque.node.resource import Invalid
from toque.node.resources.web_address import PID, WebAddress
from toque.node.system import Result

SITE = b"server { listen 80; server_name a.example; }\n"
ENABLED = "/etc/nginx/sites-enabled"


def machine(files=(), *, answers=()):
    system = MemorySystem(answers=dict.fromkeys(answers, Answer()))
    for path, data in dict(files).items():
        system.put(path, data)
    return system


def refusal(system, resource):
    with pytest.raises(StepFailed) as caught:
        resource.found(system)
    return caught.value


@pytest.mark.parametrize(
    "path", [f"{ENABLED}/by-hand", "/etc/nginx/conf.d/by-hand.conf", f"{ENABLED}/of another app"]
)
def test_name_of_another_file_is_refused(path):
    error = refusal(machine({path: b"\n" + SITE}), WebAddress(names=("b", "a.example")))

    assert (error.code, error.found) == ("domain-taken", f"{path}:2")
    assert "a.example" in error.message


@pytest.mark.parametrize(
    ("path", "resource"),
    [
        (f"{ENABLED}/thena", WebAddress(names=("a.example",), ours=("thena",))),
        (f"{ENABLED}/other", WebAddress(8080, names=("a.example",))),
        (f"{ENABLED}/other", WebAddress(names=("c.example",))),
        ("/etc/nginx/conf.d/off.conf.bak", WebAddress(names=("a.example",))),
        ("/etc/nginx/sites-available/off", WebAddress(names=("a.example",))),
    ],
)
def test_what_is_not_in_the_way(path, resource):
    assert resource.found(machine({path: SITE})) == resource.wanted()


def test_port_of_another_program_is_refused_and_nginx_itself_is_not():
    taken = machine(answers=["127.0.0.1:80"])
    assert refusal(taken, WebAddress()).code == "port-taken"

    taken.put(PID, b"7\n")
    assert WebAddress().found(taken) == {"free": True}  # without ss nobody says that it is not


SS = 'LISTEN 0 5 0.0.0.0:8099 0.0.0.0:* users:(("{}",pid=7,fd=3))\n'


@pytest.mark.parametrize(("who", "free"), [("python3", False), ("nginx", True)])
def test_a_running_nginx_that_is_to_have_another_port(who, free):
    """Its reload would say nothing, and the site would stay where it was."""
    system = machine({f"{ENABLED}/thena": SITE}, answers=["127.0.0.1:8099"])
    system.put(PID, b"7\n")
    system.programs["ss"] = lambda argv, stdin, user: Result(argv, 0, SS.format(who).encode())
    wanted = WebAddress(8099, ours=("thena",))

    if free:
        assert wanted.found(system) == {"free": True}
    else:
        error = refusal(system, wanted)
        assert (error.code, "python3" in error.found) == ("port-taken", True)
    assert WebAddress(80, ours=("thena",)).found(system) == {"free": True}


def test_port_out_of_range_is_refused():
    with pytest.raises(Invalid):
        WebAddress(0).validate()
