"""Which migrations of an app are pending, and what they do: plain data, no opinion.

Run by a release's own Python (3.9 or later), as the app's user, in the app's directory and with its
environment::

    python - alembic|flask|django PROGRAM [ARGUMENT...] < pending.py

PROGRAM and its arguments are the command that will migrate; it is read, not run.

The last line of standard output is ``{"pending": [...], ...}`` or ``{"error": {...}}``; whatever
the app prints meanwhile goes to standard error.  Nothing is changed: Alembic is asked with
``dont_mutate``, as by ``alembic current``, and Django's plan is only made.

A migration is ``{"revision", "title", "path", "undo", "reviewed", "operations"}``.  An operation is
``{"name", "line", "table", "args", "keywords"}``; what stands there as a literal comes as it is, a
call as ``{"call": "sa.Column", "args", "keywords"}``, a name as ``{"name": "sa.Text"}``, a field of
Django as ``{"field": "CharField", ...}`` and anything else as ``{"code": "its text"}``.
"""

import ast
import importlib
import inspect
import json
import os
import re
import sys
from typing import Any, Dict, List, Optional, Sequence, Tuple

SIZES = """
SELECT c.relname, pg_total_relation_size(c.oid) FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
"""
REVIEWED = re.compile(r"^[ \t]*#[ \t]*toque:[ \t]*reviewed\b[ \t:,-]*(.*)$", re.MULTILINE)
# Calls in upgrade() that look and do not touch.
LOOKS = re.compile(
    r"(op\.(f|get_bind|get_context|inline_literal)|(sa|sqlalchemy|postgresql|mysql|sqlite)\..*|"
    r"print|len|range|str|int|bool|list|dict|set|tuple|sorted|enumerate|zip|isinstance|any|all|"
    r"Column|String|Text|Integer|Boolean|DateTime|ForeignKey|inspect|text|table|column|select|"
    r".*\.(get_columns|get_table_names|get_indexes|get_unique_constraints|get_foreign_keys|"
    r"has_table|has_column|fetchall|fetchone|scalar|scalars|first|all|mappings|format|join|append|"
    r"items|keys|values|get|lower|upper|strip|split|startswith|endswith|begin_nested|info|debug|"
    r"warning|autocommit_block|where|c|is_|order_by|limit|dialect|with_only_columns|bindparams))$"
)


class Refused(Exception):
    """What cannot be answered: a code of ours and the words of whoever refused."""

    def __init__(self, code: str, message: str, found: str = "") -> None:
        super().__init__(message)
        self.said = {"code": code, "message": message, "found": found}


def main() -> None:
    answer = os.dup(1)
    os.dup2(2, 1)  # what the app prints is no answer of ours
    tool, *argv = sys.argv[1:]
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    listing = {"alembic": alembic_listing, "flask": flask_listing, "django": django_listing}
    try:
        said = listing[tool](argv)
    except Refused as error:
        said = {"error": error.said}
    except BaseException as error:  # noqa: BLE001 - also SystemExit of an app: it has to be told
        said = {"error": told(error)}
    text = ("\n" + json.dumps(said) + "\n").encode()
    while text:
        text = text[os.write(answer, text) :]
    os._exit(0)  # no thread of the app's keeps us


def told(error: BaseException) -> Dict[str, Any]:
    """What an exception of the app's tells: a database that is not reached, or something else."""
    words = " ".join(str(error).split())[:400] or type(error).__name__
    names = {kind.__name__ for kind in type(error).__mro__}
    connecting = getattr(error, "statement", "") is None or not hasattr(error, "statement")
    if names & {"ConnectionError", "gaierror", "InterfaceError"} or (
        "OperationalError" in names and connecting
    ):
        return {"code": "database-unreachable", "message": words, "found": type(error).__name__}
    lines = inspect.getinnerframes(error.__traceback__) if error.__traceback__ else []
    place = f"{lines[-1].filename}:{lines[-1].lineno}" if lines else ""
    kind = type(error).__name__
    return {"code": "migration-unreadable", "message": kind + ": " + words, "found": place}


# --- Alembic ------------------------------------------------------------------------------------


