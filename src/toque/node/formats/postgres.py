"""The two files of a Postgres server: pg_hba.conf (hba.c) and postgresql.conf (guc-file.l)."""

from . import Unquotable, one_line

NAME = 63  # bytes; NAMEDATALEN - 1, longer names match nothing
SETTING = 1000  # bytes; the longest line that all supported versions read whole


def name(value: object) -> str:
    """A database, user or address of pg_hba.conf, in double quotes.

    Quoted, ``all``, ``+group`` and ``@file`` are plain names.  A leading ``/`` is refused: from
    version 16 on it makes a regular expression of a name, quoted or not.
    """
    text = one_line(value, "pg_hba")
    if not text or len(text.encode()) > NAME:
        raise Unquotable("pg_hba", f"a name of 1 to {NAME} bytes", text)
    if text.startswith("/"):
        raise Unquotable("pg_hba", "a name that does not start with /", text)
    return '"' + text.replace('"', '""') + '"'


def setting(value: object) -> str:
    """A value of postgresql.conf, in single quotes."""
    text = one_line(value, "postgresql.conf")
    if len(text.encode()) > SETTING:
        raise Unquotable("postgresql.conf", f"text of at most {SETTING} bytes", text)
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
