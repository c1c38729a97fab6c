"""Run the migrations in ``versions/`` against ``DATABASE_URL``: ``alembic upgrade head``."""

import os

from alembic import context
from sqlalchemy import create_engine
from thena.config import database_url
from thena.models import Base

engine = create_engine(database_url(os.environ))
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=Base.metadata)
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