def alembic_listing(argv: List[str]) -> Dict[str, Any]:
    line: Any = importlib.import_module("alembic.config").CommandLine
    caught: List[Any] = []

    class Asked(line):  # type: ignore[misc]
        """Alembic's own reading of its command line; instead of obeying it, it is kept."""

        def run_cmd(self, config: Any, options: Any) -> None:
            caught.append((config, options))

    at = next(i for i, word in enumerate(argv) if os.path.basename(word) == "alembic")
    Asked(prog="alembic").main(argv[at + 1 :])
    config, options = caught[0]
    return alembic_pending(config, getattr(options, "revision", "head"))


def flask_listing(argv: List[str]) -> Dict[str, Any]:
    """``flask [--app APP] db upgrade [-d DIRECTORY] [-x ARGUMENT] [REVISION]``."""
    cli = importlib.import_module("flask.cli")
    given = after(argv, "flask")
    name = option(given, "--app", "-A")
    directory = option(given, "--directory", "-d")
    extra = [given[i + 1] for i, word in enumerate(given[:-1]) if word in ("-x", "--x-arg")]
    cli.load_dotenv()
    app = cli.ScriptInfo(app_import_path=name or os.environ.get("FLASK_APP")).load_app()
    with app.app_context():
        migrate = app.extensions["migrate"].migrate
        config = migrate.get_config(directory, x_arg=extra or None)
        rest = positional(given[given.index("upgrade") + 1 :], ("-d", "--directory", "-x", "--tag"))
        return alembic_pending(config, rest[0] if rest else "head")


def alembic_pending(config: Any, target: str) -> Dict[str, Any]:
    environment = importlib.import_module("alembic.runtime.environment").EnvironmentContext
    command_error = importlib.import_module("alembic.util").CommandError
    scripts = importlib.import_module("alembic.script").ScriptDirectory.from_config(config)
    said: Dict[str, Any] = {}

    def look(current: Any, context: Any) -> List[Any]:
        said["database"] = context.dialect.name
        said["current"] = sorted(current)
        said["sizes"] = {}
        if context.dialect.name == "postgresql":
            found = context.connection.exec_driver_sql(SIZES)
            said["sizes"] = {row[0]: row[1] for row in found}
        return []

    with environment(config, scripts, fn=look, as_sql=False, dont_mutate=True):
        scripts.run_env()
    said["heads"] = sorted(scripts.get_heads())
    known = {script.revision for script in scripts.walk_revisions()}
    said["missing"] = sorted(set(said["current"]) - known)
    said["pending"] = []
    if said["missing"]:
        return said
    if len(said["heads"]) > 1 and target == "head":
        raise Refused(
            "migration-heads",
            "the migrations have {} heads".format(len(said["heads"])),
            ", ".join(said["heads"]),
        )
    try:
        steps = scripts._upgrade_revs(target, tuple(said["current"]))
    except command_error as error:
        raise Refused("migration-unreadable", str(error), target) from error
    said["pending"] = [alembic_migration(step.revision) for step in steps]
    return said


def alembic_migration(script: Any) -> Dict[str, Any]:
    with open(script.path, encoding="utf-8") as file:
        source = file.read()
    tree = ast.parse(source)
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    constants = {}
    for node in tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else None
        if isinstance(node, ast.Assign) and isinstance(target, ast.Name):
            constants[target.id] = node.value
    reading = Reading(functions, constants)
    if "upgrade" in functions:
        reading.body(functions["upgrade"].body)
    return {
        "revision": script.revision,
        "title": (script.doc or "").strip().splitlines()[0] if script.doc else "",
        "path": os.path.relpath(script.path),
        "undo": does_something(functions.get("downgrade")),
        "reviewed": reviewed(source),
        "operations": reading.operations,
    }


def does_something(function: Any) -> bool:
    """Whether a downgrade() is more than ``pass``, words, or a refusal."""
    return function is not None and any(
        not isinstance(node, (ast.Pass, ast.Raise))
        and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        for node in function.body
    )


