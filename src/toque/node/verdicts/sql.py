"""Statements of SQL, understood by their leading keywords; everything else is unknown."""

import re
from typing import Callable, List, Match, Tuple

from . import changes
from .changes import Scene
from .words import TWO_STEPS, Reason

_QUOTED = r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$"
_COMMENT = r"--[^\n]*|/\*.*?\*/"
_TOKEN = re.compile(rf"(?P<quoted>{_QUOTED})|(?P<comment>{_COMMENT})|(?P<end>;)", re.DOTALL)
_NAME = r'((?:"[^"]+"|`[^`]+`|[\w$]+)(?:\.(?:"[^"]+"|`[^`]+`|[\w$]+))?)'
_WORDS = re.compile(r"\s+")


def statements(text: str) -> List[str]:
    """The statements of a script, without comments, white space made single spaces."""
    found, at, now = [], 0, ""
    for token in _TOKEN.finditer(text):
        now += text[at : token.start()]
        at = token.end()
        if token.group("quoted") is not None:
            now += token.group(0)
        elif token.group("comment") is not None:
            now += " "
        else:
            found.append(now)
            now = ""
    found.append(now + text[at:])
    return [words for words in (_WORDS.sub(" ", one).strip() for one in found) if words]


def judge_sql(text: str, scene: Scene) -> List[Reason]:
    """A reason for each statement of ``text``."""
    reasons: List[Reason] = []
    for statement in statements(text):
        reasons += _statement(statement, scene)
    return reasons


def _statement(statement: str, scene: Scene) -> List[Reason]:
    table = re.match(
        rf"ALTER TABLE (?:IF EXISTS )?(?:ONLY )?{_NAME} (.*)$", statement, re.IGNORECASE
    )
    if table is not None:
        actions = _actions(table.group(2))
        return [_action(bare(table.group(1)), action, scene) for action in actions]
    for pattern, made in _STATEMENTS:
        found = pattern.match(statement)
        if found is not None:
            return [made(found, scene)]
    return [changes.not_understood(f"runs {short(statement)}")]


def _actions(text: str) -> List[str]:
    """``ADD a int, DROP b`` at its commas that stand in no parenthesis and no quotes."""
    parts, now, deep = [], "", 0
    for piece in re.findall(r"'(?:[^']|'')*'|\"[^\"]*\"|[(),]|[^'\"(),]+", text):
        deep += {"(": 1, ")": -1}.get(piece, 0)
        if piece == "," and deep == 0:
            parts.append(now.strip())
            now = ""
        else:
            now += piece
    return [part for part in [*parts, now.strip()] if part]


def _action(table: str, action: str, scene: Scene) -> Reason:
    for pattern, made in _ACTIONS:
        found = pattern.match(action)
        if found is not None:
            return made(found, table, scene)
    return changes.not_understood(f"alters {table}: {short(action)}")


def _added(found: Match[str], table: str, scene: Scene) -> Reason:
    rest = found.group(2)
    default = re.search(
        r"\bDEFAULT (.+?)(?: NOT NULL| NULL| CHECK| UNIQUE| REFERENCES|$)", rest, re.IGNORECASE
    )
    made = re.search(r"\b(SERIAL|BIGSERIAL|GENERATED)\b", rest, re.IGNORECASE)
    return changes.add_column(
        scene,
        table,
        bare(found.group(1)),
        nullable=not re.search(r"\bNOT NULL\b|\bPRIMARY KEY\b", rest, re.IGNORECASE),
        default=default.group(1) if default else ("nextval" if made else ""),
    )


def _constraint(found: Match[str], table: str, scene: Scene) -> Reason:
    rest = found.group(2).upper()
    if "USING INDEX" in rest:
        return changes.harmless(f"makes an index of {table} a constraint")
    kind = next(
        (
            k
            for k in ("foreign key", "check", "unique", "primary key")
            if rest.startswith(k.upper())
        ),
        "",
    )
    return changes.add_constraint(
        scene,
        table,
        bare(found.group(1) or ""),
        kind or "constraint",
        not_valid="NOT VALID" in rest,
    )


def _rename(found: Match[str], table: str, scene: Scene) -> Reason:
    return changes.rename_column(scene, table, bare(found.group(1)), bare(found.group(2)))


def _index(found: Match[str], scene: Scene) -> Reason:
    return changes.create_index(
        scene,
        bare(found.group(4)),
        bare(found.group(3) or "without a name"),
        unique=bool(found.group(1)),
        concurrently=bool(found.group(2)),
    )


def _locked(found: Match[str], scene: Scene) -> Reason:
    return Reason(
        TWO_STEPS,
        f"locks or writes anew: {short(found.group(0))}",
        "the release that serves waits until it is over",
        "do it by hand at a quiet time, or concurrently where the database can",
    )


def bare(name: str) -> str:
    """A name without quotes and without its schema."""
    return re.sub(r'["`]', "", name).rpartition(".")[2]


def short(text: str) -> str:
    """The beginning of a statement; texts in quotes are left out, they may be anything."""
    words = re.sub(r"'(?:[^']|'')*'", "'...'", text)
    return words if len(words) <= 60 else words[:57] + "..."


def _p(pattern: str) -> "re.Pattern[str]":
    return re.compile(pattern.replace("NAME", _NAME), re.IGNORECASE)


