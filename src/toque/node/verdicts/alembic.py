"""Operations of Alembic, as ``inside/pending.py`` reads them from the text of ``upgrade()``."""

from typing import Any, List, Mapping, Optional, Sequence

from . import changes
from .changes import Scene
from .sql import judge_sql, short
from .words import Reason

Operation = Mapping[str, Any]


def judge_operation(operation: Operation, scene: Scene) -> List[Reason]:
    """What one operation means."""
    name = operation["name"]
    judges = {
        "create_table": _create_table,
        "drop_table": _drop_table,
        "rename_table": _rename_table,
        "add_column": _add_column,
        "drop_column": _drop_column,
        "alter_column": _alter_column,
        "create_index": _create_index,
        "drop_index": _drop_index,
        "create_unique_constraint": _constraint,
        "create_foreign_key": _constraint,
        "create_check_constraint": _constraint,
        "create_exclude_constraint": _constraint,
        "create_primary_key": _constraint,
        "drop_constraint": _drop_constraint,
        "execute": _execute,
        "bulk_insert": _insert,
    }
    if name in ("create_table_comment", "drop_table_comment"):
        return [changes.harmless("comments on a table")]
    if name not in judges:
        return [changes.not_understood(f"calls {short(str(operation.get('code', name)))}")]
    return judges[name](operation, scene)


def argument(operation: Operation, place: int, name: str) -> Any:
    """An argument by its place, which in a batch begins after the table, or by its name."""
    keywords = operation["keywords"]
    if name in keywords:
        return keywords[name]
    args: Sequence[Any] = operation["args"]
    return args[place] if 0 <= place < len(args) else None


def _table(operation: Operation, place: int, name: str = "table_name") -> str:
    batch = operation.get("table")
    return text_of(batch if batch is not None else argument(operation, place, name))


def _skipped(operation: Operation) -> int:
    """How many places the table takes: none in a batch, which has named it."""
    return 0 if operation.get("table") is not None else 1


def text_of(value: Any) -> str:
    """A name as it stands, or how it is computed."""
    if isinstance(value, Mapping):
        return str(value.get("name") or value.get("call") or value.get("code") or "?")
    return str(value) if value is not None else ""


def _create_table(operation: Operation, scene: Scene) -> List[Reason]:
    return [changes.create_table(scene, _table(operation, 0))]


def _drop_table(operation: Operation, scene: Scene) -> List[Reason]:
    return [changes.drop_table(scene, _table(operation, 0))]


def _rename_table(operation: Operation, scene: Scene) -> List[Reason]:
    old, new = argument(operation, 0, "old_table_name"), argument(operation, 1, "new_table_name")
    return [changes.rename_table(scene, text_of(old), text_of(new))]


def _add_column(operation: Operation, scene: Scene) -> List[Reason]:
    table = _table(operation, 0)
    column = argument(operation, _skipped(operation), "column")
    if not isinstance(column, Mapping) or not str(column.get("call", "")).endswith("Column"):
        return [changes.not_understood(f"adds a column to {table}: {text_of(column)}")]
    keywords = column["keywords"]
    name = text_of(column["args"][0] if column["args"] else keywords.get("name"))
    made = any(
        str(one.get("call", "")).rpartition(".")[2] in ("Identity", "Computed", "Sequence")
        for one in column["args"]
        if isinstance(one, Mapping)
    )
    default = keywords.get("server_default")
    words = text_of(default) if not isinstance(default, Mapping) else str(default)
    added = changes.add_column(
        scene,
        table,
        name,
        # SQLAlchemy's default; a primary key says no by itself.
        nullable=keywords.get("nullable", not keywords.get("primary_key", False)) is not False,
        default=words or ("nextval" if made else ""),
        hint="give it a server_default, or nullable=True and fill it in later",
    )
    reasons = [added]
    if keywords.get("unique") is True:
        reasons.append(
            changes.harmless(f"{table}.{name} is unique; new columns hold NULL")
            if not words
            else changes.create_index(scene, table, f"of {name}", unique=True)
        )
    return reasons


