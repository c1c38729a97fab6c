from __future__ import annotations

import pytest
from flask import Flask


def test_index_counts_what_the_command_added(app: Flask) -> None:
    added = app.test_cli_runner().invoke(args=["add", "ada", "two points", "one line"])

    page = app.test_client().get("/")

    assert added.output == "ada: two points -> one line\n"
    assert page.text == "Hello Thena\narcs: 1\n"
    assert page.content_length == len(page.data)


def test_arcs_lists_newest_first(app: Flask) -> None:
    for head in ("first", "second"):
        app.test_cli_runner().invoke(args=["add", "ada", "tail", head])

    listed = app.test_client().get("/arcs").json["arcs"]

    assert [arc["head"] for arc in listed] == ["second", "first"]


def test_version_names_the_commit(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOQUE_COMMIT", "c0ffee")

    assert app.test_client().get("/version").json == {"commit": "c0ffee"}


def test_boom_is_a_500(app: Flask) -> None:
    assert app.test_client().get("/boom").status_code == 500


def test_late_announces_more_than_it_sends(app: Flask) -> None:
    page = app.test_client().get("/late", buffered=False)

    assert page.status_code == 200
    assert page.content_length == 30
    with pytest.raises(RuntimeError, match="late"):
        page.get_data()


@pytest.mark.parametrize("seconds", ["-1", "11", "nan"])
def test_slow_is_bounded(app: Flask, seconds: str) -> None:
    assert app.test_client().get(f"/slow?s={seconds}").status_code == 400


def test_slow_answers(app: Flask) -> None:
    assert app.test_client().get("/slow?s=0").text == "slept 0 s\n"


def test_environment_is_not_a_page(app: Flask) -> None:
    assert app.test_client().get("/env").status_code == 404
