"""Releases that must not reach a visitor: what is wrong with each, and what is said of it.

Each replaces ``wsgi.py`` of the example, so it is one commit; ``{code}`` is filled in nowhere, the
texts are as they stand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

WSGI = """
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"ok"]
"""
FLASK = "from flask import Flask, abort, redirect, request\napp = Flask(__name__)\n"
DJANGO = """
import os
from django.conf import settings
from django.http import HttpResponse
from django.urls import path
options = dict(
    SECRET_KEY=os.environ["SECRET_KEY"], ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, DEBUG=False
)
{more}
settings.configure(**options)
from django.core.wsgi import get_wsgi_application
urlpatterns = [path("", lambda request: HttpResponse("ok"))]
app = get_wsgi_application()
"""
FASTAPI = "from fastapi import FastAPI\napp = FastAPI()\n"


@dataclass(frozen=True)
class Broken:
    """``code`` and ``words`` are of the error, in its message, evidence or advice; ``place`` is in
    the app's code.  ``toml`` and ``recipe`` are replacements in toque.toml and in the server's
    settings; ``by`` says which part sees it: the import, the start, or what is before both.
    """

    name: str
    source: str
    code: str
    words: str
    place: str = ""
    by: str = "import"
    files: Mapping[str, str] = field(default_factory=dict)
    toml: tuple[tuple[str, str], ...] = ()
    settings: tuple[tuple[str, str], ...] = ()
    deploy: tuple[tuple[str, str], ...] = ()


def django(more: str) -> str:
    return DJANGO.replace("{more}", more)


def env(line: str) -> tuple[tuple[str, str], ...]:
    return (('GREETING = "hello"', f'GREETING = "hello"\n{line}'),)


ENTRY = 'entry = "wsgi:app"'

BROKEN = (
    # --- variables and secrets
    Broken("Flask: a variable is read that is not set",
           "import os\nkey = os.environ['PAYMENT_KEY']\n" + FLASK,
           "variable-missing", "PAYMENT_KEY", "wsgi.py:2"),
    Broken("FastAPI: pydantic settings lack a field", """
from pydantic_settings import BaseSettings
class Settings(BaseSettings):
    mail_server: str
settings = Settings()
""" + FASTAPI, "variable-missing", "MAIL_SERVER", "wsgi.py:5"),
    Broken("Django: a settings helper raises", django("""
from django.core.exceptions import ImproperlyConfigured
def env(name):
    try:
        return os.environ[name]
    except KeyError:
        raise ImproperlyConfigured(f"Set the {name} environment variable")
