"""Apps that open something while they are imported: what a fork breaks, and what it does not.

Each is a text for ``wsgi.py`` with the ports of ``app_looks.toys`` in ``{POSTGRES}`` and the like.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

WSGI = """
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"ok"]
"""


@dataclass(frozen=True)
class Opening:
    """``code`` is the finding that it deserves, empty for none; ``words`` are in its lines."""

    name: str
    text: str
    code: str = ""
    words: str = ""
    preload: bool = True
    environ: Mapping[str, str] = field(default_factory=dict)

    @property
    def source(self) -> str:
        return self.text if "app = " in self.text else self.text + WSGI


def bad(name: str, text: str, words: str, code: str = "fork-unsafe", **more: object) -> Opening:
    return Opening(name, text, code, words, **more)  # type: ignore[arg-type]


def good(name: str, text: str, **more: object) -> Opening:
    return Opening(name, text, **more)  # type: ignore[arg-type]


BAD = (
    bad("sqlalchemy queries", """
from sqlalchemy import create_engine, text
engine = create_engine("sqlite:///count.db")
with engine.connect() as connection:
    connection.execute(text("SELECT 1"))
""", "sqlalchemy: 1 pooled connection"),
    bad("sqlalchemy keeps one checked out", """
from sqlalchemy import create_engine, text
engine = create_engine("sqlite:///count.db")
connection = engine.connect()
""", "sqlalchemy: 1 pooled connection"),
    bad("psycopg", """
import psycopg
connection = psycopg.connect("postgresql://u:p@127.0.0.1:{POSTGRES}/shop")
""", "psycopg: an open connection"),
    bad("psycopg2", """
import psycopg2
connection = psycopg2.connect("postgresql://u:p@127.0.0.1:{POSTGRES}/shop")
""", "psycopg2: an open connection"),
    bad("psycopg_pool", """
from psycopg_pool import ConnectionPool
pool = ConnectionPool("postgresql://u:p@127.0.0.1:{POSTGRES}/shop", open=True, min_size=1)
pool.wait()
""", "psycopg_pool: an open pool"),
    bad("redis subscription", """
import redis
listener = redis.Redis(port={REDIS}).pubsub()
listener.subscribe("a")
""", "redis: a subscription"),
    bad("redis subscription in a thread", """
import redis
listener = redis.Redis(port={REDIS}).pubsub()
listener.subscribe(**{{"a": print}})
thread = listener.run_in_thread(sleep_time=1, daemon=True)
""", "a thread, redis.client.PubSubWorkerThread"),
    bad("grpc channel", """
import grpc
channel = grpc.insecure_channel("127.0.0.1:{TCP}")
""", "grpc: an open channel"),
    bad("apscheduler before the fork", """
from apscheduler.schedulers.background import BackgroundScheduler
scheduler = BackgroundScheduler()
scheduler.add_job(print, "interval", hours=1)
scheduler.start()
""", "a thread, apscheduler"),
    bad("apscheduler in each process", """
from apscheduler.schedulers.background import BackgroundScheduler
scheduler = BackgroundScheduler(daemon=True)
scheduler.add_job(print, "interval", hours=1)
scheduler.start()
""", "a scheduler that runs, 1 jobs", "scheduler-multiplied", preload=False),
    bad("prometheus counts apart", """
from prometheus_client import Counter, make_wsgi_app
visits = Counter("visits", "Visits")
app = make_wsgi_app()
""", "prometheus-client", "metrics-apart", preload=False),
    bad("prometheus serves by itself", """
from prometheus_client import start_http_server
start_http_server(0, addr="127.0.0.1")
""", "listens on 127.0.0.1", "port-opened", preload=False),
    bad("a thread that goes on", """
import threading, time
def refresh():
    while True:
        time.sleep(60)
threading.Thread(target=refresh, daemon=True).start()
""", "a thread, wsgi.refresh (wsgi.py:6)"),
    bad("a timer", """
import threading
timer = threading.Timer(60, print)
timer.daemon = True
timer.start()
""", "a thread, threading.Timer"),
    bad("an executor with a worker", """
import time
from concurrent.futures import ThreadPoolExecutor
executor = ThreadPoolExecutor(2)
executor.submit(time.sleep, 0)
""", "a thread, concurrent.futures.thread"),
    bad("a listener of log records", """
import logging, logging.handlers, queue
records = queue.Queue()
listener = logging.handlers.QueueListener(records, logging.StreamHandler())
listener.start()
""", "a thread, logging.handlers"),
    bad("a pool of processes", """
import multiprocessing
pool = multiprocessing.get_context("fork").Pool(2)
""", "process "),
    bad("a pool of processes in each worker", """
import multiprocessing
pool = multiprocessing.get_context("fork").Pool(2)
""", "a process of multiprocessing", "import-leaves-running", preload=False),
    bad("a program left running", """
import subprocess
helper = subprocess.Popen(["sleep", "100"])
""", "sleep 100", "import-leaves-running", preload=False),
    bad("a connection of its own", """
import socket
collector = socket.create_connection(("127.0.0.1", {TCP}))
""", "a connection to 127.0.0.1:{TCP} (wsgi.py:3)"),
    bad("a kept connection of http", """
