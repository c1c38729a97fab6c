"""What one change of a schema does to code that was written for the schema before.

Old code names the columns that it knows in each SELECT and INSERT, so a new column is harmless as
long as rows can be written without it, and a column that goes or is renamed breaks it at once.
What locks a table for long is judged by its size; only PostgreSQL tells sizes, elsewhere a table
counts as small.  Sources: PostgreSQL's manual, ALTER TABLE (Notes) and CREATE INDEX (Building
Indexes Concurrently); Django's migrations drop a column's default again (schema editor, add_field).
"""

import re
from typing import Mapping, Optional, Set

from ..record import dataclass, field
from .words import FINAL, SAFE, TWO_STEPS, UNKNOWN, Reason

BIG = 64 * 1024 * 1024  # bytes with indexes: about a second of scanning on a small machine
VOLATILE = re.compile(r"random|clock_timestamp|nextval|timeofday|uuid_generate", re.IGNORECASE)
# Each row of a column with such a default gets a value of its own: the table is written anew.


@dataclass(frozen=True)
class Scene:
    """``database`` as SQLAlchemy and Django name it, the ``sizes`` of its tables in bytes, and the
    tables that are ``fresh``: made by these very migrations, so no code uses them yet."""

    database: str = ""
    sizes: Mapping[str, int] = field(default_factory=dict)
    fresh: Set[str] = field(default_factory=set)

    def is_big(self, table: str) -> bool:
        return self.sizes.get(table, 0) > BIG

    def size(self, table: str) -> str:
        return f"{table} has {self.sizes.get(table, 0) // (1024 * 1024)} MB"


def create_table(scene: Scene, table: str) -> Reason:
    scene.fresh.add(table)
    return Reason(SAFE, f"creates the table {table}")


def drop_table(scene: Scene, table: str) -> Reason:
    what = f"drops the table {table}"
    if table in scene.fresh:
        return Reason(SAFE, what)
    return Reason(
        TWO_STEPS,
        what,
        "the release that serves may still use it, and its rows are lost for good",
        "first deploy code that does not use it, then deploy this migration",
    )


def rename_table(scene: Scene, old: str, new: str) -> Reason:
    what = f"renames the table {old} to {new}"
    if old in scene.fresh:
        scene.fresh.add(new)
        return Reason(SAFE, what)
    return Reason(
        TWO_STEPS,
        what,
        "the release that serves asks for the old name",
        f"keep the name (in the model: the table's name is {old}), or rename and leave a view "
        "under the old name in the same migration",
    )


def add_column(
    scene: Scene,
    table: str,
    column: str,
    *,
    nullable: bool,
    default: str = "",
    hint: str = "give it a server default, or allow NULL and fill it in later",
) -> Reason:
    """``default`` is the text of the default that the database itself keeps, or ""."""
    what = f"adds the column {table}.{column}"
    if table in scene.fresh:
        return Reason(SAFE, what)
    if not nullable and not default:
        return Reason(
            TWO_STEPS,
            f"{what}, NOT NULL without a default in the database",
            "the release that serves writes rows without it, and each of them is refused",
            hint,
        )
    if VOLATILE.search(default) and scene.is_big(table):
        return Reason(
            TWO_STEPS,
            f"{what} with a default that differs from row to row",
            f"the whole table is written anew under a lock; {scene.size(table)}",
            "add it without a default, deploy, and fill it in small parts",
        )
    return Reason(SAFE, what)


def drop_column(scene: Scene, table: str, column: str) -> Reason:
    what = f"drops the column {table}.{column}"
    if table in scene.fresh:
        return Reason(SAFE, what)
    return Reason(
        TWO_STEPS,
        what,
        "the release that serves may still read and write it, and what it holds is lost for good",
        "first deploy code that does not use the column, then deploy this migration",
    )


def rename_column(scene: Scene, table: str, old: str, new: str) -> Reason:
    what = f"renames the column {table}.{old} to {new}"
    if table in scene.fresh:
        return Reason(SAFE, what)
    return Reason(
        TWO_STEPS,
        what,
        "the release that serves asks for the old name",
        f"keep the column's name and rename in the code only, or add {new}, write both, "
        f"and drop {old} two deployments later",
    )


