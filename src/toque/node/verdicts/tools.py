"""Which tool a migration command starts."""

import posixpath
from typing import Sequence


def tool_of(argv: Sequence[str]) -> str:
    """``alembic``, ``flask`` (Flask-Migrate) or ``django``; "" for any other command.

    Only a command that goes forward is known: what another one does to a database is its own.
    """
    words = [posixpath.basename(word) for word in argv]
    if "alembic" in words and "upgrade" in words and "--sql" not in words:
        return "alembic"
    if "flask" in words and "upgrade" in words and "db" in words and "--sql" not in words:
        return "flask"
    starts = "manage.py" in words or "django-admin" in words or "django" in words
    if starts and "migrate" in words and not {"--fake", "--plan", "zero"} & set(words):
        return "django"
    return ""