options["EMAIL_HOST"] = env("MAIL_HOST")
"""), "variable-missing", "MAIL_HOST", "wsgi.py"),
    Broken("Flask: a secret that is not set falls back to a text",
           FLASK + "import os\napp.secret_key = os.environ.get('COOKIE_SECRET', 'not-so-secret')\n",
           "secret-fallback", "COOKIE_SECRET", "wsgi.py:4"),
    Broken("FastAPI: the same, by or",
           FASTAPI + "import os\nJWT_SECRET = os.getenv('JWT_SECRET') or 'dev'\n",
           "secret-fallback", "JWT_SECRET", "wsgi.py:4",
           toml=(('keep = 3', 'keep = 3\naccepts = ["interface-mismatch"]'),)),
    Broken("Django: SECRET_KEY as startproject made it", django(
        'options["SECRET_KEY"] = "django-insecure-2k4h5k2h4k5h2k45h"'),
        "secret-in-code", "SECRET_KEY", "wsgi.py"),
    Broken("Django: DEBUG", django('options["DEBUG"] = True'), "debug-on", "DEBUG = False"),
    # --- names and packages
    Broken("Flask: a name that is not there", "from flask import Flsk\napp = Flsk(__name__)\n",
           "import-failed", "cannot import name 'Flsk'", "wsgi.py:1"),
    Broken("a package that is not in the lock", "import yaml\n" + FLASK,
           "module-missing", "PyYAML", "wsgi.py:1"),
    Broken("Django: an app that is not installed", django('options["INSTALLED_APPS"] = ["shop"]'),
           "module-missing", "no module shop", "wsgi.py"),
    Broken("two modules import each other", "import models\n" + FLASK,
           "import-failed", "partially initialized module", "models.py:1",
           files={"models.py": "from wsgi import app\n"}),
    Broken("a mistake in the syntax", FLASK + "def hello(:\n    pass\n",
           "syntax-error", "def hello(:", "wsgi.py:3"),
    Broken("syntax of a newer Python", FLASK + "type Point = tuple[int, int]\n",
           "syntax-error", "type Point", "wsgi.py:3"),
    Broken("a system library is missing",
           "import ctypes\nmagic = ctypes.CDLL('libmagic.so.1')\n" + FLASK,
           "library-missing", "apt-get install libmagic1", "wsgi.py:2"),
    Broken("a wheel for another Python", "import fastmath\n" + FLASK,
           "wheel-mismatch", "_core.cpython-39-x86_64-linux-gnu.so", "fastmath/__init__.py:1",
           files={"fastmath/__init__.py": "from . import _core\n",
                  "fastmath/_core.cpython-39-x86_64-linux-gnu.so": "for 3.9\n"}),
    Broken("a wheel for another machine", "import fastmath\n" + FLASK,
           "wheel-mismatch", "fastmath", "wsgi.py:1", files={"fastmath.so": "for another one\n"}),
    # --- the entry point
    Broken("no such callable", "application = 1\n" + FLASK.replace("app =", "site ="),
           "entry-missing", "wsgi:site"),
    Broken("no such module", FLASK, "entry-missing", "no module shop",
           toml=((ENTRY, 'entry = "shop:app"'),)),
    Broken("a function that makes an app", "from flask import Flask\n"
           "def create_app():\n    return Flask(__name__)\n",
           "entry-not-an-app", "wsgi:create_app()", toml=((ENTRY, 'entry = "wsgi:create_app"'),)),
    Broken("a factory that needs arguments", "from flask import Flask\n"
           "def create_app(config):\n    return Flask(__name__)\n",
           "entry-not-an-app", "needs other arguments",
           toml=((ENTRY, 'entry = "wsgi:create_app"'),)),
    Broken("something that cannot be called", "app = {'name': 'shop'}\n",
           "entry-not-an-app", "cannot be called"),
    Broken("FastAPI under a server for WSGI", FASTAPI, "interface-mismatch", "speaks ASGI"),
    # --- what the import does
    Broken("sys.exit", "import sys\nsys.exit('no licence')\n", "import-exits", "status 1",
           "wsgi.py:2"),
    Broken("os._exit", "import os\nos._exit(3)\n", "import-exits", "status 3"),
    Broken("an import without end", "import time\ndef wait():\n    time.sleep(999)\nwait()\n",
           "import-hangs", "does not come to an end", "wsgi.py:3",
           toml=(("keep = 3", "keep = 3\nstarts_within = 5"),)),
    Broken("infinite recursion", "def up(n):\n    return up(n + 1)\nup(0)\n" + FLASK,
           "import-failed", "RecursionError", "wsgi.py:2"),
    Broken("an extension that crashes", "import ctypes\nctypes.string_at(0)\n" + FLASK,
           "import-crashes", "SIGSEGV", "wsgi.py:2"),
    Broken("daemonizes", "import os\nif os.fork():\n    os._exit(0)\nos.setsid()\n" + FLASK,
           "app-daemonizes", "into the background"),
    Broken("forks and goes on",
           "import os, time\nif os.fork() == 0:\n    time.sleep(999)\n" + FLASK,
           "import-leaves-running", "a copy of the app's own process", "wsgi.py:2"),
    Broken("opens a port by itself",
           "import socket\nserver = socket.create_server(('127.0.0.1', 8877))\n" + FLASK,
           "port-opened", "127.0.0.1:8877", "wsgi.py:2"),
    Broken("opens a port that is taken",
           "import socket\nfirst = socket.create_server(('127.0.0.1', 8877))\n"
           "second = socket.create_server(('127.0.0.1', 8877))\n" + FLASK,
           "port-opened", "the port is taken", "wsgi.py:3"),
    Broken("writes beside its own code", "open('visits.log', 'a').write('started')\n" + FLASK,
           "code-read-only", "/srv/www/thena/shared", "wsgi.py:1"),
    Broken("needs a file that is not committed", "plans = open('data/plans.json').read()\n" + FLASK,
           "import-failed", "data/plans.json", "wsgi.py:1"),
    Broken("needs a file at home",
           "import pathlib\nconf = pathlib.Path('~/.shop.toml').expanduser().read_text()\n" + FLASK,
           "import-failed", ".shop.toml", "wsgi.py:2"),
    Broken("a query of a database at import, shared by a fork", """
from sqlalchemy import create_engine, text
from thena.config import database_url
import os
engine = create_engine(database_url(os.environ))
with engine.connect() as connection:
    connection.execute(text("select 1"))
""" + FLASK, "fork-unsafe", "sqlalchemy: 1 pooled connection",
           settings=(("lazy-apps = true", "lazy-apps = false"),)),
    Broken("asks for more memory than there is", "data = bytearray(1 << 46)\n" + FLASK,
           "memory-short", "MemoryError", "wsgi.py:1"),
    Broken("processes that do not fit",
           "data = bytearray(300 << 20)\n" + FLASK, "memory-short", "512 processes need about",
           toml=(("keep = 3", "keep = 3\nprocesses = 512"),)),
    # --- databases
    Broken("the database does not answer", FLASK, "database-unreachable", "nobody answers",
           toml=env('CACHE_URL = "postgresql://u@127.0.0.1:1/x"')),
    Broken("the database's host has no name", FLASK, "database-unreachable", "has no address",
           toml=env('CACHE_URL = "postgresql://u@db.invalid/x"')),
    Broken("the role is another's", FLASK, "database-unreachable", "postgres is not let in",
           toml=env('CACHE_URL = "postgresql://postgres:wrong@/thena?host=/run/postgresql"')),
    Broken("there is no such database", FLASK, "database-unreachable", "there is no database nope",
           toml=env('CACHE_URL = "postgresql:///nope?host=/run/postgresql"')),
    Broken("a scheme that SQLAlchemy does not know", """