class Reading:
    """The operations that upgrade() calls, in the order of its text; nothing is run."""

    def __init__(self, functions: Any, constants: Any) -> None:
        self.functions = functions
        self.constants = constants
        self.batches: Dict[str, Any] = {}
        self.entered = {"upgrade"}
        self.operations: List[Dict[str, Any]] = []

    def body(self, statements: Sequence[ast.stmt]) -> None:
        for statement in statements:
            if isinstance(statement, ast.With):
                self.with_(statement)
            elif isinstance(statement, (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)):
                continue
            else:
                self.statement(statement)

    def with_(self, statement: Any) -> None:
        for item in statement.items:
            call = item.context_expr
            if isinstance(call, ast.Call) and dotted(call.func) == "op.batch_alter_table":
                if isinstance(item.optional_vars, ast.Name):
                    first = call.args[0] if call.args else keyword(call, "table_name")
                    self.batches[item.optional_vars.id] = self.value(first)
            else:
                self.expression(call)
        self.body(statement.body)

    def statement(self, statement: Any) -> None:
        for name, value in ast.iter_fields(statement):
            values = value if isinstance(value, list) else [value]
            if name in ("body", "orelse", "finalbody"):
                self.body([node for node in values if isinstance(node, ast.stmt)])
                continue
            for node in values:
                if isinstance(node, ast.expr):
                    self.expression(node)
                elif isinstance(node, ast.ExceptHandler):
                    self.body(node.body)

    def expression(self, node: Any) -> None:
        if not isinstance(node, ast.Call):
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.expr):
                    self.expression(child)
            return
        name = dotted(node.func)
        root, _, last = name.rpartition(".")
        if root == "op" and not LOOKS.match(name):
            self.operation(node, last)
        elif root in self.batches:
            self.operation(node, last, self.batches[root])
        elif last == "execute" or (root and last in ("exec_driver_sql",)):
            self.operation(node, "execute")
        elif name in self.functions:
            self.enter(name)
        elif LOOKS.match(name) or not name:
            for child in [*node.args, *(k.value for k in node.keywords), node.func]:
                if isinstance(child, ast.expr):
                    self.expression(child)
        elif not name.startswith("sa."):
            self.operation(node, "call")

    def enter(self, name: str) -> None:
        if name not in self.entered:
            self.entered.add(name)
            self.body(self.functions[name].body)

    def operation(self, node: Any, name: str, table: Any = None) -> None:
        self.operations.append(
            {
                "name": name,
                "line": node.lineno,
                "table": table,
                "args": [self.value(argument) for argument in node.args],
                "keywords": {k.arg: self.value(k.value) for k in node.keywords if k.arg},
                "code": ast.unparse(node)[:200],
            }
        )

    def value(self, node: Any, deep: int = 0) -> Any:
        if node is None:
            return None
        try:
            plain = ast.literal_eval(node)
            json.dumps(plain)
            return plain
        except (ValueError, TypeError, SyntaxError, MemoryError):
            pass
        if isinstance(node, ast.Name) and node.id in self.constants and deep < 5:
            return self.value(self.constants[node.id], deep + 1)
        if isinstance(node, ast.Call):
            name = dotted(node.func)
            if name in ("op.f", "quoted_name", "sa.quoted_name") and node.args:
                return self.value(node.args[0], deep + 1)
            return {
                "call": name or ast.unparse(node.func),
                "args": [self.value(argument, deep + 1) for argument in node.args],
                "keywords": {k.arg: self.value(k.value, deep + 1) for k in node.keywords if k.arg},
            }
        if isinstance(node, (ast.List, ast.Tuple)):
            return [self.value(item, deep + 1) for item in node.elts]
        if isinstance(node, (ast.Name, ast.Attribute)):
            return {"name": dotted(node) or ast.unparse(node)}
        return {"code": ast.unparse(node)[:200]}


def dotted(node: Any) -> str:
    """``a.b.c`` of an attribute of a name; of ``f(x).y`` only ``.y``; "" when it is neither."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        parts.append(node.id)
    elif parts:
        parts.append("")
    return ".".join(reversed(parts))


def keyword(call: Any, name: str) -> Any:
    return next((k.value for k in call.keywords if k.arg == name), None)


def reviewed(source: str) -> Optional[str]:
    """The words behind ``# toque: reviewed``, or None."""
    found = REVIEWED.search(source)
    return None if found is None else found.group(1).strip() or "no reason given"


# --- Django -------------------------------------------------------------------------------------


