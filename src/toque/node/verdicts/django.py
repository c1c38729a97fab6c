"""Operations of Django's migrations, as ``inside/pending.py`` takes them apart.

Django drops the default of a new column again, so that code which does not know the column cannot
write rows when it is NOT NULL; only ``db_default`` (Django 5) stays in the database.
"""

from typing import Any, List, Mapping

from . import changes
from .changes import Scene
from .sql import judge_sql
from .words import Reason

Operation = Mapping[str, Any]
# They change what Django knows, not the database.
STATE_ONLY = ("AlterModelOptions", "AlterModelManagers", "AlterModelTableComment")


def judge_operation(operation: Operation, scene: Scene) -> List[Reason]:
    """What one operation means."""
    name = operation["name"]
    judges = {
        "CreateModel": lambda: [changes.create_table(scene, operation["table"])],
        "DeleteModel": lambda: [changes.drop_table(scene, operation["table"])],
        "RenameModel": lambda: [_renamed_model(operation, scene)],
        "AlterModelTable": lambda: [_altered_table(operation, scene)],
        "AddField": lambda: _add_field(operation, scene),
        "RemoveField": lambda: [_remove_field(operation, scene)],
        "AlterField": lambda: _alter_field(operation, scene),
        "RenameField": lambda: [_rename_field(operation, scene)],
        "AddIndex": lambda: [_index(operation, scene, concurrently=False)],
        "AddIndexConcurrently": lambda: [_index(operation, scene, concurrently=True)],
        "AddConstraint": lambda: [_constraint(operation, scene)],
        "AddConstraintNotValid": lambda: [_constraint(operation, scene, not_valid=True)],
        "AlterUniqueTogether": lambda: _together(operation, scene, unique=True),
        "AlterIndexTogether": lambda: _together(operation, scene, unique=False),
        "RunSQL": lambda: [
            r for one in operation["keywords"]["sql"] for r in judge_sql(one, scene)
        ],
        "RunPython": lambda: [
            changes.not_understood(
                f"runs the function {operation.get('code') or 'of the migration'}",
                "a program may do anything to the rows",
            )
        ],
        "SeparateDatabaseAndState": lambda: [
            r for one in operation["inner"] for r in judge_operation(one, scene)
        ],
    }
    if name in judges:
        return judges[name]()
    table = operation.get("table", "")
    if name in STATE_ONLY:
        return [changes.harmless(f"changes nothing in the database ({name})")]
    if name in ("RemoveIndex", "RemoveIndexConcurrently", "RenameIndex"):
        return [changes.drop_index(scene, str(operation["keywords"].get("name", "")))]
    if name in ("RemoveConstraint", "ValidateConstraint"):
        return [changes.drop_constraint(scene, table, str(operation["keywords"].get("name", "")))]
    if name.endswith("Extension"):
        return [changes.harmless(f"creates an extension ({name})")]
    return [changes.not_understood(f"runs the operation {operation.get('code') or name}")]


def _renamed_model(operation: Operation, scene: Scene) -> Reason:
    old = operation["table"]
    new = old.rpartition("_")[0] + "_" + str(operation["keywords"]["new_name"]).lower()
    return changes.rename_table(scene, old, new)


def _altered_table(operation: Operation, scene: Scene) -> Reason:
    new = operation["keywords"].get("table")
    if new == operation["table"]:
        return changes.harmless(f"keeps the table {new}")
    return changes.rename_table(scene, operation["table"], str(new or "its own name"))


def _column(name: str, field: Mapping[str, Any]) -> str:
    column = field["shape"].get("db_column")
    if column:
        return str(column)
    return f"{name}_id" if "to" in field["shape"] and not field["many"] else name


