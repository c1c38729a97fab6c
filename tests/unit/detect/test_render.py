"""toque.toml from what was found: it is read back as it was meant, whatever stands in the code."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from toque.detect import detect
from toque.detect.answers import REDIS, Answers, answers
from toque.detect.render import Place, app_name, as_toml, node_name
from toque.detect.tree import Files
from toque.errors import AskedWrongly
from toque.fleet import names
from toque.fleet.project import Project, parse_project
from toque.fleet.spot import Spot

from .test_corpus import PROJECTS, parsed

FLASK = "import os\nfrom flask import Flask\n\napp = Flask(__name__)\n"


def project(files: dict[str, bytes | str], **more: object) -> tuple[Project, str, Answers]:
    """The project of these files as `toque up` would have it, its toque.toml, and the answers."""
    found = detect(Files(files))
    given = answers(found, ("shop.example", "192.0.2.7"))
    place = Place("shop", "main", {"web1": "root@192.0.2.7"}, **more)  # type: ignore[arg-type]
    text = as_toml(found, given, place)
    return parse_project(text, Path("/nowhere")), text, given


@pytest.mark.parametrize("path", PROJECTS, ids=lambda path: path.stem)
def test_what_is_found_makes_a_project_that_can_be_read(path: Path) -> None:
    files, _ = parsed(path.read_text())
    try:
        found = detect(Files(files))
    except AskedWrongly:
        return  # refused; that is told by test_corpus.py

    made, text, given = project(files)

    (app,) = made.apps.values()
    assert app.entry == found.entry.target
    assert app.server == found.server.name
    assert (app.lock, app.root) == (found.lock.path, found.root)
    assert (app.database is not None) == (found.database is not None)
    assert set(app.requires) == {v.name for v in found.variables if v.needed}
    assert set(app.secrets) == set(given.generated)
    assert dict(app.static) == {one.url: one.folder for one in found.static}
    assert (app.build is not None) == (found.build is not None)
    if app.build:  # the settings that it loads stop without them
        assert set(app.build.variables) >= set(app.requires) - set(app.env)
    assert {worker.command for worker in app.workers.values()} == {
        process.words for process in found.processes if process.words
    }
    assert app.shared == tuple(one.value for one in found.shared)
    assert f"{found.entry.why.path}:{found.entry.why.line}" in text  # each choice says why


@pytest.mark.parametrize(
    "hostile", ['a"b', "a\\", "a\nb", "\x7f", "]]\n[apps.evil]", "'''", "\u202e", "\x00"]
)
def test_no_word_of_a_project_can_end_its_string_or_its_comment(hostile: str) -> None:
    from toque.detect.render import _text, commented

    data = tomllib.loads(f"# {commented(hostile)}\nvalue = {_text(hostile)}\n")

    assert data == {"value": hostile}


@pytest.mark.parametrize(
    ("wanted", "name"),
    [("Hello World", "hello-world"), ("3d_shop", "app-3d-shop"), ("ümlaut", "mlaut"), ("_", "app"),
     ("a" * 40, "a" * 24), ("x--y", "x-y"), ("", "app")],
)  # fmt: skip
def test_a_folder_names_an_app(wanted: str, name: str) -> None:
    assert app_name(wanted) == name
    names.app_name(app_name(wanted), Spot("x"))


@pytest.mark.parametrize(
    ("address", "name"),
    [("root@web1.example.org:2222", "web1-example-org"), ("192.0.2.7", "node-192-0-2-7"),
     ("kitchen:up", "up"), ("local", "local")],
)  # fmt: skip
def test_an_address_names_a_node(address: str, name: str) -> None:
    assert node_name(address) == name
    names.name(node_name(address), Spot("x"))


def answered(code: str, lock: str = "flask==3\n", **files: str) -> Answers:
    return answers(
        detect(Files({"app.py": FLASK + code, "requirements.txt": lock, **files})),
        ("shop.example",),
    )


def test_hosts_debugging_and_secrets_are_answered_and_the_rest_is_asked() -> None:
    given = answered(
        'A = os.environ["ALLOWED_HOSTS"]\n'
        'B = os.environ.get("DEBUG", "True")\n'
        'C = os.environ.get("APP_DEBUG", "1")\n'
        'D = os.environ.get("QUIET_DEBUG", "")\n'
        'E = os.environ.get("SECRET_KEY", "dev")\n'
        'F = os.environ["STRIPE_KEY"]\n'
        'G = os.environ.get("LANGUAGE", "en")\n'
    )

    assert {name: chosen.value for name, chosen in given.plain.items()} == {
        "ALLOWED_HOSTS": "localhost,shop.example",
        "DEBUG": "False",
        "APP_DEBUG": "0",
    }
    assert list(given.generated) == ["SECRET_KEY"]
    assert [variable.name for variable in given.unknown] == ["STRIPE_KEY"]


def test_redis_is_this_machines_where_the_code_says_so() -> None:
    given = answered('A = os.environ.get("REDIS_URL", "redis://localhost:6379")\n', "redis==5\n")
    none = answered('A = os.environ.get("REDIS_URL", "")\n', "redis==5\n")

    assert given.plain["REDIS_URL"].value == REDIS
    assert [package.value for package in given.packages] == ["redis-server"]
    assert (none.plain, none.packages) == ({}, ())


def test_debugging_stays_as_it_is_where_django_would_let_nobody_in_without() -> None:
    """With DEBUG off, an empty ALLOWED_HOSTS refuses every name."""
    settings = "import os\nDEBUG = os.environ.get('DEBUG', 'True') == 'True'\nALLOWED_HOSTS = []\n"
    manage = "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'x.settings')\n"
    wsgi = (
        "from django.core.wsgi import get_wsgi_application\napplication = get_wsgi_application()\n"
    )
    found = detect(
        Files(
            {
                "manage.py": manage, "x/__init__.py": "", "x/settings.py": settings,
                "x/wsgi.py": wsgi, "requirements.txt": "django==5\n",
            }
        )
    )  # fmt: skip

    assert "DEBUG" not in answers(found, ("shop.example",)).plain