def django_listing(argv: List[str]) -> Dict[str, Any]:
    """``python manage.py migrate [--database NAME] [--settings MODULE] [APP [MIGRATION]]``."""
    given = argv[argv.index("migrate") + 1 :]
    settings = option(given, "--settings", "")
    if settings:
        os.environ["DJANGO_SETTINGS_MODULE"] = settings
    elif not os.environ.get("DJANGO_SETTINGS_MODULE"):
        manage = next((word for word in argv if word.endswith(".py")), "manage.py")
        os.environ["DJANGO_SETTINGS_MODULE"] = settings_named_in(manage)
    importlib.import_module("django").setup()
    connections = importlib.import_module("django.db").connections
    executing = importlib.import_module("django.db.migrations.executor")
    connection = connections[option(given, "--database", "") or "default"]
    connection.ensure_connection()
    executor = executing.MigrationExecutor(connection)
    loader = executor.loader
    conflicts = loader.detect_conflicts()
    if conflicts:
        found = "; ".join(app + ": " + ", ".join(names) for app, names in sorted(conflicts.items()))
        raise Refused("migration-heads", "the migrations of an app have several heads", found)
    loader.check_consistent_history(connection)
    taking = ("--database", "--settings", "--verbosity", "-v", "--pythonpath")
    rest = positional(given, taking)
    targets = loader.graph.leaf_nodes()
    if rest:
        targets = [key for key in targets if key[0] == rest[0]]
    if len(rest) > 1:
        targets = [loader.get_migration_by_prefix(rest[0], rest[1])]
        targets = [(migration.app_label, migration.name) for migration in targets]
    plan = executor.migration_plan(targets)
    if any(backwards for _, backwards in plan):
        raise Refused("migration-unreadable", "the command goes backwards", " ".join(rest))
    replaced = {old for one in loader.disk_migrations.values() for old in one.replaces}
    state = executor._create_project_state(with_applied_migrations=True)
    said = {
        "database": connection.vendor,
        "current": sorted(".".join(key) for key in loader.applied_migrations),
        "heads": sorted(".".join(key) for key in loader.graph.leaf_nodes()),
        "missing": sorted(
            ".".join(key)
            for key in set(loader.applied_migrations) - set(loader.disk_migrations) - replaced
            if key[0] in loader.migrated_apps
        ),
        "sizes": {},
        "pending": [django_migration(migration, state) for migration, _ in plan],
    }
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(SIZES)
            said["sizes"] = dict(cursor.fetchall())
    return said


def settings_named_in(manage: str) -> str:
    """What ``manage.py`` gives to ``os.environ.setdefault("DJANGO_SETTINGS_MODULE", ...)``."""
    with open(manage, encoding="utf-8") as file:
        tree = ast.parse(file.read())
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and dotted(node.func).endswith("setdefault"):
            words = [one.value for one in node.args if isinstance(one, ast.Constant)]
            if len(words) == 2 and words[0] == "DJANGO_SETTINGS_MODULE":
                return str(words[1])
    raise Refused("migration-unreadable", "nothing says which settings are used", manage)


def django_migration(migration: Any, state: Any) -> Dict[str, Any]:
    path = inspect.getsourcefile(sys.modules[type(migration).__module__]) or ""
    with open(path, encoding="utf-8") as file:
        source = file.read()
    lines = operation_lines(ast.parse(source))
    operations = []
    for number, operation in enumerate(migration.operations):
        line = lines[number] if number < len(lines) else 1
        operations.append(django_operation(operation, migration.app_label, state, line))
        operation.state_forwards(migration.app_label, state)
    return {
        "revision": migration.app_label + "." + migration.name,
        "title": migration.name,
        "path": os.path.relpath(path),
        "undo": all(operation.reversible for operation in migration.operations),
        "reviewed": reviewed(source),
        "operations": operations,
    }


def operation_lines(tree: ast.AST) -> List[int]:
    """The lines on which the members of ``operations = [...]`` begin."""
    for node in ast.walk(tree):
        named = [getattr(one, "id", "") for one in getattr(node, "targets", ())]
        if named == ["operations"] and isinstance(getattr(node, "value", None), ast.List):
            return [item.lineno for item in node.value.elts]  # type: ignore[attr-defined]
    return []


