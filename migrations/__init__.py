"""The database's schema and its versions (Alembic)."""

from migrations.run import upgrade

__all__ = ["upgrade"]
