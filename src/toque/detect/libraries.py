"""System packages that distributions need which come without a wheel, or whose wheel needs more.

The names are Debian's and Ubuntu's.  Sources: each project's own installation page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .found import Chosen, Lock, Reason
from .source import Module

_BUILD = ("gcc", "python3-dev")
NEEDED: Mapping[str, tuple[str, ...]] = {
    "psycopg2": ("libpq-dev", *_BUILD),
    "psycopg-c": ("libpq-dev", *_BUILD),
    "mysqlclient": ("default-libmysqlclient-dev", "pkg-config", *_BUILD),
    "python-ldap": ("libldap-dev", "libsasl2-dev", *_BUILD),
    "misaka": _BUILD,
    "pycairo": ("libcairo2-dev", "pkg-config", *_BUILD),
    "pygraphviz": ("libgraphviz-dev", *_BUILD),
    "xmlsec": ("libxmlsec1-dev", "pkg-config", *_BUILD),
    "pycurl": ("libcurl4-openssl-dev", "libssl-dev", *_BUILD),
    "dbus-python": ("libdbus-1-dev", "libglib2.0-dev", "pkg-config", *_BUILD),
    "weasyprint": ("libpango-1.0-0", "libpangoft2-1.0-0", "libharfbuzz-subset0"),
    "python-magic": ("libmagic1",),
    "pyodbc": ("unixodbc",),
    "cairosvg": ("libcairo2",),
    "pytesseract": ("tesseract-ocr",),
    "pdf2image": ("poppler-utils",),
    "pydub": ("ffmpeg",),
}
# Pure Python that loads a library of the system, unless its binary twin is there.
_TWINS = {"psycopg": ("psycopg-binary", "psycopg-c", "libpq5")}


def find_libraries(lock: Lock, modules: Sequence[Module]) -> tuple[Chosen, ...]:
    """System packages, each with the distribution that asks for it."""
    found: dict[str, Chosen] = {}
    for name in lock.packages:
        for package in NEEDED.get(name, ()):
            found.setdefault(package, Chosen(package, Reason(f"{name} needs it", lock.path)))
    for name, (binary, source, library) in _TWINS.items():
        if name in lock.packages and not {binary, source} & set(lock.packages):
            found.setdefault(library, Chosen(library, Reason(f"{name} loads it", lock.path)))
    for module in modules:
        if any(origin.startswith("django.contrib.gis") for origin in module.names.values()):
            found.setdefault("gdal-bin", Chosen("gdal-bin", Reason("GeoDjango", module.path)))
            break
    return tuple(found.values())