def django_operation(operation: Any, label: str, state: Any, line: int) -> Dict[str, Any]:
    name, args, keywords = operation.deconstruct()
    if type(operation).__module__.split(".")[0] != "django":
        name = "custom"
    said: Dict[str, Any] = {"name": name, "line": line, "args": [], "keywords": {}}
    said["code"] = type(operation).__name__
    model = keywords.get("model_name") or keywords.get("name") or keywords.get("old_name") or ""
    table, before = table_of(state, label, str(model))
    said["table"] = table
    said["model"] = str(model)
    if name == "SeparateDatabaseAndState":
        inner = keywords.get("database_operations") or ()
        said["inner"] = [django_operation(one, label, state, line) for one in inner]
        return said
    if name == "CreateModel":
        said["table"] = (keywords.get("options") or {}).get("db_table") or label + "_" + str(
            keywords["name"]
        ).lower()
        return said
    if name == "RunSQL":
        said["keywords"] = {"sql": sql_words(keywords.get("sql", args[0] if args else ""))}
        return said
    if name == "RunPython":
        said["code"] = getattr(operation.code, "__name__", "")
        return said
    said["keywords"] = {key: plain(value) for key, value in keywords.items()}
    field = keywords.get("name") if "model_name" in keywords else None
    if before is not None and field is not None and field in before.fields:
        said["old"] = plain(before.fields[field])
    return said


def sql_words(sql: Any) -> List[str]:
    """RunSQL takes a text, or a list of texts and of (text, parameters)."""
    if isinstance(sql, str):
        return [sql]
    return [one if isinstance(one, str) else str(one[0]) for one in sql or ()]


def table_of(state: Any, label: str, model: str) -> Tuple[str, Any]:
    found = state.models.get((label, model.lower()))
    if found is None:
        return label + "_" + model.lower(), None
    return found.options.get("db_table") or label + "_" + model.lower(), found


def plain(value: Any) -> Any:
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if hasattr(value, "get_internal_type") and hasattr(value, "deconstruct"):
        return plain_field(value)
    if hasattr(value, "deconstruct"):
        path, _, keywords = value.deconstruct()
        return {"call": path.rsplit(".", 1)[-1], "args": [], "keywords": texts(keywords)}
    if isinstance(value, dict):
        return texts(value)
    return {"code": str(value)[:200]}


def texts(values: Any) -> Dict[str, Any]:
    return {str(key): plain(value) for key, value in values.items()}


def plain_field(field: Any) -> Dict[str, Any]:
    """What of a field reaches the database."""
    missing = importlib.import_module("django.db.models").NOT_PROVIDED
    _, path, _, keywords = field.deconstruct()
    shape = {
        key: plain(value)
        for key, value in keywords.items()
        if key in ("max_length", "max_digits", "decimal_places", "db_column", "db_collation", "to")
    }
    # An attribute of Django 5; before that the database never had a default.
    default = getattr(field, "db_default", missing)
    return {
        "field": path.rsplit(".", 1)[-1],
        "kind": field.get_internal_type() or path,
        "shape": shape,
        "null": bool(field.null),
        "unique": bool(field.unique),
        "index": bool(field.db_index),
        "many": bool(field.many_to_many),
        "db_default": default is not missing,
        "generated": bool(getattr(field, "generated", False)),
    }


# --- words --------------------------------------------------------------------------------------


def after(argv: List[str], program: str) -> List[str]:
    at = [i for i, word in enumerate(argv) if os.path.basename(word) == program]
    return argv[at[0] + 1 :] if at else argv


def option(words: Sequence[str], long: str, short: str) -> Optional[str]:
    """The value of ``--long VALUE``, ``--long=VALUE`` or ``-s VALUE``; None when not given."""
    for at, word in enumerate(words):
        if word in (long, short) and word and at + 1 < len(words):
            return words[at + 1]
        if word.startswith(long + "="):
            return word[len(long) + 1 :]
    return None


def positional(words: Sequence[str], taking: Sequence[str]) -> List[str]:
    """The words that are neither options nor the values of those in ``taking``."""
    found, skip = [], False
    for word in words:
        if skip:
            skip = False
        elif word.startswith("-"):
            skip = word in taking
        else:
            found.append(word)
    return found


if __name__ == "__main__":
    main()
