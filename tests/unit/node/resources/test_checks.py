"""Steps that only look: pages, ports, and a word in the report."""

import pytest

from toque.node.engine import walk
from toque.node.errors import NotReady
from toque.node.journal import MemoryJournal
from toque.node.memory import MemorySystem
from toque.node.model import Guard, Plan, Step
from toque.node.probe import Answer
from toque.node.resource import Invalid
from toque.node.resources import TYPES
from toque.node.resources.http_check import HttpCheck
from toque.node.resources.log import Log
from toque.node.resources.port_check import PortCheck
from toque.node.values import Secret
from toque.node.wire import encode_value

URL = "http://site.example/health"


class Machine(MemorySystem):
    """Answers only after ``later`` seconds; counts how often it was asked."""

    def __init__(self, later=0.0, **answers):
        super().__init__(
            answers={URL: Answer(200, "OK", body=b"all is well"), "127.0.0.1:80": Answer()}
        )
        self.answers.update(answers)
        self.later = later
        self.asked = 0

    def visit(self, question, *, timeout_s):
        self.asked += 1
        if self.clock < self.later:
            return Answer(503, "Unavailable", body=b"<h1>starting</h1>\n\n<p>soon</p>\n")
        return super().visit(question, timeout_s=timeout_s)

    def accepts(self, address, port, *, timeout_s):
        self.asked += 1
        if self.clock < self.later:
            return "nobody listens there"
        return super().accepts(address, port, timeout_s=timeout_s)


def outcome(resource, system, *, check=False, when=()):
    resource.validate()
    system.patient = not check
    fields = {name: encode_value(value, {}, {}) for name, value in vars(resource).items()}
    (one,) = walk(
        Plan("t", (Step(resource.id, resource.kind, fields, when=when),)),
        system,
        TYPES,
        journal=MemoryJournal(),
        secrets={},
        check=check,
    )
    return one


@pytest.mark.parametrize("check", [HttpCheck(URL, timeout_s=9), PortCheck(80, timeout_s=9)])
def test_what_comes_true_in_time_is_ok_and_no_change(check):
    system = Machine(later=5)

    assert outcome(check, system).status.value == "ok"
    assert 5 <= system.clock < 6
    assert 1 <= len(system.progressed) <= 4  # told now and then, not at every look
    assert "9 s left" in system.progressed[0]


def test_what_stays_wrong_fails_and_quotes_the_last_answer():
    system = Machine(later=60)
    page, port = outcome(HttpCheck(URL, timeout_s=9), system), outcome(PortCheck(80), system)

    assert (page.status.value, port.status.value) == ("failed", "failed")
    assert page.trouble["code"] == "http-check-failed"
    assert page.trouble["found"] == "503 Unavailable"
    assert page.trouble["expected"] == "2xx or 3xx within 9 s"
    assert page.trouble["log"] == ["<h1>starting</h1>", "<p>soon</p>"]
    assert port.trouble["code"] == "port-check-failed"


@pytest.mark.parametrize("check", [HttpCheck(URL), PortCheck(80)])
def test_a_plan_looks_once_and_does_not_wait(check):
    system = Machine(later=5)
    system.patient = False

    with pytest.raises(NotReady):
        check.found(system)

    assert (system.asked, system.clock) == (1, 0)


@pytest.mark.parametrize(
    ("more", "ok"),
    [
        ({}, True),
        ({"text": "is well"}, True),
        ({"text": "is bad"}, False),
        ({"status": (200,)}, True),
        ({"status": (404, 503)}, False),
    ],
)
def test_status_and_text_are_what_the_author_wants(more, ok):
    one = outcome(HttpCheck(URL, timeout_s=1, **more), Machine())

    assert one.status.value == ("ok" if ok else "failed")


def test_a_wanted_error_is_an_answer():
    url = "http://site.example/private"
    system = Machine(**{url: Answer(403, "Forbidden")})

    assert outcome(HttpCheck(url, status=(403,)), system).status.value == "ok"
    assert outcome(HttpCheck(url, timeout_s=1), system).status.value == "failed"


def test_a_message_stands_in_the_report_and_changes_nothing():
    for check in (True, False):
        one = outcome(Log("here we are"), Machine(), check=check)
        assert (one.status.value, one.notes) == ("ok", ("here we are",))


def test_a_message_whose_guard_says_no_is_not_said():
    one = outcome(Log("old"), Machine(), when=(Guard("exists", "/nowhere"),))

    assert (one.status.value, one.notes) == ("skipped", ())


@pytest.mark.parametrize(
    "resource",
    [
        HttpCheck("site.example"),
        HttpCheck("http://x/", at="/" + "x" * 107),
        HttpCheck("http://x/", status=(20,)),
        HttpCheck("http://x/", ca="x.pem"),
        HttpCheck("http://x/", timeout_s=0),
        PortCheck(0),
        PortCheck(80, ""),
        PortCheck(80, "a b"),
        PortCheck(80, timeout_s=-1),
        Log(""),
        Log("two\nlines"),
        Log("x" * 201),
        Log(Secret("s", "text")),
    ],
    ids=lambda one: str(vars(one)),
)
def test_declarations_that_can_never_be_right_are_refused(resource):
    with pytest.raises(Invalid):
        resource.validate()


def test_ids_tell_places_apart():
    assert HttpCheck(URL).id == f"http_check:{URL}"
    assert HttpCheck(URL, at="/run/s").id == f"http_check:{URL} at /run/s"
    assert PortCheck(80, "::1").id == "port_check:[::1]:80"
