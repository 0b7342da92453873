"""Tables for operators and the API. The statements stand in `0002_operators.sql`."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what operators and the API need: tokens, sessions, jobs, workers, versions, and an index by status."""
    for statement in Path(__file__).with_suffix(".sql").read_text().split(";\n"):
        if statement.strip():
            op.execute(statement)