def change_type(scene: Scene, table: str, column: str, old: str, new: str) -> Reason:
    """``old`` and ``new`` as ``name`` or ``name(length)`` in small letters; "" when not known."""
    what = f"changes the type of {table}.{column}" + (f" from {old}" if old else "")
    what += f" to {new}" if new else ""
    if table in scene.fresh or widens(old, new):
        return Reason(SAFE, what)
    return Reason(
        TWO_STEPS,
        what,
        "the table is locked and may be written anew, and the release that serves expects the old "
        "type",
        "add a column of the new type, write both, copy in small parts, and drop the old one two "
        "deployments later",
    )


def widens(old: str, new: str) -> bool:
    """Whether all values fit and PostgreSQL leaves the table as it is."""
    if not old or not new:
        return False
    if old == new:
        return True
    text = re.compile(
        r"(?:varchar|string|character varying|charfield|text|textfield)(?:\((\d+)\))?"
    )
    before, after = text.fullmatch(old), text.fullmatch(new)
    if before is None or after is None:
        return False
    return after.group(1) is None or (
        before.group(1) is not None and int(before.group(1)) <= int(after.group(1))
    )


def set_not_null(scene: Scene, table: str, column: str) -> Reason:
    what = f"makes {table}.{column} NOT NULL"
    if table in scene.fresh:
        return Reason(SAFE, what)
    return Reason(
        TWO_STEPS,
        what,
        "the release that serves may still write rows without it, and the table is locked while "
        "all rows are looked at",
        "first deploy code that always writes it and fill in what is missing, then this migration",
    )


def drop_not_null(scene: Scene, table: str, column: str) -> Reason:
    return Reason(SAFE, f"allows NULL in {table}.{column}")


def create_index(
    scene: Scene, table: str, name: str, *, unique: bool = False, concurrently: bool = False
) -> Reason:
    what = f"creates the {'unique ' if unique else ''}index {name} on {table}"
    if table in scene.fresh:
        return Reason(SAFE, what)
    if unique:
        return Reason(
            TWO_STEPS,
            what,
            "the release that serves may write rows that it refuses",
            "first deploy code that keeps to it, then create it (on PostgreSQL: concurrently)",
        )
    if scene.is_big(table) and not concurrently:
        return Reason(
            TWO_STEPS,
            what,
            f"nobody can write to the table until it is built; {scene.size(table)}",
            "create it concurrently, in a migration of its own without a transaction",
        )
    return Reason(SAFE, what)


def drop_index(scene: Scene, name: str) -> Reason:
    return Reason(SAFE, f"drops the index {name}")


def add_constraint(
    scene: Scene, table: str, name: str, kind: str, *, not_valid: bool = False
) -> Reason:
    what = f"adds the {kind} {name} to {table}".replace("  ", " ")
    if table in scene.fresh or not_valid:
        return Reason(SAFE, what + (" for new rows only" if not_valid else ""))
    return Reason(
        TWO_STEPS,
        what,
        "the release that serves may write rows that it refuses, and the table is locked while "
        "all rows are looked at",
        "first deploy code that keeps to it, then add it NOT VALID and validate it afterwards"
        if kind in ("foreign key", "check")
        else "first deploy code that keeps to it, then build the index concurrently and add the "
        "constraint using it",
    )


def drop_constraint(scene: Scene, table: str, name: str) -> Reason:
    return Reason(SAFE, f"drops the constraint {name} of {table}")


def lose_rows(scene: Scene, table: str, how: str) -> Reason:
    what = f"{how} rows of {table}"
    if table in scene.fresh:
        return Reason(SAFE, what)
    return Reason(
        FINAL,
        what,
        "they are lost for good, a rollback does not bring them back",
        "take a backup of the table first, or do it by hand when the release has proved itself",
    )


def change_rows(scene: Scene, table: str) -> Reason:
    what = f"changes rows of {table}"
    if table in scene.fresh:
        return Reason(SAFE, what)
    return Reason(
        UNKNOWN,
        what,
        "whether the release that serves can live with the new values is not known",
        "look at it, and say so in the file: # toque: reviewed REASON",
    )


def not_understood(what: str, why: str = "") -> Reason:
    return Reason(
        UNKNOWN,
        what,
        why or "what it does to the database is not known",
        "look at it, and say so in the file: # toque: reviewed REASON",
    )


def harmless(what: str) -> Reason:
    return Reason(SAFE, what)


def sized(name: str, length: Optional[object]) -> str:
    """``varchar(20)``; without a length only the name."""
    return f"{name.lower()}({length})" if length not in (None, "") else name.lower()
