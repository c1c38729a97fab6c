"""Numbers of processes, as they are typed."""

import pytest

from toque.cli.scale import parsed
from toque.errors import AskedWrongly
from toque.fleet.app import App, Worker

APP = App(
    "shop",
    "r",
    "web",
    workers={"mail": Worker(("m",), count=2), "beat": Worker(("b",), rule="one")},
)


def test_numbers_by_name():
    assert parsed(APP, ["web=4", "mail=0", "beat=1"]) == {"web": 4, "mail": 0, "beat": 1}


@pytest.mark.parametrize(
    "text", ["web", "web=", "web=0", "web=513", "mail=-1", "beat=2", "x=1", "=1"]
)
def test_anything_else_is_refused(text):
    with pytest.raises(AskedWrongly) as caught:
        parsed(APP, [text])
    assert caught.value.code == "bad-scale"
    assert caught.value.trouble.found == text


def test_an_app_with_other_numbers_keeps_its_rules():
    app = APP.scaled({"web": 7, "mail": 5, "beat": 3, "gone": 1})
    assert app.processes == 7
    assert {name: worker.count for name, worker in app.workers.items()} == {"mail": 5, "beat": 1}
    assert APP.scaled({}) == APP
