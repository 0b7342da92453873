"""What the dashboard shows beside the journal. The statements stand in `0003_dashboard.sql`."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add counts over time, lines of step logs, the diagram and the schemas of a version, and lost attempts by time."""
    for statement in Path(__file__).with_suffix(".sql").read_text().split(";\n"):
        if statement.strip():
            op.execute(statement)