_ALL = r"(?:IF (?:NOT )?EXISTS )?"
_ACTIONS: Tuple[Tuple["re.Pattern[str]", Callable[[Match[str], str, Scene], Reason]], ...] = (
    (_p(r"ADD CONSTRAINT NAME (.*)$"), _constraint),
    (_p(r"ADD ()((?:FOREIGN KEY|CHECK|UNIQUE|PRIMARY KEY)\b.*)$"), _constraint),
    (_p(rf"ADD (?:COLUMN )?{_ALL}NAME (.*)$"), _added),
    (
        _p(r"DROP CONSTRAINT (?:IF EXISTS )?NAME"),
        lambda m, t, s: changes.drop_constraint(s, t, bare(m.group(1))),
    ),
    (
        _p(r"DROP (?:COLUMN )?(?:IF EXISTS )?NAME"),
        lambda m, t, s: changes.drop_column(s, t, bare(m.group(1))),
    ),
    (
        _p(r"VALIDATE CONSTRAINT NAME"),
        lambda m, t, s: changes.harmless(f"validates the constraint {bare(m.group(1))} of {t}"),
    ),
    (_p(r"RENAME TO NAME"), lambda m, t, s: changes.rename_table(s, t, bare(m.group(1)))),
    (
        _p(r"RENAME CONSTRAINT NAME TO NAME"),
        lambda m, t, s: changes.harmless(f"renames a constraint of {t}"),
    ),
    (_p(r"RENAME (?:COLUMN )?NAME TO NAME"), _rename),
    (
        _p(r"ALTER (?:COLUMN )?NAME (?:SET DATA )?TYPE (.*?)(?: USING .*)?$"),
        lambda m, t, s: changes.change_type(s, t, bare(m.group(1)), "", m.group(2).lower()),
    ),
    (
        _p(r"ALTER (?:COLUMN )?NAME SET NOT NULL"),
        lambda m, t, s: changes.set_not_null(s, t, bare(m.group(1))),
    ),
    (
        _p(r"ALTER (?:COLUMN )?NAME DROP NOT NULL"),
        lambda m, t, s: changes.drop_not_null(s, t, bare(m.group(1))),
    ),
    (
        _p(r"ALTER (?:COLUMN )?NAME SET DEFAULT"),
        lambda m, t, s: changes.harmless(f"sets a default of {t}.{bare(m.group(1))}"),
    ),
    (
        _p(r"ALTER (?:COLUMN )?NAME SET (STATISTICS|STORAGE)"),
        lambda m, t, s: changes.harmless(f"sets how {t}.{bare(m.group(1))} is stored"),
    ),
    (
        _p(r"(?:SET \((?:autovacuum|toast\.autovacuum|fillfactor)|ENABLE ROW LEVEL)"),
        lambda m, t, s: changes.not_understood(f"sets options of {t}"),
    ),
)
_STATEMENTS: Tuple[Tuple["re.Pattern[str]", Callable[[Match[str], Scene], Reason]], ...] = (
    (
        _p(rf"CREATE (?:TEMP |TEMPORARY |UNLOGGED )?TABLE {_ALL}NAME"),
        lambda m, s: changes.create_table(s, bare(m.group(1))),
    ),
    (
        _p(rf"CREATE (UNIQUE )?INDEX (CONCURRENTLY )?{_ALL}(?:NAME )?ON (?:ONLY )?NAME"),
        _index,
    ),
    (
        _p(r"CREATE (?:OR REPLACE )?(?:MATERIALIZED )?(?:VIEW|RULE)\b"),
        lambda m, s: (
            changes.not_understood("creates or replaces a view")
            if "REPLACE" in m.group(0).upper()
            else changes.harmless("creates a view")
        ),
    ),
    (
        _p(r"CREATE (EXTENSION|SCHEMA|SEQUENCE|TYPE|DOMAIN|COLLATION|STATISTICS)\b"),
        lambda m, s: changes.harmless(f"creates a {m.group(1).lower()}"),
    ),
    (
        _p(r"ALTER TYPE NAME ADD VALUE\b"),
        lambda m, s: changes.harmless(f"adds a value to the type {bare(m.group(1))}"),
    ),
    (
        _p(r"ALTER INDEX (?:IF EXISTS )?NAME RENAME\b"),
        lambda m, s: changes.harmless(f"renames the index {bare(m.group(1))}"),
    ),
    (
        _p(r"DROP (?:TABLE|VIEW|MATERIALIZED VIEW) (?:IF EXISTS )?NAME"),
        lambda m, s: changes.drop_table(s, bare(m.group(1))),
    ),
    (
        _p(r"DROP INDEX (?:CONCURRENTLY )?(?:IF EXISTS )?NAME"),
        lambda m, s: changes.drop_index(s, bare(m.group(1))),
    ),
    (
        _p(r"TRUNCATE (?:TABLE )?(?:ONLY )?NAME"),
        lambda m, s: changes.lose_rows(s, bare(m.group(1)), "removes all"),
    ),
    (
        _p(r"DELETE FROM (?:ONLY )?NAME"),
        lambda m, s: changes.lose_rows(s, bare(m.group(1)), "deletes"),
    ),
    (_p(r"UPDATE (?:ONLY )?NAME SET\b"), lambda m, s: changes.change_rows(s, bare(m.group(1)))),
    (
        _p(r"INSERT INTO NAME"),
        lambda m, s: changes.harmless(f"adds rows to {bare(m.group(1))}"),
    ),
    (_p(r"(?:VACUUM FULL|CLUSTER|LOCK TABLE|LOCK|REINDEX(?!.* CONCURRENTLY))\b.*"), _locked),
    (
        _p(r"(?:ANALYZE|COMMENT ON|GRANT|SET|RESET|BEGIN|COMMIT|SAVEPOINT|PRAGMA|REINDEX)\b"),
        lambda m, s: changes.harmless(m.group(0).lower()),
    ),
    # A function may do anything; a plain question does nothing.
    (
        _p(r"SELECT (?!.*\w\s*\().*$"),
        lambda m, s: changes.harmless("asks for rows"),
    ),
)