def _drop_column(operation: Operation, scene: Scene) -> List[Reason]:
    column = argument(operation, _skipped(operation), "column_name")
    return [changes.drop_column(scene, _table(operation, 0), text_of(column))]


def _alter_column(operation: Operation, scene: Scene) -> List[Reason]:
    table = _table(operation, 0)
    column = text_of(argument(operation, _skipped(operation), "column_name"))
    keywords = operation["keywords"]
    reasons = []
    renamed = keywords.get("new_column_name", keywords.get("name"))
    if renamed is not None:
        reasons.append(changes.rename_column(scene, table, column, text_of(renamed)))
    if keywords.get("type_") is not None:
        old, new = type_of(keywords.get("existing_type")), type_of(keywords["type_"])
        reasons.append(changes.change_type(scene, table, column, old, new))
    if keywords.get("nullable") is False and keywords.get("existing_nullable") is not False:
        reasons.append(changes.set_not_null(scene, table, column))
    elif keywords.get("nullable") is True:
        reasons.append(changes.drop_not_null(scene, table, column))
    elif not isinstance(keywords.get("nullable", True), bool):
        reasons.append(changes.not_understood(f"changes whether {table}.{column} is NOT NULL"))
    return reasons or [changes.harmless(f"changes the default or comment of {table}.{column}")]


def type_of(value: Any) -> str:
    """``string(20)`` of ``sa.String(length=20)``; "" when nobody can tell."""
    if not isinstance(value, Mapping):
        return ""
    name = str(value.get("call") or value.get("name") or "").rpartition(".")[2]
    if "call" not in value:
        return changes.sized(name, None)
    arguments: List[Any] = [
        *value["args"],
        *(item for key, item in value["keywords"].items() if key != "length"),
    ]
    length: Optional[Any] = value["keywords"].get("length")
    if arguments:
        length = ",".join(text_of(one) for one in arguments)
    return changes.sized(name, length)


def _create_index(operation: Operation, scene: Scene) -> List[Reason]:
    keywords = operation["keywords"]
    return [
        changes.create_index(
            scene,
            _table(operation, 1),
            text_of(argument(operation, 0, "index_name")),
            unique=keywords.get("unique", False) is not False,
            concurrently=keywords.get("postgresql_concurrently") is True,
        )
    ]


def _drop_index(operation: Operation, scene: Scene) -> List[Reason]:
    return [changes.drop_index(scene, text_of(argument(operation, 0, "index_name")))]


def _constraint(operation: Operation, scene: Scene) -> List[Reason]:
    kind = {
        "create_unique_constraint": "unique",
        "create_foreign_key": "foreign key",
        "create_check_constraint": "check",
        "create_exclude_constraint": "exclude",
        "create_primary_key": "primary key",
    }[operation["name"]]
    name = text_of(argument(operation, 0, "constraint_name"))
    table = _table(operation, 1, "source_table" if kind == "foreign key" else "table_name")
    not_valid = operation["keywords"].get("postgresql_not_valid") is True
    return [changes.add_constraint(scene, table, name, kind, not_valid=not_valid)]


def _drop_constraint(operation: Operation, scene: Scene) -> List[Reason]:
    name = text_of(argument(operation, 0, "constraint_name"))
    return [changes.drop_constraint(scene, _table(operation, 1), name)]


def _execute(operation: Operation, scene: Scene) -> List[Reason]:
    said = argument(operation, 0, "sqltext")
    if isinstance(said, Mapping) and str(said.get("call", "")).rpartition(".")[2] in (
        "text",
        "DDL",
    ):
        said = said["args"][0] if said["args"] else None
    if isinstance(said, str):
        return judge_sql(said, scene)
    return [changes.not_understood(f"runs {short(str(operation.get('code', 'SQL')))}")]


def _insert(operation: Operation, scene: Scene) -> List[Reason]:
    return [changes.harmless(f"adds rows to {text_of(argument(operation, 0, 'table'))}")]
