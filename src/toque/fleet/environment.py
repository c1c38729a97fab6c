"""An app's environment variables, secrets included, as they will reach its process."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from urllib.parse import quote

from ..errors import AskedWrongly
from ..node.record import dataclass
from ..node.values import Secret
from .app import App, Database
from .names import here
from .secrets import SecretStore


@dataclass(frozen=True)
class Environment:
    """``plain`` and ``secret`` are by variable; ``named`` maps a secret's name (``thena/X``) to
    its text, the database password included.  Only ``plain`` may be shown."""

    app: str
    plain: Mapping[str, str] = field(default_factory=dict)
    secret: Mapping[str, str] = field(default_factory=dict, repr=False)
    named: Mapping[str, str] = field(default_factory=dict, repr=False)

    def texts(self) -> dict[str, str]:
        """All variables with their texts, for digests.  Not to be shown."""
        return {**self.plain, **self.secret}

    def values(self) -> dict[str, str | Secret]:
        """All variables, secrets as ``Secret``."""
        hidden = {name: Secret(f"{self.app}/{name}", text) for name, text in self.secret.items()}
        return {**self.plain, **hidden}


def password_name(app: App) -> str:
    """The name of the generated password of an app's database role."""
    return f"{app.name}/database-password"


def environment_of(
    app: App, store: SecretStore, *, directory: Path, outer: Mapping[str, str] | None = None
) -> Environment:
    """Read or make all that ``app`` declares.

    ``directory`` is what ``file:PATH`` is relative to; ``outer`` what ``env:NAME`` reads (this
    process's environment when not given).  Raises ``AskedWrongly``: ``secret-missing``,
    ``secrets-readable``.
    """
    outer = os.environ if outer is None else outer
    secret: dict[str, str] = {}
    for name, source in app.secrets.items():
        kind, _, rest = source.partition(":")
        if kind == "generate":
            secret[name] = store.get_or_make(f"{app.name}/{name}")
        elif kind == "file":
            secret[name] = _from_file(here(directory, rest), app, name)
        else:
            secret[name] = _from_outer(outer, rest, app, name)
    named = {f"{app.name}/{name}": text for name, text in secret.items()}
    if app.database:
        password = store.get_or_make(password_name(app))
        named[password_name(app)] = password
        secret[app.database.variable] = database_url(app, app.database, password)
        named[f"{app.name}/{app.database.variable}"] = secret[app.database.variable]
    return Environment(app.name, dict(app.env), secret, named)


def database_url(app: App, database: Database, password: str) -> str:
    """The URL of libpq and SQLAlchemy; without a host, over the machine's socket directory."""
    role = database.role or app.name
    start = f"{database.scheme}://{quote(role, safe='')}:{quote(password, safe='')}@"
    if database.host:
        return f"{start}{database.host}:{database.port}/{database.name}"
    return f"{start}/{database.name}?host=/var/run/postgresql&port={database.port}"


def _from_file(path: Path, app: App, name: str) -> str:
    """A file's text without its last line end."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise AskedWrongly(
            "secret-missing",
            f"the secret {name} of app {app.name} cannot be read",
            expected=f"a file {path} that only you can read",
            found=error.strerror or str(error),
        ) from error
    with os.fdopen(descriptor, "rb") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        if mode & 0o077:
            raise AskedWrongly(
                "secrets-readable",
                f"others can read {path}",
                expected="mode 0600",
                found=f"mode {mode:04o}",
                hint=f"chmod 600 {path}",
            )
        data = file.read(1 << 20)
    try:
        return data.decode("utf-8").removesuffix("\n")
    except UnicodeDecodeError:
        raise AskedWrongly(
            "secret-missing",
            f"the secret {name} of app {app.name} is not text",
            expected=f"UTF-8 in {path}",
            found="other bytes",
        ) from None


def _from_outer(outer: Mapping[str, str], variable: str, app: App, name: str) -> str:
    if variable not in outer:
        raise AskedWrongly(
            "secret-missing",
            f"the secret {name} of app {app.name} is not in the environment",
            expected=f"the variable {variable} where toque runs",
            found="no such variable",
            hint=f"export {variable} before running toque",
        )
    return outer[variable]
