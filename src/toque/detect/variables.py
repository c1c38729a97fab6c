"""Environment variables that the code reads, by the usual libraries, each with its line.

Known: ``os.environ``, ``os.getenv``, environs, django-environ, decouple, starlette's ``Config``,
pydantic-settings and dj-database-url.  Names that are computed are not found.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from .found import Database, Lock, Reason, Variable
from .source import Module, argument, assigned, literal, top_statements

# What every process has, or what the app server and we provide.
_GIVEN = frozenset(
    "PATH HOME USER SHELL LANG TZ PWD TMPDIR HOSTNAME VIRTUAL_ENV PYTHONPATH PYTEST_CURRENT_TEST"
    " DJANGO_SETTINGS_MODULE TOQUE_COMMIT TOQUE_RELEASE CI PORT WEB_CONCURRENCY".split()
)
_SECRET = re.compile(r"(^|_)(SECRET|SECRET_KEY|KEY_SECRET|JWT_SECRET|SALT|PASSWORD_SALT)($|_)")
# Others give these out: of another text they say no.
_THEIRS = re.compile(r"(^|_)(CLIENT|CONSUMER|OAUTH|API|ACCESS|AWS|S3|WEBHOOK)_")
_PRIVATE = re.compile(r"(SECRET|PASSWORD|TOKEN|API_?KEY|PRIVATE|CREDENTIAL|DSN)")
_URL = re.compile(r"(^|_)(DATABASE|DB|POSTGRES|POSTGRESQL|SQLALCHEMY_DATABASE)_?(URL|URI|DSN)$")
_CALLABLE = frozenset(("decouple.config",))  # imported ready to be called
_MADE = frozenset(  # classes whose objects are called
    (
        "environs.Env",
        "environs.FileAwareEnv",
        "environ.Env",
        "environ.FileAwareEnv",
        "decouple.Config",
        "decouple.AutoConfig",
        "starlette.config.Config",
    )
)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PIECES = {
    "NAME": "name",
    "DB": "name",
    "DATABASE": "name",
    "USER": "user",
    "USERNAME": "user",
    "PASSWORD": "password",
    "PASS": "password",
    "HOST": "host",
    "SERVER": "host",
    "PORT": "port",
}
_PIECE = re.compile(
    r"(?P<start>(?:[A-Z]+_)?(?:POSTGRES|POSTGRESQL|PG|DB|DATABASE|SQL))_?"
    rf"(?P<piece>{'|'.join(_PIECES)})"
)
# Drivers of PostgreSQL and the first word of a URL by which SQLAlchemy chooses them.
_DRIVERS = {
    "psycopg2": "postgresql",
    "psycopg2-binary": "postgresql",
    "psycopg": "postgresql+psycopg",
    "psycopg-binary": "postgresql+psycopg",
    "asyncpg": "postgresql+asyncpg",
    "pg8000": "postgresql+pg8000",
}


def find_variables(modules: Sequence[Module]) -> tuple[Variable, ...]:
    """Each variable once: where it is needed, or else where it is read first."""
    found: dict[str, Variable] = {}
    for module in modules:
        for variable in (*_read_by_calls(module), *_read_by_settings(module)):
            known = found.get(variable.name)
            if known is None or (variable.needed and not known.needed):
                found[variable.name] = variable
    usable = (v for v in found.values() if v.name not in _GIVEN and _VARIABLE.fullmatch(v.name))
    return tuple(sorted(usable, key=lambda v: v.name))


def is_generated(variable: Variable) -> bool:
    """Whether any random text will do: a SECRET_KEY that only this app knows."""
    name = variable.name
    return bool(_SECRET.search(name)) and not _THEIRS.search(name) and not is_database(name)


def is_database(name: str) -> bool:
    return bool(_URL.search(name))


def find_database(
    variables: Sequence[Variable], lock: Lock, modules: Sequence[Module]
) -> Database | None:
    """A PostgreSQL to be made: the code reads a URL for it, and the lock has a driver."""
    driver = next((d for d in _DRIVERS if d in lock.packages), "")
    urls = [v for v in variables if is_database(v.name)]
    if not driver:
        return None
    if not urls:
        return _by_parts(variables, driver)
    chosen = min(urls, key=lambda v: (not v.needed, v.name != "DATABASE_URL"))
    return Database(
        chosen.name,
        _scheme(driver, chosen, lock, modules),
        Reason(f"{chosen.why.words}, and the lock has {driver}", chosen.why.path, chosen.why.line),
    )


def _by_parts(variables: Sequence[Variable], driver: str) -> Database | None:
    """A database whose name, user and password are read one by one: ``POSTGRES_PASSWORD``."""
    groups: dict[str, dict[str, Variable]] = {}
    for variable in variables:
        match = _PIECE.fullmatch(variable.name)
        if match:
            groups.setdefault(match["start"], {})[_PIECES[match["piece"]]] = variable
    for pieces in groups.values():
        if "password" in pieces and "user" in pieces:
            why = pieces["password"].why
            reason = Reason(f"{why.words}, and the lock has {driver}", why.path, why.line)
            parts = {piece: variable.name for piece, variable in pieces.items()}
            return Database("DATABASE_URL", "postgresql", reason, parts)
    return None


def _scheme(driver: str, variable: Variable, lock: Lock, modules: Sequence[Module]) -> str:
    written = re.match(r"postgres(?:ql)?(?:\+[a-z0-9]+)?(?=://)", variable.default)
    if written:
        return written.group(0).replace("postgres://", "postgresql://")
    if _asks_for(modules, "postgres://"):
        return "postgres"
    if "django" in lock.packages or "sqlalchemy" not in lock.packages or _rewrites(modules):
        return "postgresql"  # without SQLAlchemy the URL goes to libpq or a library like it
    return _DRIVERS[driver]


def _asks_for(modules: Sequence[Module], start: str) -> bool:
    """Whether the code refuses URLs that begin otherwise: ``if not url.startswith("postgres://")``.

    Code that takes both asks without ``not``.
    """
    return any(
        isinstance(node, ast.UnaryOp)
        and isinstance(node.op, ast.Not)
        and isinstance(node.operand, ast.Call)
        and isinstance(node.operand.func, ast.Attribute)
        and node.operand.func.attr == "startswith"
        and literal(argument(node.operand, "prefix", 0)) == start
        for module in modules
        for node in ast.walk(module.body)
    )


def _rewrites(modules: Sequence[Module]) -> bool:
    """Whether the code puts the driver into the URL by itself: ``url.replace("postgres", ...)``."""
    return any(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "replace"
        and bool(node.args)
        and (literal(node.args[0]) or "").startswith("postgres")
        for module in modules
        for node in ast.walk(module.body)
    )


def _read_by_calls(module: Module) -> Iterator[Variable]:
    readers = _readers(module)
    for node in ast.walk(module.body):
        if isinstance(node, ast.Subscript) and module.origin(node.value) == "os.environ":
            name = literal(node.slice)
            if name and isinstance(node.ctx, ast.Load):
                yield _variable(module, node, name, f'os.environ["{name}"]', needed=True)
        elif isinstance(node, ast.Call):
            yield from _read_by_call(module, node, readers)


def _read_by_call(module: Module, node: ast.Call, readers: frozenset[str]) -> Iterator[Variable]:
    origin = module.calls(node)
    if origin in ("os.environ.get", "os.getenv", "os.environ.setdefault", "os.environ.pop"):
        name = literal(argument(node, "key", 0))
        if name:
            default = literal(argument(node, "default", 1)) or ""
            words = origin.removeprefix("os.")
            yield _variable(module, node, name, f'{words}("{name}")', default=default)
        return
    if origin == "dj_database_url.config":
        name = literal(argument(node, "env", 0)) or "DATABASE_URL"
        default = literal(argument(node, "default", 1)) or ""
        yield _variable(module, node, name, "dj_database_url.config()", default=default)
        return
    if not isinstance(node.func, (ast.Name, ast.Attribute)):
        return
    reader = node.func.value if isinstance(node.func, ast.Attribute) else node.func
    if not isinstance(reader, ast.Name) or reader.id not in readers:
        return
    method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    if method in ("read_env", "read_envs", "prefixed", "add_parser", "seal", "path"):
        return
    name = literal(argument(node, "var", 0)) or literal(argument(node, "name", 0))
    if name is None and method in ("db", "db_url", "dj_db_url") and not node.args:
        name = "DATABASE_URL"
    if name:
        given = argument(node, "default", 1) or argument(node, "missing")
        call = f"{reader.id}{'.' + method if method else ''}"
        yield _variable(
            module, node, name, f'{call}("{name}")',
            needed=given is None and name not in _schemed(module, reader.id),
            default=_default(given),
        )  # fmt: skip


def _default(given: ast.expr | None) -> str:
    """A constant default as text; a bool only where the library turns texts into one."""
    if isinstance(given, ast.Constant) and isinstance(given.value, (str, bool, int)):
        return str(given.value)
    return ""


def _readers(module: Module) -> frozenset[str]:
    """Names in a module that read variables when they are called: ``env``, ``config``."""
    found = {name for name, origin in module.names.items() if origin in _CALLABLE}
    for statement in ast.walk(module.body):
        if isinstance(statement, ast.stmt):
            names, value = assigned(statement)
            if module.calls(value) in _MADE:
                found.update(names)
    # An ``env`` made elsewhere: ``from .base import env`` is how Django's settings are split.
    found |= {n for n, origin in module.names.items() if n == "env" and origin.endswith(".env")}
    return frozenset(found)


def _schemed(module: Module, reader: str) -> frozenset[str]:
    """Variables that django-environ's ``Env(DEBUG=(bool, False))`` gives a default."""
    found: set[str] = set()
    for statement in top_statements(module.body):
        names, value = assigned(statement)
        if reader in names and isinstance(value, ast.Call):
            found.update(k.arg for k in value.keywords if k.arg and isinstance(k.value, ast.Tuple))
    return frozenset(found)