import os, sqlalchemy
engine = sqlalchemy.create_engine(os.environ["CACHE_URL"])
""" + FLASK, "database-url-wrong", "postgres:// is an old name", "wsgi.py:3",
           toml=env('CACHE_URL = "postgres:///thena?host=/run/postgresql"')),
    # --- hosts, static files
    Broken("Django: ALLOWED_HOSTS", django('options["ALLOWED_HOSTS"] = ["www.shop.example"]'),
           "host-refused", 'domains = ["www.shop.example"]'),
    Broken("static files that nginx cannot read", FLASK, "static-unreadable", "static",
           deploy=(("inspect(r, here)", 'inspect(r, here, static=(f"{here.code}/static",))'),)),
    # --- what is seen before, and at the start
    Broken("a variable that is required and declared nowhere", FLASK, "variable-missing",
           "STRIPE_KEY", by="here",
           toml=(('"SECRET_KEY"]', '"SECRET_KEY", "STRIPE_KEY"]'),)),
    Broken("a lock that names a version that there is not", FLASK, "lock-unresolvable",
           "flask==999", by="build", files={"requirements.txt": "flask==999\n"}),
    Broken("a lock for another Python", FLASK, "python-mismatch", "Python", by="build",
           files={"requirements.txt": "django==6.0\n"}),
    Broken("a migration that fails", FLASK, "migration-failed", "no such table", by="migration",
           files={"migrations/versions/0003_bad.py": 'revision = "0003"\ndown_revision = "0002"\n'
                  'def upgrade():\n    raise RuntimeError("no such table")\n'}),
    Broken("500 at /", FLASK + "@app.get('/')\ndef home():\n    return {}['name']\n",
           "instance-bad-answer", "KeyError", by="start"),
    Broken("404 at the health page", FLASK, "instance-bad-answer", "a page that the app has",
           by="start"),
    Broken("403 at /", FLASK + "@app.get('/')\ndef home():\n    abort(403)\n",
           "instance-bad-answer", "without signing in", by="start"),
    Broken("400 at /", FLASK + "@app.get('/')\ndef home():\n    abort(400)\n",
           "instance-bad-answer", "ALLOWED_HOSTS", by="start"),
    Broken("a body that is shorter than it says", WSGI.replace('"text/plain")',
           '"text/plain"), ("Content-Length", "500")'),
           "instance-bad-answer", "a body cut short", by="start"),
    Broken("an exception after the first byte",
           FLASK + "@app.get('/')\ndef home():\n    def parts():\n        yield 'hello'\n"
           "        raise KeyError('price')\n    return app.response_class(parts())\n",
           "instance-bad-answer", "a body cut short", by="start"),
    Broken("sends visitors in circles",
           FLASK + "@app.get('/')\ndef home():\n    return redirect('/')\n",
           "redirect-loop", "in circles", by="start"),
    Broken("sends visitors to https, always",
           FLASK + "@app.get('/')\ndef home():\n    return redirect('https://localhost/', 301)\n",
           "redirect-loop", "X-Forwarded-Proto", by="start"),
    Broken("sends visitors to a page that fails",
           FLASK + "@app.get('/')\ndef home():\n    return redirect('/login')\n"
           "@app.get('/login')\ndef login():\n    return {}['user']\n",
           "redirect-broken", "/login, which answers 500", by="start"),
    Broken("ends after its first answer",
           FLASK + "import os, threading\n@app.get('/')\ndef home():\n"
           "    threading.Timer(0.01, os._exit, (1,)).start()\n    return 'ok'\n",
           "instance-exited", "died", by="start"),
    Broken("never answers", FLASK + "import time\n@app.get('/')\ndef home():\n"
           "    time.sleep(999)\n", "instance-not-answering", "no answer within", by="start",
           toml=(("keep = 3", "keep = 3\nstarts_within = 8"),)),
    Broken("listens on a port instead of its socket", FLASK, "instance-not-answering", "8878",
           by="start", settings=(("http-socket = {{ here.socket }}\nchmod-socket = 660",
                                  "http-socket = 127.0.0.1:8878"),)),
)  # fmt: skip

# Seen by nobody who asks one release a few questions: these are for the watch window.
LATER = {
    "fails for one visitor in a hundred": "the rehearsal asks one page, and few times",
    "leaks memory with each request": "one import and three answers show none of it",
    "is slow as soon as many come": "the rehearsal does not load the machine that serves",
}
