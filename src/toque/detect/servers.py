"""The app server: what the project depends on already, else one that is installed beside it."""

from __future__ import annotations

from importlib import resources

from . import requirements
from .found import Entry, Lock, Reason, Server
from .requirements import normal

WSGI = {"gunicorn": "gunicorn", "granian": "granian", "uwsgi": "uwsgi", "pyuwsgi": "uwsgi"}
ASGI = {"uvicorn": "uvicorn", "granian": "granian"}
DEFAULT = {"wsgi": "gunicorn", "asgi": "uvicorn"}
BESIDE = ("gunicorn", "uvicorn", "granian")  # those with a file in pins/


def find_server(entry: Entry, lock: Lock) -> Server:
    """The first server of the lock that speaks the app's interface."""
    known = WSGI if entry.interface == "wsgi" else ASGI
    for package, server in known.items():
        if package in lock.packages:
            return Server(server, True, Reason(f"{package} is in the lock", lock.path))
    server = DEFAULT[entry.interface]
    kind = entry.interface.upper()
    words = f"no {kind} server in the lock: {server} is installed beside it, pinned"
    return Server(server, False, Reason(words, lock.path))


def beside(server: str, lock: str) -> str:
    """Requirements lines for ``server`` and what it needs, as far as ``lock`` has none of them.

    Empty when the lock has it, or when it is not installed from an index (uWSGI is Debian's).
    With hashes exactly when the lock has some: pip wants all or none.
    """
    if server not in BESIDE:
        return ""
    held = {
        one.name
        for _, line in requirements.logical_lines(lock)
        if (one := requirements.requirement(line))
    }
    if server in held:
        return ""
    pins = resources.files(__package__).joinpath("pins", f"{server}.txt").read_text("utf-8")
    hashed = "--hash" in lock or not held
    found = [f"# {server}, which the lock does not have; pinned by Toque.\n"]
    for _, line in requirements.logical_lines(pins):
        one = requirements.requirement(line)
        if one is None or normal(one.name) in held:
            continue
        words = line.split()
        plain = " ".join(w for w in words if not w.startswith("--hash"))
        hashes = [w for w in words if w.startswith("--hash")] if hashed else []
        found.append(" \\\n    ".join([plain, *hashes]) + "\n")
    return "".join(found)
