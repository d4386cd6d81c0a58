"""The audit log refuses to be changed, whoever asks."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"

_SQLITE = """
CREATE TRIGGER audit_refuses_{act} BEFORE {act} ON audit
BEGIN SELECT RAISE(ABORT, 'audit entries never change'); END
"""
_FUNCTION = """
CREATE FUNCTION audit_refuses() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'audit entries never change'; END $$
"""


def upgrade() -> None:
    """Refuse UPDATE and DELETE (and TRUNCATE) on the audit table."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute(_SQLITE.format(act="update"))
        op.execute(_SQLITE.format(act="delete"))
        return
    op.execute(_FUNCTION)
    op.execute(
        "CREATE TRIGGER audit_refuses BEFORE UPDATE OR DELETE ON audit "
        "FOR EACH ROW EXECUTE FUNCTION audit_refuses()"
    )
    op.execute(
        "CREATE TRIGGER audit_refuses_truncate BEFORE TRUNCATE ON audit "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_refuses()"
    )
