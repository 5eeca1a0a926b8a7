"""PostgreSQL: the embedded server, the schema, and the stores on it."""

from serve_app.adapters.database.database import Database, Transaction
from serve_app.adapters.database.server import EmbeddedPostgres, ServerError

__all__ = ["Database", "EmbeddedPostgres", "ServerError", "Transaction"]
