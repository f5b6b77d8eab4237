"""The database's schema and its versions (Alembic)."""

from migrations.run import upgrade, versions

__all__ = ["upgrade", "versions"]
