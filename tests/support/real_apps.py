"""Applications that others wrote, each at a version, and what their owner has to say for them.

Their source distributions are unpacked and committed as they are: no file is added or changed.
"""

from __future__ import annotations

import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from toque.adapters.shipping import uv_binary


@dataclass(frozen=True)
class RealApp:
    """``page`` answers 200 and shows ``says``.  ``options`` are of ``toque up``; the first attempt
    without them and ``variables`` ends with ``refused``, when that is named; then the owner also
    puts ``files`` on the machine.  ``asks`` is run by ``toque run`` afterwards and prints ``told``.
    """

    name: str
    version: str
    page: str
    says: str
    options: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    refused: str = ""
    domain: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    asks: tuple[str, ...] = ()
    told: str = ""

    def __str__(self) -> str:
        return self.name


HTTPBIN = RealApp("httpbin", "0.10.4", "/get?a=1", '"a": "1"')
OTHERS = (
    RealApp(
        "ihatemoney", "7.2.1", "/", "I Hate Money", refused="secret-in-code",
        variables={"IHATEMONEY_SETTINGS_FILE_PATH": "/srv/www/ihatemoney/shared/ihatemoney.cfg"},
        files={
            "/srv/www/ihatemoney/shared/ihatemoney.cfg":
            'SQLALCHEMY_DATABASE_URI = "sqlite:////srv/www/ihatemoney/shared/ihatemoney.db"\n'
            'SECRET_KEY = "a key of its owner\'s: 61Fy0sPcVq"\n',
        },
    ),
    RealApp(
        "zou", "1.0.97", "/status", '"database-up":true',
        asks=("rq", "info", "--only-workers"), told="1 workers",
    ),
    RealApp("titiler.application", "2.4.0", "/healthz", '"titiler":"2.4.0"'),
    RealApp("lnbits", "1.6.2", "/first_install", "LNbits"),
    RealApp(
        "django-ca", "3.2.0", "/admin/login/", "csrfmiddlewaretoken",
        options=("--health", "/admin/login/"),
        variables={
            "DJANGO_CA_SECRET_KEY": "--generate",
            "DJANGO_CA_CA_DEFAULT_HOSTNAME": "ca.example",
            "SQLITE_NAME": "/srv/www/django-ca/shared/db.sqlite3",
        },
        refused="import-failed", domain="ca.example",
    ),
)  # fmt: skip


def unpacked(app: RealApp, directory: Path) -> Path:
    """The source distribution of ``app``, from the package index that this machine is set to."""
    fetched = directory / "fetched"
    subprocess.run(
        [
            uv_binary(), "tool", "run", "pip", "download", "--quiet", "--no-deps",
            "--disable-pip-version-check", "--no-binary", app.name, "--dest", str(fetched),
            f"{app.name}=={app.version}",
        ],
        check=True,
    )  # fmt: skip
    (archive,) = fetched.iterdir()
    with tarfile.open(archive) as source:
        source.extractall(directory / "source", filter="data")
    (top,) = (directory / "source").iterdir()
    folder = directory / app.name.replace(".", "-")
    top.rename(folder)
    return folder