def _read_by_settings(module: Module) -> Iterator[Variable]:
    """Fields of pydantic-settings classes: their names in capitals, behind the prefix."""
    for node, prefix in _settings_classes(module):
        for field in node.body:
            if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
                continue
            if field.target.id == "model_config" or _is_class_variable(field):
                continue
            alias, needed = _field(field.value)
            name = alias or f"{prefix}{field.target.id}".upper()
            yield _variable(
                module, field, name, f"{node.name}.{field.target.id}", needed=needed,
                default=_literal_of(field.value),
            )  # fmt: skip


def _settings_classes(module: Module) -> Iterator[tuple[ast.ClassDef, str]]:
    """Classes on BaseSettings and those that they are put together from, with their prefixes."""
    classes = {node.name: node for node in ast.walk(module.body) if isinstance(node, ast.ClassDef)}
    seen: set[str] = set()
    for settings in classes.values():
        if "BaseSettings" not in _bases(module, settings):
            continue
        waiting = [settings.name]
        while waiting:
            name = waiting.pop()
            if name in classes and name not in seen:
                seen.add(name)
                waiting += _bases(module, classes[name])
                yield classes[name], _prefix(settings)


def _bases(module: Module, node: ast.ClassDef) -> list[str]:
    return [module.origin(base).rpartition(".")[2] for base in node.bases]


