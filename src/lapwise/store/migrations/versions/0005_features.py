"""What is known of features: who declares them, how fresh they are online, what verifying found."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the tables, and say of every registered version that its loop declared its features."""
    op.create_table(
        "feature_declared",
        *(sa.Column(name, sa.Text, primary_key=True) for name in ("loop", "digest")),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("turn", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("ix_feature_declared_turn", "feature_declared", ["turn"])
    op.create_index("ix_feature_declared_name", "feature_declared", ["name", "turn"])
    op.create_table(
        "view_freshness",
        *(sa.Column(name, sa.Text, primary_key=True) for name in ("loop", "digest")),
        sa.Column("noted", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("ix_view_freshness_digest", "view_freshness", ["digest"])
    op.create_table(
        "verification",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.UniqueConstraint("model", "number", name="uq_verification_number"),
    )
    op.create_index("ix_verification_at", "verification", ["at"])
    _fill()


def _fill() -> None:
    connection = op.get_bind()
    kept: dict[tuple[str, str], dict[str, Any]] = {}
    versions = connection.execute(
        sa.text("SELECT model, body FROM model_version ORDER BY created, id")
    ).all()
    for turn, (model, body) in enumerate(versions, start=1):
        version = json.loads(body)
        for part in version["lineage"].get("views") or ():
            declared = _declared(part["digest"])
            if declared is None:
                continue
            first = kept.get((model, part["digest"]), {}).get("declared", version["created"])
            declared |= {"loop": model, "declared": first, "said": version["created"]}
            kept[model, part["digest"]] = declared | {"turn": turn}
    for (loop, digest), row in kept.items():
        connection.execute(
            sa.text(
                "INSERT INTO feature_declared (loop, digest, name, turn, body)"
                " VALUES (:loop, :digest, :name, :turn, :body)"
            ),
            {
                "loop": loop,
                "digest": digest,
                "name": row["name"],
                "turn": row["turn"],
                "body": json.dumps(row, separators=(",", ":"), ensure_ascii=False),
            },
        )


def _declared(digest: str) -> dict[str, Any] | None:
    """Return what a kept definition says of itself, None if it is gone."""
    row = (
        op.get_bind()
        .execute(
            sa.text(
                "SELECT kind, body FROM record WHERE digest = :digest"
                " AND kind IN ('feature_view', 'on_demand')"
            ),
            {"digest": digest},
        )
        .first()
    )
    if row is None:
        return None
    said = json.loads(row.body)
    found = {"digest": digest, "name": said["name"]}
    if row.kind == "on_demand":
        outputs = [name for name, _ in said["outputs"]]
        return found | {"kind": "on_demand", "features": outputs, "inputs": said["inputs"]}
    names = [name for name, _ in said["features"]]
    return found | {"kind": "view", "features": names, "table": said["table"], "by": said["by"]}