import http.client
api = http.client.HTTPConnection("127.0.0.1", {HTTP})
api.request("GET", "/rates")
rates = api.getresponse().read()
""", "a connection to 127.0.0.1:{HTTP}"),
    bad("an event loop", """
import asyncio
loop = asyncio.new_event_loop()
""", "asyncio: 1 event loop"),
    bad("sqlite", """
import sqlite3
database = sqlite3.connect("count.db")
database.execute("create table if not exists visits (at text)")
""", "sqlite3: an open connection"),
    bad("a handler of SIGTERM", """
import signal, sys
def goodbye(number, frame):
    sys.exit(0)
signal.signal(signal.SIGTERM, goodbye)
""", "SIGTERM: wsgi.goodbye", "signal-taken", preload=False),
    bad("a fork", """
import os, time
if os.fork() == 0:
    while True:
        time.sleep(60)
""", "a copy of the app's own process", "import-leaves-running", preload=False),
    bad("a server of its own", """
import socketserver, threading
server = socketserver.TCPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler)
""", "listens on 127.0.0.1", "port-opened", preload=False),
)  # fmt: skip

GOOD = (
    good("flask", """
from flask import Flask
app = Flask(__name__)
"""),
    good("django", """
import os
from django.conf import settings
settings.configure(SECRET_KEY=os.urandom(20).hex(), ALLOWED_HOSTS=["*"], ROOT_URLCONF="wsgi")
urlpatterns = []
from django.core.wsgi import get_wsgi_application
app = get_wsgi_application()
"""),
    good("fastapi", """
from fastapi import FastAPI
app = FastAPI()
@app.get("/")
async def hello():
    return "hello"
"""),
    good("an engine that waits", """
from sqlalchemy import create_engine
engine = create_engine("postgresql+psycopg://u:p@127.0.0.1:{POSTGRES}/shop")
"""),
    good("an engine that was disposed", """
from sqlalchemy import create_engine, text
engine = create_engine("sqlite:///count.db")
with engine.connect() as connection:
    connection.execute(text("SELECT 1"))
engine.dispose()
"""),
    good("an engine without a pool", """
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool
engine = create_engine("sqlite:///count.db", poolclass=NullPool)
with engine.connect() as connection:
    connection.execute(text("SELECT 1"))
"""),
    good("an engine in memory", """
from sqlalchemy import create_engine, text
engine = create_engine("sqlite://")
with engine.connect() as connection:
    connection.execute(text("SELECT 1"))
"""),
    good("psycopg, closed again", """
import psycopg
with psycopg.connect("postgresql://u:p@127.0.0.1:{POSTGRES}/shop") as connection:
    pass
"""),
    good("psycopg2, closed again", """
import psycopg2
connection = psycopg2.connect("postgresql://u:p@127.0.0.1:{POSTGRES}/shop")
connection.close()
"""),
    good("psycopg_pool, not open", """
from psycopg_pool import ConnectionPool
pool = ConnectionPool("postgresql://u:p@127.0.0.1:{POSTGRES}/shop", open=False)
"""),
    good("redis, which notices a fork", """
import redis
cache = redis.Redis(port={REDIS})
cache.ping()
"""),
    good("grpc, only imported", """
import grpc
"""),
    good("apscheduler, not started", """
from apscheduler.schedulers.background import BackgroundScheduler
scheduler = BackgroundScheduler()
scheduler.add_job(print, "interval", hours=1)
"""),
    good("prometheus with a directory", """
from prometheus_client import Counter, CollectorRegistry, multiprocess, make_wsgi_app
visits = Counter("visits", "Visits")
app = make_wsgi_app()
""", environ={"PROMETHEUS_MULTIPROC_DIR": "."}),
    good("a thread that has ended", """
import threading
thread = threading.Thread(target=print)
thread.start()
thread.join()
"""),
    good("an executor that was shut down", """
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(2) as executor:
    rates = list(executor.map(abs, (1, -2)))
"""),
    good("an executor without work", """
from concurrent.futures import ThreadPoolExecutor
executor = ThreadPoolExecutor(2)
"""),
    good("a program that has ended", """
import subprocess
version = subprocess.run(["uname", "-r"], capture_output=True, check=True).stdout
"""),
    good("datagrams", """
import socket
statsd = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
statsd.connect(("127.0.0.1", 8125))
"""),
    good("a log file", """
import logging
logging.basicConfig(filename="app.log")
logging.warning("started")
"""),
    good("asyncio.run", """
import asyncio
async def prepare():
    await asyncio.sleep(0)
asyncio.run(prepare())
"""),
    good("a lock between processes", """
import multiprocessing
lock = multiprocessing.get_context("fork").Lock()
"""),
    good("sqlite in memory", """
import sqlite3
database = sqlite3.connect(":memory:")
"""),
    good("a request that was read", """
import urllib.request
with urllib.request.urlopen("http://127.0.0.1:{HTTP}/rates") as answer:
    rates = answer.read()
"""),
    good("a handler of SIGUSR1", """
import faulthandler, signal
faulthandler.register(signal.SIGUSR1)
signal.signal(signal.SIGUSR2, lambda number, frame: None)
"""),
    good("atexit and gc", """
import atexit, gc
atexit.register(print)
gc.freeze()
"""),
)  # fmt: skip