def _field(value: ast.expr | None) -> tuple[str, bool]:
    """The alias that ``Field(...)`` gives, and whether there is no default."""
    if value is None:
        return "", True
    if not isinstance(value, ast.Call) or not isinstance(value.func, ast.Name):
        return "", False
    if value.func.id != "Field":
        return "", False
    alias = literal(argument(value, "validation_alias")) or literal(argument(value, "alias")) or ""
    default = argument(value, "default", 0)
    if argument(value, "default_factory") is not None:
        return alias, False
    dots = isinstance(default, ast.Constant) and default.value is ...
    return alias, default is None or dots


def _literal_of(value: ast.expr | None) -> str:
    """A literal default, written plainly or in ``Field(...)``."""
    if isinstance(value, ast.Call):
        value = argument(value, "default", 0)
    return literal(value) or ""


def _prefix(node: ast.ClassDef) -> str:
    """``env_prefix`` of ``model_config`` or of an inner ``Config``."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.keyword) and inner.arg == "env_prefix":
            return literal(inner.value) or ""
        if isinstance(inner, ast.Assign) and assigned(inner)[0] == ["env_prefix"]:
            return literal(inner.value) or ""
    return ""


def _is_class_variable(field: ast.AnnAssign) -> bool:
    return "ClassVar" in ast.dump(field.annotation)


def _variable(
    module: Module, node: ast.expr | ast.stmt, name: str, words: str, *,
    needed: bool = False, default: str = "",
) -> Variable:  # fmt: skip
    secret = bool(_PRIVATE.search(name.upper())) or is_database(name)
    return Variable(name, needed, secret, Reason(words, module.path, node.lineno), default)
