"""What Thena has to be told, and it is told by the environment only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy.engine import URL, make_url


@dataclass(frozen=True)
class Config:
    """Where the database is, and the key that signs sessions."""

    database_url: URL
    secret_key: str = field(repr=False)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Config:
        """Read ``DATABASE_URL`` and ``SECRET_KEY``; ``RuntimeError`` names one that is missing."""
        return cls(
            database_url=database_url(environ),
            secret_key=required(environ, "SECRET_KEY"),
        )


def database_url(environ: Mapping[str, str]) -> URL:
    """``DATABASE_URL`` with the driver we ship: ``postgresql://`` means psycopg 3 here."""
    url = make_url(required(environ, "DATABASE_URL"))
    if url.drivername in ("postgres", "postgresql"):
        url = url.set(drivername="postgresql+psycopg")
    return url


def required(environ: Mapping[str, str], name: str) -> str:
    """A variable that must be set.  There is no fallback: a wrong database is worse than none."""
    value = environ.get(name, "")
    if not value:
        raise RuntimeError(f"{name} is not set: Thena takes it from the environment")
    return value
