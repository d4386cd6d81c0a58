"""The tables, the same for both databases: what is searched or unique is a column, the rest a body.

Alembic migrations (``migrations/``) make them; a test holds that both say the same.
"""

from __future__ import annotations

from lapwise.store.schema.access import delivery, event, token, webhook
from lapwise.store.schema.data import dataset_version, file_stamp, record, step_result
from lapwise.store.schema.features import feature_declared, verification, view_freshness
from lapwise.store.schema.live import (
    alarm,
    day_performance,
    deployment,
    hour_counts,
    lap,
    lease,
    rollout,
)
from lapwise.store.schema.metadata import metadata
from lapwise.store.schema.models import (
    approval,
    audit,
    model_version,
    registered_model,
    version_blob,
)
from lapwise.store.schema.tracking import (
    artifact,
    batch,
    experiment,
    label,
    logged_artifact,
    logged_metric,
    logged_model,
    logged_param,
    metric_chunk,
    metric_key,
    metric_latest,
    param,
    run,
    run_blob,
    run_input,
    run_output,
    tag,
)

__all__ = [
    "HEAD",
    "alarm",
    "approval",
    "artifact",
    "audit",
    "batch",
    "dataset_version",
    "day_performance",
    "delivery",
    "deployment",
    "event",
    "experiment",
    "feature_declared",
    "file_stamp",
    "hour_counts",
    "label",
    "lap",
    "lease",
    "logged_artifact",
    "logged_metric",
    "logged_model",
    "logged_param",
    "metadata",
    "metric_chunk",
    "metric_key",
    "metric_latest",
    "model_version",
    "param",
    "record",
    "registered_model",
    "rollout",
    "run",
    "run_blob",
    "run_input",
    "run_output",
    "step_result",
    "tag",
    "token",
    "verification",
    "version_blob",
    "view_freshness",
    "webhook",
]

HEAD = "0005"
"""The newest revision in ``migrations/versions``; opening compares it without loading Alembic."""
