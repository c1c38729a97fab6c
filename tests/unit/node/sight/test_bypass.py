"""The hello app beside a release: what is written for it, and that nothing of it stays."""

from __future__ import annotations

import ast
import asyncio
from typing import Any

import pytest

from toque.node.errors import StepFailed
from toque.node.memory import MemorySystem
from toque.node.sight.bypass import HELLO, HELLO_ASGI, bypass, hello_folder, trial_id, trial_parts

RELEASE = "0123456789ab-abcdef"
UNIT = f"""\
[Service]
ExecStart=/srv/www/shop/releases/{RELEASE}/.toque/venv/bin/gunicorn \
--config /etc/toque/apps/shop/{RELEASE}.py toque_entry:app
User=shop
EnvironmentFile=/etc/toque/apps/shop/{RELEASE}.env
RuntimeDirectory=shop-{RELEASE}
"""
SETTINGS = f"""\
bind = "unix:/run/shop-{RELEASE}/app.sock"
pythonpath = "/srv/www/shop/releases/{RELEASE}/.toque"
"""


@pytest.mark.requirement("R14")
def test_the_trial_has_the_same_user_environment_packages_and_limits():
    parts = trial_parts("shop", RELEASE, UNIT, {"py": SETTINGS})

    trial = trial_id(RELEASE)
    assert trial == "0123456789ab-000000"
    unit = parts[f"/etc/systemd/system/shop-{trial}.service"]
    assert "User=shop\n" in unit
    assert f"EnvironmentFile=/etc/toque/apps/shop/{trial}.env\n" in unit
    assert f"RuntimeDirectory=shop-{trial}\n" in unit
    assert f"releases/{RELEASE}/.toque/venv/bin/gunicorn" in unit  # the very same packages
    assert "toque_hello:app" in unit and "toque_entry" not in unit
    settings = parts[f"/etc/toque/apps/shop/{trial}.py"]
    assert f'bind = "unix:/run/shop-{trial}/app.sock"' in settings
    assert f'pythonpath = "{hello_folder("shop")}"' in settings


def test_the_hello_app_answers_and_needs_nothing():
    space: dict[str, object] = {}
    exec(compile(HELLO, "hello", "exec"), space)
    given: list[object] = []

    body = space["app"]({}, lambda *start: given.append(start))  # type: ignore[operator]

    assert body == [b"hello\n"]
    assert given == [("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "6")])]
    assert not [node for node in ast.walk(ast.parse(HELLO)) if isinstance(node, ast.Import)]


@pytest.mark.parametrize("settings", ["import uvicorn", 'interface=Interfaces("asgi"),'])
def test_a_server_of_asgi_gets_a_hello_app_that_speaks_it(settings: str):
    parts = trial_parts("shop", RELEASE, UNIT, {"py": settings})

    assert parts[f"{hello_folder('shop')}/toque_hello.py"] == HELLO_ASGI
    space: dict[str, Any] = {}
    exec(compile(HELLO_ASGI, "hello", "exec"), space)
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(space["app"]({"type": "http"}, None, send))
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert sent[1]["body"] == b"hello\n"


def test_an_app_without_a_release_is_said_to_be_none():
    with pytest.raises(StepFailed) as caught:
        bypass(MemorySystem(), "shop", "localhost")

    assert caught.value.code == "app-not-here"
    assert caught.value.hint == "toque deploy shop"
