"""What an import told, judged: values in, findings out; and what the program itself tells."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from app_looks import looked, told, write
from toque.node.finding import Finding
from toque.node.fitness import Served, judged
from toque.node.fitness.imports import import_findings
from toque.node.fitness.libraries import PACKAGES, distribution_of, package_with, removed_in
from toque.node.fitness.sizes import memory_findings, needed
from toque.node.inside import importing

SERVED = Served(
    "shop", "wsgi:app", "gunicorn", 2, "www.shop.example", "/srv/releases/1", "/srv/shared",
    interface="wsgi",
)  # fmt: skip
ERROR: dict[str, Any] = {
    "stage": "import", "type": "ImportError", "bases": ["ImportError", "Exception"],
    "message": "", "name": "", "file": "", "errno": None, "line": "", "built_for": [],
    "place": "wsgi.py:1", "trace": ["Traceback (most recent call last):", "ImportError: x"],
}  # fmt: skip


def failed(type: str, message: str, *bases: str, **more: Any) -> Finding:
    """The finding about an exception."""
    error = {**ERROR, "type": type, "message": message, "bases": [type, *bases], **more}
    report = {
        "error": error, "entry": None, "original": True, "python": "3.12.1",
        "missing": {"MAIL_HOST": "settings.py:7", "HOME": ""},
    }  # fmt: skip
    app = {"told": report, "status": 0, "late": False, "left": [], "log": []}
    (finding,) = import_findings(app, SERVED)
    return finding


@pytest.mark.parametrize(
    ("type", "message", "bases", "code", "words"),
    [
        ("KeyError", "'MAIL_HOST'", (), "variable-missing", "MAIL_HOST"),
        ("RuntimeError", "MAIL_HOST is not set", (), "variable-missing", "MAIL_HOST"),
        ("KeyError", "'OTHER'", (), "import-failed", "OTHER"),
        ("ValidationError", "1 validation error for S\ndb_url\n  Field required [type=missing]",
         (), "variable-missing", "DB_URL"),
        ("ImportError", "libGL.so.1: cannot open shared object file: No such file", (),
         "library-missing", "libgl1"),
        ("OSError", "libodd.so.3: cannot open shared object file: No such file", (),
         "library-missing", "apt-file search libodd.so.3"),
        ("ImportError", "/lib/libc.so.6: version `GLIBC_2.38' not found", (), "wheel-mismatch",
         "3.12"),
        ("ImportError", "_x.so: undefined symbol: PyFoo", (), "wheel-mismatch", "undefined"),
        ("ModuleNotFoundError", "No module named 'yaml'", ("ImportError",), "module-missing",
         "PyYAML"),
        ("ModuleNotFoundError", "No module named 'imp'", ("ImportError",), "python-mismatch",
         'python = "3.11"'),
        ("ModuleNotFoundError", "No module named 'wsgi'", ("ImportError",), "entry-missing",
         "no module wsgi"),
        ("NoSuchModuleError", "Can't load plugin: sqlalchemy.dialects:postgres", (),
         "database-url-wrong", "postgresql://"),
        ("OperationalError", "attempt to write a readonly database", (), "code-read-only",
         "/srv/shared"),
        ("MemoryError", "", (), "memory-short", "MemoryError"),
    ],
)  # fmt: skip
def test_an_exception_is_told_by_what_mends_it(
    type: str, message: str, bases: tuple[str, ...], code: str, words: str
) -> None:
    name = message.split("'")[1] if "No module" in message else ""

    finding = failed(type, message, *bases, name=name)

    assert finding.code == code
    assert finding.refuses
    assert words in " ".join([finding.message, finding.help, *finding.evidence])


def test_writing_beside_the_code_is_told_from_other_refusals() -> None:
    inside = failed("PermissionError", "denied", "OSError", file="/srv/releases/1/app.log")
    outside = failed("PermissionError", "denied", "OSError", file="/etc/shadow")

    assert (inside.code, outside.code) == ("code-read-only", "import-failed")


@pytest.mark.parametrize(
    ("status", "late", "left", "code"),
    [
        (0, True, [], "import-hangs"),
        (9, False, [], "memory-short"),
        (11, False, [], "import-crashes"),
        (3 << 8, False, [], "import-exits"),
        (0, False, [{"pid": 7, "command": "shopd"}], "app-daemonizes"),
    ],
)
def test_an_end_without_a_word_is_told_by_how_it_ended(
    status: int, late: bool, left: list[Any], code: str
) -> None:
    log = ["Fatal Python error: x", "Current thread (most recent call first):",
           '  File "/usr/lib/python3/ctypes.py", line 2 in c',
           '  File "/srv/releases/1/web/a.py", line 9 in b',
           '  File "<rehearsal>", line 1 in x']  # fmt: skip
    app = {"told": None, "status": status, "late": late, "left": left, "log": log}

    (finding,) = import_findings(app, SERVED)

    assert finding.code == code
    if code in ("import-hangs", "import-crashes"):
        assert finding.place == "web/a.py:9"
        assert not [line for line in finding.evidence if "rehearsal" in line]


def test_what_an_app_accepts_is_a_warning() -> None:
    answer: dict[str, Any] = {
        "requires": ["STRIPE_KEY"],
        "databases": [],
        "app": {"told": None, "status": 9, "late": False, "left": [], "log": []},
    }
    accepting = Served(**{**vars(SERVED), "accepts": ("memory-short",)})

    assert [f.level for f in judged(answer, SERVED)] == ["refuse", "refuse"]
    assert [(f.code, f.level) for f in judged(answer, accepting)] == [
        ("variable-missing", "refuse"),
        ("memory-short", "warn"),
    ]


def test_a_look_that_breaks_refuses_nothing() -> None:
    report = {"broken": ["Traceback", "RuntimeError: odd"], "original": True}
    app = {"told": report, "status": 0, "late": False, "left": [], "log": []}

    (finding,) = judged({"requires": [], "databases": [], "app": app}, SERVED)

    assert (finding.code, finding.level) == ("inspection-unclear", "warn")


@pytest.mark.parametrize(
    ("free", "swap", "level"),
    [(0, 0, None), (200_000, 0, None), (100_000, 100_000, "warn"), (100_000, 0, "refuse")],
)
def test_memory_is_compared_with_what_is_free(free: int, swap: int, level: str | None) -> None:
    memory = {"resident": 90_000, "own": 60_000, "most": 95_000}
    served = Served(**{**vars(SERVED), "free_kb": free, "swap_kb": swap})

    assert [f.level for f in memory_findings(memory, served)] == ([level] if level else [])


def test_processes_that_share_an_import_need_less() -> None:
    memory = {"resident": 90_000, "own": 60_000}
    shared = Served(**{**vars(SERVED), "preload": True})

    assert needed(memory, SERVED) == 150_000
    assert needed(memory, shared) < 120_000


def test_libraries_and_packages_by_name() -> None:
    assert package_with("libpq.so.5") == "libpq5"
    assert package_with("libunheard.so.1") == ""
    assert [distribution_of(m) for m in ("PIL.Image", "flask_thing")] == ["pillow", "flask-thing"]
    assert removed_in("distutils.core") == (3, 12)
    assert removed_in("json") is None
    assert len({name for name, _ in PACKAGES}) == len(PACKAGES)


@pytest.mark.parametrize(
    ("host", "patterns", "fits"),
    [
        ("shop.example", ["*"], True),
        ("shop.example", ["SHOP.example"], True),
        ("www.shop.example", [".shop.example"], True),
        ("shop.example", [".shop.example"], True),
        ("www.shop.example", ["*.shop.example"], True),
        ("shop.example", ["*.shop.example"], False),
        ("shop.example", [], False),
        ("evilshop.example", [".shop.example"], False),
        ("shop.example:8000", ["shop.example"], True),
    ],
)
def test_hosts_fit_as_the_frameworks_have_them(host: str, patterns: list[str], fits: bool) -> None:
    assert importing.host_fits(host, patterns) is fits


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ('FATAL:  database "x" does not exist', "no-database"),
        ('FATAL:  role "x" does not exist', "no-role"),
        ('FATAL:  password authentication failed for user "x"', "auth"),
        ('FATAL:  Peer authentication failed for user "x"', "auth"),
        ("connection refused", "refused"),
        ("failed to resolve host 'db'", "name"),
        ("connection timeout expired", "timeout"),
        ("FATAL:  the database system is starting up", "starting"),
        ("something new", "error"),
    ],
)
def test_a_drivers_words_are_understood(said: str, state: str) -> None:
    assert importing.database_state(said) == state


def test_a_text_is_cut_between_words() -> None:
    """Half a secret would not be masked."""
    assert importing.cut("one two three", 9) == "one two ..."
    assert importing.cut("s" * 50, 9) == "..."
    assert importing.cut("one two", 9) == "one two"


@pytest.mark.parametrize("url", ["postgresql://u:pa/ss@h/d", "postgresql://u:pa#ss@h/d"])
def test_a_url_that_cannot_be_read_is_not_quoted(url: str) -> None:
    found: list[dict[str, Any]] = []
    importing.ask_databases({"DATABASE_URL": url}, found.append)

    assert found[0]["databases"][0]["state"] == "url"
    assert "pa" not in json.dumps(found)


# --- the program itself ---------------------------------------------------------------------------


@pytest.mark.slow
def test_databases_are_asked_with_the_apps_own_driver(
    python: Path, tmp_path: Path, ports: Mapping[str, str]
) -> None:
    write(tmp_path, {"wsgi.py": "def app(environ, start_response):\n    pass\n"})
    port = ports["POSTGRES"]
    environ = {
        "A_URL": f"postgresql+psycopg://u:p@127.0.0.1:{port}/shop",
        "B_URL": f"postgres://u:p@127.0.0.1:{port}/gone",
        "C_URL": f"postgresql://wrong:hush-hush@127.0.0.1:{port}/shop",
        "D_URL": f"postgresql://nobody:p@127.0.0.1:{port}/shop",
        "E_URL": f"postgresql://full:p@127.0.0.1:{port}/shop",
        "F_URL": f"redis://127.0.0.1:{ports['REDIS']}/0",
        "G_URL": "mysql://u:p@127.0.0.1:1/shop",
        "H_URL": "redis://127.0.0.1:1/0",
        "TEST_URL": f"postgresql://u:p@127.0.0.1:{port}/gone",
        "I_URL": "https://example.org/",
    }

    answer = told(python, tmp_path, environ=environ)

    states = {one["name"]: one["state"] for one in answer["databases"]}
    assert states == {
        "A_URL": "ok", "B_URL": "no-database", "C_URL": "auth", "D_URL": "no-role",
        "E_URL": "full", "F_URL": "ok", "G_URL": "refused", "H_URL": "refused",
        "TEST_URL": "no-database",
    }  # fmt: skip
    findings = judged(answer, SERVED)
    assert {f.message.partition(":")[0]: f.level for f in findings} == {
        "B_URL": "refuse", "C_URL": "refuse", "D_URL": "refuse", "E_URL": "refuse",
        "G_URL": "refuse", "H_URL": "warn", "TEST_URL": "warn",
    }  # fmt: skip
    assert "hush-hush" not in json.dumps(answer)


GOOD = """
import os
from flask import Flask
app = Flask(__name__)
app.secret_key = os.environ["SECRET_KEY"]
app.config["MOTTO"] = os.environ.get("MOTTO", "none")
"""


@pytest.mark.slow
@pytest.mark.requirement("R24")
def test_an_app_that_is_well_is_told_nothing_about(python: Path, tmp_path: Path) -> None:
    write(tmp_path, {"wsgi.py": GOOD})
    environ = {"SECRET_KEY": "0d9f7c1b5a"}

    assert looked(python, tmp_path, environ=environ, requires=("SECRET_KEY",)) == []
    (missing,) = looked(python, tmp_path, environ=environ, requires=("SECRET_KEY", "STRIPE_KEY"))
    assert (missing.code, "STRIPE_KEY" in missing.message) == ("variable-missing", True)


SECRETS = [
    ("app.secret_key = 'abcdefgh'", {}, "secret-in-code", "wsgi.py:4"),
    (
        "app.secret_key = os.environ.get('SECRET_KEY', 'abcdefgh')",
        {},
        "secret-fallback",
        "wsgi.py:4",
    ),
    (
        "app.secret_key = os.environ.get('SECRET_KEY', 'abcdefgh')",
        {"SECRET_KEY": "x1y2z3q9"},
        "",
        "",
    ),
    (
        "app.secret_key = os.environ.get('SECRET_KEY') or 'abcdefgh'",
        {},
        "secret-fallback",
        "wsgi.py:4",
    ),
    (
        "TOKEN_SECRET = os.getenv('TOKEN_SECRET', default='abcdefgh')",
        {},
        "secret-fallback",
        "wsgi.py:4",
    ),
    ("app.secret_key = os.environ['SECRET_KEY']", {"SECRET_KEY": "changeme"}, "secret-weak", ""),
    ("app.secret_key = os.urandom(16)", {}, "", ""),
    ("app.secret_key = os.environ.get('SECRET_KEY')", {}, "", ""),
    ("CLIENT_SECRET = os.environ.get('CLIENT_SECRET', '')", {}, "", ""),
    ("COLOUR = os.environ.get('COLOUR', 'green')", {}, "", ""),
    ("app.config['SESSION_KEY_PREFIX'] = 'session:'", {}, "", ""),
    ("app.config['OIDC_CLIENT_SECRETS'] = 'client_secrets.json'", {}, "", ""),
    ("NAME = os.environ.get('AWS_SECRET_NAME', 'shop/production')", {}, "", ""),
    ("KEYS = os.environ.get('CLIENT_SECRETS', 'client_secrets.json')", {}, "", ""),
]


@pytest.mark.slow
@pytest.mark.requirement("R29")
@pytest.mark.parametrize(("line", "environ", "code", "place"), SECRETS)
def test_secrets_that_are_none(  # noqa: PLR0917 - a case has four parts
    python: Path, tmp_path: Path, line: str, environ: dict[str, str], code: str, place: str
) -> None:
    text = f"import os\nfrom flask import Flask\napp = Flask(__name__)\n{line}\n"
    write(tmp_path, {"wsgi.py": text})

    findings = looked(python, tmp_path, environ=environ)

    assert [(f.code, f.place) for f in findings] == ([(code, place)] if code else [])
    assert "abcdefgh" not in repr(findings)


SETTINGS = [
    ("from flask import Flask\napp = Flask(__name__)\napp.debug = True\n", "debug-on", "warn"),
    ("from flask import Flask\napp = Flask(__name__)\napp.testing = True\n", "testing-on", "warn"),
    ("from flask import Flask\napp = Flask(__name__)\napp.config['PROPAGATE_EXCEPTIONS'] = True\n",
     "exceptions-propagate", "warn"),
    ("from flask import Flask\nfrom werkzeug.debug import DebuggedApplication\n"
     "site = Flask(__name__)\napp = DebuggedApplication(site)\n", "debug-on", "refuse"),
    ("from fastapi import FastAPI\napp = FastAPI(debug=True)\n", "debug-on", "refuse"),
    ("from fastapi import FastAPI\nfrom starlette.middleware.trustedhost import "
     "TrustedHostMiddleware\napp = FastAPI()\n"
     "app.add_middleware(TrustedHostMiddleware, allowed_hosts=['shop.example'])\n",
     "host-refused", "refuse"),
    ("from fastapi import FastAPI\nfrom starlette.middleware.trustedhost import "
     "TrustedHostMiddleware\napp = FastAPI()\n"
     "app.add_middleware(TrustedHostMiddleware, allowed_hosts=['*.example.org'])\n", "", ""),
    ("from flask import Flask\nfrom werkzeug.middleware.proxy_fix import ProxyFix\n"
     "app = Flask(__name__)\napp.debug = True\napp = ProxyFix(app)\n", "debug-on", "warn"),
    ("from flask import Flask\ndef create_app(config=None):\n    return Flask(__name__)\n"
     "app = create_app()\n", "", ""),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("text", "code", "level"), SETTINGS)
def test_settings_of_frameworks(
    python: Path, tmp_path: Path, text: str, code: str, level: str
) -> None:
    write(tmp_path, {"wsgi.py": text})

    findings = looked(python, tmp_path)

    assert [(f.code, f.level) for f in findings] == ([(code, level)] if code else [])


@pytest.mark.slow
def test_what_an_app_leaves_running_is_ended(python: Path, tmp_path: Path) -> None:
    text = "import subprocess, os\nos.setsid() if os.fork() == 0 else None\n"
    text += "subprocess.Popen(['sleep', '987.5'], start_new_session=True)\napp = print\n"
    write(tmp_path, {"wsgi.py": text})

    told(python, tmp_path)

    processes = [p / "cmdline" for p in Path("/proc").iterdir() if p.name.isdigit()]
    left = [p for p in processes if p.exists() and b"987.5" in p.read_bytes()]
    assert left == []


@pytest.mark.slow
def test_an_app_does_not_change_what_the_look_imports(tmp_path: Path) -> None:
    names = ("json", "socket", "select", "traceback", "threading")
    bad = dict.fromkeys([f"{name}.py" for name in names], "raise RuntimeError('of the app')\n")
    write(tmp_path, {**bad, "wsgi.py": "def app(environ, start_response):\n    pass\n"})

    answer = told(sys.executable, tmp_path)

    assert answer["app"]["told"]["error"] is None


def test_the_program_stands_alone() -> None:
    """It runs in Pythons that have nothing of ours, and in 3.9."""
    import ast

    text = Path(str(importing.__file__)).read_text()
    tree = ast.parse(text, feature_version=(3, 9))
    assert not [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.level]


@pytest.mark.slow
def test_nothing_is_told_of_values_in_the_environment(python: Path, tmp_path: Path) -> None:
    write(tmp_path, {"wsgi.py": "raise RuntimeError('no luck')\n"})
    environ = {
        "SECRET_KEY": "a-value-of-it",
        "DATABASE_URL": "postgresql://u:pw-of-it@127.0.0.1:1/x",
    }

    answer = json.dumps(told(python, tmp_path, environ=environ))

    assert "a-value-of-it" not in answer
    assert "pw-of-it" not in answer


def test_standard_output_is_one_line_whatever_the_app_prints(tmp_path: Path) -> None:
    write(tmp_path, {"wsgi.py": "print('{}')\nimport os\nos.write(1, b'[]\\n')\napp = print\n"})

    log = told(sys.executable, tmp_path)["app"]["log"]

    assert sorted(log) == ["[]", "{}"]
