"""An app's environment variables, secrets included, as they will reach its process."""

from __future__ import annotations

import hashlib
import hmac
import os
import stat
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from urllib.parse import quote

from ..errors import AskedWrongly, nearest
from ..node.record import dataclass
from ..node.values import Secret
from .app import App, Database, DatabasePart
from .kept import Kept
from .names import here
from .secrets import SALT, SecretStore
from .spot import Spot


@dataclass(frozen=True)
class Environment:
    """``plain`` and ``secret`` are by variable; ``named`` maps a secret's name (``thena/X``) to
    its text, the database password included.  Only ``plain`` may be shown.

    ``digests`` says of each variable whether it is what another release has: 16 hex digits, keyed
    with a secret of the app's own, so that they tell nothing about the value; none before the
    first deploy.
    """

    app: str
    plain: Mapping[str, str] = field(default_factory=dict)
    secret: Mapping[str, str] = field(default_factory=dict, repr=False)
    named: Mapping[str, str] = field(default_factory=dict, repr=False)
    digests: Mapping[str, str] = field(default_factory=dict)

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
    app: App,
    store: SecretStore,
    *,
    directory: Path,
    outer: Mapping[str, str] | None = None,
    at: Spot | None = None,
) -> Environment:
    """Read or make all that ``app`` declares, and what ``toque env`` keeps of it.

    ``directory`` is what ``file:PATH`` is relative to; ``outer`` what ``env:NAME`` reads (this
    process's environment when not given); ``at`` where the app is declared.
    Raises ``AskedWrongly``: ``secret-missing``, ``secrets-readable``, ``variable-missing``,
    ``variable-twice``, and what ``SecretStore.kept`` does.
    """
    outer = os.environ if outer is None else outer
    kept = store.kept(app.name)
    check_once(app, kept, at)
    check_required(app, kept, at)
    plain = {**app.env, **{n: v.value for n, v in kept.variables.items() if not v.secret}}
    secret = {name: v.value for name, v in kept.variables.items() if v.secret}
    for name, source in app.secrets.items():
        kind, _, rest = source.partition(":")
        if kind == "file":
            secret[name] = _from_file(here(directory, rest), app, name)
        elif kind == "env":
            secret[name] = _from_outer(outer, rest, app, name)
        elif name not in kept.variables:
            secret[name] = kept.made.get(name) or store.get_or_make(f"{app.name}/{name}")
    named = {f"{app.name}/{name}": text for name, text in secret.items()}
    if app.database:
        password = store.get_or_make(password_name(app))
        named[password_name(app)] = password
        secret[app.database.variable] = database_url(app, app.database, password)
        named[f"{app.name}/{app.database.variable}"] = secret[app.database.variable]
        for part, name in app.database.parts.items():
            piece = database_parts(app, app.database, password)[part]
            if part == "password":
                secret[name] = named[f"{app.name}/{name}"] = piece
            else:
                plain[name] = piece
    salt = kept.made.get(SALT)  # made by the first deploy
    shown = digests({**plain, **secret}, salt) if salt else {}
    return Environment(app.name, plain, secret, named, shown)


def digests(texts: Mapping[str, str], salt: str) -> dict[str, str]:
    """16 hex digits for each variable, that nobody can guess values by who has no ``salt``."""

    def one(name: str, text: str) -> str:
        data = f"{name}\0{text}".encode("utf-8", "surrogatepass")
        return hmac.new(salt.encode(), data, hashlib.sha256).hexdigest()[:16]

    return {name: one(name, text) for name, text in sorted(texts.items())}


def check_once(app: App, kept: Kept, at: Spot | None = None) -> None:
    """Raise ``variable-twice`` for a variable that is kept and declared with a value as well.

    One that is declared as ``generate`` may be kept: that is made only where nobody has set it.
    """
    for name in sorted(kept.variables):
        check_free(app, name, at, hint=f"toque env unset {app.name} {name}, or remove that line")


def check_free(app: App, name: str, at: Spot | None = None, *, hint: str) -> None:
    """Raise ``variable-twice`` when ``toque.toml`` says already what ``name`` is."""
    table = "env" if name in app.env else "secrets" if name in app.secrets else ""
    if app.database and name in app.database.variables:
        table = "database"
    if not table or app.secrets.get(name) == "generate":
        return
    raise AskedWrongly(
        "variable-twice",
        f"{name} of app {app.name} is set in toque.toml",
        expected=f"each variable in toque.toml or by toque env set, not in both: {name}",
        found=f"[apps.{app.name}.{table}]",
        hint=hint,
        place=str(at / table / name) if at else "",
    )


def check_required(app: App, kept: Kept, at: Spot | None = None) -> None:
    """Raise ``variable-missing`` for a variable that is required, by its build, too, and nowhere
    set."""
    known = {*app.variables, *kept.variables}
    for name in (*app.requires, *(app.build.variables if app.build else ())):
        if name not in known:
            near = nearest(name, sorted(known))
            raise AskedWrongly(
                "variable-missing",
                f"app {app.name} requires {name}, which is not set",
                expected=f"{name} kept by toque env set, or in [apps.{app.name}.env], "
                f"[apps.{app.name}.secrets] or [apps.{app.name}.database]",
                found="no such variable" + (f"; {near}" if near else ""),
                hint=f"toque env set {app.name} {name} --secret",
                place=str(at / "requires") if at else "",
            )


def database_parts(app: App, database: Database, password: str) -> dict[DatabasePart, str]:
    """What the URL says, piece by piece; without a host, it is this machine by TCP, as code that
    puts a URL together cannot write a socket's directory into it."""
    return {
        "name": database.name,
        "user": database.role or app.name,
        "password": password,
        "host": database.host or "localhost",
        "port": str(database.port),
    }


def database_url(app: App, database: Database, password: str) -> str:
    """The URL of libpq and SQLAlchemy; without a host, over the machine's socket directory."""
    role = database.role or app.name
    start = f"{database.scheme}://{quote(role, safe='')}:{quote(password, safe='')}@"
    if database.host:
        return f"{start}{database.host}:{database.port}/{database.name}"
    return f"{start}/{database.name}?host=/var/run/postgresql&port={database.port}"


def read_secret_file(path: Path, what: str) -> str:
    """A file's text without its last line end; only its owner may read it.

    Raises ``AskedWrongly``: ``secret-missing``, ``secrets-readable``.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise AskedWrongly(
            "secret-missing",
            f"{what} cannot be read",
            expected=f"a file {path} that only you can read",
            found=error.strerror or str(error),
            hint=f"ls -l {path}",
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
            f"{what} is not text",
            expected=f"UTF-8 in {path}",
            found="other bytes",
            hint=f"file {path}",
        ) from None


def _from_file(path: Path, app: App, name: str) -> str:
    return read_secret_file(path, f"the secret {name} of app {app.name}")


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