def _add_field(operation: Operation, scene: Scene) -> List[Reason]:
    keywords = operation["keywords"]
    name, field, table = keywords["name"], keywords["field"], operation["table"]
    if field["many"]:
        return [changes.create_table(scene, f"{table}_{name}")]
    if field["kind"] == "GenericForeignKey":
        return [changes.harmless(f"adds {name}, which has no column")]
    kept = field["db_default"] or field["generated"] or field["kind"].endswith("AutoField")
    added = changes.add_column(
        scene,
        table,
        _column(name, field),
        nullable=field["null"],
        default="kept by the database" if kept else "",
        hint="give it db_default (Django 5: the database keeps it; a plain default is dropped "
        "again), or null=True and fill it in later",
    )
    reasons = [added]
    if field["index"] and not field["unique"] and scene.is_big(table):
        reasons.append(changes.create_index(scene, table, f"of {name}"))
    return reasons


def _remove_field(operation: Operation, scene: Scene) -> Reason:
    name, table = operation["keywords"]["name"], operation["table"]
    old = operation.get("old")
    if old is not None and old["many"]:
        return changes.drop_table(scene, f"{table}_{name}")
    return changes.drop_column(scene, table, _column(name, old) if old else name)


def _rename_field(operation: Operation, scene: Scene) -> Reason:
    keywords = operation["keywords"]
    return changes.rename_column(
        scene, operation["table"], keywords["old_name"], keywords["new_name"]
    )


def _alter_field(operation: Operation, scene: Scene) -> List[Reason]:
    keywords, table = operation["keywords"], operation["table"]
    new, old = keywords["field"], operation.get("old")
    if old is None:
        return [changes.not_understood(f"alters the field {keywords['name']} of {table}")]
    column, before = _column(keywords["name"], new), _column(keywords["name"], old)
    reasons: List[Reason] = []
    if column != before:
        reasons.append(changes.rename_column(scene, table, before, column))
    if type_of(new) != type_of(old):
        reasons.append(changes.change_type(scene, table, column, type_of(old), type_of(new)))
    if old["null"] and not new["null"]:
        reasons.append(changes.set_not_null(scene, table, column))
    elif new["null"] and not old["null"]:
        reasons.append(changes.drop_not_null(scene, table, column))
    if new["unique"] and not old["unique"]:
        reasons.append(changes.create_index(scene, table, f"of {column}", unique=True))
    elif new["index"] and not old["index"]:
        reasons.append(changes.create_index(scene, table, f"of {column}"))
    return reasons or [changes.harmless(f"changes nothing in the database for {table}.{column}")]


def type_of(field: Mapping[str, Any]) -> str:
    """``charfield(20)``: what of a field decides the type of its column."""
    shape = field["shape"]
    if field["kind"] == "DecimalField":
        return changes.sized("decimal", f"{shape.get('max_digits')},{shape.get('decimal_places')}")
    if "to" in shape:
        return f"key of {str(shape['to']).lower()}"
    kind = "CharField" if field["kind"] in ("SlugField", "FileField") else field["kind"]
    return changes.sized(kind, shape.get("max_length") if kind == "CharField" else None)


def _index(operation: Operation, scene: Scene, *, concurrently: bool) -> Reason:
    index = operation["keywords"].get("index") or {}
    name = str(index.get("keywords", {}).get("name", ""))
    return changes.create_index(scene, operation["table"], name, concurrently=concurrently)


def _constraint(operation: Operation, scene: Scene, *, not_valid: bool = False) -> Reason:
    made = operation["keywords"].get("constraint") or {}
    kind = {"UniqueConstraint": "unique", "CheckConstraint": "check"}.get(made.get("call", ""), "")
    name = str(made.get("keywords", {}).get("name", ""))
    return changes.add_constraint(
        scene, operation["table"], name, kind or "constraint", not_valid=not_valid
    )


def _together(operation: Operation, scene: Scene, *, unique: bool) -> List[Reason]:
    keywords = operation["keywords"]
    groups = keywords.get("unique_together" if unique else "index_together") or []
    table = operation["table"]
    if not groups:
        return [changes.drop_index(scene, f"of several columns of {table}")]
    return [
        changes.create_index(scene, table, "of " + ", ".join(map(str, group)), unique=unique)
        for group in groups
    ]
