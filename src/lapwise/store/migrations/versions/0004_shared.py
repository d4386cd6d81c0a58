"""What a team shares: experiments, searchable runs, logged models, labels, tokens, webhooks."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_DIGEST = re.compile(r"[0-9a-f]{64}")
_SEQUENCE = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables and columns, and fill the columns from what is kept."""
    _runs()
    _models()
    _logged_models()
    _access()
    _acts()
    _fill_runs()
    _fill_params()
    _fill_models()


def _runs() -> None:
    for column in (
        _text("name"),
        _text("user"),
        _number("started"),
        sa.Column("ended", sa.BigInteger),
        sa.Column("parent", sa.Text),
        _text("code"),
        sa.Column("beat", sa.BigInteger),
        _flag("archived", 0),
    ):
        op.add_column("run", column)
    op.create_index("ix_run_parent", "run", ["parent"])
    op.create_index("ix_run_started", "run", ["started", "number"])
    op.create_index("ix_run_experiment_started", "run", ["experiment", "started", "number"])
    op.create_table(
        "experiment",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("created", "updated")),
        _flag("archived", 0),
    )
    op.create_table(
        "run_input",
        sa.Column("run", sa.Integer, sa.ForeignKey("run.number"), primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("position", sa.Integer, nullable=False),
        _text("context"),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("ix_run_input_name", "run_input", ["name", "digest"])
    op.create_table(
        "run_blob",
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("run", sa.Integer, sa.ForeignKey("run.number"), primary_key=True),
    )
    op.add_column("param", _text("text"))
    op.add_column("param", sa.Column("number", sa.Double))
    op.create_index("ix_param_name", "param", ["name", "number"])
    op.create_index("ix_artifact_digest", "artifact", ["digest"])
    _chunks()
    op.create_index("ix_metric_latest_value", "metric_latest", ["key", "value", "run"])
    op.create_table(
        "label",
        *(sa.Column(name, sa.Text, primary_key=True) for name in ("kind", "subject", "name")),
        sa.Column("value", sa.Text, nullable=False),
    )


def _models() -> None:
    op.create_table(
        "registered_model",
        sa.Column("name", sa.Text, primary_key=True),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("created", "updated")),
        _text("description"),
        _flag("governed", 0),
        _flag("archived", 0),
    )
    op.add_column("model_version", _flag("governed", 1))
    op.add_column("model_version", _text("description"))
    op.add_column("model_version", _text("source"))
    op.add_column("model_version", _number("created"))
    op.add_column("model_version", sa.Column("updated", sa.BigInteger))
    op.drop_index("uq_model_version_production", "model_version")
    alone = sa.text("stage = 'production' AND governed = 1")
    op.create_index(
        "uq_model_version_production",
        "model_version",
        ["model"],
        unique=True,
        sqlite_where=alone,
        postgresql_where=alone,
    )
    op.create_table(
        "version_blob",
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("version", sa.Text, sa.ForeignKey("model_version.id"), primary_key=True),
    )


def _logged_models() -> None:
    op.create_table(
        "logged_model",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("experiment", sa.Text, nullable=False),
        sa.Column("run", sa.Text),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("name", "status")),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("created", "updated")),
        _flag("archived", 0),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("ix_logged_model_run", "logged_model", ["run"])
    op.create_index("ix_logged_model_experiment", "logged_model", ["experiment", "created"])
    op.create_table(
        "logged_param",
        _model(),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
        _text("text"),
        sa.Column("number", sa.Double),
    )
    op.create_table(
        "logged_metric",
        _model(),
        *(sa.Column(name, sa.Text, primary_key=True) for name in ("name", "run", "dataset")),
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("step", sa.BigInteger, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("value", sa.Double),
    )
    op.create_table(
        "logged_artifact",
        _model(),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_logged_artifact_digest", "logged_artifact", ["digest"])
    op.create_table(
        "run_output",
        sa.Column("run", sa.Integer, sa.ForeignKey("run.number"), primary_key=True),
        _model(),
        sa.Column("step", sa.BigInteger, nullable=False),
    )


def _access() -> None:
    op.create_table(
        "token",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("hash", sa.Text, nullable=False, unique=True),
        sa.Column("revoked", sa.BigInteger),
        sa.Column("used", sa.BigInteger),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_table(
        "event",
        sa.Column("number", _SEQUENCE, primary_key=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("product", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_table(
        "webhook",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("secret", sa.Text, nullable=False),
        sa.Column("seen", sa.BigInteger, nullable=False),
        sa.Column("removed", sa.BigInteger),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_table(
        "delivery",
        sa.Column("webhook", sa.Text, sa.ForeignKey("webhook.id"), primary_key=True),
        sa.Column("event", sa.BigInteger, sa.ForeignKey("event.number"), primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("due", sa.BigInteger, nullable=False),
        sa.Column("answer", sa.Text, nullable=False),
    )
    op.create_index("ix_delivery_due", "delivery", ["webhook", "state", "due", "event"])


def _acts() -> None:
    """Say which request an act was, so that one that is repeated is told from another."""
    op.add_column("audit", sa.Column("draft", sa.Text))
    op.create_index("uq_audit_draft", "audit", ["draft"], unique=True)
    op.add_column("rollout", sa.Column("act", sa.Text))


def _fill_runs() -> None:
    connection = op.get_bind()
    experiments: dict[str, list[int]] = {}
    for number, body in _rows("SELECT number, body FROM run ORDER BY number"):
        run = json.loads(body)
        capture = run.get("capture") or {}
        experiments.setdefault(run["experiment"], []).append(run["started"])
        connection.execute(
            sa.text(
                'UPDATE run SET name = :name, "user" = :user, started = :started, ended = :ended,'
                " parent = :parent, code = :code WHERE number = :number"
            ),
            {
                "number": number,
                "name": run.get("name", ""),
                "user": run.get("user", ""),
                "started": run["started"],
                "ended": run.get("ended"),
                "parent": run.get("parent"),
                "code": capture.get("commit") or capture.get("code") or "",
            },
        )
        for name in ("patch", "packages", "environment", "split", "frame", "code"):
            if capture.get(name):
                connection.execute(
                    sa.text(
                        "INSERT INTO run_blob (digest, run) VALUES (:digest, :run)"
                        " ON CONFLICT DO NOTHING"
                    ),
                    {"digest": capture[name], "run": number},
                )
        for position, part in enumerate(capture.get("datasets") or ()):
            connection.execute(
                sa.text(
                    "INSERT INTO run_input (run, name, digest, position, body)"
                    " VALUES (:run, :name, :digest, :position, :body) ON CONFLICT DO NOTHING"
                ),
                {
                    "run": number,
                    "name": part["name"],
                    "digest": part["digest"],
                    "position": position,
                    "body": _json({**part, **_NO_SOURCE, "kind": "lapwise"}),
                },
            )
    for number, (name, started) in enumerate(experiments.items(), start=1):
        connection.execute(
            sa.text(
                "INSERT INTO experiment (number, name, created, updated)"
                " VALUES (:number, :name, :created, :updated)"
            ),
            {"number": number, "name": name, "created": min(started), "updated": max(started)},
        )


def _chunks() -> None:
    """Make the table anew: the order of its columns matters to SQLite."""
    connection = op.get_bind()
    op.drop_index("ix_metric_chunk_run", "metric_chunk")
    op.rename_table("metric_chunk", "metric_chunk_before")
    chunk = op.create_table(
        "metric_chunk",
        sa.Column("id", _SEQUENCE, primary_key=True),
        sa.Column("run", sa.Integer, sa.ForeignKey("run.number"), nullable=False),
        sa.Column("key", sa.Integer, sa.ForeignKey("metric_key.id"), nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("low", "high")),
        sa.Column("thin", sa.LargeBinary),
        sa.Column("points", sa.LargeBinary, nullable=False),
    )
    for (id_,) in _rows("SELECT id FROM metric_chunk_before ORDER BY id"):
        old = connection.execute(
            sa.text('SELECT run, "key", points FROM metric_chunk_before WHERE id = :id'),
            {"id": id_},
        ).one()
        points = bytes(old.points)
        steps = struct.unpack_from(f"<{len(points) // 24}q", points)
        row = {"run": old.run, "key": old.key, "points": points, "count": len(steps)}
        connection.execute(chunk.insert().values(low=min(steps), high=max(steps), **row))
    op.drop_table("metric_chunk_before")
    op.create_index(
        "ix_metric_chunk_run", "metric_chunk", ["run", "key", "id", "count", "low", "high"]
    )


def _fill_params() -> None:
    connection = op.get_bind()
    for run, name, value in _rows("SELECT run, name, value FROM param"):
        plain = json.loads(value)
        if isinstance(plain, dict):
            plain = float(plain["$float"])
        text = str(plain).replace("\0", "\N{REPLACEMENT CHARACTER}")
        connection.execute(
            sa.text(
                "UPDATE param SET text = :text, number = :number WHERE run = :run AND name = :name"
            ),
            {"text": text, "number": _finite(plain), "run": run, "name": name},
        )


def _finite(value: Any) -> float | None:
    if value is None or isinstance(value, bool) or (isinstance(value, str) and "_" in value):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if abs(number) < float("inf") else None


def _fill_models() -> None:
    connection = op.get_bind()
    kept: dict[str, dict[str, Any]] = {}
    for id_, body in _rows("SELECT id, body FROM model_version ORDER BY id"):
        version = json.loads(body)
        governed = int(version["lineage"].get("lap") is not None)
        row = kept.setdefault(
            version["model"],
            {"name": version["model"], "created": version["created"], "governed": 0},
        )
        row["updated"] = version["created"]
        row["governed"] |= governed
        connection.execute(
            sa.text("UPDATE model_version SET created = :at, updated = :at WHERE id = :id"),
            {"at": version["created"], "id": id_},
        )
        for digest in sorted(set(_DIGEST.findall(body))):
            connection.execute(
                sa.text("INSERT INTO version_blob (version, digest) VALUES (:id, :digest)"),
                {"id": id_, "digest": digest},
            )
    for row in kept.values():
        connection.execute(
            sa.text(
                "INSERT INTO registered_model (name, created, updated, governed)"
                " VALUES (:name, :created, :updated, :governed)"
            ),
            row,
        )
        connection.execute(
            sa.text("UPDATE model_version SET governed = :governed WHERE model = :name"),
            {"governed": row["governed"], "name": row["name"]},
        )


_NO_SOURCE = {"source": "", "schema": "", "profile": "", "tags": []}


def _rows(query: str) -> Iterator[Any]:
    return iter(op.get_bind().execute(sa.text(query)).all())


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default="")


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, server_default="0")


def _flag(name: str, default: int) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False, server_default=str(default))


def _model() -> sa.Column[str]:
    return sa.Column("model", sa.Text, sa.ForeignKey("logged_model.id"), primary_key=True)
